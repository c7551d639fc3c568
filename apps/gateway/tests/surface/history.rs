//! Every write of the document is told as it was: the record before and after, as a client reads it, against the change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Map, Value, json};

use crate::client::Answer;
use crate::examples::{FILE, Player, operations};

/// Operations that write and are told in another way, or not at all, with the reason. This list may only shrink.
const ELSEWHERE: &[(&str, &str)] = &[
    ("create_tenant", "a tenant is the operator's, and no record of its own"),
    ("delete_tenant", "nobody is left to read it"),
    ("reset_tenant", "it forgets what happened"),
    ("move_clock", "it changes no record"),
    ("rotate_primary", "of a key, whose secret nobody reads"),
    ("rotate_secondary", "of a key, whose secret nobody reads"),
    ("rotate_key", "of a key, whose secret nobody reads"),
    ("rotate_own_key", "of a key, whose secret nobody reads"),
    ("rotate_webhook_secret", "of a webhook, whose secret nobody reads"),
    ("test_webhook", "it changes nothing"),
    ("replay_delivery", "it changes nothing but what is on its way"),
    ("replay_deliveries", "it changes nothing but what is on its way"),
    ("create_import", "what its rows make is told when they are read, after the answer"),
    ("cancel_import", "it changes no record"),
    ("undo_import", "what it takes back is told afterwards, step by step"),
];

/// The kinds of records, each with its collection.
const COLLECTIONS: &[(&str, &str)] = &[
    ("lead", "/pipeline/leads"),
    ("opportunity", "/pipeline/opportunities"),
    ("contact", "/directory/contacts"),
    ("organization", "/directory/organizations"),
    ("case", "/cases/cases"),
];

fn is_elsewhere(operation: &str) -> bool {
    ELSEWHERE.iter().any(|(other, _)| *other == operation)
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

/// Something that changes are told of.
#[derive(Debug, Clone, PartialEq)]
struct Subject {
    /// Its path, with `{id}` in it where it has one.
    base: String,
    id: String,
    /// Whether what is said about it is meant, and not the record itself.
    is_said: bool,
}

impl Subject {
    fn of(base: &str, id: &str) -> Self {
        Self { base: base.to_owned(), id: id.to_owned(), is_said: false }
    }

    /// A record of one of the five kinds.
    fn record(collection: &str, id: &str) -> Self {
        Self::of(&format!("{collection}/{{id}}"), id)
    }

    /// As it is; null where it is not there.
    fn read(&self, player: &mut Player) -> Value {
        if self.is_said {
            return self.said(player);
        }
        let answer = player.send("GET", &self.base, &json!({ "id": self.id }));
        match answer.status {
            200 if answer.body["data"].is_object() => answer.body["data"].clone(),
            200 if answer.body["items"].is_array() => json!({ "fields": answer.body["items"] }),
            200 => answer.body["item"].clone(),
            405 => {
                let all = player.send("GET", self.base.trim_end_matches("/{id}"), &json!({}));
                all.items().iter().find(|one| one["id"] == self.id.as_str()).cloned().unwrap_or_default()
            }
            _ => Value::Null,
        }
    }

    /// The comments on it, by the members that changes call them.
    fn said(&self, player: &mut Player) -> Value {
        let name = if self.base.starts_with("/cases") { "activities" } else { "comments" };
        let path = format!("{}/{name}", self.base);
        let all = player.send("GET", &path, &json!({ "id": self.id, "query": "size=200" }));
        // A case's timeline tells of its status too.
        let said = all.items().iter().filter(|one| one["from"].is_null());
        let member = |one: &Value| (format!("{name}.{}", one["id"].as_str().unwrap()), one["comment"].clone());
        said.map(member).collect::<Map<String, Value>>().into()
    }

    /// Its own change among these: a source of a merge is changed because of the target.
    fn change<'c>(&self, changes: &'c [Value]) -> Option<&'c Value> {
        let kind = COLLECTIONS.iter().find(|(_, path)| self.base == format!("{path}/{{id}}")).map(|(kind, _)| *kind);
        changes.iter().find(|change| {
            let is_own = change["cause"].is_null() || change["action"] == "mergedInto";
            is_own && change["recordId"] == self.id.as_str() && kind.is_none_or(|kind| change["kind"] == kind)
        })
    }

    /// Compares its change with what became of it; whether anything did.
    fn assert_told(&self, operation: &str, changes: &[Value], before: &Value, after: &Value) -> bool {
        let change = self.change(changes);
        if before == after {
            assert_eq!(change, None, "{operation}: {} {} is as it was", self.base, self.id);
            return false;
        }
        let change = change.unwrap_or_else(|| panic!("{operation}: nothing tells of {} {}", self.base, self.id));
        assert_eq!(change["requestId"].as_str().map(str::is_empty), Some(false), "{operation}");
        // What was not there, or is there no more, is told whole.
        let (whole, actions): (&Value, &[&str]) = match (before.is_null(), after.is_null()) {
            (true, _) => (after, &["created", "restored"]),
            (_, true) => (before, &["deleted", "mergedInto"]),
            _ => {
                let differences = differences(before, after);
                assert!(!differences.is_empty(), "{operation} changes nothing, and so proves nothing");
                assert_eq!(changes_of(change), differences, "{operation}");
                return true;
            }
        };
        assert_eq!(change["changes"], json!([]), "{operation}");
        assert!(actions.iter().any(|action| change["action"] == *action), "{operation}: {}", change["action"]);
        let record = told(&change["record"]);
        for (name, value) in &told(whole) {
            assert_eq!(record.get(name), Some(value), "{operation}: {name}");
        }
        true
    }
}

