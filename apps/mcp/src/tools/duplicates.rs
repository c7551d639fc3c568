//! `find_duplicates`, `merge_records`.

use serde_json::json;

use crate::answer::{Answer, Outcome, TOKEN};
use crate::api::{Method, Request};
use crate::arguments::{Arguments, given};
use crate::document::JsonObject;
use crate::kinds::Kind;
use crate::schema::Members;

use super::reading::page;
use super::{Call, ETAG, Effect, Given, HAS_MORE, Needs, RECORD, Shape, Tool, WHOLE, item};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "find_duplicates",
        title: "Find records that look alike",
        description: "Groups contacts or organizations that have the same e-mail address, phone number or name, however written: \
            each group tells what they have in common and up to twenty of them. Read them with get_record before merging: \
            people can share a number or a name. While hasMore is true, call again with the continuationToken.",
        effect: Effect::Reads,
        needs: Needs::Each("GET {collection}/duplicates", &[Kind::Contact, Kind::Organization]),
        schema: find_schema,
        gives: &[Given("items", "array", "The groups: what they have in common, and the records."), HAS_MORE],
        run: |call, arguments| Box::pin(find(call, arguments)),
    },
    Tool {
        name: "merge_records",
        title: "Merge duplicates into one record",
        description: "Merges other records of the same kind into the record `id`: it keeps every value that it has, takes what it \
            lacks from them, in their order, and everything that pointed at them points at it; then they are gone. Unless dryRun \
            is false nothing is changed: the result has dryRun: true, the record as it would be, and in repointed how many \
            others would point at it. Always look at that first, and show it to the person whom you work for.",
        effect: Effect::Removes,
        needs: Needs::Each("POST {collection}/{id}/merge", &[Kind::Contact, Kind::Organization, Kind::Lead]),
        schema: merge_schema,
        gives: &[
            Given("dryRun", "boolean", "true where nothing was changed."),
            Given("repointed", "object", "Of a dry run: how many of each kind would point at it."),
            ETAG,
            RECORD,
        ],
        run: |call, arguments| Box::pin(merge(call, arguments)),
    },
];

fn find_schema(shape: &Shape<'_>) -> JsonObject {
    let by = shape.each.first().and_then(|(_, operation)| operation.parameter("by"));
    let mut schema = by.and_then(|by| by.get("schema").cloned()).unwrap_or_else(|| json!({ "type": "string" }));
    let about = "What they have in common, separated by commas: email, phone, name. All unless given.";
    schema["description"] = about.into();
    let size = json!({ "type": "integer", "minimum": 1, "maximum": 200, "description": "The most groups." });
    Members::of(shape.document).kind(&shape.kinds()).optional("by", schema).optional("size", size).token().finish()
}

async fn find(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let mut query = Vec::new();
    for name in ["by", TOKEN] {
        query.extend(arguments.text(name).map(|value| (name.to_owned(), value)));
    }
    let size = arguments.size(200);
    arguments.finish()?;
    let path = format!("{}/duplicates", call.kind.collection());
    page(
        call,
        &path,
        &query,
        size,
        |group| group,
        "The group is longer than a result may be: list_records lists all of it.",
    )
    .await
}

fn merge_schema(shape: &Shape<'_>) -> JsonObject {
    let dry = "true, which it is unless given: change nothing and tell what would become of it. false: merge.";
    Members::of(shape.document)
        .kind(&shape.kinds())
        .id("id", "The id of the record that stays.")
        .body_of(shape.each.first().map(|(_, operation)| *operation))
        .optional("dryRun", json!({ "type": "boolean", "default": true, "description": dry }))
        .if_match()
        .idempotency_key()
        .finish()
}

async fn merge(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let id = arguments.id("id");
    let id = arguments.required("id", id);
    let is_dry = arguments.boolean("dryRun").unwrap_or(true);
    let (etag, key) = (arguments.if_match(), arguments.idempotency_key());
    let sources = arguments.rest();
    arguments.finish()?;
    let query = if is_dry { "?dryRun=true" } else { "" };
    let path = format!("{}/merge{query}", call.record(&given(id)?));
    let request = Request::new(Method::Post, path).header("if-match", etag).header("idempotency-key", key);
    let mut response = call.send(request.body(sources)).await?;
    let mut members = JsonObject::new();
    if is_dry {
        members.insert("dryRun".to_owned(), true.into());
        // Before the record, which may be too long.
        members.extend(response.body.get_mut("repointed").map(|counts| ("repointed".to_owned(), counts.take())));
    }
    members.extend(item(response));
    Ok(Answer::cut(members, WHOLE))
}
