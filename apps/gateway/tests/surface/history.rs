//! Every write of the document is told as it was: the record before and after, as a client reads it, against the change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Map, Value, json};

use crate::examples::{FILE, Player, operations};

/// Operations that write and are told in another way, or not at all, with the reason. This list may only shrink.
const ELSEWHERE: &[(&str, &str)] = &[
    ("create_tenant", "a tenant is the operator's, and no record of its own"),
    ("delete_tenant", "nobody is left to read it"),
    ("reset_tenant", "it forgets what happened"),
    ("rotate_primary", "of a key, whose secret nobody reads"),
    ("rotate_secondary", "of a key, whose secret nobody reads"),
    ("rotate_key", "of a key, whose secret nobody reads"),
    ("rotate_own_key", "of a key, whose secret nobody reads"),
    ("rotate_webhook_secret", "of a webhook, whose secret nobody reads"),
    ("test_webhook", "it changes nothing"),
    ("replay_delivery", "it changes nothing but what is on its way"),
    ("replay_deliveries", "it changes nothing but what is on its way"),
    ("create_case_comment", "a comment is no member of the case"),
];

/// Operations that are compared elsewhere: a comment is no member of its record (comments.rs of the API's tests), what is done
/// to many or by an external id is what is done to one, and what comes back is compared row by row (the campaign trash).
fn is_elsewhere(path: &str) -> bool {
    path.contains("/comments")
        || path.starts_with("/trash")
        || ["/bulk-actions", "/batch", "/{externalId}"].iter().any(|end| path.ends_with(end))
}

/// What no change tells: who and when, which it has itself, and what other records are called.
const NOT_TOLD: &[&str] = &[
    "lastUpdatedOn",
    "lastUpdatedBy",
    "updatedAt",
    "tenantId",
    "organization",
    "contact",
    "prefix",
    "key",
    "lastUsedOn",
    "secret",
];

/// A record as changes tell of it.
fn told(record: &Value) -> Map<String, Value> {
    let mut told = Map::new();
    for (name, value) in record.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            (name, _) if NOT_TOLD.contains(&name) => {}
            ("tags" | "participants", Value::Array(entries)) => {
                let ids = entries.iter().map(|entry| json!({ "id": entry["id"] }));
                told.insert(name.clone(), ids.collect());
            }
            ("customFields", Value::Object(values)) => {
                told.extend(values.iter().map(|(id, value)| (format!("customFields.{id}"), value.clone())));
            }
            _ => drop(told.insert(name.clone(), value.clone())),
        }
    }
    told
}

