//! `create_record`, `update_record`, `comment`.

use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::api::{Method, Request};
use crate::arguments::{Arguments, given};
use crate::document::JsonObject;
use crate::kinds::Kind;
use crate::schema::{Members, Nulls, bodies};

use super::{Call, ETAG, Effect, Given, Needs, RECORD, Shape, Tool, with_query};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "create_record",
        title: "Create a record",
        description: "Makes a lead, opportunity, contact, organization or case. Which custom fields there are, which fields are \
            required and what their options are, describe_forms tells. Look for one that exists already with search first, or \
            let ifNoDuplicate refuse a contact or organization that looks like another. The errors of a problem name members \
            of fields.",
        effect: Effect::Adds,
        needs: Needs::Each("POST {collection}", Kind::ALL),
        schema: create_schema,
        gives: &[ETAG, RECORD],
        run: |call, arguments| Box::pin(create(call, arguments)),
    },
    Tool {
        name: "update_record",
        title: "Change a record",
        description: "Changes fields of a record: what is left out of fields stays, null clears, customFields is merged by \
            field, and lists are replaced whole. A case changes its status with walk_case, an opportunity its stage with \
            move_opportunity and is won or lost with close_opportunity. The errors of a problem name members of fields.",
        effect: Effect::Changes,
        needs: Needs::Each("PATCH {collection}/{id}", Kind::ALL),
        schema: update_schema,
        gives: &[ETAG, RECORD],
        run: |call, arguments| Box::pin(update(call, arguments)),
    },
    Tool {
        name: "comment",
        title: "Comment on a record",
        description: "Adds a comment to a record; on a case it stands in its timeline. get_record reads comments with \
            with: [\"comments\"].",
        effect: Effect::Adds,
        needs: Needs::Each("POST {collection}/{id}/{comments}", Kind::ALL),
        schema: comment_schema,
        gives: &[ETAG, Given("item", "object", "The comment.")],
        run: |call, arguments| Box::pin(comment(call, arguments)),
    },
];

/// The parameter that refuses a second record of somebody.
const IF_NO_DUPLICATE: &str = "ifNoDuplicate";

fn create_schema(shape: &Shape<'_>) -> JsonObject {
    let mut members = Members::of(shape.document)
        .kind(&shape.kinds())
        .required("fields", bodies(shape.document, &shape.each, "What the record shall be.", Nulls::SayNothing));
    if let Some(parameter) = shape.each.iter().find_map(|(_, operation)| operation.parameter(IF_NO_DUPLICATE)) {
        let mut schema = parameter.get("schema").cloned().unwrap_or_default();
        let about = parameter.get("description").and_then(Value::as_str).unwrap_or_default();
        schema["description"] = format!("Of contacts and organizations. {about}").into();
        members = members.optional(IF_NO_DUPLICATE, schema);
    }
    members.idempotency_key().finish()
}

async fn create(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let fields = arguments.object("fields");
    let fields = arguments.required("fields", fields);
    let key = arguments.idempotency_key();
    let unless = arguments.text(IF_NO_DUPLICATE).map(|by| (IF_NO_DUPLICATE.to_owned(), by));
    arguments.finish()?;
    let path = with_query(call.kind.collection(), unless.as_slice());
    call.change(Request::new(Method::Post, path).header("idempotency-key", key).body(given(fields)?)).await
}

fn update_schema(shape: &Shape<'_>) -> JsonObject {
    Members::of(shape.document)
        .kind(&shape.kinds())
        .id("id", "The id of the record.")
        .required("fields", bodies(shape.document, &shape.each, "What shall be otherwise.", Nulls::Clear))
        .if_match()
        .finish()
}

async fn update(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let id = arguments.id("id");
    let id = arguments.required("id", id);
    let fields = arguments.object("fields");
    let fields = arguments.required("fields", fields);
    let etag = arguments.if_match();
    arguments.finish()?;
    let path = call.record(&given(id)?);
    call.change(Request::new(Method::Patch, path).header("if-match", etag).body(given(fields)?)).await
}

fn comment_schema(shape: &Shape<'_>) -> JsonObject {
    Members::of(shape.document)
        .kind(&shape.kinds())
        .id("id", "The id of the record.")
        .body_of(shape.each.first().map(|(_, operation)| *operation))
        .idempotency_key()
        .finish()
}

async fn comment(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let id = arguments.id("id");
    let id = arguments.required("id", id);
    let key = arguments.idempotency_key();
    let said = arguments.rest();
    arguments.finish()?;
    let path = format!("{}/{}", call.record(&given(id)?), call.kind.comments());
    call.change(Request::new(Method::Post, path).header("idempotency-key", key).body(said)).await
}

/// Body members with what the API takes in their place.
pub(super) fn body(members: JsonObject, more: &[(&str, Option<String>)]) -> JsonObject {
    let mut members = members;
    for (name, value) in more {
        if let Some(value) = value {
            members.insert((*name).to_owned(), json!(value));
        }
    }
    members
}
