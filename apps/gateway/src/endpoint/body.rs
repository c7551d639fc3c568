use std::fmt;
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut};
use crm_core::input::{FromBody, JsonObject, ObjectReader};
use crm_core::values::User;
use crm_core::{FieldCode, FieldErrors, PublicTenantId};
use futures_util::StreamExt;
use serde_json::Value;

use crate::error::{Problem, ProblemCode};

use super::call::Call;
use super::extract::Extract;
use super::operation::OperationDoc;

/// How long a body may take (docs/compatibility.md, "Limits").
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a body that is read where it arrived. Others are read by [`LongBodies`](super::LongBodies).
const LONGEST_HERE: usize = 64 * 1024;

/// The most bytes of a message.
const LONGEST_MESSAGE: usize = 1024 * 1024;

/// The member that names who makes a change, of a body and of each entry of a list in it.
const AUTHOR: &str = "lastUpdatedBy";
/// The member that names who says something.
const SPEAKER: &str = "user";

/// The body: one JSON object, checked as a whole.
pub struct Body<T>(pub T);

impl<T: FromBody + Send + 'static> Extract for Body<T> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let bytes = read(call, T::MOST_BYTES).await?;
        Ok(Self(parse(call, bytes).await?))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.request_body::<T>(true);
        describe_problems(operation);
    }
}

/// A body that may be left out.
pub struct OptionalBody<T>(pub Option<T>);

impl<T: FromBody + Send + 'static> Extract for OptionalBody<T> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        optional(call).await.map(Self)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.request_body::<T>(false);
        describe_problems(operation);
    }
}

/// No body, of an action that its path says all about: `{}` is as good, and whatever says more is refused.
pub struct NoBody;

impl Extract for NoBody {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        optional::<Nothing>(call).await.map(|_| Self)
    }

    fn describe(operation: &mut OperationDoc) {
        describe_problems(operation);
    }
}

struct Nothing;

impl FromBody for Nothing {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(_: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// One JSON object, held to the bounds of every body, for a handler that hands it on to somebody who reads it.
pub struct Message {
    /// What it says.
    pub object: JsonObject,
    /// As it was sent.
    pub text: Bytes,
}

impl Extract for Message {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let bytes = read(call, LONGEST_MESSAGE).await?;
        check_media_type(call)?;
        let text = bytes.slice_ref(without_mark(&bytes));
        let object = here_or_beside(call, bytes.len(), move || parse_object(&bytes)).await?;
        Ok(Self { object, text })
    }

    fn describe(operation: &mut OperationDoc) {
        describe_problems(operation);
    }
}

async fn optional<T: FromBody + Send + 'static>(call: &mut Call) -> Result<Option<T>, Problem> {
    let bytes = read(call, T::MOST_BYTES).await?;
    if is_none(&bytes) { Ok(None) } else { parse(call, bytes).await.map(Some) }
}

fn describe_problems(operation: &mut OperationDoc) {
    if operation.needs_key {
        operation.problem(ProblemCode::NotYourself);
    }
    for code in [
        ProblemCode::ValidationFailed,
        ProblemCode::MalformedJson,
        ProblemCode::TenantMismatch,
        ProblemCode::RequestTimeout,
        ProblemCode::BodyTooLarge,
        ProblemCode::UnsupportedMediaType,
    ] {
        operation.problem(code);
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(ProblemCode::BodyTooLarge, format!("The body has more than {} MiB.", most / 1024 / 1024))
}

pub(super) async fn read(call: &mut Call, most: usize) -> Result<Bytes, Problem> {
    let mut payload = call.take_payload()?;
    let whole = async {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Problem::new(ProblemCode::MalformedJson, "The body ended too early."))?;
            if bytes.len() + chunk.len() > most {
                return Err(too_large(most));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    };
    let Ok(read) = call.deadline.aside(tokio::time::timeout(BODY_TIMEOUT, whole)).await else {
        return Err(Problem::new(ProblemCode::RequestTimeout, "The body did not arrive within 10 seconds."));
    };
    read.inspect(|bytes| call.attempt.read_body(bytes))
}

/// Whether a body says as much as none: clients that always send one send `null`.
fn is_none(bytes: &[u8]) -> bool {
    let text = without_mark(bytes).trim_ascii();
    text.is_empty() || text == b"null"
}

/// JSON without the byte order mark that some programs write before it, which a reader may ignore (RFC 8259, section 8.1).
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

async fn parse<T: FromBody + Send + 'static>(call: &Call, bytes: Bytes) -> Result<T, Problem> {
    check_media_type(call)?;
    let (tenant, person) = (call.tenant().cloned(), call.person().cloned());
    here_or_beside(call, bytes.len(), move || parse_now(&bytes, tenant.as_ref(), person.as_ref())).await
}

/// Reads a body of this length: a long one not on the event loop.
pub(super) async fn here_or_beside<T: Send + 'static>(
    call: &Call,
    length: usize,
    read: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if length <= LONGEST_HERE { read() } else { call.state.long_bodies.read(&call.request_id(), read).await }
}

fn parse_now<T: FromBody>(bytes: &[u8], tenant: Option<&PublicTenantId>, person: Option<&User>) -> Result<T, Problem> {
    let object = parse_object(bytes)?;
    check_tenant(&object, tenant)?;
    check_author(&object, person)?;
    Ok(T::from_body(&object)?)
}

/// `application/json` or `…+json`, or nothing said; no content coding, which could hide a bomb.
fn check_media_type(call: &Call) -> Result<(), Problem> {
    let unsupported = |detail: &str| Err(Problem::new(ProblemCode::UnsupportedMediaType, detail));
    let headers = call.request.headers();
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unsupported("The body must come without a content coding.");
    }
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let is_json = essence == "application/json" || (essence.contains('/') && essence.ends_with("+json"));
    if is_json { Ok(()) } else { unsupported("The body must be application/json.") }
}