/// All that happened behind a token, told once a probe behind it is: on PostgreSQL whatever still runs anywhere on the server
/// holds it back. And the token behind that.
fn told_since(player: &mut Player, since: &str) -> (Vec<Value>, String) {
    let probe = json!({ "label": format!("probe {}", player.probes()) });
    let made = player.send("POST", "/cases/tags/cases", &json!({ "operation": "probe", "request": probe }));
    let id = made.item(201)["id"].as_str().unwrap().to_owned();
    let (mut since, until, mut all) = (since.to_owned(), Instant::now() + Duration::from_secs(20), Vec::new());
    while Instant::now() < until {
        let page = player.send("GET", "/changes", &json!({ "query": format!("since={since}&wait=2&size=1000") }));
        since = page.body["next"].as_str().unwrap().to_owned();
        all.extend(page.items().clone());
        if all.iter().any(|change| change["recordId"] == id.as_str()) && page.body["hasMore"] == false {
            all.retain(|change| change["recordId"] != id.as_str());
            return (all, since);
        }
    }
    panic!("nothing came after {since}")
}

/// A token behind all that has happened.
fn settled(player: &mut Player) -> String {
    let since = player.send("GET", "/changes", &json!({ "query": "since=now" })).body["next"].clone();
    told_since(player, since.as_str().unwrap()).1
}

/// What an exchange is about, as far as that is there before it is sent. A form is its own.
fn subjects(player: &mut Player, path: &str, exchange: &Value) -> Vec<Subject> {
    if let Some(form) = path.split("/forms/").nth(1) {
        let name = if form == "opportunities" { "pipeline" } else { form };
        return vec![Subject::of(path, name)];
    }
    let request = &exchange["request"];
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect()
    };
    let collection = |kind: &str| COLLECTIONS.iter().find(|(known, _)| *known == kind).unwrap().1;
    if path.ends_with("/bulk-actions") {
        let of = collection(request["entity"].as_str().unwrap());
        return texts(&request["ids"]).iter().map(|id| Subject::record(of, id)).collect();
    }
    if let Some(kind) = path.strip_prefix("/trash/").and_then(|rest| rest.split('/').next()) {
        return vec![Subject::record(collection(kind), exchange["id"].as_str().unwrap())];
    }
    let named = |player: &mut Player, of: &str, external_id: &str| {
        let found = player.send("GET", &format!("{of}/external/{{externalId}}"), &json!({ "id": external_id }));
        found.body["item"]["id"].as_str().map(|id| Subject::record(of, id))
    };
    if let Some(of) = path.strip_suffix("/batch") {
        let items = request["items"].as_array().unwrap().iter();
        return items.filter_map(|item| named(player, of, item["externalId"].as_str()?)).collect();
    }
    if let Some(of) = path.strip_suffix("/external/{externalId}") {
        return named(player, of, exchange["id"].as_str().unwrap()).into_iter().collect();
    }
    let Some(end) = path.find("{id}") else { return Vec::new() };
    let base = &path[..end + "{id}".len()];
    let Some(id) = player.made(exchange["of"].as_str().unwrap()) else { return Vec::new() };
    let is_said = path.contains("/comments") || path.ends_with("/activities");
    let sources = texts(&request["sourceId"]).into_iter().map(|source| Subject::of(base, &source));
    std::iter::once(Subject { is_said, ..Subject::of(base, &id) }).chain(sources).collect()
}

