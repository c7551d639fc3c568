//! The OpenAPI document: it is what is committed, it has every route, and every operation in it refuses whom it must.

use std::collections::{BTreeMap, BTreeSet};

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::dump::dump;
use crate::process::stdout;
use crate::resources::{RESOURCES, prepare};

const COMMITTED: &str = include_str!("../../openapi.json");
/// The list of end points at the top of the source, its two slips (a missing slash) put right.
const SOURCE: &str = include_str!("fixtures/endpoints.txt");

/// Operations that need no key and no token. This list may only shrink.
const PUBLIC: &[&str] = &["GET /docs", "GET /healthz", "GET /metrics", "GET /openapi.json", "GET /readyz"];

/// What the contract has beyond the source.
const BEYOND_THE_SOURCE: &[&str] = &[
    "DELETE /api/v1/ticketing/clientMap/{id}",
    "DELETE /pipeline/pipelines/opportunities/{id}",
    "GET /api/v1/ticketing/clientMap/findAndCountAll",
    "GET /api/v1/ticketing/clientMap/{id}",
    "GET /cases/cases/{id}/activities",
    "GET /docs",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /pipeline/opportunities/summary",
    "GET /readyz",
    "PATCH /api/v1/ticketing/clientMap/{id}",
    "PATCH /pipeline/pipelines/opportunities/{id}",
    "POST /api/v1/ticketing/clientMap",
    "POST /api/v1/ticketing/clientMap/{id}/sync",
    "POST /cases/cases/{id}/activities",
    "POST /pipeline/pipelines/opportunities",
];

/// What the source lists and the gateway does not have yet. This list may only shrink.
const NOT_YET: &[&str] = &[];

/// One operation of the document.
struct Operation {
    method: String,
    path: String,
    /// Which scheme it needs, if any.
    scheme: Option<String>,
    takes_body: bool,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn writes(&self) -> bool {
        self.method != "GET"
    }

    /// Sends it for this id, with a body that says nothing.
    fn send(&self, client: &Client, id: &str) -> crate::client::Answer {
        let body = self.takes_body.then_some("{}");
        client.send(&self.method, &self.path.replace("{id}", id), &[], body)
    }
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let scheme = operation["security"].as_array().and_then(|all| all.first()).and_then(Value::as_object);
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                scheme: scheme.and_then(|scheme| scheme.keys().next().cloned()),
                takes_body: operation.get("requestBody").is_some(),
            });
        }
    }
    assert!(operations.len() > 30, "the walks below would prove nothing");
    operations
}

fn with_key() -> impl Iterator<Item = Operation> {
    operations().into_iter().filter(|operation| operation.scheme.as_deref() == Some("subscriptionKey"))
}

/// How to make a record of each kind: where, a body, and what follows its id in the paths of its operations.
fn kinds() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let mut kinds = vec![
        ("/pipeline/leads", json!({ "title": "Mine" }), vec!["/convert"]),
        ("/pipeline/pipelines/opportunities", json!({ "name": "Mine", "stages": [{ "label": "First" }] }), vec![""]),
        ("/cases/cases", json!({ "title": "Mine" }), vec!["", "/activities"]),
        ("/cases/types/cases", json!({ "label": "Mine" }), vec![""]),
        ("/cases/tags/cases", json!({ "label": "mine" }), vec![""]),
    ];
    for resource in RESOURCES {
        let actions = resource.actions.iter().map(|(_, action, _)| *action);
        // Wants a stage of its own pipeline, which the generic tests do not know.
        let stage = (resource.path == "/pipeline/opportunities").then_some("/updateStage");
        kinds.push((resource.path, json!({ resource.text: "Mine" }), actions.chain([""]).chain(stage).collect()));
        kinds.push((resource.tags, json!({ "label": "mine" }), vec![""]));
    }
    kinds
}

/// The id of an existing record for each path with an `{id}`.
fn existing(client: &Client) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for (path, body, actions) in kinds() {
        let id = client.post(path, &body).item(201)["id"].as_str().unwrap().to_owned();
        ids.extend(actions.iter().map(|action| (format!("{path}/{{id}}{action}"), id.clone())));
    }
    ids
}

