//! Configurations and query strings that are long, or long in a way that is dear to compare: see `surface/lengths.rs`.

use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::Answer;
use crate::setup::{ACME, Admin, LIST, ROOT, SECRET, make_tenant, minimal, refused, start};

/// What no request takes, of a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

#[track_caller]
fn soon(send: impl FnOnce() -> Answer) -> Answer {
    let began = Instant::now();
    let answer = send();
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert!(answer.status < 400 || answer.text.len() <= 64 * 1024, "{} bytes", answer.text.len());
    answer
}

both_databases! {
    /// A name of 300 000 characters over 60 000 texts that are refused: a path for each would be 18 GB.
    fn a_refused_configuration_is_told_of_shortly(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        for (name, texts) in [(300_000, 60_000), (100_000, 5_000), (1, 100_000)] {
            let mut body = minimal("long");
            body["configuration"] = json!({ "k".repeat(name): vec!["\u{7f}"; texts] });
            let answer = soon(|| admin.post(ROOT, &body));
            let details = refused(&answer, 400, "VALIDATION_ERROR");
            let (problems, path) = (details.split("; ").count(), details.split(": ").nth(1).unwrap());
            assert_eq!(problems, 100, "{name} × {texts}");
            assert!(path.chars().count() < 300, "{path}");
        }
        assert_eq!(admin.get(LIST).status, 200, "it lives");
        let mappings = vec![json!({ "x": 0 }); 1_000];
        let mut body = minimal("long");
        body["configuration"] = json!({ "fieldMappings": mappings });
        let answer = soon(|| admin.post(ROOT, &body));
        assert_eq!(refused(&answer, 400, "VALIDATION_ERROR").split("; ").count(), 100);
    }

    /// As many entries as a configuration holds, all of them alike, against as many stored, and one with a secret.
    fn masks_are_compared_soon(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let configuration = |entry: serde_json::Value, id: u8, token: &str| {
            let mut list = vec![entry; 7_900];
            list.push(json!({ "id": id, "token": token }));
            json!({ "list": list })
        };
        let mut body = minimal("masks");
        body["configuration"] = configuration(json!({ "a": 1 }), 1, "hush");
        let made = soon(|| admin.post(ROOT, &body));
        assert_eq!(made.status, 201, "{}", &made.text[..made.text.len().min(500)]);
        let path = made.header("location").to_owned();
        for (entry, id) in [(json!({ "a": 1 }), 1), (json!({ "a": 2 }), 1), (json!({ "a": 2 }), 2)] {
            let patch = json!({ "configuration": configuration(entry, id, "********") });
            let changed = soon(|| admin.patch(&path, &patch));
            assert_eq!(changed.status, 200, "{}", &changed.text[..changed.text.len().min(500)]);
            assert_eq!(changed.body["data"]["configuration"]["list"][7_900], json!({ "id": id, "token": "********" }));
        }
    }

    fn a_query_string_has_a_hundred_parameters(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        for path in [LIST, "/api/v1/ticketing/nowhere"] {
            let get = |count: usize| {
                let query: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
                soon(|| admin.get(&format!("{path}?{}", query.join("&"))))
            };
            assert_ne!(get(100).body["error"]["code"], "INVALID_REQUEST");
            for count in [101, 9_000] {
                refused(&get(count), 400, "INVALID_REQUEST");
            }
        }
    }
}
