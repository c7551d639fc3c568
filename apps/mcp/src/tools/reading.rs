//! `search`, `get_record`, `list_records`.

use serde_json::{Value, json};

use crate::answer::{Answer, Outcome, TOKEN, fits, how_many_fit};
use crate::api::Request;
use crate::arguments::{Arguments, given};
use crate::document::JsonObject;
use crate::kinds::Kind;
use crate::schema::Members;

use super::{
    Call, ETAG, Effect, Given, HAS_MORE, Needs, RECORD, Shape, Tool, WHOLE, encoded, item, parameters, with_query,
};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "search",
        title: "Search records",
        description: "Finds leads, opportunities, contacts, organizations and cases by something that is known of them: a part of \
            a title or name, an e-mail address, a phone number, an external id or an id. In any case and without accents; \
            the best matches first. The result tells kind, id and title of each: read one with get_record. To list records by \
            what their fields are, use list_records.",
        effect: Effect::Reads,
        needs: Needs::One("GET /search"),
        schema: search_schema,
        gives: &[Given("items", "array", "The records, best matches first: kind, id and title of each.")],
        run: |call, arguments| Box::pin(search(call, arguments)),
    },
    Tool {
        name: "get_record",
        title: "Read a record",
        description: "Reads one record with all its fields, by its id or by the id that another system has for it; and, where \
            asked for, its latest comments and changes. The result's etag is what ifMatch takes in the tools that change a \
            record. A record that is too long for one result comes in parts: call again with continuationToken; what is cut \
            in one part goes on in the next.",
        effect: Effect::Reads,
        needs: Needs::Each("GET {collection}/{id}", Kind::ALL),
        schema: get_schema,
        gives: &[
            ETAG,
            RECORD,
            Given("comments", "array", "The latest, where asked for."),
            Given("history", "array", "The latest changes, where asked for."),
        ],
        run: |call, arguments| Box::pin(get(call, arguments)),
    },
    Tool {
        name: "list_records",
        title: "List records",
        description: "Lists records of one kind that filters let through, in an order, newest first unless asked otherwise. \
            Name the fields that you need, so that more records fit into a result. A result has as many as fit: while hasMore \
            is true, call again with its continuationToken and the same filters and order for the next ones; nothing is \
            skipped or given twice, whatever changes meanwhile. includeTotal counts all that match. To find one by its name \
            or address, search is quicker.",
        effect: Effect::Reads,
        needs: Needs::Each("GET {collection}", Kind::ALL),
        schema: list_schema,
        gives: &[
            Given("items", "array", "The records, in the order asked for."),
            HAS_MORE,
            Given("total", "integer", "How many match in all, where asked for."),
        ],
        run: |call, arguments| Box::pin(list(call, arguments)),
    },
];

fn search_schema(shape: &Shape<'_>) -> JsonObject {
    let of_document = |name: &str| shape.one.and_then(|operation| operation.parameter(name)?.get("schema").cloned());
    let size = of_document("size").unwrap_or_else(|| json!({ "type": "integer" }));
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let kinds = json!({
        "type": "array", "items": { "type": "string", "enum": kinds }, "description": "Only these kinds; all unless given.",
    });
    Members::of(shape.document)
        .required("q", json!({ "type": "string", "minLength": 1, "maxLength": 255, "description": "What is known." }))
        .optional("kinds", kinds)
        .optional("size", size)
        .token()
        .finish()
}

async fn search(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let q = arguments.text("q");
    let q = arguments.required("q", q);
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let kinds = arguments.texts("kinds", &names);
    let size = arguments.size(50);
    let token = arguments.text(TOKEN);
    arguments.finish()?;
    let mut query = vec![("q".to_owned(), given(q)?)];
    query.extend(kinds.filter(|kinds| !kinds.is_empty()).map(|kinds| ("kinds".to_owned(), kinds.join(","))));
    query.extend(size.map(|size| ("size".to_owned(), size.to_string())));
    let found = call.read(with_query("/search", &query), "items").await?;
    Ok(Answer::in_parts(named("items", found), token))
}

/// `{ name: value }`
pub(super) fn named(name: &str, value: Value) -> JsonObject {
    JsonObject::from_iter([(name.to_owned(), value)])
}

/// What a record can be read with.
const WITH: [&str; 2] = ["comments", "history"];

fn get_schema(shape: &Shape<'_>) -> JsonObject {
    let with = json!({
        "type": "array", "items": { "type": "string", "enum": WITH },
        "description": "What to read with it: the ten latest comments (of a case its timeline) or changes.",
    });
    let external = json!({ "type": "string", "description": "The id that another system has for it, in place of id." });
    Members::of(shape.document)
        .kind(&shape.kinds())
        .optional("id", json!({ "type": "string", "description": "The id of the record.", "examples": ["42"] }))
        .optional("externalId", external)
        .optional("with", with)
        .token()
        .finish()
}

