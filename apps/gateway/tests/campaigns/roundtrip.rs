//! What is exported of one database and imported into another is the same, field by field; and once more nothing changes.

use std::collections::BTreeMap;
use std::path::Path;

use crm_core::BackendKind;
use crm_forms::FieldType;
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::client::{Client, Keys};
use crate::process::{Serving, gateway, stdout};
use crate::settings::{Random, alone, figure, rounds};

/// The kinds of records in the order in which they refer to each other: each with its list.
const KINDS: [(&str, &str); 5] = [
    ("organization", "/directory/organizations"),
    ("contact", "/directory/contacts"),
    ("lead", "/pipeline/leads"),
    ("opportunity", "/pipeline/opportunities"),
    ("case", "/cases/cases"),
];
/// Where the type is whose form the cases have.
const OF_CASES: &str = "/cases/types/cases/1";

/// What is another in another tenant, or is no part of what is imported: ids that the tenant gives, which lead became which
/// opportunity, and when the record was written last.
const ITS_OWN: [&str; 8] =
    ["id", "lastUpdatedOn", "lastUpdatedBy", "pipelineId", "isConverted", "opportunityId", "convertedOn", "leadId"];

/// Every type of a field.
fn types() -> Vec<&'static str> {
    FieldType::ALL.iter().map(|field_type| field_type.as_str()).collect()
}

fn field(kind: &str) -> Value {
    let mut field =
        json!({ "id": format!("x-{kind}"), "label": format!("A {kind}"), "category": "custom", "type": kind });
    match kind {
        "dropdown" => field["options"] = json!(["Gold", "Silver; plated", "a,b"]),
        "tag-picker" => {
            let option = |id: &str| json!({ "id": id, "label": format!("{id}, \"quoted\""), "color": "#112233" });
            field["options"] = json!([option("x"), option("y")]);
        }
        _ => {}
    }
    field
}

/// A value that files find hard.
fn value(kind: &str, random: &mut Random) -> Value {
    let number = random.below(10_000);
    let day = |random: &mut Random| {
        format!("20{:02}-{:02}-{:02}", random.below(60), 1 + random.below(12), 1 + random.below(28))
    };
    let time = |random: &mut Random| format!("{:02}:{:02}", random.below(24), random.below(60));
    let texts =
        ["plain", " \"quoted\" ", "a;b,c\td", "=1+1", "Größe 漢字 🦀", "two\nlines", "'", "null", "007", "true", "{}"];
    match kind {
        "text" | "combobox" => json!(format!("{} {number}", random.one_of(&texts))),
        "text-area" => json!(format!("{}\r\n\r\n{number}", random.one_of(&texts))),
        "number" => serde_json::from_str(&format!("{number}.50")).unwrap(),
        "monetary" => json!({ "amount": number, "code": "EUR" }),
        "date" => json!(day(random)),
        "date-range" => json!({ "start": "1999-12-31", "end": day(random) }),
        "date-time" => json!(format!("{}T{}", day(random), time(random))),
        "date-time-range" => {
            json!({ "start": "1999-12-31T23:59:59", "end": format!("{}T{}", day(random), time(random)) })
        }
        "time" => json!(time(random)),
        "time-range" => json!({ "start": "00:00", "end": time(random) }),
        "dropdown" => json!(random.some_of(&["Gold", "Silver; plated", "a,b"], 3)),
        "email" => json!(format!("Ann.{number}@Example.com")),
        "tel" => json!(format!("+1 (555) {number}, ext. 7")),
        "url" => json!(format!("https://example.com/?a={number};b,c")),
        "people-picker" => json!([{ "id": format!("u;{number}"), "name": "Ann, B.", "email": null }]),
        "tag-picker" => json!(random.some_of(&["x", "y"], 2).iter().map(|id| json!({ "id": id })).collect::<Vec<_>>()),
        "email_labeled" => json!([
            { "label": "Work; daily", "value": format!("w{number}@example.com"), "primary": false },
            { "label": null, "value": format!("h{number}@example.com"), "primary": true },
        ]),
        _ => json!([{ "label": "Desk: left", "value": format!("+49 {number}"), "primary": true }]),
    }
}

/// Gives every form a field of every type.
fn give_forms(client: &Client) {
    for form in
        ["/directory/forms/organizations", "/directory/forms/contacts", "/pipeline/forms/opportunities", OF_CASES]
    {
        let read = client.get(form);
        let is_of_cases = form == OF_CASES;
        let own = if is_of_cases { &read.item(200)["form"] } else { &read.body["items"] };
        let fields: Vec<Value> =
            own.as_array().unwrap().iter().cloned().chain(types().into_iter().map(field)).collect();
        let given = if is_of_cases {
            client.patch(form, &json!({ "form": fields }))
        } else {
            client.put(form, &json!({ "fields": fields }))
        };
        assert_eq!(given.status, 200, "{}", given.text);
    }
}

/// Makes cases that were resolved: at once, later than they were made, and once more after they were opened again.
fn resolve_cases(client: &Client) {
    for steps in [&["Resolved"][..], &["Resolved", "Reopened"], &["Resolved", "Reopened", "Closed"]] {
        let made = client.post("/cases/cases", &json!({ "title": "Walked" }));
        let path = format!("/cases/cases/{}", made.item(201)["id"].as_str().unwrap());
        for status in steps {
            std::thread::sleep(std::time::Duration::from_millis(2));
            client.patch(&path, &json!({ "status": status, "comment": "so" })).item(200);
        }
    }
    client.post("/cases/cases", &json!({ "title": "Closed from the beginning", "status": "Closed" })).item(201);
}

