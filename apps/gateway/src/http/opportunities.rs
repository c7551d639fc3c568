//! `/pipeline/opportunities` (docs/compatibility.md, "Opportunities and pipelines").

use crm_core::page::{PageRequest, Whole};
use crm_core::{DbConnection, OpportunityId, Scope};
use crm_exchange::{Export, Kind};
use crm_opportunities::{
    NewOpportunity, Opportunity, OpportunityFilter, OpportunityPatch, OpportunitySort, StageChange, StageSummary,
    StatusChange,
};
use crm_suite::opportunities;

use super::{collections, export};
use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, File, Item, Items, Listing, NoContent, PathId, Precondition, Query};
use crate::error::{Problem, ProblemCode};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag("Opportunities", "A deal on its way through the stages of a pipeline, until it is won or lost.");
    api.get("/pipeline/opportunities", list_opportunities).named("list_opportunities", "List opportunities");
    export::describe(
        api.get("/pipeline/opportunities/export", export_opportunities)
            .named("export_opportunities", "Export opportunities"),
    );
    api.post("/pipeline/opportunities", create_opportunity)
        .named("create_opportunity", "Create an opportunity")
        .about("In the first stage of the tenant's default pipeline, unless it says another.");
    api.get("/pipeline/opportunities/summary", summarize_opportunities)
        .named("summarize_opportunities", "Add up the open opportunities of each stage")
        .about(
            "For each stage of the pipelines that the filters allow: how many open opportunities match, the sum of \
             their values by currency, and that sum times the probability of the stage. Exact to the last decimal.",
        );
    api.get("/pipeline/opportunities/{id}", get_opportunity).named("get_opportunity", "Read an opportunity");
    api.patch("/pipeline/opportunities/{id}", update_opportunity)
        .named("update_opportunity", "Change an opportunity")
        .problem(ProblemCode::ExternalIdTaken)
        .about(
            "A JSON merge patch: what is left out stays, `null` clears. `customFields` merges by field. Another \
             `pipelineId` without a `stage` moves it to that pipeline's first stage.",
        )
        .problem(ProblemCode::OpportunityClosed);
    api.delete("/pipeline/opportunities/{id}", delete_opportunity)
        .named("delete_opportunity", "Delete an opportunity")
        .about("A lead that it was made of stays converted, without its opportunity.");
    api.patch("/pipeline/opportunities/{id}/updateStatus", update_opportunity_status)
        .named("update_opportunity_status", "Win, lose or reopen an opportunity")
        .about("The status that it has already changes nothing.");
    api.patch("/pipeline/opportunities/{id}/updateStage", update_opportunity_stage)
        .named("update_opportunity_stage", "Move an opportunity to another stage")
        .about("Only an open one moves.")
        .problem(ProblemCode::OpportunityClosed);
    collections::routes::<Opportunity>(api);
}

async fn list_opportunities(
    caller: Caller<area::Pipeline, Read>,
    Query((filter, page)): Query<(OpportunityFilter, PageRequest<OpportunitySort>)>,
) -> Answer<Listing<Opportunity>> {
    caller.read(move |connection, scope| Ok(Listing(opportunities::list(connection, scope, &filter, &page)?))).await
}

async fn summarize_opportunities(
    caller: Caller<area::Pipeline, Read>,
    Query((filter,)): Query<(OpportunityFilter,)>,
) -> Answer<Items<StageSummary>> {
    caller.read(move |connection, scope| Ok(Items(crm_opportunities::summary(connection, scope, &filter)?))).await
}

async fn export_opportunities(
    caller: Caller<area::Pipeline, Read>,
    Query((filter, whole, options)): Query<(OpportunityFilter, Whole<OpportunitySort>, Export)>,
) -> Answer<File> {
    let list = move |connection: &mut DbConnection, scope: &Scope, request: &PageRequest<OpportunitySort>| {
        opportunities::list(connection, scope, &filter, request)
    };
    export::export(caller, Kind::Opportunity, options, whole, list).await
}

async fn create_opportunity(
    caller: Caller<area::Pipeline, Write>,
    Body(new): Body<NewOpportunity>,
) -> Answer<Created<Opportunity>> {
    caller.write(move |connection, scope| Ok(created(opportunities::create(connection, scope, &new)?))).await
}

/// A new opportunity with its path.
pub(super) fn created(opportunity: Opportunity) -> Created<Opportunity> {
    Created { location: format!("/pipeline/opportunities/{}", opportunity.id), item: opportunity }
}

async fn get_opportunity(
    caller: Caller<area::Pipeline, Read>,
    PathId(id): PathId<OpportunityId>,
) -> Answer<Item<Opportunity>> {
    caller.read(move |connection, scope| Ok(Item(opportunities::get(connection, scope, id)?))).await
}

async fn update_opportunity(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<OpportunityId>,
    Precondition(condition): Precondition<Item<Opportunity>>,
    Body(patch): Body<OpportunityPatch>,
) -> Answer<Item<Opportunity>> {
    caller
        .write(move |connection, scope| Ok(Item(opportunities::update(connection, scope, id, &condition, &patch)?)))
        .await
}

async fn delete_opportunity(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<OpportunityId>,
    Precondition(condition): Precondition<Item<Opportunity>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            let deleted = opportunities::delete(connection, scope, &[id], &condition)?;
            if deleted.is_empty() { Err(Problem::not_found("opportunity").into()) } else { Ok(NoContent) }
        })
        .await
}

async fn update_opportunity_status(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<OpportunityId>,
    Precondition(condition): Precondition<Item<Opportunity>>,
    Body(change): Body<StatusChange>,
) -> Answer<Item<Opportunity>> {
    caller
        .write(move |connection, scope| {
            Ok(Item(opportunities::update_status(connection, scope, id, &condition, &change)?))
        })
        .await
}

async fn update_opportunity_stage(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<OpportunityId>,
    Precondition(condition): Precondition<Item<Opportunity>>,
    Body(change): Body<StageChange>,
) -> Answer<Item<Opportunity>> {
    caller
        .write(move |connection, scope| {
            Ok(Item(opportunities::update_stage(connection, scope, id, &condition, &change)?))
        })
        .await
}
