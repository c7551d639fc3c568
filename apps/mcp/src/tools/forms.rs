//! `describe_forms`.

use serde_json::{Value, json};

use crate::answer::{Answer, Outcome, TOKEN};
use crate::arguments::{Arguments, Refusal};
use crate::document::JsonObject;
use crate::kinds::{CASE_TYPES, Kind, PIPELINES};
use crate::schema::Members;

use super::{Call, Effect, Given, Needs, Tool};

pub(super) const TOOLS: &[Tool] = &[Tool {
    name: "describe_forms",
    title: "Describe the fields of a kind of record",
    description: "What records of a kind have in this company: their fields with type, whether required, and options; the custom \
        fields, which create_record and update_record take in customFields by their id; the labels of their tags. For \
        opportunities also the pipelines with their stages, for cases the case types with their own fields and their statuses. \
        Look here before you make a record, or filter by a custom field.",
    effect: Effect::Reads,
    needs: Needs::Each("GET {form}", Kind::ALL),
    schema: |shape| Members::of(shape.document).kind(&shape.kinds()).token().finish(),
    gives: &[
        Given("kind", "string", "The kind that was asked for."),
        Given("fields", "array", "Its fields: id, type, label, whether required, options."),
        Given("pipelines", "array", "Of opportunities: id, name and stages of each."),
        Given("caseTypes", "array", "Of cases: id, label, statuses and fields of each."),
        Given("tags", "array", "The labels of tags that there are."),
    ],
    run: |call, arguments| Box::pin(describe(call, arguments)),
}];

async fn describe(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let token = arguments.text(TOKEN);
    arguments.finish()?;
    let mut members = JsonObject::new();
    members.insert("kind".to_owned(), call.kind.name().into());
    match call.kind {
        Kind::Case => {
            let types = all(call, CASE_TYPES).await?;
            members.insert("caseTypes".to_owned(), types.iter().map(case_type).collect());
        }
        Kind::Lead | Kind::Opportunity | Kind::Contact | Kind::Organization => {
            let fields = call.read(call.kind.form().to_owned(), "items").await?;
            members.insert("fields".to_owned(), self::fields(&fields));
        }
    }
    if call.kind == Kind::Opportunity {
        let pipelines = all(call, PIPELINES).await?;
        members.insert("pipelines".to_owned(), pipelines.iter().map(pipeline).collect());
    }
    let tags = call.read(call.kind.tags().to_owned(), "items").await?;
    let labels = tags.as_array().into_iter().flatten().map(|tag| tag["label"].clone());
    members.insert("tags".to_owned(), labels.collect());
    Ok(Answer::in_parts(members, token))
}

/// All entries of a list that is not long.
async fn all(call: Call<'_>, path: &str) -> Result<Vec<Value>, Refusal> {
    let entries = call.read(format!("{path}?size=200&sort=asc"), "items").await?;
    Ok(match entries {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    })
}

/// Fields without what a model has no use for.
fn fields(fields: &Value) -> Value {
    let mut fields = fields.clone();
    for field in fields.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        field.retain(|name, value| name != "tenantId" && !value.is_null());
    }
    fields
}

fn pipeline(pipeline: &Value) -> Value {
    let stages = pipeline["stages"].as_array().into_iter().flatten();
    let stages: Vec<Value> = stages
        .map(|stage| json!({ "key": stage["key"], "label": stage["label"], "probability": stage["probability"] }))
        .collect();
    json!({ "id": pipeline["id"], "name": pipeline["name"], "isDefault": pipeline["isDefault"], "stages": stages })
}

fn case_type(case_type: &Value) -> Value {
    let statuses = case_type["workflow"]["status"].as_array().into_iter().flatten();
    let statuses: Vec<Value> = statuses.map(|status| status["data"]["label"].clone()).collect();
    json!({
        "id": case_type["id"], "label": case_type["label"], "isDefault": case_type["isDefault"], "statuses": statuses,
        "fields": fields(&case_type["form"]),
    })
}
