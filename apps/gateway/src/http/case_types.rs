//! `/cases/types/cases` (docs/compatibility.md, "Cases and case types").

use crm_cases::{CaseType, CaseTypePatch, CaseTypeSort, NewCaseType, types};
use crm_core::CaseTypeId;
use crm_core::page::PageRequest;

use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, Item, Listing, NoContent, PathId, Precondition, Query};
use crate::error::ProblemCode;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag("Case types", "A form and a workflow for cases. A new tenant has the type `General`.");
    api.get("/cases/types/cases", list_case_types).named("list_case_types", "List case types");
    api.post("/cases/types/cases", create_case_type)
        .named("create_case_type", "Create a case type")
        .about("Without a form or workflow it takes those of the default type.")
        .problem(ProblemCode::LabelTaken)
        .problem(ProblemCode::LimitReached);
    api.get("/cases/types/cases/{id}", get_case_type).named("get_case_type", "Read a case type");
    api.patch("/cases/types/cases/{id}", update_case_type)
        .named("update_case_type", "Change a case type")
        .about(
            "`form` and `workflow` are replaced whole. A status that cases are in stays: it may get another label \
             under its id, which its cases follow, but it cannot be removed.",
        )
        .problem(ProblemCode::LabelTaken)
        .problem(ProblemCode::InUse)
        .problem(ProblemCode::FieldInUse);
    api.delete("/cases/types/cases/{id}", delete_case_type)
        .named("delete_case_type", "Delete a case type")
        .about("One that no case has, and not the default type.")
        .problem(ProblemCode::InUse)
        .problem(ProblemCode::DefaultCaseType);
}

async fn list_case_types(
    caller: Caller<area::Cases, Read>,
    Query((page,)): Query<(PageRequest<CaseTypeSort>,)>,
) -> Answer<Listing<CaseType>> {
    caller.read(move |connection, scope| Ok(Listing(types::list(connection, scope, &page)?))).await
}

async fn create_case_type(
    caller: Caller<area::Cases, Write>,
    Body(new): Body<NewCaseType>,
) -> Answer<Created<CaseType>> {
    caller
        .write(move |connection, scope| {
            let case_type = types::create(connection, scope, &new)?;
            Ok(Created { location: format!("/cases/types/cases/{}", case_type.id), item: case_type })
        })
        .await
}

async fn get_case_type(caller: Caller<area::Cases, Read>, PathId(id): PathId<CaseTypeId>) -> Answer<Item<CaseType>> {
    caller.read(move |connection, scope| Ok(Item(types::get(connection, scope, id)?))).await
}

async fn update_case_type(
    caller: Caller<area::Cases, Write>,
    PathId(id): PathId<CaseTypeId>,
    Precondition(condition): Precondition<Item<CaseType>>,
    Body(patch): Body<CaseTypePatch>,
) -> Answer<Item<CaseType>> {
    caller.write(move |connection, scope| Ok(Item(types::update(connection, scope, id, &condition, &patch)?))).await
}

async fn delete_case_type(
    caller: Caller<area::Cases, Write>,
    PathId(id): PathId<CaseTypeId>,
    Precondition(condition): Precondition<Item<CaseType>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            types::delete(connection, scope, id, &condition)?;
            Ok(NoContent)
        })
        .await
}
