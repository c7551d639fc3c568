//! What happened to one record: `…/{id}/history` (docs/compatibility.md, "Changes").

use crm_cases::types as case_types;
use crm_core::page::PageRequest;
use crm_core::{CaseId, CaseTypeId, ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, PipelineId, Scope};
use crm_forms::FormKind;
use crm_history::{Change, HistorySort, Kind};
use crm_opportunities::pipelines;
use crm_suite::{cases, contacts, leads, opportunities, organizations};

use crate::auth::{Caller, Read, area};
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

/// Writes the route of one kind: a handler's name is its operation's id, so that each has its own.
macro_rules! history {
    ($api:ident, $path:literal, $area:ident, $kind:ident, $id:ty, $of:literal, $get:ident, $look:path) => {
        async fn $get(
            caller: Caller<area::$area, Read>,
            PathId(id): PathId<$id>,
            Query((request,)): Query<(PageRequest<HistorySort>,)>,
        ) -> Answer<Listing<Change>> {
            caller
                .read(move |connection, scope| {
                    let look = |connection: &mut DbConnection| Ok($look(connection, scope, id).map(drop)?);
                    page(connection, scope, (Kind::$kind, &id.to_string()), &request, look)
                })
                .await
        }

        $api.get($path, $get)
            .summary(concat!("List what happened to ", $of))
            .about("Newest first; of what is deleted too, while its changes are kept.");
    };
    (form $api:ident, $path:literal, $area:ident, $kind:ident, $of:literal, $get:ident) => {
        async fn $get(
            caller: Caller<area::$area, Read>,
            Query((request,)): Query<(PageRequest<HistorySort>,)>,
        ) -> Answer<Listing<Change>> {
            caller
                .read(move |connection, scope| {
                    page(connection, scope, (Kind::Form, FormKind::$kind.name()), &request, |_| Ok(()))
                })
                .await
        }

        $api.get($path, $get).summary(concat!("List what happened to the form of ", $of)).about("Newest first.");
    };
}

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "History",
        "What happened: every write adds one change for each record that it touched. It tells who did it, when, by which key \
         and request, and which members changed.",
    );
    history!(api, "/pipeline/leads/{id}/history", Pipeline, Lead, LeadId, "a lead", list_lead_history, leads::get);
    history!(
        api,
        "/pipeline/opportunities/{id}/history",
        Pipeline,
        Opportunity,
        OpportunityId,
        "an opportunity",
        list_opportunity_history,
        opportunities::get
    );
    history!(
        api,
        "/directory/contacts/{id}/history",
        Directory,
        Contact,
        ContactId,
        "a contact",
        list_contact_history,
        contacts::get
    );
    history!(
        api,
        "/directory/organizations/{id}/history",
        Directory,
        Organization,
        OrganizationId,
        "an organization",
        list_organization_history,
        organizations::get
    );
    history!(api, "/cases/cases/{id}/history", Cases, Case, CaseId, "a case", list_case_history, cases::get);
    history!(
        api,
        "/cases/types/cases/{id}/history",
        Cases,
        CaseType,
        CaseTypeId,
        "a case type",
        list_case_type_history,
        case_types::get
    );
    history!(
        api,
        "/pipeline/pipelines/opportunities/{id}/history",
        Pipeline,
        Pipeline,
        PipelineId,
        "a pipeline",
        list_pipeline_history,
        pipelines::get
    );
    history!(form api, "/pipeline/forms/opportunities/history", Pipeline, Pipeline, "leads and opportunities", list_pipeline_form_history);
    history!(form api, "/directory/forms/contacts/history", Directory, Contacts, "contacts", list_contact_form_history);
    history!(form api, "/directory/forms/organizations/history", Directory, Organizations, "organizations", list_organization_form_history);
}
