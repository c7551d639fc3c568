//! `convert_lead`, `move_opportunity`, `close_opportunity`, `pipeline_summary`.

use serde_json::{Value, json};

use crate::answer::{Answer, Outcome, TOKEN};
use crate::api::{Method, Request};
use crate::arguments::{Arguments, Refusal, given};
use crate::document::JsonObject;
use crate::kinds::{Kind, PIPELINES};
use crate::schema::Members;

use super::reading::named;
use super::writing::body;
use super::{Call, ETAG, Effect, Given, Needs, RECORD, Shape, Tool, encoded, parameters, with_query};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "convert_lead",
        title: "Convert a lead into an opportunity",
        description: "Makes an opportunity of a lead that has turned out to be a real chance of a sale, with everything that the \
            lead has, and marks the lead as converted. A lead is converted once: of one that was, the problem \
            already_converted tells the opportunityId. The result is the opportunity.",
        effect: Effect::Adds,
        needs: Needs::One("POST /pipeline/leads/{id}/convert"),
        schema: convert_schema,
        gives: &[ETAG, Given("item", "object", "The opportunity.")],
        run: |call, arguments| Box::pin(convert(call, arguments)),
    },
    Tool {
        name: "move_opportunity",
        title: "Move an opportunity to another stage",
        description: "Moves an open opportunity to a stage of its pipeline, which is named by its key or its label. Where the \
            stage is not one of its pipeline's, the problem tells which there are in `stages`.",
        effect: Effect::Changes,
        needs: Needs::One("PATCH /pipeline/opportunities/{id}/updateStage"),
        schema: move_schema,
        gives: &[
            ETAG,
            RECORD,
            Given("stages", "array", "Of a problem with the stage: those that there are, with key and label."),
        ],
        run: |call, arguments| Box::pin(relocate(call, arguments)),
    },
    Tool {
        name: "close_opportunity",
        title: "Win, lose or reopen an opportunity",
        description: "Marks an opportunity as won or lost, with a lostReason where it is lost, or opens it again with the status \
            open.",
        effect: Effect::Changes,
        needs: Needs::One("PATCH /pipeline/opportunities/{id}/updateStatus"),
        schema: close_schema,
        gives: &[ETAG, RECORD],
        run: |call, arguments| Box::pin(close(call, arguments)),
    },
    Tool {
        name: "pipeline_summary",
        title: "Add up the open opportunities",
        description: "For each stage of each pipeline: how many open opportunities are in it, the sum of their values by \
            currency, and that sum times the probability of the stage. With filters, only of those that they let through. \
            Use it in place of listing and adding up.",
        effect: Effect::Reads,
        needs: Needs::One("GET /pipeline/opportunities/summary"),
        schema: summary_schema,
        gives: &[Given("items", "array", "The stages: pipelineId, key, count, and the sums by currency.")],
        run: |call, arguments| Box::pin(summary(call, arguments)),
    },
];

fn convert_schema(shape: &Shape<'_>) -> JsonObject {
    Members::of(shape.document).id("id", "The id of the lead.").body_of(shape.one).if_match().idempotency_key().finish()
}

async fn convert(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let id = arguments.id("id");
    let id = arguments.required("id", id);
    let (etag, key) = (arguments.if_match(), arguments.idempotency_key());
    let conversion = arguments.rest();
    arguments.finish()?;
    let path = format!("{}/{}/convert", Kind::Lead.collection(), encoded(&given(id)?));
    let request = Request::new(Method::Post, path).header("if-match", etag).header("idempotency-key", key);
    call.change(request.body(conversion)).await
}

fn move_schema(shape: &Shape<'_>) -> JsonObject {
    Members::of(shape.document)
        .id("id", "The id of the opportunity.")
        .body_of(shape.one)
        .optional("stage", json!({ "type": "string", "description": "The key or the label of the stage." }))
        .if_match()
        .finish()
}

async fn relocate(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let id = arguments.id("id");
    let id = arguments.required("id", id);
    let stage = arguments.text("stage");
    let stage = arguments.required("stage", stage);
    let etag = arguments.if_match();
    let by = arguments.rest();
    arguments.finish()?;
    let (id, stage) = (given(id)?, given(stage)?);
    let opportunity = Call { kind: Kind::Opportunity, ..call }.record(&id);
    let to = |stage: &str| {
        let request =
            Request::new(Method::Patch, format!("{opportunity}/updateStage")).header("if-match", etag.clone());
        request.body(body(by.clone(), &[("stage", Some(stage.to_owned()))]))
    };
    let refusal = match call.change(to(&stage)).await {
        Err(refusal) if refusal.names("stage") => refusal,
        outcome => return outcome,
    };
    // It may be a label.
    let stages = stages(call, &opportunity).await?;
    let is_called = |entry: &&Value| {
        entry
            .get("label")
            .and_then(Value::as_str)
            .is_some_and(|label| label.to_lowercase() == stage.trim().to_lowercase())
    };
    match stages.iter().find(is_called).and_then(|entry| entry.get("key")?.as_str()) {
        Some(key) => call.change(to(key)).await,
        None => Err(refusal.with("stages", stages)),
    }
}

/// The stages of the pipeline that an opportunity is in: `[ { key, label } ]`.
async fn stages(call: Call<'_>, opportunity: &str) -> Result<Vec<Value>, Refusal> {
    let opportunity = call.read(opportunity.to_owned(), "item").await?;
    let pipeline = opportunity.get("pipelineId").and_then(Value::as_str).unwrap_or_default();
    let pipeline = call.read(format!("{PIPELINES}/{}", encoded(pipeline)), "item").await?;
    let stages = pipeline.get("stages").and_then(Value::as_array).into_iter().flatten();
    Ok(stages.map(|stage| json!({ "key": stage["key"], "label": stage["label"] })).collect())
}

fn close_schema(shape: &Shape<'_>) -> JsonObject {
    Members::of(shape.document).id("id", "The id of the opportunity.").body_of(shape.one).if_match().finish()
}

async fn close(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let id = arguments.id("id");
    let id = arguments.required("id", id);
    let etag = arguments.if_match();
    let change = arguments.rest();
    arguments.finish()?;
    let path = format!("{}/{}/updateStatus", Kind::Opportunity.collection(), encoded(&given(id)?));
    call.change(Request::new(Method::Patch, path).header("if-match", etag).body(change)).await
}

fn summary_schema(shape: &Shape<'_>) -> JsonObject {
    let operation: Vec<_> = shape.one.map(|operation| (Kind::Opportunity, operation)).into_iter().collect();
    Members::of(shape.document).filters(&operation, &[]).token().finish()
}

async fn summary(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let query = parameters(&mut arguments);
    let token = arguments.text(TOKEN);
    arguments.finish()?;
    let stages = call.read(with_query("/pipeline/opportunities/summary", &query), "items").await?;
    Ok(Answer::in_parts(named("items", stages), token))
}