/// Gives each record an external id and a value in some of its custom fields, and some a comment; and resolves cases.
fn fill(client: &Client, random: &mut Random) {
    resolve_cases(client);
    for (kind, list) in KINDS {
        let all: Vec<Value> = lines(&client.get(&format!("{list}/export?format=ndjson&fields=id")).text);
        // Of fifty: a debug build on a busy machine takes many custom fields slowly.
        for some in all.chunks(50) {
            let items: Vec<Value> = some
                .iter()
                .map(|record| {
                    let types = random.some_of(&types(), FieldType::ALL.len());
                    let custom: BTreeMap<String, Value> =
                        types.iter().map(|kind| (format!("x-{kind}"), value(kind, random))).collect();
                    let external = format!("{kind}; \"{}\"", record["id"].as_str().unwrap());
                    json!({ "id": record["id"], "externalId": external, "customFields": custom })
                })
                .collect();
            let done = client.post(&format!("{list}/batch"), &json!({ "mode": "update", "items": items }));
            assert_eq!((done.status, &done.body["failed"]), (200, &json!(0)), "{}", done.text);
            let said = if kind == "case" { "activities" } else { "comments" };
            let path = format!("{list}/{}/{said}", some[0]["id"].as_str().unwrap());
            client.post(&path, &json!({ "comment": "said", "user": { "id": "u" } })).item(201);
        }
    }
}

/// The lists of tags.
const TAGS: [&str; 5] = [
    "/directory/tags/organizations",
    "/directory/tags/contacts",
    "/pipeline/tags/leads",
    "/pipeline/tags/opportunities",
    "/cases/tags/cases",
];

/// Gives one tenant the tags of another: a file names them by their labels, without a colour.
fn give_tags(from: &Client, to: &Client) {
    for tags in TAGS {
        for tag in from.get(tags).items() {
            to.post(tags, &json!({ "label": tag["label"], "color": tag["color"] })).item(201);
        }
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every record of a kind by its external id, without what is its own.
fn records(client: &Client, list: &str) -> BTreeMap<String, Value> {
    let text = client.get(&format!("{list}/export?format=ndjson")).text;
    let records = lines(&text).into_iter().map(|mut record| {
        for name in ITS_OWN {
            record.as_object_mut().unwrap().remove(name);
        }
        for tag in record["tags"].as_array_mut().into_iter().flatten() {
            tag.as_object_mut().unwrap().retain(|name, _| name == "label" || name == "color");
        }
        if let Some(pipeline) = record.get_mut("pipeline") {
            pipeline.as_object_mut().unwrap().remove("id");
        }
        (record["externalId"].as_str().unwrap().to_owned(), record)
    });
    records.collect()
}

fn import(target: &TestDatabase, file: &Path, kind: &str, mode: &[&str]) -> String {
    let file = file.to_str().unwrap();
    let command = ["import", file, "--tenant", "acme", "--kind", kind];
    stdout(target, &[&command[..], mode].concat())
}

both_databases! {
    /// As CSV and as lines of JSON, from either database into the other.
    fn what_comes_out_goes_in(database) {
        let _alone = alone();
        // So many leads; the demo has fewer of the others.
        let count = rounds(60).to_string();
        let mut random = Random::new();
        let keys = Keys::of_new_tenant(database, "acme");
        let demo = ["demo", "--tenant", "acme", "--leads", &count, "--contacts", &count, "--organizations", &count, "--cases", &count];
        stdout(database, &demo);
        let serving = Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0"));
        let source = Client::new(&serving.url, keys);
        give_forms(&source);
        fill(&source, &mut random);
        let folder = tempfile::tempdir().unwrap();
        for format in ["csv", "ndjson"] {
            let target = match database.kind() {
                BackendKind::Postgres => TestDatabase::sqlite(),
                BackendKind::Sqlite => TestDatabase::postgres(),
            };
            let keys = Keys::of_new_tenant(&target, "acme");
            let there = Serving::start(gateway(&target).env("CRM_RATE_LIMIT", "0"));
            let there = (Client::new(&there.url, keys), there);
            give_forms(&there.0);
            give_tags(&source, &there.0);
            let mut total = 0;
            for (kind, list) in KINDS {
                let file = folder.path().join(format!("{kind}.{format}"));
                let name = file.to_str().unwrap();
                stdout(database, &["export", "--tenant", "acme", "--kind", kind, "--format", format, "--output", name]);
                let wanted = records(&source, list);
                let rows = wanted.len();
                total += rows;
                let made = import(&target, &file, kind, &[]);
                assert!(made.starts_with(&format!("{rows} rows: {rows} created, 0 updated, 0 unchanged, 0 failed")), "{kind}.{format}: {made}");
                let found = records(&there.0, list);
                for (external, record) in &wanted {
                    assert_eq!(found.get(external), Some(record), "{kind}.{format}");
                }
                let again = import(&target, &file, kind, &["--mode", "upsert", "--match-by", "externalId"]);
                assert!(again.starts_with(&format!("{rows} rows: 0 created, 0 updated, {rows} unchanged, 0 failed")), "{kind}.{format}: {again}");
            }
            figure(database, "roundtrip", format_args!("{total} records as {format} into the other database: the same, and unchanged when they come again"));
        }
    }
}
