//! `/pipeline/pipelines/opportunities` (docs/compatibility.md, "Opportunities and pipelines").

use crm_core::PipelineId;
use crm_core::page::PageRequest;
use crm_opportunities::{NewPipeline, Pipeline, PipelinePatch, PipelineSort, pipelines};

use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, Item, Listing, NoContent, PathId, Precondition, Query};
use crate::error::ProblemCode;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Pipelines",
        "The stages that opportunities go through. A new tenant has one pipeline; it can change it and make \
         others.",
    );
    api.get("/pipeline/pipelines/opportunities", list_pipelines)
        .named("list_pipelines", "List pipelines with their stages");
    api.post("/pipeline/pipelines/opportunities", create_pipeline)
        .named("create_pipeline", "Create a pipeline")
        .about("An `id` of the pipeline and a `key` of a stage that come with it are kept.")
        .problem(ProblemCode::IdTaken)
        .problem(ProblemCode::LimitReached);
    api.get("/pipeline/pipelines/opportunities/{id}", get_pipeline).named("get_pipeline", "Read a pipeline");
    api.patch("/pipeline/pipelines/opportunities/{id}", update_pipeline)
        .named("update_pipeline", "Change a pipeline")
        .about(
            "`stages` are replaced whole: those whose keys are sent back are kept, in their new order, and the others \
             are removed, which takes that no opportunity is in them. `isDefault: true` takes the place of the \
             default pipeline.",
        )
        .problem(ProblemCode::InUse)
        .problem(ProblemCode::DefaultPipeline);
    api.delete("/pipeline/pipelines/opportunities/{id}", delete_pipeline)
        .named("delete_pipeline", "Delete a pipeline")
        .about("One without opportunities, and not the default one.")
        .problem(ProblemCode::InUse)
        .problem(ProblemCode::DefaultPipeline);
}

async fn list_pipelines(
    caller: Caller<area::Pipeline, Read>,
    Query((page,)): Query<(PageRequest<PipelineSort>,)>,
) -> Answer<Listing<Pipeline>> {
    caller.read(move |connection, scope| Ok(Listing(pipelines::list(connection, scope, &page)?))).await
}

async fn create_pipeline(
    caller: Caller<area::Pipeline, Write>,
    Body(new): Body<NewPipeline>,
) -> Answer<Created<Pipeline>> {
    caller
        .write(move |connection, scope| {
            let pipeline = pipelines::create(connection, scope, &new)?;
            let location = format!("/pipeline/pipelines/opportunities/{}", pipeline.id);
            Ok(Created { location, item: pipeline })
        })
        .await
}

async fn get_pipeline(caller: Caller<area::Pipeline, Read>, PathId(id): PathId<PipelineId>) -> Answer<Item<Pipeline>> {
    caller.read(move |connection, scope| Ok(Item(pipelines::get(connection, scope, id)?))).await
}

async fn update_pipeline(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<PipelineId>,
    Precondition(condition): Precondition<Item<Pipeline>>,
    Body(patch): Body<PipelinePatch>,
) -> Answer<Item<Pipeline>> {
    caller.write(move |connection, scope| Ok(Item(pipelines::update(connection, scope, id, &condition, &patch)?))).await
}

async fn delete_pipeline(
    caller: Caller<area::Pipeline, Write>,
    PathId(id): PathId<PipelineId>,
    Precondition(condition): Precondition<Item<Pipeline>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            pipelines::delete(connection, scope, id, &condition)?;
            Ok(NoContent)
        })
        .await
}
