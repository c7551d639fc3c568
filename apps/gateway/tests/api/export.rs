//! `GET …/export`: a list as a file.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};
use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client, Keys};
use crate::process::stdout;
use crate::raw;
use crate::resources::RESOURCES;

const SAFE: &str = "/directory/contacts/export?fields=name,note";

/// As many leads as several parts have.
const LEADS: usize = 2_345;

fn fill(database: &TestDatabase) {
    let leads = LEADS.to_string();
    let sizes = ["--organizations", "5", "--contacts", "5", "--leads", &leads, "--cases", "5"];
    let demo = ["demo", "--tenant", "acme", "--seed", "1"];
    stdout(database, &demo.into_iter().chain(sizes).collect::<Vec<_>>());
}

#[track_caller]
fn lines(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text.lines().collect()
}

/// The ids that a list shows, page by page.
fn listed(client: &Client, list: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = list.to_owned();
    loop {
        let answer = client.get(&path);
        ids.extend(answer.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(token) = answer.body["continuationToken"].as_str() else { return ids };
        path = format!("{list}&continuationToken={token}");
    }
}

/// The `export` of a resource with a query.
fn exported(client: &Client, path: &str, query: &str) -> Answer {
    client.get(&format!("{path}/export?{query}"))
}

/// The body of an answer whose bytes are these, out of its chunks.
fn dechunked(answer: &str) -> String {
    let mut rest = answer.split_once("\r\n\r\n").unwrap().1;
    let mut body = String::new();
    loop {
        let (length, chunk) = rest.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body.push_str(&chunk[..length]);
        rest = &chunk[length + 2..];
    }
}

both_databases! {
    /// All that match come, each once, in the list's order, in every format.
    fn an_export_is_the_whole_list(database) {
        let api = Api::start(database);
        fill(database);
        for query in ["sort=asc", "sort=desc&orderBy=title", "isArchived=true", "title=cloud&orderBy=lastUpdatedOn", "title=qqqq"] {
            let expected = listed(&api.acme, &format!("/pipeline/leads?size=200&{query}"));
            let csv = exported(&api.acme, "/pipeline/leads", &format!("{query}&fields=id"));
            let found = lines(&csv);
            assert_eq!((found[0], &found[1..]), ("id", &expected.iter().map(String::as_str).collect::<Vec<_>>()[..]), "{query}");
            let json = exported(&api.acme, "/pipeline/leads", &format!("{query}&format=ndjson"));
            let ids: Vec<String> = lines(&json)
                .iter()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(ids, expected, "{query}");
        }
        let whole = exported(&api.acme, "/pipeline/leads", "");
        assert_eq!(whole.header("content-type"), "text/csv; charset=utf-8");
        let disposition = whole.header("content-disposition");
        assert!(disposition.starts_with("attachment; filename=\"leads-20") && disposition.ends_with(".csv\""), "{disposition}");
        let workbook = exported(&api.acme, "/pipeline/leads", "format=xlsx&fields=id,value.amount");
        assert!(workbook.text.starts_with("PK"), "a zip");
        assert!(workbook.header("content-disposition").ends_with(".xlsx\""));
        let head = api.acme.head("/pipeline/leads/export");
        assert_eq!((head.status, head.header("content-disposition"), &*head.text), (200, disposition, ""));
    }

    /// Each member of a record is in a column, so that nothing stays behind.
    fn a_record_is_exported_whole(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            let path = resource.path;
            let made = api.acme.post(path, &json!({ resource.text: "Mine" }));
            let record = made.item(201);
            let header = exported(&api.acme, path, "");
            let columns: Vec<&str> = lines(&header)[0].split(',').collect();
            for member in record.as_object().unwrap().keys().filter(|name| !matches!(name.as_str(), "tenantId" | "customFields")) {
                let parts = format!("{member}.");
                let has = columns.iter().any(|column| column == member || column.starts_with(&parts));
                assert!(has, "{path}: {member} is in no column of {columns:?}: give it one in crates/crm-exchange/src/own.rs");
            }
            let line = exported(&api.acme, path, "format=ndjson");
            let mut exported: Value = serde_json::from_str(&line.text).unwrap();
            let mut expected = record.clone();
            expected.as_object_mut().unwrap().remove("tenantId");
            // By which what only ids lead to is found in another tenant.
            for name in ["pipeline", "caseType"] {
                exported.as_object_mut().unwrap().remove(name);
            }
            assert_eq!(exported, expected, "{path}");
        }
    }

    /// What can be chosen, and what is refused.
    fn a_file_is_as_it_was_asked_for(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let phone = json!([{ "label": "Work", "value": "+49 89 1" }, { "label": "Home", "value": "5" }]);
        acme.post("/directory/contacts", &json!({ "name": "=1+1", "phone": phone, "note": "-5" })).item(201);
        assert_eq!(lines(&acme.get(SAFE)), ["name,note", "=1+1,-5"]);
        assert_eq!(lines(&acme.get(&format!("{SAFE}&excelSafe=true"))), ["name,note", "'=1+1,-5"]);
        assert_eq!(acme.get(&format!("{SAFE}&bom=true")).text, "\u{feff}name,note\r\n=1+1,-5\r\n");
        let labels = acme.get("/directory/contacts/export?fields=phone.work,Job%20title,createdOn&headers=label");
        assert_eq!(lines(&labels)[0], "Phone (work),Job title,Created on");
        assert!(lines(&labels)[1].starts_with("+49 89 1,,20"), "{}", labels.text);
        let some = acme.get("/directory/contacts/export?format=ndjson&fields=name,phone.home,owner.email");
        let expected = json!({ "name": "=1+1", "phone": [{ "label": "Home", "value": "5", "primary": false }], "owner": { "email": null } });
        assert_eq!(serde_json::from_str::<Value>(&some.text).unwrap(), expected);
        assert_eq!(lines(&acme.get("/directory/contacts/export?name=nobody&fields=id")), ["id"], "the header alone");

        for (query, field, code) in [
            ("fields=nmae", "fields", "unknown_field"),
            ("fields=name,Name", "fields", "duplicate"),
            ("format=pdf", "format", "invalid_value"),
            ("headers=both", "headers", "invalid_value"),
            ("size=5", "size", "unknown_field"),
            ("continuationToken=x", "continuationToken", "unknown_field"),
        ] {
            acme.get(&format!("/directory/contacts/export?{query}")).refuses(&[(field, code)]);
        }
        let accepting = |range: &str| acme.send("GET", SAFE, &[("Accept", range)], None);
        for range in ["text/csv", "text/*", "application/x-ndjson", "application/json", "image/png, */*;q=0.1"] {
            assert_eq!(accepting(range).status, 200, "{range}");
        }
        accepting("text/plain").problem(406, "not_acceptable");
        acme.send("GET", "/directory/contacts", &[("Accept", "text/csv")], None).problem(406, "not_acceptable");
    }

    /// A client that takes gzip gets it, and a workbook as it is.
    fn an_export_is_compressed_on_its_way(database) {
        let api = Api::start(database);
        fill(database);
        let get = |query: &str| {
            let request = ureq::http::Request::get(format!("{}/pipeline/leads/export?{query}", api.serving.url))
                .header("Ocp-Apim-Subscription-Key", &api.acme.keys.secondary)
                .header("Accept-Encoding", "gzip");
            let mut response = ureq::run(request.body(()).unwrap()).unwrap();
            let coding = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
            (coding.unwrap_or_default(), response.body_mut().read_to_vec().unwrap())
        };
        let (coding, bytes) = get("format=csv");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        assert_eq!((&*coding, text), ("gzip", exported(&api.acme, "/pipeline/leads", "format=csv").text));
        let (coding, bytes) = get("format=xlsx");
        assert!(coding.is_empty() && bytes.starts_with(b"PK"), "{coding}");
    }

    /// A client that does not read costs a part and no thread; its export goes on when it does, unless its key was taken
    /// away meanwhile. One that hangs up ends it.
    fn who_does_not_read_costs_nothing(database) {
        let api = Api::start(database);
        fill(database);
        // More than sockets hold.
        let long = diesel::sql_query(match database.kind() {
            crm_core::BackendKind::Postgres => "UPDATE leads SET note = $1",
            crm_core::BackendKind::Sqlite => "UPDATE leads SET note = ?",
        });
        long.bind::<Text, _>("x".repeat(9_000)).execute(&mut database.connect()).unwrap();
        let begin = |key: &str| {
            let mut stream = raw::connect(&api.serving.url);
            let head = format!("GET /pipeline/leads/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOcp-Apim-Subscription-Key: {key}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream
        };
        let metric = |name: &str| {
            let text = api.acme.get("/metrics").text;
            let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_default().to_owned();
            line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let mut reading = begin(&api.acme.keys.secondary);
        let mut losing = begin(&api.acme.keys.primary);
        let hanging_up = begin(&api.acme.keys.primary);
        std::thread::sleep(Duration::from_millis(1_500));
        // The gateway looks by itself now and then what there is to deliver or to import.
        let is_idle = |_| {
            std::thread::sleep(Duration::from_millis(20));
            metric("crm_db_busy_threads") == 0
        };
        assert!((0..50).any(is_idle), "no thread waits for them");
        let unread = metric("crm_http_unread_bytes");
        assert!((1..=3 * 12 * 1024 * 1024).contains(&unread), "{unread} bytes for three");
        drop(hanging_up);

        stdout(database, &["keys", "rotate", "--tenant", "acme", "--which", "primary", "--json"]);
        let cut = raw::rest(&mut losing);
        assert!(!cut.ends_with("\r\n0\r\n\r\n"), "the rest is not sent to a key that is gone");
        let whole = raw::rest(&mut reading);
        assert!(whole.ends_with("\r\n0\r\n\r\n"), "its last chunk");
        assert_eq!(dechunked(&whole).matches("xxxx,").count(), LEADS, "each lead, however long it took");
        let until = Instant::now() + Duration::from_secs(10);
        let read_only = api.acme.read_only();
        while read_only.get("/metrics").text.lines().any(|line| line.starts_with("crm_http_unread_bytes ") && !line.ends_with(" 0")) {
            assert!(Instant::now() < until, "what was held for clients that are gone is let go");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Tenants do not see each other's records, in no format.
#[test]
fn an_export_is_of_one_tenant() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let other = Client::new(&api.serving.url, Keys::of_new_tenant(&database, "umbrella"));
    other.post("/directory/contacts", &json!({ "name": "Theirs" })).item(201);
    api.acme.post("/directory/contacts", &json!({ "name": "Ours" })).item(201);
    let names: BTreeSet<String> = lines(&exported(&api.acme, "/directory/contacts", "fields=name"))
        .iter()
        .map(|line| (*line).to_owned())
        .collect();
    assert_eq!(names, ["Ours".to_owned(), "name".to_owned()].into());
}
