//! The OpenAPI document: it is what is committed, it has every route, and all that it refers to.

use std::collections::{BTreeMap, BTreeSet};

use crm_testkit::{TestDatabase, both_databases};
use serde_json::Value;

use crate::client::Api;
use crate::operations::{COMMITTED, Operation, existing, operations};
use crate::process::stdout;

/// The list of end points at the top of the source, its two slips (a missing slash) put right.
const SOURCE: &str = include_str!("fixtures/endpoints.txt");

/// Operations that need no key and no token. This list may only shrink.
const PUBLIC: &[&str] = &["GET /docs", "GET /healthz", "GET /metrics", "GET /openapi.json", "GET /readyz"];

/// What the contract has beyond the source.
const BEYOND_THE_SOURCE: &[&str] = &[
    "DELETE /admin/tenants/{id}",
    "DELETE /api/v1/ticketing/clientMap/{id}",
    "DELETE /directory/contacts/{id}/comments/{commentId}",
    "DELETE /directory/organizations/{id}/comments/{commentId}",
    "DELETE /imports/{id}",
    "DELETE /pipeline/leads/{id}/comments/{commentId}",
    "DELETE /pipeline/opportunities/{id}/comments/{commentId}",
    "DELETE /pipeline/pipelines/opportunities/{id}",
    "DELETE /settings/keys/{id}",
    "DELETE /settings/webhooks/{id}",
    "DELETE /trash/case/{id}",
    "DELETE /trash/contact/{id}",
    "DELETE /trash/lead/{id}",
    "DELETE /trash/opportunity/{id}",
    "DELETE /trash/organization/{id}",
    "GET /admin/tenants",
    "GET /admin/tenants/{id}",
    "GET /api/v1/ticketing/clientMap/findAndCountAll",
    "GET /api/v1/ticketing/clientMap/{id}",
    "GET /cases/cases/export",
    "GET /cases/cases/external/{externalId}",
    "GET /cases/cases/{id}/activities",
    "GET /cases/cases/{id}/history",
    "GET /cases/types/cases/{id}/history",
    "GET /changes",
    "GET /directory/contacts/duplicates",
    "GET /directory/contacts/export",
    "GET /directory/contacts/external/{externalId}",
    "GET /directory/contacts/{id}/comments",
    "GET /directory/contacts/{id}/comments/{commentId}",
    "GET /directory/contacts/{id}/history",
    "GET /directory/forms/contacts/history",
    "GET /directory/forms/organizations/history",
    "GET /directory/organizations/duplicates",
    "GET /directory/organizations/export",
    "GET /directory/organizations/external/{externalId}",
    "GET /directory/organizations/{id}/comments",
    "GET /directory/organizations/{id}/comments/{commentId}",
    "GET /directory/organizations/{id}/history",
    "GET /docs",
    "GET /healthz",
    "GET /imports",
    "GET /imports/{id}",
    "GET /imports/{id}/problems",
    "GET /me",
    "GET /metrics",
    "GET /openapi.json",
    "GET /pipeline/forms/opportunities/history",
    "GET /pipeline/leads/export",
    "GET /pipeline/leads/external/{externalId}",
    "GET /pipeline/leads/{id}/comments",
    "GET /pipeline/leads/{id}/comments/{commentId}",
    "GET /pipeline/leads/{id}/history",
    "GET /pipeline/opportunities/export",
    "GET /pipeline/opportunities/external/{externalId}",
    "GET /pipeline/opportunities/summary",
    "GET /pipeline/opportunities/{id}/comments",
    "GET /pipeline/opportunities/{id}/comments/{commentId}",
    "GET /pipeline/opportunities/{id}/history",
    "GET /pipeline/pipelines/opportunities/{id}/history",
    "GET /readyz",
    "GET /search",
    "GET /settings/keys",
    "GET /settings/keys/{id}",
    "GET /settings/webhooks",
    "GET /settings/webhooks/{id}",
    "GET /settings/webhooks/{id}/deliveries",
    "GET /trash",
    "GET /trash/case/{id}",
    "GET /trash/contact/{id}",
    "GET /trash/lead/{id}",
    "GET /trash/opportunity/{id}",
    "GET /trash/organization/{id}",
    "PATCH /api/v1/ticketing/clientMap/{id}",
    "PATCH /directory/contacts/{id}/comments/{commentId}",
    "PATCH /directory/organizations/{id}/comments/{commentId}",
    "PATCH /pipeline/leads/{id}/comments/{commentId}",
    "PATCH /pipeline/opportunities/{id}/comments/{commentId}",
    "PATCH /pipeline/pipelines/opportunities/{id}",
    "PATCH /settings/keys/{id}",
    "PATCH /settings/webhooks/{id}",
    "POST /admin/clock",
    "POST /admin/tenants",
    "POST /admin/tenants/{id}/keys/primary/rotate",
    "POST /admin/tenants/{id}/keys/secondary/rotate",
    "POST /admin/tenants/{id}/reset",
    "POST /api/v1/ticketing/clientMap",
    "POST /api/v1/ticketing/clientMap/{id}/sync",
    "POST /cases/cases/batch",
    "POST /cases/cases/{id}/activities",
    "POST /directory/contacts/batch",
    "POST /directory/contacts/{id}/comments",
    "POST /directory/organizations/batch",
    "POST /directory/organizations/{id}/comments",
    "POST /imports",
    "POST /imports/{id}/undo",
    "POST /me/rotate",
    "POST /pipeline/leads/batch",
    "POST /pipeline/leads/{id}/comments",
    "POST /pipeline/leads/{id}/merge",
    "POST /pipeline/opportunities/batch",
    "POST /pipeline/opportunities/{id}/comments",
    "POST /pipeline/pipelines/opportunities",
    "POST /settings/keys",
    "POST /settings/keys/{id}/rotate",
    "POST /settings/webhooks",
    "POST /settings/webhooks/deliveries/{deliveryId}/replay",
    "POST /settings/webhooks/{id}/replay",
    "POST /settings/webhooks/{id}/rotateSecret",
    "POST /settings/webhooks/{id}/test",
    "POST /trash/case/{id}/restore",
    "POST /trash/contact/{id}/restore",
    "POST /trash/lead/{id}/restore",
    "POST /trash/opportunity/{id}/restore",
    "POST /trash/organization/{id}/restore",
    "PUT /cases/cases/external/{externalId}",
    "PUT /directory/contacts/external/{externalId}",
    "PUT /directory/organizations/external/{externalId}",
    "PUT /pipeline/leads/external/{externalId}",
    "PUT /pipeline/opportunities/external/{externalId}",
];

