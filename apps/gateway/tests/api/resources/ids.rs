//! An id has one spelling.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;

use super::{RESOURCES, make, prepare};

/// What a lax parser would take for 1 or for another number, percent-encoded.
const ALIASES: &[(&str, &str)] = &[
    ("%2B1", "a sign"),
    ("+1", "a sign"),
    ("-1", "below 1"),
    ("0", "below 1"),
    ("01", "a leading zero"),
    ("1.0", "a decimal"),
    ("1e0", "an exponent"),
    ("0x1", "hexadecimal"),
    ("1_000", "a Rust literal"),
    ("%EF%BC%91", "a full-width digit"),
    ("%D9%A1", "an Arabic digit"),
    ("1%00", "NUL"),
    ("1%0A", "a line end"),
    ("9223372036854775808", "beyond 64 bits"),
    ("18446744073709551617", "1 after an overflow"),
    ("1000000000000000000000000000000000000000000000000", "far beyond"),
    ("null", "a word"),
    ("1%FF", "no UTF-8"),
];

both_databases! {
    /// In a path everything else names no record.
    fn an_alias_in_a_path_is_404(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            // The references that were made: without an alias it is found.
            let found = if resource.path.starts_with("/directory") { 200 } else { 404 };
            assert_eq!(api.acme.get(&format!("{}/1", resource.path)).status, found);
            for (alias, why) in ALIASES.iter().chain(&[("%201", "a space"), ("1%20", "a space"), ("1%2C2", "a list")]) {
                let path = format!("{}/{alias}", resource.path);
                for (method, body) in [("GET", None), ("PATCH", Some("{}")), ("DELETE", None)] {
                    let answer = api.acme.send(method, &path, &[], body);
                    assert_eq!(answer.status, 404, "{method} {path}: {why}: {}", answer.text);
                }
                for (method, action, body) in resource.actions {
                    let answer = api.acme.send(method, &format!("{path}{action}"), &[], Some(&body().to_string()));
                    assert_eq!(answer.status, 404, "{method} {path}{action}: {why}: {}", answer.text);
                }
            }
        }
    }

    /// In a filter it is told. White space around an entry is none of it, which a plus sign is too, unless encoded.
    fn an_alias_in_a_filter_is_400(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            for (filter, _) in resource.id_filters {
                for (alias, why) in ALIASES.iter().filter(|(alias, _)| !["+1", "1%0A"].contains(alias)) {
                    for value in [(*alias).to_owned(), format!("1,{alias}")] {
                        let answer = api.acme.get(&format!("{}?{filter}={value}", resource.path));
                        assert_eq!(answer.status, 400, "{filter}={value}: {why}: {}", answer.text);
                    }
                }
                let answer = api.acme.get(&format!("{}?{filter}=1,,2", resource.path));
                answer.refuses(&[(filter, "invalid_id")]);
                assert_eq!(api.acme.get(&format!("{}?{filter}=1,%202", resource.path)).status, 200, "blanks around");
            }
        }
    }

    /// In a body a string or a number is an id, and nothing else is.
    fn an_alias_in_a_body_is_400(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let wrong: [Value; 13] = [
            json!("+1"), json!("01"), json!("1.0"), json!(" 1"), json!("\u{ff11}"), json!("9223372036854775808"),
            json!(""), json!(0), json!(-1), json!(1.0), json!(true), json!(["1"]), json!({ "id": "1" }),
        ];
        let huge: Value = serde_json::from_str("9223372036854775808").unwrap();
        for resource in RESOURCES {
            for &(member, _) in resource.references {
                for value in wrong.iter().chain([&huge]) {
                    let body = json!({ resource.text: "Alpha", member: value });
                    api.acme.post(resource.path, &body).refuses(&[(member, "invalid_id")]);
                }
                let as_number = api.acme.post(resource.path, &json!({ resource.text: "Alpha", member: 1 }));
                assert_eq!(as_number.item(201)[member], "1", "a number is an id on input, a string on output");
                let object = member.strip_suffix("Id").unwrap();
                let as_object = api.acme.post(resource.path, &json!({ resource.text: "Alpha", object: { "id": "1", "name": "x" } }));
                assert_eq!(as_object.item(201)[member], "1", "an object with an id will do");
                let both = json!({ resource.text: "Alpha", member: "1", object: { "id": "2" } });
                api.acme.post(resource.path, &both).refuses(&[(object, "conflicting")]);
            }
            if resource.actions.iter().any(|(_, action, _)| *action == "/merge") {
                let target = make(&api.acme, resource, "Target");
                let path = format!("{}/{target}/merge", resource.path);
                for value in &wrong {
                    api.acme.post(&path, &json!({ "sourceId": ["2", value] })).refuses(&[("sourceId[1]", "invalid_id")]);
                }
                let itself = api.acme.post(&path, &json!({ "sourceId": ["2", target] }));
                assert_eq!(itself.status, 400, "{}", itself.text);
                let unknown = api.acme.post(&path, &json!({ "sourceId": ["2", "888888", "999999"] }));
                unknown.problem(404, "not_found");
                let detail = unknown.body["detail"].as_str().unwrap();
                assert!(detail.contains("888888") && detail.contains("999999"), "it names all of them: {detail}");
                assert_eq!(api.acme.get(&format!("{}/2", resource.path)).status, 200, "nothing was merged");
            }
        }
    }
}
