//! `GET /metrics`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::{Api, Client};

/// Every sample by its name and labels, read as strictly as the text format asks (version 0.0.4).
fn samples(client: &Client) -> BTreeMap<String, f64> {
    let answer = client.with_key(None).get("/metrics");
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.text.ends_with('\n'));
    let mut families = BTreeSet::new();
    let mut samples = BTreeMap::new();
    for line in answer.text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let [kind, name, _] = comment.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
            assert!(kind == "HELP" || (kind == "TYPE" && families.insert(name.to_owned())), "{line}");
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(families.contains(family) || families.contains(name), "no TYPE before {line}");
        assert_eq!(sample.contains('{'), sample.ends_with('}'), "{line}");
        assert!(samples.insert(sample.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    samples
}

/// Sends a method that nobody has heard of, which the client library would not.
fn brew(client: &Client) {
    let mut connection = TcpStream::connect(client.base.strip_prefix("http://").unwrap()).unwrap();
    connection.write_all(b"BREW /pipeline/leads HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

both_databases! {
    /// Requests are counted by method, route and status, with their time; nothing in it names a tenant or a record.
    fn requests_are_counted_by_route(database) {
        let api = Api::start(database);
        for _ in 0..3 {
            api.acme.post("/pipeline/leads", &json!({ "title": "A lead" })).item(201);
        }
        for id in 1..=5 {
            api.acme.get(&format!("/pipeline/leads/{id}"));
        }
        api.acme.with_key(None).get("/pipeline/leads");
        for path in ["/nothing", "/nothing/here?key=secret", "/pipeline/lead"] {
            assert_eq!(api.acme.get(path).status, 404);
        }
        api.acme.send("PUT", "/pipeline/leads", &[], None);
        brew(&api.acme);
        let samples = samples(&api.acme);
        let requests = |method: &str, route: &str, status: u16| {
            let sample = format!("crm_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
            samples.get(&sample).copied().unwrap_or_default()
        };
        for (method, route, status, count) in [
            ("POST", "/pipeline/leads", 201, 3.0),
            ("GET", "/pipeline/leads/{id}", 200, 3.0),
            ("GET", "/pipeline/leads/{id}", 404, 2.0),
            ("GET", "/pipeline/leads", 401, 1.0),
            ("GET", "unmatched", 404, 3.0),
            ("PUT", "/pipeline/leads", 405, 1.0),
            ("other", "/pipeline/leads", 405, 1.0),
        ] {
            assert!((requests(method, route, status) - count).abs() < 0.5, "{method} {route} {status}: {samples:#?}");
        }
        let timed = |suffix: &str, more: &str| {
            samples[&format!("crm_http_request_duration_seconds_{suffix}{{method=\"GET\",route=\"/pipeline/leads/{{id}}\"{more}}}")]
        };
        assert!((timed("count", "") - 5.0).abs() < 0.5);
        assert!((timed("bucket", ",le=\"+Inf\"") - 5.0).abs() < 0.5);
        assert!(timed("sum", "") > 0.0);

        for sample in samples.keys() {
            assert!(!["acme", "crm_r", "secret", "nothing", "BREW"].iter().any(|word| sample.contains(word)), "{sample}");
        }
    }

    /// The executor of the database is counted too.
    fn the_database_is_counted(database) {
        let api = Api::start(database);
        let before = samples(&api.acme);
        for _ in 0..4 {
            api.acme.post("/pipeline/leads", &json!({ "title": "A lead" })).item(201);
        }
        let after = samples(&api.acme);
        let grew = |name: &str| after[name] - before[name];
        assert!(grew("crm_db_commits_total") > 3.5, "{after:#?}");
        assert!(grew("crm_db_jobs_total") > 3.5);
        assert!(after["crm_db_connections"] > 0.5 && after["crm_db_threads"] >= after["crm_db_connections"]);
        assert!(grew("crm_db_errors_total").abs() < 0.5 && grew("crm_db_refused_total").abs() < 0.5);
        assert!(after["crm_db_queued_jobs"].abs() < 0.5);
    }
}