/// What the source lists and the gateway does not have yet. This list may only shrink.
const NOT_YET: &[&str] = &[];

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

/// What makes a record links to all that can be done with it, so that tools find records to work on.
#[test]
fn a_new_record_links_to_its_operations() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut creations = 0;
    for (path, methods) in paths {
        let on_it = format!("{path}/{{id}}");
        let expected: BTreeSet<&str> = paths
            .iter()
            .filter(|(other, _)| **other == on_it || other.starts_with(&format!("{on_it}/")))
            .flat_map(|(_, methods)| methods.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let responses = &methods["post"]["responses"];
        let links = ["201", "202"].into_iter().find_map(|status| responses[status]["links"].as_object());
        let linked = links.into_iter().flatten().map(|(_, link)| link["operationId"].as_str().unwrap());
        if methods.get("post").is_some() {
            assert_eq!(linked.collect::<BTreeSet<_>>(), expected, "POST {path}");
            creations += usize::from(!expected.is_empty());
        }
    }
    assert!(creations > 10, "the walk proved nothing");
}

/// Generated clients name their types by what is named here: no answer is an object without a name.
#[test]
fn every_answer_has_a_name() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut answers = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let schema = &response["content"]["application/json"]["schema"];
                if status.starts_with('2') && !schema.is_null() && path != "/openapi.json" {
                    assert!(schema["$ref"].is_string(), "{method} {path}: {status} is {schema}");
                    answers += 1;
                }
            }
        }
    }
    assert!(answers > 60, "the walk proved nothing");
}

/// A member that may be null is there; a member that may be missing is never null. Requests may leave out what they like.
#[test]
fn what_can_be_null_in_an_answer_is_always_there() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, member) in
        [("Lead", "owner"), ("Lead", "value"), ("Case", "priority"), ("Key", "expiresOn"), ("Activity", "comment")]
    {
        let required = schemas[name]["required"].as_array().unwrap();
        assert!(required.contains(&member.into()), "{name}.{member} is always printed");
    }
    for (name, member) in [("ClientMap", "usecase"), ("Field", "options"), ("LeadPage", "continuationToken")] {
        let required = schemas[name]["required"].as_array().unwrap();
        let schema = &schemas[name]["properties"][member];
        assert!(
            !required.contains(&member.into()) && !schema.to_string().contains("null"),
            "{name}.{member}: {schema}"
        );
    }
    for (name, member) in [("NewLead", "owner"), ("LeadPatch", "title"), ("User", "name"), ("LabeledValue", "label")] {
        let required = schemas[name]["required"].as_array();
        assert!(required.is_none_or(|required| !required.contains(&member.into())), "{name}.{member} may be left out");
    }
}

#[test]
fn a_member_is_described_where_it_is_sent_too() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, member) in
        [("NewLead", "owner"), ("LeadPatch", "value"), ("NewCase", "owner"), ("ContactPatch", "owner")]
    {
        let description = schemas[name]["properties"][member]["description"].as_str();
        assert!(description.is_some_and(|text| !text.is_empty()), "{name}.{member}");
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

    /// Whoever opens the address in a browser finds the page, behind a path of a proxy too.
    fn the_address_leads_to_the_page(database) {
        let api = Api::start(database);
        let home = api.acme.with_key(None).get("/");
        assert_eq!((home.status, home.header("location"), home.text.as_str()), (307, "console", ""));
        assert_eq!(api.acme.with_key(None).get("/docs").status, 200);
    }

    /// Every GET has a HEAD, which says the same without the body.
    fn every_get_has_a_head(database) {
        let api = Api::start(database);
        let ids = existing(&api.acme);
        for operation in operations().iter().filter(|operation| operation.method == "GET") {
            let path = operation.at(ids.get(&operation.path).map_or("-", String::as_str));
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
                let answer = api.acme.with_key(None).send(method, &path.replace("{id}", "1").replace("{externalId}", "1"), &[], None);
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
