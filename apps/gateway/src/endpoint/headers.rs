//! The headers of answers, each described once in the document's components and referred to from there.

use serde_json::{Value, json};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr};

/// On every answer.
pub(super) const REQUEST_ID: &str = "X-Request-Id";
/// On what a client can keep and compare.
pub(crate) const ETAG: &str = "ETag";
/// On what was created.
pub(crate) const LOCATION: &str = "Location";
/// On a page that another follows.
pub(super) const LINK: &str = "Link";
/// On a file.
pub(super) const CONTENT_DISPOSITION: &str = "Content-Disposition";
/// On a 401.
pub(super) const WWW_AUTHENTICATE: &str = "WWW-Authenticate";
/// On a 429 and a 503.
pub(super) const RETRY_AFTER: &str = "Retry-After";
/// On what counts against a limit.
pub(super) const RATE_LIMIT: [&str; 2] = ["RateLimit", "RateLimit-Policy"];
/// On what can be sent again.
pub(super) const REPLAYED: &str = "Idempotent-Replayed";

/// What a header says, with an example.
fn table() -> [(&'static str, &'static str, Type, Value); 10] {
    let [limit, policy] = RATE_LIMIT;
    [
        (
            REQUEST_ID,
            "The request's own X-Request-Id where it had a sane one, otherwise a new one.",
            Type::String,
            json!("0f8b7c1e52a94d6b"),
        ),
        (
            ETAG,
            "Names this representation: it changes when and only when the representation does.",
            Type::String,
            json!("\"x2p0cQ1mZ8bL0v6yR3t9Kw\""),
        ),
        (LOCATION, "The path of what was created.", Type::String, json!("/pipeline/leads/42")),
        (
            LINK,
            "The next page (`rel=\"next\"`), while there is more: a reference to be resolved against the address of this one. \
             Left out where it has more than 4 KiB.",
            Type::String,
            json!("<?size=10&continuationToken=eyJ2MSI6>; rel=\"next\""),
        ),
        (
            CONTENT_DISPOSITION,
            "The name of the file.",
            Type::String,
            json!("attachment; filename=\"leads-2025-07-10.csv\""),
        ),
        (WWW_AUTHENTICATE, "How to authenticate.", Type::String, json!("Bearer")),
        (RETRY_AFTER, "Seconds after which the request may be sent again.", Type::Integer, json!(1)),
        (
            limit,
            "How many requests are left now, and the seconds until all are there again; absent without a limit.",
            Type::String,
            json!("\"default\";r=599;t=1"),
        ),
        (
            policy,
            "How many requests a key has in how many seconds; absent without a limit.",
            Type::String,
            json!("\"default\";q=600;w=60"),
        ),
        (
            REPLAYED,
            "`true` where this is the answer to an earlier request with the same Idempotency-Key.",
            Type::Boolean,
            json!(true),
        ),
    ]
}

/// The descriptions that [`add`] refers to.
pub(super) fn components() -> impl Iterator<Item = (String, RefOr<Header>)> {
    table().into_iter().map(|(name, description, kind, example)| {
        let schema = ObjectBuilder::new().schema_type(kind).examples([example]);
        let header = HeaderBuilder::new().description(Some(description)).schema(Some(schema)).build();
        (name.to_owned(), header.into())
    })
}

/// Says that an answer has this header.
pub(super) fn add(response: &mut Response, name: &str) {
    response.headers.insert(name.to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))));
}
