//! What people call that which changes name by ids: however many changes a page shows, each kind of names is one list.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use crm_cases::{cases, types};
use crm_console::fields;
use crm_console::happened::{About, Names};
use crm_core::page::PageRequest;
use crm_core::{DbConnection, Scope};
use crm_directory::{contacts, organizations};
use crm_forms::FormKind;
use crm_history::{Change, Kind};
use crm_opportunities::pipelines;
use diesel::QueryResult;

use crate::error::Failure;

use super::board::PIPELINES;

/// Adds what these changes need to the names that are known already.
pub(super) fn of(
    connection: &mut DbConnection,
    scope: &Scope,
    changes: &[Change],
    mut names: Names,
) -> Result<Names, Failure> {
    let lacks = |names: &Names, about| !names.lacking(changes, about).is_empty();
    if lacks(&names, About::Stage) || lacks(&names, About::Pipeline) {
        names.call_pipelines(&pipelines::list(connection, scope, &PageRequest::first(PIPELINES))?.items);
    }
    call(&mut names, changes, About::Tag, |ids| crm_tags::labels(connection, scope, ids))?;
    call(&mut names, changes, About::Organization, |ids| organizations::names(connection, scope, ids))?;
    call(&mut names, changes, About::Contact, |ids| contacts::names(connection, scope, ids))?;
    call(&mut names, changes, About::Lead, |ids| crm_leads::titles(connection, scope, ids))?;
    call(&mut names, changes, About::Opportunity, |ids| crm_opportunities::titles(connection, scope, ids))?;
    call(&mut names, changes, About::Case, |ids| cases::titles(connection, scope, ids))?;
    for (form, kinds) in [
        (FormKind::Pipeline, [Kind::Lead, Kind::Opportunity].as_slice()),
        (FormKind::Contacts, &[Kind::Contact]),
        (FormKind::Organizations, &[Kind::Organization]),
    ] {
        if names.lacks_fields(changes, kinds) {
            let entries = fields::entries(crm_forms::get(connection, scope, form)?.fields(), &[]);
            kinds.iter().for_each(|kind| names.know(*kind, entries.clone()));
        }
    }
    if names.lacks_fields(changes, &[Kind::Case]) || lacks(&names, About::CaseType) {
        for (id, label, form) in types::forms(connection, scope)? {
            names.call(About::CaseType, id.to_string(), label);
            names.know(Kind::Case, fields::entries(form.fields(), &[]));
        }
    }
    Ok(names)
}

/// Adds what these are called that have no name yet.
fn call<I: FromStr + Display>(
    names: &mut Names,
    changes: &[Change],
    about: About,
    called: impl FnOnce(&[I]) -> QueryResult<HashMap<I, String>>,
) -> QueryResult<()> {
    let ids: Vec<I> = names.lacking(changes, about).into_iter().filter_map(|id| id.parse().ok()).collect();
    for (id, name) in called(&ids)? {
        names.call(about, id.to_string(), name);
    }
    Ok(())
}
