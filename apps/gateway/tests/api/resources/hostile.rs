//! Texts that break programs: stored as they came, or refused; never a 5xx, and the same on both databases
//! (security threats T40 to T55).

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api};

use super::{RESOURCES, prepare};

/// Stands where the hostile text goes.
const PLACE: &str = "HOSTILE";

enum Fate {
    /// It comes back byte for byte.
    Kept,
    /// The field is refused with this code.
    Refused(&'static str),
    /// The body is no JSON.
    Malformed,
}

use Fate::{Kept, Malformed, Refused};

/// Texts as JSON writes them, and what becomes of them in any field for texts.
const TEXTS: &[(&str, Fate)] = &[
    (r#""a\u0000b""#, Refused("invalid_characters")),
    (r#""\u0000a""#, Refused("invalid_characters")),
    (r#""a\u0001b""#, Refused("invalid_characters")),
    (r#""a\u001b[31mb""#, Refused("invalid_characters")),
    (r#""a\u007fb""#, Refused("invalid_characters")),
    (r#""a\u0085b""#, Refused("invalid_characters")),
    (r#""a\ud800b""#, Malformed),
    (r#""a\udc00b""#, Malformed),
    (r#""\ud83d\ud83d""#, Malformed),
    (r#""a\x00b""#, Malformed),
    ("\"a\nb\"", Malformed),
    (r#""\ud83d\ude00""#, Kept),
    ("\"\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{10ffff}\"", Kept),
    ("\"\u{202e}abc\u{202c} \u{5e9}\u{5dc}\u{5d5}\u{5dd}\"", Kept),
    ("\"e\u{301} \u{e9} \u{fb01} \u{130}\u{131} \u{1e9e}\"", Kept),
    ("\"\u{feff}a\u{ffff}\u{fffd}\"", Kept),
    (r#""a\tb\r\nc""#, Kept),
    (r#""a\\b\"c/d""#, Kept),
    (r#""<script>alert(1)</script>""#, Kept),
    (r#""'; DROP TABLE leads; --""#, Kept),
    (r#""%s%n{0}${jndi:ldap://127.0.0.1/a}""#, Kept),
    (r#""%00%_\\%""#, Kept),
    (r#""=1+1""#, Kept),
];

/// A body with this text, as JSON writes it, in each of these places.
fn body_with(full: &Value, pointers: &[&str], raw: &str) -> String {
    let mut body = full.clone();
    for pointer in pointers {
        *body.pointer_mut(pointer).unwrap() = json!(PLACE);
    }
    body.to_string().replace(&format!("\"{PLACE}\""), raw)
}

/// `/email/0/value` as a problem names it: `email[0].value`.
fn field_of(pointer: &str) -> String {
    let mut field = String::new();
    for part in pointer.split('/').skip(1) {
        match part.parse::<usize>() {
            Ok(index) => field.push_str(&format!("[{index}]")),
            Err(_) if field.is_empty() => field.push_str(part),
            Err(_) => field.push_str(&format!(".{part}")),
        }
    }
    field
}

#[track_caller]
fn assert_kept(api: &Api<'_>, made: &Answer, pointers: &[&str], sent: &str) {
    let read = api.acme.get(made.header("location"));
    for item in [made.item(201), read.item(200)] {
        for pointer in pointers {
            assert_eq!(item.pointer(pointer).unwrap().as_str(), Some(sent), "{pointer}");
        }
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, pointers: &[&str], code: &str) {
    let fields: Vec<String> = pointers.iter().map(|pointer| field_of(pointer)).collect();
    let expected: Vec<(&str, &str)> = fields.iter().map(|field| (field.as_str(), code)).collect();
    answer.refuses(&expected);
}

both_databases! {
    /// Every field for texts takes what a person can write, and refuses what no person does.
    fn a_text_is_stored_byte_for_byte_or_refused(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let all = resource.texts.iter().map(|(pointer, _)| *pointer);
            // What the form must be asked for is checked when the rest of the body is right.
            let (custom, own): (Vec<&str>, Vec<&str>) = all.partition(|pointer| pointer.starts_with("/customFields"));
            for (raw, fate) in TEXTS {
                for pointers in [&own, &custom] {
                    let body = body_with(&(resource.full)(), pointers, raw);
                    let answer = api.acme.send("POST", resource.path, &[], Some(&body));
                    match fate {
                        Kept => assert_kept(&api, &answer, pointers, &serde_json::from_str::<String>(raw).unwrap()),
                        Refused(code) => assert_refused(&answer, pointers, code),
                        Malformed => drop(answer.problem(400, "malformed_json")),
                    }
                }
            }
        }
    }

    /// A field holds as many characters as the contract says, however many bytes they are, and not one more.
    fn lengths_count_characters(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let post = |body: String| api.acme.send("POST", resource.path, &[], Some(&body));
            let full = (resource.full)();
            for (pointer, limit) in resource.texts {
                let longest = "\u{1f600}".repeat(*limit);
                let made = post(body_with(&full, &[pointer], &json!(longest).to_string()));
                assert_kept(&api, &made, &[pointer], &longest);
                let too_long = json!(format!("{longest}y")).to_string();
                assert_refused(&post(body_with(&full, &[pointer], &too_long)), &[pointer], "too_long");
            }
            let long_page = format!("example.com/{}", "\u{1f600}".repeat(2_036));
            for pointer in resource.strict.iter().filter(|pointer| ["/website", "/linkedin"].contains(pointer)) {
                assert_kept(&api, &post(body_with(&full, &[pointer], &json!(long_page).to_string())), &[pointer], &long_page);
            }
        }
    }

    /// Fields with rules of their own refuse all of it.
    fn a_text_with_rules_refuses_what_breaks_them(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let full = (resource.full)();
            for pointer in resource.strict {
                for (raw, _) in TEXTS {
                    let answer = api.acme.send("POST", resource.path, &[], Some(&body_with(&full, &[pointer], raw)));
                    assert_eq!(answer.status, 400, "{pointer} {raw}: {}", answer.text);
                }
            }
            for key in [r"a\u0000b", "", "__proto__", r"\ud83d\ude00", "a.b", "' OR 1=1"] {
                let body = format!("{{\"{}\":\"x\",\"customFields\":{{\"{key}\":\"1\"}}}}", resource.text);
                api.acme.send("POST", resource.path, &[], Some(&body)).problem(400, "validation_failed");
                let body = format!("{{\"{}\":\"x\",\"{key}\":\"1\"}}", resource.text);
                api.acme.send("POST", resource.path, &[], Some(&body)).problem(400, "validation_failed");
            }
        }
    }

    /// Filters find what has such a text, literally, or refuse it.
    fn a_filter_takes_a_text_literally_or_refuses_it(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            for text in ["100%", "under_score", r"back\slash", "a,b", "o'hara", "\u{1f600}", "\u{202e}x"] {
                api.acme.post(resource.path, &json!({ resource.text: text })).item(201);
            }
            for (filter, found) in [
                ("%25", 1), ("_", 1), ("%5C", 1), ("a%2Cb", 1), ("o%27h", 1), ("%F0%9F%98%80", 1), ("%E2%80%AE", 1),
                ("%25%25", 0), ("a_b", 0), ("%27%20OR%201=1--", 0), ("UNDER_SCORE", 1),
            ] {
                let list = api.acme.get(&format!("{}?{}={filter}", resource.path, resource.text));
                assert_eq!(list.items().len(), found, "{}={filter}", resource.text);
            }
            for name in resource.text_filters {
                for (value, code) in [
                    ("%00", "validation_failed"), ("a%00b", "validation_failed"), ("%01", "validation_failed"),
                    ("%7F", "validation_failed"), ("%FF", "malformed_query"), ("%ED%A0%80", "malformed_query"),
                    ("%C0%80", "malformed_query"), ("%F0%9F", "malformed_query"),
                ] {
                    api.acme.get(&format!("{}?{name}={value}", resource.path)).problem(400, code);
                }
                for value in ["%F0%9F%98%80", "%25", "%5C", "%27", "%22", "%3B--", "a%0D%0Ab", "%", "%zz", "%EF%BF%BF", "*", "\"", "("] {
                    let value = value.replace('"', "%22");
                    let list = api.acme.get(&format!("{}?{name}={value}", resource.path));
                    assert_eq!(list.status, 200, "{name}={value}: {}", list.text);
                }
                let longest = "%F0%9F%98%80".repeat(255);
                assert_eq!(api.acme.get(&format!("{}?{name}={longest}", resource.path)).status, 200, "{name}: 255 characters");
            }
        }
    }

    /// An amount is exact or refused, whatever its spelling.
    fn an_amount_is_exact_or_refused(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            for pointer in resource.money {
                let field = format!("{}.amount", field_of(pointer));
                let send = |amount: &str| {
                    let money = format!("{{\"amount\":{amount},\"code\":\"USD\"}}");
                    api.acme.send("POST", resource.path, &[], Some(&body_with(&(resource.full)(), &[pointer], &money)))
                };
                for (sent, kept) in [
                    ("0", "0"), ("-0", "0"), ("0.1", "0.1"), ("10.10", "10.1"), ("1e3", "1000"), ("1.5E-3", "0.0015"),
                    ("0.30000000000000000000", "0.3"), ("99999999999999.9999", "99999999999999.9999"),
                    ("-99999999999999.9999", "-99999999999999.9999"), ("9007199254740.9931", "9007199254740.9931"),
                ] {
                    let made = send(sent);
                    let amount = made.item(201).pointer(&format!("{pointer}/amount")).unwrap().to_string();
                    assert_eq!(amount, kept, "{sent}");
                    let read = api.acme.get(made.header("location"));
                    assert_eq!(read.body["item"], made.body["item"], "{sent}");
                }
                for refused in [
                    "1e14", "100000000000000", "-100000000000000", "0.00001", "1e-5", "1e400", "-1e400", "1e308", "1e999999999",
                    "1e-999999999", "123456789012345678901234567890", "0.300000000000000000000000000001",
                ] {
                    send(refused).refuses(&[(field.as_str(), "invalid_amount")]);
                }
                for malformed in ["NaN", "Infinity", "-", "1.", ".5", "01", "+1", "1_000", "0x10"] {
                    send(malformed).problem(400, "malformed_json");
                }
                for wrong in ["\"1\"", "[1]", "true"] {
                    send(wrong).refuses(&[(field.as_str(), "wrong_type")]);
                }
            }
        }
    }
}