#[test]
fn the_committed_document_is_the_one_that_the_program_prints() {
    let printed = stdout(&TestDatabase::empty_sqlite(), &["openapi"]);
    assert!(
        printed == COMMITTED,
        "if you are here because this failed: the API has changed. Look at the change, then write it down: \
         cargo run -- openapi > apps/gateway/openapi.json"
    );
}

#[test]
fn the_document_has_every_end_point_of_the_source_and_no_more_than_is_known() {
    let have: BTreeSet<String> = operations().iter().map(Operation::name).collect();
    let listed: BTreeSet<String> = SOURCE.lines().map(str::to_owned).collect();
    let missing: BTreeSet<&str> = listed.difference(&have).map(String::as_str).collect();
    assert_eq!(missing, NOT_YET.iter().copied().collect(), "what is missing may only become less");
    let more: Vec<&str> = have.difference(&listed).map(String::as_str).collect();
    assert_eq!(more, BEYOND_THE_SOURCE, "a route that the source does not have is written down here");
}

#[test]
fn only_the_process_routes_are_open_to_everybody() {
    let open: Vec<String> =
        operations().iter().filter(|operation| operation.scheme.is_none()).map(Operation::name).collect();
    assert_eq!(open, PUBLIC, "this list may only shrink");
}

#[test]
fn every_operation_says_what_it_is() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path} has no summary");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} never succeeds");
            assert!(responses.contains_key("500") && responses.contains_key("406"), "{method} {path}");
        }
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let sane = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    assert!(schemas.keys().all(|name| sane(name)), "{:?}", schemas.keys());
    let places = COMMITTED.split("\"$ref\": \"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    let broken: BTreeSet<&str> = places.filter(|place| document.pointer(place).is_none()).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

both_databases! {
    /// The document that is served is the committed one.
    fn the_document_is_served(database) {
        let api = Api::start(database);
        let served = api.acme.with_key(None).get("/openapi.json");
        assert_eq!((served.status, served.header("content-type")), (200, "application/json"));
        assert!(served.text == COMMITTED, "it is served as it is printed");
    }

    /// Without a key, with a malformed, a mistyped, an unknown and a revoked one every operation says 401, and does
    /// nothing.
    fn nobody_gets_in_without_a_key(database) {
        let revoked = crate::client::Keys::of_new_tenant(database, "old");
        for which in ["primary", "secondary"] {
            stdout(database, &["keys", "rotate", "--tenant", "old", "--which", which]);
        }
        let api = Api::start(database);
        let ids = existing(&api.acme);
        let mut mistyped = api.acme.keys.primary.clone();
        let last = if mistyped.ends_with('A') { "B" } else { "A" };
        mistyped.replace_range(mistyped.len() - 1.., last);
        let chosen = "x".repeat(43);
        let cases = [
            (None, "missing_key"),
            (Some(""), "invalid_key"),
            (Some("short"), "invalid_key"),
            (Some(mistyped.as_str()), "invalid_key"),
            (Some(chosen.as_str()), "invalid_key"),
            (Some(revoked.primary.as_str()), "invalid_key"),
            (Some(revoked.secondary.as_str()), "invalid_key"),
        ];
        let before = dump(database);
        for operation in with_key() {
            let id = ids.get(&operation.path).map_or("1", String::as_str);
            for (key, code) in cases {
                let answer = operation.send(&api.acme.with_key(key), id);
                answer.problem(401, code);
                assert!(!answer.header("www-authenticate").is_empty(), "{}", operation.name());
            }
        }
        assert_eq!(dump(database), before);
    }

    /// The secondary key reads everything and changes nothing, whatever tricks come with it.
    fn the_read_only_key_changes_nothing(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let ids = existing(&api.acme);
        let reader = api.acme.read_only();
        let before = dump(database);
        let tricks = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];
        for operation in with_key() {
            let id = ids.get(&operation.path).map_or("1", String::as_str);
            let answer = operation.send(&reader, id);
            if operation.writes() {
                answer.problem(403, "read_only_key");
            } else {
                assert_eq!(answer.status, 200, "{}: {}", operation.name(), answer.text);
                for trick in tricks {
                    let path = operation.path.replace("{id}", id);
                    let again = reader.send("GET", &path, &[(trick, "DELETE")], None);
                    assert_eq!(again.body, answer.body, "{trick}");
                }
            }
            for trick in tricks {
                let path = operation.path.replace("{id}", id);
                reader.send(&operation.method, &path, &[(trick, "GET")], operation.takes_body.then_some("{}"));
            }
        }
        assert_eq!(dump(database), before);
    }

    /// With the key of another tenant a record is not there, and a list is without it.
    fn another_tenants_key_opens_nothing(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let ids = existing(&api.acme);
        let other = api.tenant("other");
        let before = dump(database);
        for operation in with_key() {
            match ids.get(&operation.path) {
                Some(id) => {
                    let body = match operation.path.rsplit('/').next() {
                        Some("merge") => "{\"sourceId\":[\"1\"]}",
                        Some("updateStatus") => "{\"status\":\"won\"}",
                        Some("updateStage") => "{\"stage\":\"first\"}",
                        Some("activities") => "{\"comment\":\"Not theirs\"}",
                        _ => "{}",
                    };
                    let body = operation.takes_body.then_some(body);
                    let answer = other.send(&operation.method, &operation.path.replace("{id}", id), &[], body);
                    answer.problem(404, "not_found");
                }
                None => {
                    assert!(!operation.path.contains("{id}"), "existing() makes no record for {}", operation.name());
                    if !operation.writes() {
                        let answer = operation.send(&other, "");
                        for foreign in ["Mine", "mine", "acme", "mood"] {
                            let foreign = format!("\"{foreign}\"");
                            assert!(!answer.text.contains(&foreign), "{}: {}", operation.name(), answer.text);
                        }
                    }
                }
            }
        }
        assert_eq!(dump(database), before);
    }

    /// A key opens no route of ticketing.
    fn a_key_is_no_token(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", "a secret of more than thirty-two bytes")]);
        let before = dump(database);
        for operation in operations().iter().filter(|operation| operation.scheme.as_deref() == Some("bearerToken")) {
            let id = "00000000-0000-4000-8000-000000000000";
            let bearer = format!("Bearer {}", api.acme.keys.primary);
            for headers in [vec![], vec![("Authorization", bearer.as_str())]] {
                let body = operation.takes_body.then_some("{}");
                let answer = api.acme.send(&operation.method, &operation.path.replace("{id}", id), &headers, body);
                assert_eq!((answer.status, &answer.body["error"]["code"]), (401, &json!("UNAUTHORIZED")), "{}", operation.name());
            }
        }
        assert_eq!(dump(database), before);
    }

    /// Every GET has a HEAD, which says the same without the body.
    fn every_get_has_a_head(database) {
        let api = Api::start(database);
        let ids = existing(&api.acme);
        for operation in operations().iter().filter(|operation| operation.method == "GET") {
            let path = operation.path.replace("{id}", ids.get(&operation.path).map_or("-", String::as_str));
            let (get, head) = (api.acme.get(&path), api.acme.head(&path));
            assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
            for header in ["content-type", "content-length", "etag", "vary", "cache-control", "www-authenticate"] {
                let counts_itself = operation.path == "/metrics" && header == "content-length";
                assert!(counts_itself || head.header(header) == get.header(header), "{path}: {header} of {head:?}");
            }
        }
    }

    /// A method that a route does not have is answered with those that it has.
    fn a_wrong_method_is_told_the_right_ones(database) {
        let api = Api::start(database);
        let mut by_path: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for operation in operations() {
            let methods = by_path.entry(operation.path).or_default();
            if operation.method == "GET" {
                methods.insert("HEAD".to_owned());
            }
            methods.insert(operation.method);
        }
        for (path, methods) in by_path {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
                if methods.contains(method) {
                    continue;
                }
                let answer = api.acme.with_key(None).send(method, &path.replace("{id}", "1"), &[], None);
                assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
                let is_told = match method {
                    "HEAD" => answer.text.is_empty(),
                    _ if path.starts_with("/api/v1/ticketing") => answer.body["error"]["code"] == "INVALID_REQUEST",
                    _ => answer.body["code"] == "method_not_allowed",
                };
                assert!(is_told, "{method} {path}: {}", answer.text);
                let allow: BTreeSet<String> = answer.header("allow").split(", ").map(str::to_owned).collect();
                assert_eq!(allow, methods, "{method} {path}");
            }
        }
    }
}