/// What was made, by the answer to a request.
fn made_by(path: &str, answer: &Answer) -> Vec<Subject> {
    let of = |base: &str, id: &Value| id.as_str().map(|id| Subject::record(base, id));
    if let Some(base) = path.strip_suffix("/batch") {
        let results = answer.body["results"].as_array().unwrap().iter();
        return results.filter(|result| result["action"] == "created").filter_map(|one| of(base, &one["id"])).collect();
    }
    if answer.status != 201 {
        return Vec::new();
    }
    let id = if answer.body["data"].is_object() { &answer.body["data"]["id"] } else { &answer.body["item"]["id"] };
    match path.strip_suffix("/external/{externalId}") {
        Some(base) => of(base, id).into_iter().collect(),
        None if path.ends_with("/convert") => of("/pipeline/opportunities", id).into_iter().collect(),
        None if path.contains('{') => Vec::new(),
        None => of(path, id).into_iter().collect(),
    }
}

/// The exchange as it changes something of each subject that it names: the sources of a merge have something to take over, what a
/// batch has is as it was before, and a bulk action finds a record.
fn prepared(player: &mut Player, path: &str, exchange: &Value, recorded: &[Value]) -> Value {
    let mut exchange = exchange.clone();
    for source in exchange["request"]["sourceId"].as_array().into_iter().flatten() {
        let patch = json!({ "id": source, "request": { "note": "Of the source" } });
        player.send("PATCH", path.trim_end_matches("/merge"), &patch).item(200);
    }
    if let Some(of) = path.strip_suffix("/batch") {
        let text = if of.starts_with("/directory") { "name" } else { "title" };
        let external_id = &exchange["request"]["items"][0]["externalId"];
        let before = json!({ "id": external_id, "request": { text: "Before the batch" } });
        player.send("PUT", &format!("{of}/external/{{externalId}}"), &before).item(200);
    }
    if path.ends_with("/bulk-actions") {
        let maker = format!("create_{}", exchange["request"]["entity"].as_str().unwrap());
        let made = make_again(player, &maker, recorded);
        exchange["request"]["ids"].as_array_mut().unwrap().push(json!(made));
    }
    exchange
}

/// Makes what an operation makes, under another name, and gives its id; what the operation made last stays what others are of.
fn make_again(player: &mut Player, maker: &str, recorded: &[Value]) -> String {
    let exchange = recorded.iter().find(|one| one["operation"] == maker && one["status"] == 201);
    let mut again = exchange.unwrap().clone();
    again["operation"] = json!(format!("{maker} again"));
    for name in ["label", "clientId", "name"] {
        if again["request"][name].is_string() {
            again["request"][name] = json!(format!("Again {}", player.probes()));
        }
    }
    again["request"].as_object_mut().unwrap().remove("id");
    if again["request"]["isDefault"] == true {
        again["request"]["isDefault"] = json!(false);
    }
    let operations = operations();
    let (method, path, _) = &operations[maker];
    let made = player.send(method, path, &again);
    let id = made.body["item"]["id"].as_str().or(made.body["data"]["id"].as_str());
    id.unwrap_or_else(|| panic!("{maker}: {}", made.text)).to_owned()
}

