//! The examples of the API document are what this program answers. They are exchanges with a new tenant, in their
//! order; each is sent again here, and must be answered as it stands in examples.json.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use crm_core::{Timestamp, Uuid};
use crm_testkit::{TestDatabase, both_databases};
use serde_json::Value;

use crate::client::{Answer, Client, Keys};
use crate::process::{Serving, gateway};

pub(crate) const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples.json");
const DOCUMENT: &str = include_str!("../../openapi.json");
const TENANT: &str = "5d0fbd2a-3c1e-4a55-9a0e-8d1f6f2b7c90";
const SECRET: (&str, &str) = ("CRM_JWT_SECRET", "a secret of more than thirty-two bytes");

const ADMIN_KEY: &str = "the-operators-key-of-the-examples";
/// Members that are another text each time, and are not recorded.
const OF_THE_RUN: [&str; 11] = [
    "continuationToken",
    "next",
    "requestId",
    "changeId",
    "key",
    "primaryKey",
    "secondaryKey",
    "prefix",
    "secret",
    // How long something took, and how this machine says that nobody is there.
    "milliseconds",
    "error",
];

/// Method and path of each operation, by id.
pub(crate) fn operations() -> BTreeMap<String, (String, String, Value)> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut operations = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            operations.insert(id, (method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

/// What was recorded, where an answer differs from it in nothing but time and chance; otherwise the answer.
fn settled(recorded: &Value, answered: &Value) -> Value {
    match (recorded, answered) {
        (Value::Object(before), Value::Object(now)) => {
            // Changes are numbered, with gaps on PostgreSQL.
            let is_change = now.contains_key("recordId") && now.contains_key("action");
            let member = |(name, value): (&String, &Value)| {
                let known = before.get(name).unwrap_or(&Value::Null);
                // A token holds a time, the id of a request is of this run, and a key is a secret.
                let is_of_the_run = (OF_THE_RUN.contains(&name.as_str())
                    || (is_change && ["id", "cause"].contains(&name.as_str())))
                    && !known.is_null();
                (name.clone(), if is_of_the_run { known.clone() } else { settled(known, value) })
            };
            now.iter().map(member).collect()
        }
        (Value::Array(before), Value::Array(now)) => {
            let known = before.iter().chain(std::iter::repeat(&Value::Null));
            known.zip(now).map(|(before, now)| settled(before, now)).collect()
        }
        (Value::String(before), Value::String(now)) if of_one_kind(before, now) => recorded.clone(),
        _ => answered.clone(),
    }
}

fn of_one_kind(one: &str, other: &str) -> bool {
    let times = one.parse::<Timestamp>().is_ok() && other.parse::<Timestamp>().is_ok();
    times || (one.parse::<Uuid>().is_ok() && other.parse::<Uuid>().is_ok())
}

/// A tenant, and somebody who has its key and a token.
pub(crate) struct Player {
    client: Client,
    token: String,
    /// What an operation made last.
    made: BTreeMap<String, String>,
    probes: usize,
    _serving: Serving,
}

impl Player {
    pub(crate) fn start(database: &TestDatabase) -> Self {
        let keys = Keys::of_new_tenant(database, TENANT);
        let settings = [("CRM_RATE_LIMIT", "0"), SECRET, ("CRM_ADMIN_KEY", ADMIN_KEY), ("CRM_ALLOW_RESET", "true")];
        let serving = Serving::start(gateway(database).envs(settings));
        let arguments = ["token", "--tenant", TENANT, "--role", "ticket_admin"];
        let token = gateway(database).env(SECRET.0, SECRET.1).args(arguments).output().unwrap();
        let token = format!("Bearer {}", String::from_utf8(token.stdout).unwrap().trim());
        Self { client: Client::new(&serving.url, keys), token, made: BTreeMap::new(), probes: 0, _serving: serving }
    }

    /// What an operation made last.
    pub(crate) fn made(&self, operation: &str) -> Option<String> {
        self.made.get(operation).cloned()
    }

    /// Another number each time.
    pub(crate) fn probes(&mut self) -> usize {
        self.probes += 1;
        self.probes
    }

    /// The delivery of a webhook that is told of one change, once it was tried: it is tried again after five seconds.
    fn tried(&self, webhook: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.client.get(&format!("{webhook}/deliveries"));
            match log.items().first() {
                Some(delivery) if delivery["attempts"][0].is_object() => {
                    return delivery["id"].as_str().unwrap().to_owned();
                }
                _ => assert!(began.elapsed() < Duration::from_secs(20), "{}", log.text),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// They go on by themselves.
    fn wait_for_imports(&self) {
        let began = Instant::now();
        let is_over = || self.client.get("/imports").items().iter().all(|one| one["finishedOn"].is_string());
        while !is_over() {
            assert!(began.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, exchange: &Value) -> Answer {
        let text = |name: &str| exchange[name].as_str();
        let made = text("of").map(|operation| self.made.get(operation).map_or("unknown", String::as_str));
        let named = made.or(text("id")).unwrap_or_default();
        let mut path = path.replace("{id}", named).replace("{externalId}", named);
        if path.contains("/deliveries") {
            let webhook = format!("/settings/webhooks/{}", self.made["create_webhook"]);
            path = path.replace("{deliveryId}", &self.tried(&webhook));
        }
        let comment = text("comment").map(|operation| self.made.get(operation).map_or("unknown", String::as_str));
        path = path.replace("{commentId}", comment.unwrap_or("unknown"));
        if let Some(query) = text("query") {
            path = format!("{path}?{query}");
        }
        if method == "GET" && path.starts_with("/imports") {
            self.wait_for_imports();
        }
        // A text is a file.
        let body = exchange.get("request").map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned));
        let file = text("request").map(|_| ("content-type", "text/csv"));
        let ticketing = [("authorization", self.token.as_str()), ("x-tenantid", TENANT)];
        let answer = if path.starts_with("/api/v1/ticketing") {
            self.client.with_key(None).send(method, &path, &ticketing, body.as_deref())
        } else if path == "/admin/clock" {
            with_still_clock(|client| as_operator(client, method, &path, body.as_deref()))
        } else if path.starts_with("/admin") {
            as_operator(&self.client, method, &path, body.as_deref())
        } else if path == "/me/rotate" {
            // Not the key that the others are sent with.
            self.client.read_only().send(method, &path, &[], body.as_deref())
        } else {
            self.client.send(method, &path, file.as_slice(), body.as_deref())
        };
        let made = answer.body["item"]["id"].as_str().or_else(|| answer.body["data"]["id"].as_str());
        if let (201 | 202, Some(made)) = (answer.status, made) {
            self.made.insert(text("operation").unwrap().to_owned(), made.to_owned());
        }
        answer
    }
}

fn as_operator(client: &Client, method: &str, path: &str, body: Option<&str>) -> Answer {
    let operator = format!("Bearer {ADMIN_KEY}");
    client.with_key(None).send(method, path, &[("authorization", &operator)], body)
}

/// A gateway of its own: what is made while a clock stands still has no order but that of its ids.
fn with_still_clock(ask: impl FnOnce(&Client) -> Answer) -> Answer {
    let database = TestDatabase::sqlite();
    let keys = Keys::of_new_tenant(&database, TENANT);
    let settings = [("CRM_NOW", "2025-12-01T09:00:00Z"), ("CRM_ALLOW_RESET", "true"), ("CRM_ADMIN_KEY", ADMIN_KEY)];
    let serving = Serving::start(gateway(&database).envs(settings));
    ask(&Client::new(&serving.url, keys))
}

both_databases! {
    /// Each example is answered as it was recorded, by both databases.
    fn the_examples_are_what_is_answered(database) {
        let operations = operations();
        let mut player = Player::start(database);
        let recorded: Vec<Value> = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
        let mut answered = recorded.clone();
        for exchange in &mut answered {
            let (method, path, _) = &operations[exchange["operation"].as_str().unwrap()];
            let answer = player.send(method, path, exchange);
            exchange["status"] = answer.status.into();
            exchange["response"] = settled(&exchange["response"], &answer.body);
        }
        #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
        if std::env::var("CRM_UPDATE_DOCS").is_ok() {
            return fs::write(FILE, format!("{}\n", serde_json::to_string_pretty(&answered).unwrap())).unwrap();
        }
        for (recorded, answered) in recorded.iter().zip(&answered) {
            assert_eq!(
                recorded, answered,
                "if you are here because this failed: an answer has changed. If that is meant, record it: \
                 CRM_UPDATE_DOCS=1 cargo test -p crm-gateway --test surface the_examples, then \
                 cargo run -- openapi > apps/gateway/openapi.json"
            );
        }
    }
}

/// Every body in the document has an example, but for those of the routes that need no key.
#[test]
fn every_operation_has_examples() {
    let mut without = BTreeSet::new();
    for (id, (_, _, operation)) in operations() {
        let is_public = operation["security"] == serde_json::json!([{}]);
        let answers = operation["responses"].as_object().unwrap();
        let success = answers.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer);
        for body in success.chain(operation.get("requestBody")) {
            let json = &body["content"]["application/json"];
            if !is_public && !json.is_null() && json["examples"].as_object().is_none_or(serde_json::Map::is_empty) {
                without.insert(id.clone());
            }
        }
    }
    assert_eq!(without, BTreeSet::new());
}
