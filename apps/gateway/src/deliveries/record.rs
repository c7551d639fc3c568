//! What is sent of a record: what `GET` answers, by the code that answers it.

use std::str::FromStr;

use crm_cases::types;
use crm_core::{DbConnection, Scope, keys};
use crm_forms::{Field, FormKind};
use crm_history::Kind;
use crm_opportunities::pipelines;
use crm_suite::{cases, contacts, forms, leads, opportunities, organizations};
use crm_tags::TagKind;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Failure, ProblemCode};

/// A record as it is now; `None` where it is no more.
pub(super) fn record(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: Kind,
    id: &str,
) -> Result<Option<Box<RawValue>>, Failure> {
    match kind {
        Kind::Lead => shown(id, |id| leads::get(connection, scope, id)),
        Kind::Opportunity => shown(id, |id| opportunities::get(connection, scope, id)),
        Kind::Contact => shown(id, |id| contacts::get(connection, scope, id)),
        Kind::Organization => shown(id, |id| organizations::get(connection, scope, id)),
        Kind::Case => shown(id, |id| cases::get(connection, scope, id)),
        Kind::Pipeline => shown(id, |id| pipelines::get(connection, scope, id)),
        Kind::CaseType => shown(id, |id| types::get(connection, scope, id)),
        Kind::Key => shown(id, |id| keys::get(connection, scope, id)),
        Kind::Webhook => shown(id, |id| crm_webhooks::get(connection, scope, id)),
        Kind::ClientMap => shown(id, |id| ticketing_clientmap::get(connection, scope, id)),
        Kind::Form => {
            let kind = FormKind::ALL.iter().copied().find(|kind| kind.name() == id);
            let Some(kind) = kind else { return Ok(None) };
            let form = forms::get(connection, scope, kind)?;
            Ok(Some(to_raw_value(&Fields { items: form.fields() })?))
        }
        Kind::Tag => {
            for kind in TagKind::ALL {
                let tag = shown(id, |id| crm_tags::get(connection, scope, *kind, id))?;
                if tag.is_some() {
                    return Ok(tag);
                }
            }
            Ok(None)
        }
    }
}

/// A form as its route answers it.
#[derive(Serialize)]
struct Fields<'a> {
    items: &'a [Field],
}

fn shown<I, T, E>(id: &str, get: impl FnOnce(I) -> Result<T, E>) -> Result<Option<Box<RawValue>>, Failure>
where
    I: FromStr,
    T: Serialize,
    Failure: From<E>,
{
    let Ok(id) = id.parse() else { return Ok(None) };
    match get(id).map_err(Failure::from) {
        Ok(record) => Ok(Some(to_raw_value(&record)?)),
        Err(Failure::Problem(problem)) if problem.code == ProblemCode::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
