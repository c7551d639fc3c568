//! How a problem is written, in the dialect of the routes that it happened in, and how long that can get.

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use crm_core::Timestamp;
use serde_json::{Value, json};

use crate::error::Problem;

use super::{Dialect, Rendered};

/// The most bytes of a refusal, whatever was sent and whatever it tells of. Problems, texts and lists have bounds of
/// their own, which few refusals reach all at once: those are cut here.
const LONGEST: usize = 64 * 1024;
/// The most bytes of a problem that is a part of an answer: of one item of a batch of 500.
const LONGEST_OF_PART: usize = 8 * 1024;

impl Problem {
    /// Writes it at this time, in the dialect of the routes that it happened in.
    #[must_use]
    pub(crate) fn render(&self, dialect: &dyn Dialect, request_id: &str, now: Timestamp) -> Rendered {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(dialect.media_type()))];
        let body = text(dialect.body(self, request_id, now)).into();
        Rendered { status: self.code.status(), headers, body, repeated: None }
    }

    /// RFC 9457.
    pub(super) fn details(&self, request_id: &str) -> Value {
        problem_value(Some(request_id), self)
    }

    /// RFC 9457, without the request that it happened in: of a part of one.
    #[must_use]
    pub(crate) fn to_value(&self) -> Value {
        within(problem_value(None, self), LONGEST_OF_PART)
    }
}

fn problem_value(request_id: Option<&str>, problem: &Problem) -> Value {
    let mut body = json!({
        "type": format!("/problems/{}", problem.code.as_str()),
        "title": problem.code.title(),
        "status": problem.code.status().as_u16(),
        "code": problem.code.as_str(),
        "detail": problem.detail,
    });
    if let (Value::Object(members), Some(request_id)) = (&mut body, request_id) {
        members.insert("requestId".to_owned(), json!(request_id));
    }
    if let Value::Object(members) = &mut body {
        if !problem.errors.is_empty() {
            members.insert("errors".to_owned(), json!(problem.errors));
        }
        members.extend(problem.members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    body
}

fn text(body: Value) -> String {
    let whole = body.to_string();
    if whole.len() <= LONGEST { whole } else { within(body, LONGEST).to_string() }
}

/// The value, shortened where it has more bytes of JSON than that.
fn within(mut body: Value, longest: usize) -> Value {
    if body.to_string().len() > longest {
        let mut room = longest;
        fit(&mut body, &mut room);
    }
    body
}

/// Shortens it from its end to so many bytes of JSON: a list by entries, a text by characters.
fn fit(value: &mut Value, room: &mut usize) {
    match value {
        Value::Object(members) => {
            // The braces, and around each member its name, a colon, a comma, and quotes or brackets: they stay.
            let around: usize = members.keys().map(|name| written(name) + 6).sum();
            *room = room.saturating_sub(2 + around);
            members.values_mut().for_each(|member| fit(member, room));
        }
        Value::Array(entries) => {
            let mut fits = |entry: &Value| {
                let left = room.checked_sub(entry.to_string().len() + 1);
                left.map(|left| *room = left).is_some()
            };
            let fitting = entries.iter().take_while(|entry| fits(entry)).count();
            entries.truncate(fitting);
        }
        Value::String(text) => {
            if written(text) > *room {
                cut(text, room.saturating_sub('…'.len_utf8()));
            }
            *room = room.saturating_sub(written(text));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => *room = room.saturating_sub(value.to_string().len()),
    }
}

fn cut(text: &mut String, room: usize) {
    let mut length = 0;
    let end = text.char_indices().find(|(_, c)| {
        length += written_char(*c);
        length > room
    });
    if let Some((end, _)) = end {
        text.truncate(end);
        text.push('…');
    }
}

/// How many bytes a text has in JSON, at most, without its quotes.
fn written(text: &str) -> usize {
    text.chars().map(written_char).sum()
}

fn written_char(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' => "\\u0000".len(),
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use crm_core::{FieldCode, FieldErrors};

    use crate::error::ProblemCode;
    use crate::ticketing::Ticketing;
    use crate::wire::ProblemDetails;

    use super::*;

    #[test]
    fn no_refusal_is_longer_than_64_kib() {
        for worst in ["\u{1}", "\"", "é", "\u{1f600}", "a"] {
            let mut errors = FieldErrors::new();
            errors.each(0.., |index, errors| {
                let field = format!("[{index}]{}", worst.repeat(1_000));
                errors.push(field, FieldCode::InvalidValue, worst.repeat(1_000));
            });
            let invalid = Problem::from(errors).with("fields", vec![worst.repeat(255); 1_000]);
            let labels = vec![worst.repeat(255); 2_000];
            let refused = Problem::new(ProblemCode::TransitionNotAllowed, worst.repeat(10_000)).with("allowed", labels);
            for (problem, list) in [(invalid, "errors"), (refused, "allowed")] {
                let part = problem.to_value();
                let length = part.to_string().len();
                assert!(length <= LONGEST_OF_PART, "{worst:?}, {list}: {length} bytes of a part");
                assert!(part[list].as_array().is_some_and(|told| !told.is_empty()), "{worst:?}, {list}: {part}");
                let dialects: [&dyn Dialect; 2] = [&ProblemDetails, &Ticketing];
                for dialect in dialects {
                    let body = problem.render(dialect, "id", Timestamp::FIRST).body;
                    assert!(body.len() <= LONGEST, "{worst:?}, {list}: {} bytes", body.len());
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    let told = body.pointer("/error/details").unwrap_or(&body[list]);
                    assert!(!matches!(told, Value::Array(told) if told.is_empty()), "something is told of {list}");
                    assert!(!told.is_null(), "{list}");
                }
            }
        }
    }

    #[test]
    fn what_fits_is_told_whole_to_the_last_byte() {
        let with = |length: usize| json!({ "a": "\n", "details": "é\"".repeat(length / 4) + &"a".repeat(length % 4) });
        let spare = LONGEST - with(0).to_string().len();
        let (fits, exceeds) = (text(with(spare)), text(with(spare + 1)));
        assert_eq!((fits.len(), fits.contains('…')), (LONGEST, false));
        assert!(exceeds.len() <= LONGEST && exceeds.len() > LONGEST - 16 && exceeds.contains('…'), "{}", exceeds.len());
    }
}