/// `tenantId` is optional; where it is sent, it is the tenant of the key.
fn check_tenant(object: &JsonObject, tenant: Option<&PublicTenantId>) -> Result<(), Problem> {
    match (object.get("tenantId"), tenant) {
        (None | Some(Value::Null), _) => Ok(()),
        (Some(Value::String(sent)), Some(tenant)) if sent == tenant.as_str() => Ok(()),
        (Some(Value::String(_)), _) => {
            Err(Problem::new(ProblemCode::TenantMismatch, "The body's tenantId is not the tenant of this key."))
        }
        (Some(_), _) => Err(FieldErrors::of("tenantId", FieldCode::WrongType, "must be a string").into()),
    }
}

/// A person with a token is the author of what they do; a key may name anybody.
fn check_author(object: &JsonObject, person: Option<&User>) -> Result<(), Problem> {
    let Some(person) = person else { return Ok(()) };
    let is_another = |user: &Value| user.get("id").and_then(Value::as_str).is_some_and(|id| id.trim() != person.id());
    let refused = |at: &dyn fmt::Display| {
        let detail = format!("{at} names somebody else than the token.");
        Err(Problem::new(ProblemCode::NotYourself, detail))
    };
    if let Some(name) = [AUTHOR, SPEAKER].into_iter().find(|name| object.get(*name).is_some_and(is_another)) {
        return refused(&name);
    }
    for (list, entries) in object.iter().filter_map(|(name, value)| Some((name, value.as_array()?))) {
        if let Some(index) = entries.iter().position(|entry| entry.get(AUTHOR).is_some_and(is_another)) {
            return refused(&format_args!("{list:.200}[{index}].{AUTHOR}"));
        }
    }
    Ok(())
}

/// Parses one JSON object strictly: duplicate keys, deep nesting and trailing data are errors.
pub(super) fn parse_object(bytes: &[u8]) -> Result<JsonObject, Problem> {
    let malformed =
        |cause: &dyn fmt::Display| Problem::new(ProblemCode::MalformedJson, format!("The body is not valid: {cause}."));
    match crm_core::input::read_json(without_mark(bytes)).map_err(|error| malformed(&error))? {
        Value::Object(object) => Ok(object),
        _ => Err(malformed(&"it must be a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use crm_core::input::MOST_VALUES;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
    }

    #[test]
    fn only_one_strict_object_is_a_body() {
        for (body, why) in [
            ("", "nothing"),
            ("[]", "a list"),
            ("null", "nothing"),
            ("{\"a\":1,}", "a trailing comma"),
            ("{\"a\":1}{}", "trailing data"),
            ("{\"a\":1} x", "trailing data"),
            ("{\"a\":1,\"a\":2}", "a duplicate key"),
            ("{\"a\":{\"b\":1,\"\\u0062\":2}}", "a duplicate key in another spelling, inside"),
            ("{\"a\":\"\\ud800\"}", "a lone surrogate"),
            ("{\"a\":01}", "a leading zero"),
            ("{\"a\":NaN}", "no number"),
            (&format!("{{\"a\":[{}0]}}", "0,".repeat(MOST_VALUES)), "more values than a body may have"),
            (&nested(65), "65 levels"),
            (&nested(100_000), "100 000 levels"),
        ] {
            assert!(parse_object(body.as_bytes()).is_err(), "{why}");
        }
        assert!(parse_object(b"{\"a\":\"\xff\"}").is_err(), "no UTF-8");
        assert!(parse_object(nested(64).as_bytes()).is_ok(), "64 levels");
        assert!(parse_object(b"\xef\xbb\xbf{\"a\":1}").is_ok(), "a byte order mark before it");
        assert!(parse_object(b"\xef\xbb\xbf\xef\xbb\xbf{\"a\":1}").is_err(), "two of them");
        assert!(parse_object(b"{\"a\":1}\xef\xbb\xbf").is_err(), "one behind it");
        // The body and the list are counted as ten values each.
        for (numbers, is_right) in [(MOST_VALUES - 20, true), (MOST_VALUES - 19, false)] {
            let body = format!("{{\"a\":[0{}]}}", ",0".repeat(numbers - 1));
            assert_eq!(parse_object(body.as_bytes()).is_ok(), is_right, "{numbers} numbers");
        }
    }

    #[test]
    fn a_body_that_says_nothing_counts_as_none() {
        for body in ["", " \r\n", "null", " null\n", "\u{feff}null", "\u{feff}"] {
            assert!(is_none(body.as_bytes()), "{body:?}");
        }
        for body in ["{}", "nulls", "null null", "0", "[]", "\"\"", "null\u{feff}"] {
            assert!(!is_none(body.as_bytes()), "{body:?}");
        }
    }

    #[test]
    fn a_key_is_named_as_json_writes_it() {
        let problem = parse_object("{\"\u{200b}\\u0007\":1,\"\u{200b}\\u0007\":2}".as_bytes()).unwrap_err();
        assert!(problem.detail.contains("\"\u{200b}\\u0007\""), "{}", problem.detail);
    }

    #[test]
    fn a_number_keeps_its_digits() {
        let object = parse_object(b"{\"a\":10.10,\"b\":[123456789012345678901234567890.5],\"c\":-0}").unwrap();
        assert_eq!(
            Value::Object(object).to_string(),
            "{\"a\":10.10,\"b\":[123456789012345678901234567890.5],\"c\":-0}"
        );
    }
}
