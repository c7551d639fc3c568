//! What happened to one record: `…/{id}/history` (docs/compatibility.md, "Changes").

use std::fmt::Display;
use std::str::FromStr;

use crm_cases::types as case_types;
use crm_core::page::PageRequest;
use crm_core::{DbConnection, Scope};
use crm_forms::FormKind;
use crm_history::{Change, HistorySort, Kind};
use crm_opportunities::pipelines;
use crm_suite::{cases, contacts, leads, opportunities, organizations};
use utoipa::ToSchema;

use crate::auth::{Caller, InArea, Read, area};
use crate::endpoint::{Answer, Api, Listing, PathId, Query};
use crate::error::Failure;

/// A page of what happened to a record. One without any change that is kept is looked for: it may be there all the same.
fn page(
    connection: &mut DbConnection,
    scope: &Scope,
    (kind, id): (Kind, &str),
    request: &PageRequest<HistorySort>,
    look: impl FnOnce(&mut DbConnection) -> Result<(), Failure>,
) -> Result<Listing<Change>, Failure> {
    let page = crm_history::history(connection, scope, kind, id, request)?;
    if page.items.is_empty() && !crm_history::is_known(connection, scope, kind, id)? {
        look(connection)?;
    }
    Ok(Listing(page))
}

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "History",
        "What happened: every write adds one change for each record that it touched. It tells who did it, when, by which key \
         and request, and which members changed.",
    );
    of_record::<area::Pipeline, _, _, _>(api, "/pipeline/leads", Kind::Lead, ("lead", "a lead"), leads::get);
    of_record::<area::Pipeline, _, _, _>(
        api,
        "/pipeline/opportunities",
        Kind::Opportunity,
        ("opportunity", "an opportunity"),
        opportunities::get,
    );
    of_record::<area::Directory, _, _, _>(
        api,
        "/directory/contacts",
        Kind::Contact,
        ("contact", "a contact"),
        contacts::get,
    );
    of_record::<area::Directory, _, _, _>(
        api,
        "/directory/organizations",
        Kind::Organization,
        ("organization", "an organization"),
        organizations::get,
    );
    of_record::<area::Cases, _, _, _>(api, "/cases/cases", Kind::Case, ("case", "a case"), cases::get);
    of_record::<area::Cases, _, _, _>(
        api,
        "/cases/types/cases",
        Kind::CaseType,
        ("case_type", "a case type"),
        case_types::get,
    );
    of_record::<area::Pipeline, _, _, _>(
        api,
        "/pipeline/pipelines/opportunities",
        Kind::Pipeline,
        ("pipeline", "a pipeline"),
        pipelines::get,
    );
    of_form::<area::Pipeline>(
        api,
        "/pipeline/forms/opportunities",
        FormKind::Pipeline,
        ("pipeline", "leads and opportunities"),
    );
    of_form::<area::Directory>(api, "/directory/forms/contacts", FormKind::Contacts, ("contact", "contacts"));
    of_form::<area::Directory>(
        api,
        "/directory/forms/organizations",
        FormKind::Organizations,
        ("organization", "organizations"),
    );
}

/// An id of records or of what is set up for them, as it stands in a path.
trait Id: Copy + Display + FromStr + ToSchema + Send + 'static {}

impl<I: Copy + Display + FromStr + ToSchema + Send + 'static> Id for I {}

/// Reads a record by its id, to see whether it is there.
type Get<I, R, E> = fn(&mut DbConnection, &Scope, I) -> Result<R, E>;

/// The route of one kind, whose records are at `path`; `one` is in its id, `of` in sentences.
fn of_record<A: InArea, I: Id, R: 'static, E: Into<Failure> + 'static>(
    api: &mut Api,
    path: &str,
    kind: Kind,
    (one, of): (&str, &str),
    get: Get<I, R, E>,
) {
    api.get(&format!("{path}/{{id}}/history"), move |caller: Caller<A, Read>, id, query| {
        list(caller, kind, id, query, get)
    })
    .named(&format!("list_{one}_history"), &format!("List what happened to {of}"))
    .about("Newest first; of what is deleted too, while its changes are kept.");
}

/// The route of one form, which has a word for itself and one for its records.
fn of_form<A: InArea>(api: &mut Api, path: &str, kind: FormKind, (one, many): (&str, &str)) {
    api.get(&format!("{path}/history"), move |caller: Caller<A, Read>, query| list_of_form(caller, kind, query))
        .named(&format!("list_{one}_form_history"), &format!("List what happened to the form of {many}"))
        .about("Newest first.");
}

async fn list<A: InArea, I: Id, R: 'static, E: Into<Failure> + 'static>(
    caller: Caller<A, Read>,
    kind: Kind,
    PathId(id): PathId<I>,
    Query((request,)): Query<(PageRequest<HistorySort>,)>,
    get: Get<I, R, E>,
) -> Answer<Listing<Change>> {
    caller
        .read(move |connection, scope| {
            let look = |connection: &mut DbConnection| get(connection, scope, id).map(drop).map_err(Into::into);
            page(connection, scope, (kind, &id.to_string()), &request, look)
        })
        .await
}

async fn list_of_form<A: InArea>(
    caller: Caller<A, Read>,
    kind: FormKind,
    Query((request,)): Query<(PageRequest<HistorySort>,)>,
) -> Answer<Listing<Change>> {
    caller.read(move |connection, scope| page(connection, scope, (Kind::Form, kind.name()), &request, |_| Ok(()))).await
}