/// The members that differ, as a change has them.
fn differences(before: &Value, after: &Value) -> BTreeMap<String, (Value, Value)> {
    let (before, after) = (told(before), told(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |record: &Map<String, Value>, name: &String| record.get(name).cloned().unwrap_or_default();
    let pairs = names.into_iter().map(|name| (name.clone(), (of(&before, name), of(&after, name))));
    pairs.filter(|(_, (before, after))| before != after).collect()
}

fn changes_of(change: &Value) -> BTreeMap<String, (Value, Value)> {
    let fields = change["changes"].as_array().unwrap().iter();
    fields.map(|one| (one["field"].as_str().unwrap().to_owned(), (one["from"].clone(), one["to"].clone()))).collect()
}

/// The record that a path is about, as it is; null where it is not there.
fn read(player: &mut Player, base: &str, id: &str) -> Value {
    let answer = player.send("GET", base, &json!({ "id": id }));
    match answer.status {
        200 if answer.body["data"].is_object() => answer.body["data"].clone(),
        200 if answer.body["items"].is_array() => json!({ "fields": answer.body["items"] }),
        200 => answer.body["item"].clone(),
        405 => {
            let all = player.send("GET", base.trim_end_matches("/{id}"), &json!({}));
            all.items().iter().find(|one| one["id"] == id).cloned().unwrap_or_default()
        }
        _ => Value::Null,
    }
}

/// The first change after a token that is about this record and follows from no other.
fn next_change(player: &mut Player, since: &str, id: &str) -> Value {
    let (mut since, until) = (since.to_owned(), Instant::now() + Duration::from_secs(20));
    while Instant::now() < until {
        let page = player.send("GET", "/changes", &json!({ "query": format!("since={since}&wait=2&size=1000") }));
        let items = page.items();
        let own = items.iter().find(|change| change["recordId"] == id && change["cause"].is_null());
        if let Some(change) = own {
            return change.clone();
        }
        since = page.body["next"].as_str().unwrap().to_owned();
    }
    panic!("no change of {id} after {since}")
}

/// A token behind all that has happened: on PostgreSQL whatever still runs anywhere on the server holds it back.
fn settled(player: &mut Player) -> String {
    let probe = json!({ "label": format!("probe {}", player.probes()) });
    let since = player.send("GET", "/changes", &json!({ "query": "since=now" })).body["next"].clone();
    let made = player.send("POST", "/cases/tags/cases", &json!({ "operation": "probe", "request": probe }));
    let id = made.item(201)["id"].as_str().unwrap().to_owned();
    let (mut since, until) = (since.as_str().unwrap().to_owned(), Instant::now() + Duration::from_secs(20));
    while Instant::now() < until {
        let page = player.send("GET", "/changes", &json!({ "query": format!("since={since}&wait=2&size=1000") }));
        since = page.body["next"].as_str().unwrap().to_owned();
        if page.items().iter().any(|change| change["recordId"] == id.as_str()) && page.body["hasMore"] == false {
            return since;
        }
    }
    panic!("nothing came after {since}")
}

/// Which record an exchange is about: the path of it, and its id. A form is its own.
fn subject(player: &Player, path: &str, exchange: &Value) -> Option<(String, String)> {
    if let Some(form) = path.split("/forms/").nth(1) {
        let name = if form == "opportunities" { "pipeline" } else { form };
        return Some((path.to_owned(), name.to_owned()));
    }
    let end = path.find("{id}")? + "{id}".len();
    let made = player.made(exchange["of"].as_str()?)?;
    Some((path[..end].to_owned(), made))
}

both_databases! {
    fn every_write_is_told_as_it_was(database) {
        let operations = operations();
        let mut player = Player::start(database);
        let exchanges: Vec<Value> = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
        let mut seen: BTreeSet<&str> = ELSEWHERE.iter().map(|(operation, _)| *operation).collect();
        for exchange in exchanges.iter().filter(|one| one["status"].as_u64().is_some_and(|status| status < 300)) {
            let operation = exchange["operation"].as_str().unwrap();
            let (method, path, _) = &operations[operation];
            let is_told = method != "GET" && !is_elsewhere(path) && !ELSEWHERE.iter().any(|(other, _)| *other == operation);
            if !is_told {
                player.send(method, path, exchange);
                continue;
            }
            // The target of a merge takes something over.
            for source in exchange["request"]["sourceId"].as_array().into_iter().flatten() {
                let patch = json!({ "id": source, "request": { "note": "Of the source" } });
                player.send("PATCH", path.trim_end_matches("/merge"), &patch).item(200);
            }
            let since = settled(&mut player);
            let Some((base, id)) = subject(&player, path, exchange) else {
                let made = player.send(method, path, exchange);
                let record = if made.body["data"].is_object() { &made.body["data"] } else { made.item(201) };
                let change = next_change(&mut player, &since, record["id"].as_str().unwrap());
                assert_eq!((&change["action"], &change["changes"]), (&json!("created"), &json!([])), "{operation}");
                let (whole, shown) = (told(&change["record"]), told(record));
                for (name, value) in &shown {
                    assert_eq!(whole.get(name), Some(value), "{operation}: {name}");
                }
                seen.insert(operation);
                continue;
            };
            let before = read(&mut player, &base, &id);
            assert_eq!(player.send(method, path, exchange).status, exchange["status"], "{operation}");
            let after = read(&mut player, &base, &id);
            let change = next_change(&mut player, &since, &id);
            let differences = differences(&before, &after);
            assert!(!differences.is_empty(), "{operation} changes nothing, and so proves nothing");
            assert_eq!(changes_of(&change), differences, "{operation}");
            assert_eq!(change["requestId"].as_str().map(str::is_empty), Some(false), "{operation}");
            seen.insert(operation);
        }
        // What is deleted is told whole, as it was read last.
        for (operation, (method, path, _)) in &operations {
            let is_single = path.ends_with("/{id}") && !path.starts_with("/admin") && !is_elsewhere(path);
            if method != "DELETE" || !is_single {
                continue;
            }
            let maker = operation.replace("delete_", "create_");
            let recreated = exchanges.iter().find(|one| one["operation"] == maker.as_str() && one["status"] == 201);
            let mut again = recreated.unwrap().clone();
            for name in ["label", "id", "clientId", "name"] {
                if name == "id" {
                    again["request"].as_object_mut().unwrap().remove("id");
                } else if again["request"][name].is_string() {
                    again["request"][name] = json!(format!("Again {}", player.probes()));
                }
            }
            if again["request"]["isDefault"] == true {
                again["request"]["isDefault"] = json!(false);
            }
            let (_, creation, _) = &operations[maker.as_str()];
            player.send("POST", creation, &again);
            let id = player.made(&maker).unwrap();
            let before = read(&mut player, path, &id);
            let since = settled(&mut player);
            let deletion = json!({ "id": id });
            assert_eq!(player.send(method, path, &deletion).status, 204, "{operation}");
            let change = next_change(&mut player, &since, &id);
            assert_eq!((&change["action"], &change["changes"]), (&json!("deleted"), &json!([])), "{operation}");
            let whole = told(&change["record"]);
            for (name, value) in &told(&before) {
                assert_eq!(whole.get(name), Some(value), "{operation}: {name}");
            }
            seen.insert(operation);
        }
        let writes = operations.iter().filter(|(_, (method, path, _))| method != "GET" && !is_elsewhere(path));
        let missing: Vec<&String> = writes.map(|(id, _)| id).filter(|id| !seen.contains(id.as_str())).collect();
        assert!(missing.is_empty(), "an operation that writes needs an example, which is compared here: {missing:?}");
    }
}