both_databases! {
    fn every_write_is_told_as_it_was(database) {
        let operations = operations();
        let mut player = Player::start(database);
        let recorded: Vec<Value> = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
        let mut seen: BTreeSet<String> = ELSEWHERE.iter().map(|(operation, _)| (*operation).to_owned()).collect();
        for exchange in recorded.iter().filter(|one| one["status"].as_u64().is_some_and(|status| status < 300)) {
            let operation = exchange["operation"].as_str().unwrap();
            let (method, path, _) = &operations[operation];
            if method == "GET" || is_elsewhere(operation) {
                player.send(method, path, exchange);
                continue;
            }
            let exchange = prepared(&mut player, path, exchange, &recorded);
            let mut subjects = subjects(&mut player, path, &exchange);
            let since = settled(&mut player);
            let mut before: Vec<Value> = subjects.iter().map(|one| one.read(&mut player)).collect();
            let answer = player.send(method, path, &exchange);
            assert!((200..300).contains(&answer.status), "{operation}: {}", answer.text);
            for made in made_by(path, &answer) {
                // An item of a batch may change what one before it made.
                if !subjects.contains(&made) {
                    before.push(Value::Null);
                    subjects.push(made);
                }
            }
            let (changes, _) = told_since(&mut player, &since);
            let mut told = 0;
            for (subject, before) in subjects.iter().zip(&before) {
                let after = subject.read(&mut player);
                told += usize::from(subject.assert_told(operation, &changes, before, &after));
            }
            if exchange["query"].as_str().is_some_and(|query| query.contains("dryRun=true")) {
                assert_eq!((told, changes), (0, Vec::new()), "{operation}, a dry run");
                continue;
            }
            assert!(told > 0, "{operation} changes nothing, and so proves nothing");
            seen.insert(operation.to_owned());
        }
        // What is deleted is told whole, as it was read last, and nothing is told of it when it is gone for good.
        for (operation, (method, path, _)) in &operations {
            let of_comment = path.strip_suffix("/comments/{commentId}");
            let is_deletion = method == "DELETE" && (path.ends_with("/{id}") || of_comment.is_some());
            if !is_deletion || path.starts_with("/trash") || is_elsewhere(operation) {
                continue;
            }
            let maker = operation.replace("delete_", "create_").replace("_comment", "");
            let id = make_again(&mut player, &maker, &recorded);
            let mut deletion = json!({ "id": id });
            let mut subject = Subject::of(of_comment.unwrap_or(path), &id);
            if let Some(of) = of_comment {
                let said = json!({ "operation": "said", "id": id, "request": { "comment": "Said." } });
                player.send("POST", &format!("{of}/comments"), &said).item(201);
                deletion["comment"] = json!("said");
                subject.is_said = true;
            }
            let before = subject.read(&mut player);
            let since = settled(&mut player);
            assert_eq!(player.send(method, path, &deletion).status, 204, "{operation}");
            let (changes, since) = told_since(&mut player, &since);
            let after = subject.read(&mut player);
            assert!(subject.assert_told(operation, &changes, &before, &after), "{operation}");
            seen.insert(operation.clone());
            let kind = COLLECTIONS.iter().find(|(_, collection)| *path == format!("{collection}/{{id}}"));
            if let Some((kind, _)) = kind {
                let for_good = format!("delete_{kind}_for_good");
                assert_eq!(player.send("DELETE", &operations[&for_good].1, &deletion).status, 204, "{for_good}");
                assert_eq!(told_since(&mut player, &since).0, Vec::<Value>::new(), "{for_good}");
                seen.insert(for_good);
            }
        }
        let writes = operations.iter().filter(|(_, (method, _, _))| method != "GET");
        let missing: Vec<&String> = writes.map(|(id, _)| id).filter(|id| !seen.contains(*id)).collect();
        assert!(missing.is_empty(), "an operation that writes needs an example, which is compared here: {missing:?}");
    }
}