async fn get(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let (id, external) = (arguments.id("id"), arguments.text("externalId"));
    if id.is_some() == external.is_some() {
        arguments.refuse("id", "required", "either id or externalId must be given");
    }
    let with = arguments.texts("with", &WITH).unwrap_or_default();
    let token = arguments.text(TOKEN);
    arguments.finish()?;
    let path = match (id, external) {
        (Some(id), _) => call.record(&id),
        (None, external) => format!("{}/external/{}", call.kind.collection(), encoded(&given(external)?)),
    };
    let mut members = item(call.send(Request::get(path)).await?);
    let id = members.get("item").and_then(|item| item.get("id")?.as_str()).unwrap_or_default().to_owned();
    for what in with {
        let segment = if what == "comments" { call.kind.comments() } else { "history" };
        let latest = call.read(format!("{}/{segment}", call.record(&id)), "items").await?;
        members.insert(what, latest);
    }
    Ok(Answer::in_parts(members, token))
}

/// How many records are asked for unless the call says so: more than fit, where they are short.
const USUAL_SIZE: usize = 20;
/// The most that the API gives at once.
const MOST: usize = 200;
/// Parameters of lists that are no filters, or that say what others do.
const NO_FILTERS: [&str; 9] =
    ["page", "offset", "size", "sort", "orderBy", "includeTotal", "includeToken", TOKEN, "If-None-Match"];

fn list_schema(shape: &Shape<'_>) -> JsonObject {
    let order: Vec<String> = {
        let orders = shape.each.iter().map(|(kind, operation)| {
            let fields = operation.parameter("orderBy").and_then(|parameter| parameter.get("schema")?.get("enum"));
            let fields = fields.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            format!("of {}: {}", kind.name(), fields.collect::<Vec<_>>().join(", "))
        });
        orders.collect()
    };
    let order_by = json!({
        "type": "string", "description": format!("The field that orders the list; createdOn unless given. {}.", order.join("; ")),
    });
    let sort =
        json!({ "type": "string", "enum": ["asc", "desc"], "description": "Which way it runs; desc unless given." });
    let fields = json!({
        "type": "array", "items": { "type": "string" }, "examples": [["title", "value", "owner"]],
        "description": "The members of each record that the result shall have; id always is one. All unless given.",
    });
    let size = json!({
        "type": "integer", "minimum": 1, "maximum": MOST,
        "description": format!("The most records; {USUAL_SIZE} unless given. Fewer come where they are too long."),
    });
    Members::of(shape.document)
        .kind(&shape.kinds())
        .filters(&shape.each, &NO_FILTERS)
        .optional("fields", fields)
        .optional("orderBy", order_by)
        .optional("sort", sort)
        .optional("size", size)
        .optional("includeTotal", json!({ "type": "boolean", "description": "Whether to count all that match." }))
        .token()
        .finish()
}

async fn list(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let mut query = parameters(&mut arguments);
    for name in NO_FILTERS {
        if query.iter().any(|(given, _)| given == name) {
            arguments.refuse(
                &format!("filters.{name}"),
                "unknown_field",
                "is no filter: it is an argument of its own, or none",
            );
        }
    }
    for name in ["orderBy", "sort", TOKEN] {
        query.extend(arguments.text(name).map(|value| (name.to_owned(), value)));
    }
    let fields = arguments.texts("fields", &call.document.members(call.kind.schema()));
    let size = arguments.size(MOST);
    let total = arguments.boolean("includeTotal");
    query.extend(total.map(|total| ("includeTotal".to_owned(), total.to_string())));
    arguments.finish()?;
    let show = |record: Value| match (&fields, record) {
        (Some(fields), Value::Object(mut members)) => {
            members.retain(|name, _| name == "id" || fields.contains(name));
            Value::Object(members)
        }
        (_, record) => record,
    };
    page(call, call.kind.collection(), &query, size, show, WHOLE).await
}

/// A page of a list, of as many entries as a result has room for: where they are too many it is asked for again, shorter,
/// so that its token leads to the first that is missing.
pub(super) async fn page(
    call: Call<'_>,
    path: &str,
    query: &[(String, String)],
    size: Option<usize>,
    show: impl Fn(Value) -> Value,
    whole: &'static str,
) -> Outcome {
    let mut size = size.unwrap_or(USUAL_SIZE);
    loop {
        let mut query = query.to_vec();
        query.push(("size".to_owned(), size.to_string()));
        let response = call.send(Request::get(with_query(path, &query))).await?;
        let (members, entries) = shown(response.body, &show);
        if fits(&members) || entries <= 1 {
            return Ok(Answer::cut(members, whole));
        }
        size = how_many_fit(entries, &members);
    }
}

/// The members of a page that tell how it goes on, before its entries, and how many these are.
fn shown(body: Value, show: impl Fn(Value) -> Value) -> (JsonObject, usize) {
    let mut members = match body {
        Value::Object(members) => members,
        _ => JsonObject::new(),
    };
    let entries = match members.shift_remove("items") {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    // A call has no pages: those before a token are none of its number.
    members.retain(|name, _| !matches!(name.as_str(), "page" | "size"));
    let count = entries.len();
    members.insert("items".to_owned(), entries.into_iter().map(show).collect());
    (members, count)
}
