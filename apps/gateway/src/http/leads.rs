//! `/pipeline/leads` (docs/compatibility.md, "Leads").

use crm_core::input::{FromBody, ObjectReader};
use crm_core::page::{PageRequest, Whole};
use crm_core::values::User;
use crm_core::{Condition, DbConnection, LeadId, Scope};
use crm_exchange::{Export, Kind};
use crm_history::MergeRequest;
use crm_leads::{Lead, LeadFilter, LeadPatch, LeadSort, NewLead};
use crm_opportunities::Opportunity;
use crm_suite::convert::{Conversion, convert};
use crm_suite::{SuiteError, leads};

use super::merges::{DryRun, merge};
use super::{collections, export, opportunities};
use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{
    Answer, Api, Body, Created, File, Item, Listing, Merge, NoContent, OptionalBody, PathId, Precondition, Query,
};
use crate::error::{Problem, ProblemCode};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Leads",
        "Somebody who may buy. A lead is worked on until it is archived, or converted into an opportunity, \
         which happens once.",
    );
    api.get("/pipeline/leads", list_leads)
        .named("list_leads", "List leads")
        .about("Archived and converted leads are listed too, unless a filter leaves them out.");
    export::describe(api.get("/pipeline/leads/export", export_leads).named("export_leads", "Export leads"));
    api.post("/pipeline/leads", create_lead).named("create_lead", "Create a lead");
    api.get("/pipeline/leads/{id}", get_lead).named("get_lead", "Read a lead");
    api.patch("/pipeline/leads/{id}", update_lead)
        .named("update_lead", "Change a lead")
        .problem(ProblemCode::ExternalIdTaken)
        .about("A JSON merge patch: what is left out stays, `null` clears. `customFields` merges by field.");
    api.delete("/pipeline/leads/{id}", delete_lead).named("delete_lead", "Delete a lead");
    api.patch("/pipeline/leads/{id}/archive", archive_lead)
        .named("archive_lead", "Archive a lead")
        .about("One that is archived already stays as it is. `/pipeline/lead/{id}/archive` works too.");
    api.patch("/pipeline/leads/{id}/unarchive", unarchive_lead)
        .named("unarchive_lead", "Take a lead out of the archive")
        .about("One that is not archived stays as it is. `/pipeline/lead/{id}/unarchive` works too.");
    api.post("/pipeline/leads/{id}/convert", convert_lead)
        .named("convert_lead", "Convert a lead into an opportunity")
        .about(
            "Makes an opportunity with what the lead has, its tags by label, and answers with the opportunity. A lead \
             is converted once, whoever asks at the same time.",
        )
        .problem(ProblemCode::AlreadyConverted)
        .problem(ProblemCode::LeadArchived)
        .problem(ProblemCode::LimitReached);
    api.post("/pipeline/leads/{id}/merge", merge_leads)
        .named("merge_leads", "Merge leads into this one")
        .about(
            "This one keeps what it has and is filled up from the others, in their order; it takes over their tags, participants, \
             followers and comments, and they are deleted. A lead that was converted is merged into no other one.",
        )
        .problem(ProblemCode::AlreadyConverted)
        .problem(ProblemCode::NoteTooLong);
    // One example of the source writes `lead` for `leads`.
    api.patch("/pipeline/lead/{id}/archive", archive_lead).undocumented();
    api.patch("/pipeline/lead/{id}/unarchive", unarchive_lead).undocumented();
    collections::routes::<Lead>(api);
}

/// Who does something that needs no other input: `{ lastUpdatedBy? }`.
pub(super) struct ChangedBy(pub(super) Option<User>);

impl FromBody for ChangedBy {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self(reader.optional("lastUpdatedBy")))
    }
}

async fn list_leads(
    caller: Caller<area::Pipeline, Read>,
    Query((filter, page)): Query<(LeadFilter, PageRequest<LeadSort>)>,
) -> Answer<Listing<Lead>> {
    caller.read(move |connection, scope| Ok(Listing(leads::list(connection, scope, &filter, &page)?))).await
}

async fn export_leads(
    caller: Caller<area::Pipeline, Read>,
    Query((filter, whole, options)): Query<(LeadFilter, Whole<LeadSort>, Export)>,
) -> Answer<File> {
    let list = move |connection: &mut DbConnection, scope: &Scope, request: &PageRequest<LeadSort>| {
        leads::list(connection, scope, &filter, request)
    };
    export::export(caller, Kind::Lead, options, whole, list).await
}

async fn create_lead(caller: Caller<area::Pipeline, Write>, Body(new): Body<NewLead>) -> Answer<Created<Lead>> {
    caller
        .write(move |connection, scope| {
            let lead = leads::create(connection, scope, &new)?;
            Ok(Created { location: format!("/pipeline/leads/{}", lead.id), item: lead })
        })
        .await
}

async fn get_lead(caller: Caller<area::Pipeline, Read>, PathId(id): PathId<LeadId>) -> Answer<Item<Lead>> {
    caller.read(move |connection, scope| Ok(Item(leads::get(connection, scope, id)?))).await
}

async fn update_lead(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<LeadId>,
    Precondition(condition): Precondition<Item<Lead>>,
    Body(patch): Body<LeadPatch>,
) -> Answer<Item<Lead>> {
    caller.write(move |connection, scope| Ok(Item(leads::update(connection, scope, id, &condition, &patch)?))).await
}

async fn delete_lead(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<LeadId>,
    Precondition(condition): Precondition<Item<Lead>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            let deleted = leads::delete(connection, scope, &[id], &condition)?;
            if deleted.is_empty() { Err(Problem::not_found("lead").into()) } else { Ok(NoContent) }
        })
        .await
}

async fn archive_lead(
    caller: Caller<area::Pipeline, Write>,
    id: PathId<LeadId>,
    condition: Precondition<Item<Lead>>,
    body: OptionalBody<ChangedBy>,
) -> Answer<Item<Lead>> {
    set_archived(caller, id, condition, body, leads::archive).await
}

async fn unarchive_lead(
    caller: Caller<area::Pipeline, Write>,
    id: PathId<LeadId>,
    condition: Precondition<Item<Lead>>,
    body: OptionalBody<ChangedBy>,
) -> Answer<Item<Lead>> {
    set_archived(caller, id, condition, body, leads::unarchive).await
}

async fn convert_lead(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<LeadId>,
    Precondition(condition): Precondition<Item<Lead>>,
    OptionalBody(body): OptionalBody<Conversion>,
) -> Answer<Created<Opportunity>> {
    let conversion = body.unwrap_or_default();
    caller
        .write(move |connection, scope| {
            Ok(opportunities::created(convert(connection, scope, id, &condition, &conversion)?))
        })
        .await
}

async fn merge_leads(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<LeadId>,
    Query((dry,)): Query<(DryRun,)>,
    Precondition(condition): Precondition<Item<Lead>>,
    Body(request): Body<MergeRequest<LeadId>>,
) -> Answer<Merge<Lead>> {
    merge(caller, (id, dry), condition, request, leads::merge).await
}

type SetArchived = fn(&mut DbConnection, &Scope, LeadId, &Condition<Lead>, Option<&User>) -> Result<Lead, SuiteError>;

async fn set_archived(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<LeadId>,
    Precondition(condition): Precondition<Item<Lead>>,
    OptionalBody(body): OptionalBody<ChangedBy>,
    set: SetArchived,
) -> Answer<Item<Lead>> {
    let by = body.and_then(|ChangedBy(user)| user);
    caller.write(move |connection, scope| Ok(Item(set(connection, scope, id, &condition, by.as_ref())?))).await
}
