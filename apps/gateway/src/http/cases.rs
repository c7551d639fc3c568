//! `/cases/cases` and the timeline of a case (docs/compatibility.md, "Cases and case types").

use crm_cases::{Activity, ActivitySort, Case, CaseFilter, CasePatch, CaseSort, NewCase, NewComment, activities};
use crm_core::page::{PageRequest, Whole};
use crm_core::{CaseId, DbConnection, Scope};
use crm_exchange::{Export, Kind};
use crm_suite::cases;

use super::{collections, export};
use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, File, Item, Listing, NoContent, PathId, Precondition, Query};
use crate::error::{Problem, ProblemCode};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Cases",
        "Requests of customers. A case has a type, whose workflow says from which status to which other it \
         may go, and who may take it there.",
    );
    api.get("/cases/cases", list_cases).named("list_cases", "List cases");
    export::describe(api.get("/cases/cases/export", export_cases).named("export_cases", "Export cases"));
    api.post("/cases/cases", create_case)
        .named("create_case", "Create a case")
        .about("Without a type it has the tenant's default one, without a status the first of its type.");
    api.get("/cases/cases/{id}", get_case).named("get_case", "Read a case");
    api.patch("/cases/cases/{id}", update_case)
        .named("update_case", "Change a case")
        .problem(ProblemCode::ExternalIdTaken)
        .about(
            "A JSON merge patch: what is left out stays, `null` clears. `customFields` merges by field. A new `status` \
             walks the workflow of the case's type: a transition must lead there; where it names `authorizedUsers`, \
             `lastUpdatedBy`, or the person of the token, must be one of them; where it asks for a comment, `comment` must come along.",
        )
        .problem(ProblemCode::TransitionNotAllowed)
        .problem(ProblemCode::NotAuthorizedForTransition);
    api.delete("/cases/cases/{id}", delete_case).named("delete_case", "Delete a case");
    api.get("/cases/cases/{id}/activities", list_case_activities)
        .named("list_case_activities", "List what happened to a case")
        .about("Changes of its status and comments, newest first.");
    api.post("/cases/cases/{id}/activities", create_case_comment)
        .named("create_case_comment", "Add a comment to a case");
    collections::routes::<Case>(api);
}

async fn list_cases(
    caller: Caller<area::Cases, Read>,
    Query((filter, page)): Query<(CaseFilter, PageRequest<CaseSort>)>,
) -> Answer<Listing<Case>> {
    caller.read(move |connection, scope| Ok(Listing(cases::list(connection, scope, &filter, &page)?))).await
}

async fn export_cases(
    caller: Caller<area::Cases, Read>,
    Query((filter, whole, options)): Query<(CaseFilter, Whole<CaseSort>, Export)>,
) -> Answer<File> {
    let list = move |connection: &mut DbConnection, scope: &Scope, request: &PageRequest<CaseSort>| {
        cases::list(connection, scope, &filter, request)
    };
    export::export(caller, Kind::Case, options, whole, list).await
}

async fn create_case(caller: Caller<area::Cases, Write>, Body(new): Body<NewCase>) -> Answer<Created<Case>> {
    caller
        .write(move |connection, scope| {
            let case = cases::create(connection, scope, &new)?;
            Ok(Created { location: format!("/cases/cases/{}", case.id), item: case })
        })
        .await
}

async fn get_case(caller: Caller<area::Cases, Read>, PathId(id): PathId<CaseId>) -> Answer<Item<Case>> {
    caller.read(move |connection, scope| Ok(Item(cases::get(connection, scope, id)?))).await
}

async fn update_case(
    caller: Caller<area::Cases, Write>,
    PathId(id): PathId<CaseId>,
    Precondition(condition): Precondition<Item<Case>>,
    Body(patch): Body<CasePatch>,
) -> Answer<Item<Case>> {
    caller.write(move |connection, scope| Ok(Item(cases::update(connection, scope, id, &condition, &patch)?))).await
}

async fn delete_case(
    caller: Caller<area::Cases, Write>,
    PathId(id): PathId<CaseId>,
    Precondition(condition): Precondition<Item<Case>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            let deleted = cases::delete(connection, scope, &[id], &condition)?;
            if deleted.is_empty() { Err(Problem::not_found("case").into()) } else { Ok(NoContent) }
        })
        .await
}

async fn list_case_activities(
    caller: Caller<area::Cases, Read>,
    PathId(id): PathId<CaseId>,
    Query((page,)): Query<(PageRequest<ActivitySort>,)>,
) -> Answer<Listing<Activity>> {
    caller.read(move |connection, scope| Ok(Listing(activities::list(connection, scope, id, &page)?))).await
}

async fn create_case_comment(
    caller: Caller<area::Cases, Write>,
    PathId(id): PathId<CaseId>,
    Body(new): Body<NewComment>,
) -> Answer<Created<Activity>> {
    caller
        .write(move |connection, scope| {
            let activity = activities::add(connection, scope, id, &new)?;
            Ok(Created { location: format!("/cases/cases/{id}/activities"), item: activity })
        })
        .await
}
