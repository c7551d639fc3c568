//! What a client's lengths may cost: an answer of at most 64 KiB, a moment, and memory that is bounded.

use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api};

/// The longest refusal.
const LONGEST: usize = 64 * 1024;
/// What no request takes, of a debug build on a busy machine. What it is for took seconds, or never ended, optimised.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that is long, and where it is sent.
struct Hostile {
    why: &'static str,
    method: &'static str,
    path: &'static str,
    body: String,
    code: &'static str,
}

/// So many entries of a JSON list or members of an object.
fn many(count: usize, entry: impl Fn(usize) -> String) -> String {
    (0..count).map(entry).collect::<Vec<_>>().join(",")
}

fn dropdown(options: &str) -> String {
    format!(r#"{{"label":"F","category":"custom","type":"dropdown","options":[{options}]}}"#)
}

fn hostile() -> Vec<Hostile> {
    let form = |count: usize| {
        let options = many(500, |_| r#"{"a":0}"#.to_owned());
        format!(r#"{{"fields":[{}]}}"#, many(count, |_| dropdown(&options)))
    };
    let edges = many(1_000, |_| r#"{"source":"\u0001","target":0,"data":{"authorizedUsers":["x"]}}"#.to_owned());
    let rows = [
        ("the options of a form", "PUT", "/pipeline/forms/opportunities", form(40), "validation_failed"),
        ("more options than a body has values", "PUT", "/pipeline/forms/opportunities", form(200), "malformed_json"),
        (
            "unknown members",
            "POST",
            "/pipeline/leads",
            format!("{{{}}}", many(80_000, |n| format!(r#""m{n}":0"#))),
            "validation_failed",
        ),
        (
            "a member's name",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"{}":0}}"#, "k".repeat(1_000_000)),
            "validation_failed",
        ),
        (
            "a name of control characters",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"{}":0}}"#, r"\u0001".repeat(170_000)),
            "validation_failed",
        ),
        (
            "a name that stands twice",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"{0}":0,"{0}":1}}"#, "k".repeat(500_000)),
            "malformed_json",
        ),
        (
            "tags in a text",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"title":"a","tags":"{}"}}"#, ",".repeat(1_000_000)),
            "validation_failed",
        ),
        (
            "tags in a list",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"title":"a","tags":[{}]}}"#, many(20_000, |_| r#"{"x":1}"#.to_owned())),
            "validation_failed",
        ),
        (
            "custom fields",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"title":"a","customFields":{{{}}}}}"#, many(60_000, |n| format!(r#""f{n}":{n}"#))),
            "validation_failed",
        ),
        (
            "participants",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"title":"a","participants":[{}]}}"#, many(100, |_| "7".to_owned())),
            "validation_failed",
        ),
        (
            "addresses",
            "POST",
            "/directory/contacts",
            format!(
                r#"{{"name":"a","email":[{}]}}"#,
                many(20, |_| format!("{{{}}}", many(1_000, |n| format!(r#""m{n}":0"#))))
            ),
            "validation_failed",
        ),
        (
            "ids",
            "POST",
            "/pipeline/bulk-actions",
            format!(r#"{{"entity":"lead","action":"delete","ids":[{}]}}"#, many(1_000, |_| "\"x\"".to_owned())),
            "validation_failed",
        ),
        (
            "edges of a workflow",
            "POST",
            "/cases/types/cases",
            format!(r#"{{"label":"a","workflow":{{"status":[0],"transition":[{edges}]}}}}"#),
            "validation_failed",
        ),
        (
            "sources of a merge",
            "POST",
            "/directory/contacts/1/merge",
            format!(r#"{{"sourceId":[{}]}}"#, many(100_000, |n| n.to_string())),
            "validation_failed",
        ),
        (
            "digits of a number",
            "POST",
            "/pipeline/leads",
            format!(r#"{{"title":"a","value":{{"amount":{},"code":"USD"}}}}"#, "9".repeat(1_000_000)),
            "validation_failed",
        ),
    ];
    rows.into_iter().map(|(why, method, path, body, code)| Hostile { why, method, path, body, code }).collect()
}

/// Sends it, and checks how long the answer is and how long it took.
#[track_caller]
fn bounded(why: &str, send: impl FnOnce() -> Answer) -> Answer {
    let began = Instant::now();
    let answer = send();
    assert!(began.elapsed() < PATIENCE, "{why}: {:?}", began.elapsed());
    assert!(answer.text.len() <= LONGEST, "{why}: {} bytes", answer.text.len());
    answer
}

fn fields(answer: &Answer) -> Vec<&str> {
    answer.body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

both_databases! {
    /// Whatever is long: the answer is short, comes soon, and is kept as short as it is.
    fn a_refusal_is_short_and_soon_whatever_was_sent(database) {
        let api = Api::start(database);
        for (number, Hostile { why, method, path, body, code }) in hostile().into_iter().enumerate() {
            let key = number.to_string();
            let send = || api.acme.send(method, path, &[("Idempotency-Key", &key)], Some(&body));
            let answer = bounded(why, send);
            answer.problem(400, code);
            assert_eq!(bounded(why, send).text.len(), answer.text.len(), "{why}: the repeat");
        }
    }

    /// A hundred problems are told and no more; a path has 200 characters, and one more is cut.
    fn a_refusal_tells_of_a_hundred_problems(database) {
        let api = Api::start(database);
        let unknown = |count: usize| format!(r#"{{"title":"a",{}}}"#, many(count, |n| format!(r#""m{n}":0"#)));
        for (count, told, detail) in [
            (99, 99, "99 fields or parameters are not valid."),
            (100, 100, "100 fields or parameters are not valid, if not more: these are the first."),
            (101, 100, "100 fields or parameters are not valid, if not more: these are the first."),
        ] {
            let answer = api.acme.send("POST", "/pipeline/leads", &[], Some(&unknown(count)));
            answer.problem(400, "validation_failed");
            assert_eq!((fields(&answer).len(), answer.body["detail"].as_str()), (told, Some(detail)));
            assert_eq!(fields(&answer)[98], "m98");
        }
        for (length, expected) in [(200, "é".repeat(200)), (201, format!("{}…", "é".repeat(199)))] {
            let body = format!(r#"{{"title":"a","{}":0}}"#, "é".repeat(length));
            let answer = api.acme.send("POST", "/pipeline/leads", &[], Some(&body));
            answer.refuses(&[(&expected, "unknown_field")]);
        }
    }

    /// A query string has at most 100 parameters, on a route, on one without a key, and where there is none.
    fn a_query_string_has_a_hundred_parameters(database) {
        let api = Api::start(database);
        let nobody = api.acme.with_key(None);
        for (client, path, code) in [
            (&api.acme, "/pipeline/leads", "validation_failed"),
            (&nobody, "/healthz", "validation_failed"),
            (&nobody, "/openapi.json", "validation_failed"),
            (&nobody, "/nowhere", "unknown_route"),
            (&nobody, "/pipeline/leads/1/convert", "method_not_allowed"),
        ] {
            let get = |count: usize| bounded(path, || client.get(&format!("{path}?{}", many(count, |n| format!("m{n}")).replace(',', "&"))));
            let within = get(100);
            assert_eq!(within.body["code"], code, "{path}: {}", within.text);
            if code == "validation_failed" {
                assert_eq!(fields(&within).len(), 100, "{path}");
            }
            // A client of this kind takes no URL over 64 KiB.
            for count in [101, 9_000] {
                get(count).problem(400, "malformed_query");
            }
        }
        let repeated = bounded("repeated", || nobody.get(&format!("/healthz?{}", vec!["a=1"; 100].join("&"))));
        assert_eq!(fields(&repeated).len(), 100);
    }

    /// Other fields on a form each time, and values in all of them: what a record keeps does not grow without end, and no
    /// form takes longer than the one before.
    fn fields_that_are_off_a_form_are_counted(database) {
        let api = Api::start(database);
        let lead = api.acme.post("/pipeline/leads", &json!({ "title": "a" })).header("location").to_owned();
        let ids = |round: usize| (0..199).map(move |number| format!("f{round}_{number}"));
        let put = |round: usize| {
            let field = |id: String| json!({ "id": id, "label": "F", "category": "custom", "type": "text" });
            let body = json!({ "fields": ids(round).map(field).collect::<Vec<_>>() });
            bounded("a form", || api.acme.put("/pipeline/forms/opportunities", &body))
        };
        let fill = |round: usize| {
            let values: serde_json::Map<String, Value> = ids(round).map(|id| (id, json!("x"))).collect();
            api.acme.patch(&lead, &json!({ "customFields": values })).item(200);
        };
        for round in 0..2 {
            assert_eq!(put(round).status, 200);
            fill(round);
        }
        for _ in 0..3 {
            put(2).refuses(&[("fields", "too_many")]);
        }
        assert_eq!(put(0).status, 200, "those that have values can come back");
        api.acme.patch(&lead, &json!({ "customFields": null })).item(200);
        assert_eq!(put(2).status, 200, "what was cleared is no longer counted");
    }
}

/// How much memory the gateway has taken at most, and takes, in KiB.
fn memory(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (of("VmHWM"), of("VmRSS"))
}

both_databases! {
    /// No body takes more than 64 MiB, be it refused early or late, or taken.
    fn a_body_takes_64_mib_of_memory(database) {
        let mut api = Api::start(database);
        let node = r#"{"id":"a","data":{"label":"a"}}"#;
        let case_type = |extra: &str| format!(r#"{{"label":"a","workflow":{{"status":[{node}],"extra":{extra}}}}}"#);
        let deep = |levels: usize| format!("{}0{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let right = [
            ("numbers", format!("[{}]", many(249_000, |_| "0".to_owned()))),
            ("lists", format!("[{}]", many(22_000, |_| "[0]".to_owned()))),
            ("objects", format!("[{}]", many(22_000, |_| r#"{"a":0}"#.to_owned()))),
            ("deep objects", format!("[{}]", many(400, |_| deep(58)))),
            ("a long text", format!("\"{}\"", "x".repeat(1_000_000))),
        ];
        let wrong = [
            ("numbers", format!("[{}]", many(500_000, |_| "0".to_owned()))),
            ("lists", format!("[{}]", many(250_000, |_| "[0]".to_owned()))),
            ("objects", format!("[{}]", many(125_000, |_| r#"{"a":0}"#.to_owned()))),
        ];
        let bodies = right.map(|row| (row, 201)).into_iter().chain(wrong.map(|row| (row, 400)));
        for (number, ((why, extra), status)) in bodies.enumerate() {
            // A new process: what one has taken at most stays the most.
            api = api.restart();
            // It is written after the start, and not beside what is measured.
            assert_eq!(api.acme.get("/openapi.json").status, 200);
            api.acme.post("/pipeline/leads", &json!({ "title": "a" })).item(201);
            // From here on: writing that document has taken more once.
            std::fs::write(format!("/proc/{}/clear_refs", api.serving.id()), "5").unwrap();
            let (_, before) = memory(api.serving.id());
            let body = case_type(&extra).replacen("\"a\"", &format!("\"type {number}\""), 1);
            let answer = api.acme.send("POST", "/cases/types/cases", &[], Some(&body));
            assert_eq!(answer.status, status, "{why}: {}", &answer.text[..answer.text.len().min(500)]);
            let (most, _) = memory(api.serving.id());
            let taken = most.saturating_sub(before);
            assert!(taken <= 64 * 1024, "{why}: {taken} KiB");
        }
    }
}
