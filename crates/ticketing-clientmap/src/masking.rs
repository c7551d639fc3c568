//! Secrets inside a configuration: shown as a mask, and kept where the mask comes back (docs/compatibility.md, "Ticketing client maps").

use std::collections::HashMap;

use crm_core::input::{At, JsonObject};
use crm_core::text::folded;
use crm_core::{FieldCode, FieldErrors};
use serde_json::Value;

/// What stands in the place of a secret.
pub const MASK: &str = "********";

/// Whether the member of this name holds a secret. `api_key` and `api-key` are spellings of `apiKey`.
pub(crate) fn is_secret(name: &str) -> bool {
    let name: String = folded(name).chars().filter(|c| !matches!(c, '_' | '-')).collect();
    ["password", "secret", "token", "apikey"].iter().any(|word| name.contains(word))
}

fn is_mask(value: &Value) -> bool {
    value.as_str() == Some(MASK)
}

/// The object with a mask for each secret, at whatever depth. A secret that is an object or a list is masked
/// whole.
pub(crate) fn masked(object: &JsonObject) -> JsonObject {
    object
        .iter()
        .map(|(name, value)| (name.clone(), if is_secret(name) { Value::from(MASK) } else { masked_value(value) }))
        .collect()
}

fn masked_value(value: &Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(masked(object)),
        Value::Array(entries) => Value::Array(entries.iter().map(masked_value).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Puts the stored secrets back where `object` has masks. A mask for which nothing is stored is an error: kept
/// as it is, it would be taken for the secret.
pub(crate) fn unmask(object: &mut JsonObject, stored: Option<&JsonObject>, at: &At<'_>, errors: &mut FieldErrors) {
    errors.each(object.iter_mut(), |(name, value), errors| {
        let stored = stored.and_then(|stored| stored.get(name));
        let at = at.key(name);
        match (is_secret(name), stored) {
            (true, Some(stored)) if is_mask(value) => value.clone_from(stored),
            (true, None) if is_mask(value) => {
                let message = "is the mask of a secret, but none is stored here; send the secret itself";
                errors.push(at, FieldCode::InvalidValue, message);
            }
            (true, _) => {}
            (false, stored) => unmask_value(value, stored, &at, errors),
        }
    });
}

/// Whether there is a mask in the place of a secret, at whatever depth.
fn holds_mask(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(name, value)| match is_secret(name) {
            true => is_mask(value),
            false => holds_mask(value),
        }),
        Value::Array(entries) => entries.iter().any(holds_mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn unmask_value(value: &mut Value, stored: Option<&Value>, at: &At<'_>, errors: &mut FieldErrors) {
    match value {
        Value::Object(object) => unmask(object, stored.and_then(Value::as_object), at, errors),
        Value::Array(entries) => {
            if !entries.iter().any(holds_mask) {
                return;
            }
            let stored = stored.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let same_length = entries.len() == stored.len();
            let shown: Vec<Value> = stored.iter().map(masked_value).collect();
            // By its hash, for lists can be long. Of equal ones the first counts.
            let mut places = HashMap::with_capacity(shown.len());
            for (place, value) in shown.iter().enumerate() {
                places.entry(value).or_insert(place);
            }
            errors.each(entries.iter_mut().enumerate(), |(index, entry), errors| {
                // An entry that was moved is still known by everything about it that is shown. One that was changed
                // is known by its place, unless entries came or went: it must not get another one's secret.
                let stays = shown.get(index) == Some(&*entry);
                let unchanged = if stays { Some(index) } else { places.get(&*entry).copied() };
                let counterpart = unchanged.or(Some(index).filter(|_| same_length)).and_then(|place| stored.get(place));
                unmask_value(entry, counterpart, &at.index(index), errors);
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> JsonObject {
        let Value::Object(object) = value else { panic!("an object is needed") };
        object
    }

    #[test]
    fn names_of_secrets_are_masked_in_any_case_and_at_any_depth() {
        for (name, secret) in [
            ("password", true),
            ("PASSWORD", true),
            ("smtpPasswordFile", true),
            ("clientSecret", true),
            ("accessToken", true),
            ("apiKey", true),
            ("APIKEY", true),
            ("x-api-key", true),
            ("api_key", true),
            ("endpoint", false),
            ("key", false),
            ("projectKey", false),
            ("pass", false),
        ] {
            let shown = masked(&object(json!({ "a": [{ "b": { name: "v" } }] })));
            let expected = if secret { MASK } else { "v" };
            assert_eq!(Value::Object(shown), json!({ "a": [{ "b": { name: expected } }] }), "{name}");
        }
    }

    #[test]
    fn a_secret_of_any_type_is_masked_whole() {
        for value in [json!(7), json!(null), json!(["a"]), json!({ "a": 1 })] {
            assert_eq!(Value::Object(masked(&object(json!({ "token": value })))), json!({ "token": MASK }));
        }
    }

    #[test]
    fn a_mask_that_comes_back_keeps_the_secret_that_is_stored_there() {
        let stored =
            object(json!({ "token": "t", "list": [{ "id": 1, "secret": "one" }, { "id": 2, "secret": "two" }] }));
        for (sent, expected, why) in [
            (Value::Object(masked(&stored)), Value::Object(stored.clone()), "everything as it was shown"),
            (json!({ "token": "new" }), json!({ "token": "new" }), "a new secret"),
            (json!({ "url": "u", "token": MASK }), json!({ "url": "u", "token": "t" }), "beside a new member"),
            (
                json!({ "list": [{ "id": 2, "secret": MASK }] }),
                json!({ "list": [{ "id": 2, "secret": "two" }] }),
                "an entry that moved keeps its own",
            ),
            (
                json!({ "list": [{ "id": 1, "secret": MASK }, { "id": 3, "secret": MASK }] }),
                json!({ "list": [{ "id": 1, "secret": "one" }, { "id": 3, "secret": "two" }] }),
                "an entry that was changed in its place keeps its own",
            ),
            (json!({ "note": MASK }), json!({ "note": MASK }), "no secret: a text like any other"),
        ] {
            let (mut sent, mut errors) = (object(sent), FieldErrors::new());
            unmask(&mut sent, Some(&stored), &At::field("configuration"), &mut errors);
            assert_eq!(Value::Object(sent), expected, "{why}");
            assert!(errors.is_empty(), "{why}");
        }
    }

    /// The time for a list four times as long, all of whose entries are equal but for a last one that none is equal to,
    /// is not sixteen times as long. The longest one that a configuration holds was compared entry by entry in 15 s.
    #[test]
    fn long_lists_are_not_compared_entry_by_entry() {
        let time = |length: usize| {
            let list = |last: Value| {
                let mut list = vec![json!({ "a": 1 }); length];
                list.push(last);
                object(json!({ "list": list }))
            };
            let stored = list(json!({ "id": 1, "token": "t" }));
            let sent = list(json!({ "id": 2, "token": MASK }));
            (0..3)
                .map(|_| {
                    let (mut sent, mut errors) = (sent.clone(), FieldErrors::new());
                    let started = std::time::Instant::now();
                    unmask(&mut sent, Some(&stored), &At::field("configuration"), &mut errors);
                    assert_eq!(sent["list"][length]["token"], "t", "it kept its place");
                    started.elapsed()
                })
                .min()
                .unwrap()
        };
        let (short, long) = (time(4_000), time(64_000));
        assert!(long < short * 100, "{short:?} for 4 000 entries, {long:?} for 64 000");
    }

    #[test]
    fn a_mask_without_a_stored_secret_is_an_error() {
        let stored = object(json!({ "token": "t", "list": [{ "id": 1, "secret": "one" }] }));
        for (sent, field) in [
            (json!({ "password": MASK }), "configuration.password"),
            (json!({ "deeper": { "token": MASK } }), "configuration.deeper.token"),
            (
                json!({ "list": [{ "id": 9, "secret": MASK }, { "id": 1, "secret": MASK }] }),
                "configuration.list[0].secret",
            ),
        ] {
            let (mut sent, mut errors) = (object(sent), FieldErrors::new());
            unmask(&mut sent, Some(&stored), &At::field("configuration"), &mut errors);
            let fields: Vec<&str> = errors.as_slice().iter().map(|error| error.field.as_str()).collect();
            assert_eq!(fields, [field]);
        }
    }
}
