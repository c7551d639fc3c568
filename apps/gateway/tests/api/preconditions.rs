//! Every operation that changes what has an ETag takes `If-Match` and `If-None-Match` (RFC 9110, 13.1), as its document
//! says.

use std::sync::LazyLock;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client, Keys};
use crate::dump::dump;
use crate::operations::{COMMITTED, Operation, existing, operations};
use crate::resources::{RESOURCES, prepare};
use crate::ticketing_errors::{ACME, SECRET, administrator, make_map};

/// Adds something to a record whose representation stays as it is; or needs something that was delivered, and has its test beside
/// the other deliveries.
const UNCONDITIONAL: [&str; 2] = ["/cases/cases/{id}/activities", "/settings/webhooks/deliveries/{deliveryId}/replay"];

/// What an action without an id acts on, where that has an ETag: `/me` of `/me/rotate`.
fn acted_on(path: &str) -> Option<String> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(COMMITTED).unwrap());
    let (parent, _) = path.rsplit_once('/')?;
    let shown = &DOCUMENT["paths"][parent]["get"]["responses"]["200"]["headers"];
    (!path.contains('{') && shown.get("ETag").is_some()).then(|| parent.to_owned())
}

/// The operations that change something that is there: all that write, but for those that only make something new or,
/// in bulk, name many.
fn changes(scheme: &str) -> Vec<Operation> {
    let changes = |operation: &Operation| {
        // Which record has which comment is told in comments.rs.
        let is_of_comments = operation.path.contains("/comments");
        operation.writes()
            && (operation.method != "POST" || operation.names_a_record() || acted_on(&operation.path).is_some())
            && !UNCONDITIONAL.contains(&operation.path.as_str())
            && !is_of_comments
    };
    operations().into_iter().filter(|one| one.scheme.as_deref() == Some(scheme) && changes(one)).collect()
}

/// A body that the operation would take.
fn body_of(operation: &Operation, client: &Client) -> Option<String> {
    let action = operation.path.split("{id}").nth(1).unwrap_or_default();
    let actions = RESOURCES.iter().flat_map(|resource| resource.actions);
    let of_action =
        actions.filter(|(_, name, _)| !action.is_empty() && *name == action).map(|(.., body)| body()).next();
    let body = match action {
        _ if operation.path.contains("{externalId}") => json!({}),
        "/sync" => json!({ "syncStatus": "success" }),
        "/replay" => json!({ "since": "2025-01-01T00:00:00.000Z" }),
        _ if operation.method == "PUT" => json!({ "fields": client.get(&operation.path).items() }),
        _ => of_action.unwrap_or_else(|| json!({})),
    };
    operation.takes_body.then(|| body.to_string())
}

/// The ETag of what an operation changes; empty where it cannot be read by itself.
fn etag_of(client: &Client, operation: &Operation, id: &str) -> String {
    if operation.path.contains("{externalId}") {
        return client.get(&operation.at(id)).header("etag").to_owned();
    }
    if let Some(acted_on) = acted_on(&operation.path) {
        return client.get(&acted_on).header("etag").to_owned();
    }
    let (resource, _) = operation.path.split_once("/{id}").unwrap_or((&operation.path, ""));
    let path = if resource == operation.path { resource.to_owned() } else { format!("{resource}/{id}") };
    client.get(&path).header("etag").to_owned()
}

/// The operation is refused on these conditions.
fn assert_refuses(operation: &Operation, send: impl Fn(&[(&str, &str)]) -> Answer) {
    for (header, value) in [
        ("If-Match", "\"other\""),
        ("If-Match", ""),
        ("If-Match", "\"a\", \"b\""),
        ("If-None-Match", "*"),
        ("If-None-Match", "\"other\", *"),
    ] {
        let answer = send(&[(header, value)]);
        assert_eq!(answer.status, 412, "{} {header}: {value}: {}", operation.name(), answer.text);
    }
}

#[test]
fn every_operation_that_changes_something_is_described_with_if_match() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let described = |operation: &Operation| {
        let told = &document["paths"][&operation.path][operation.method.to_lowercase()];
        let takes = told["parameters"].as_array().unwrap().iter().any(|one| one["name"] == "If-Match");
        takes && told["responses"].get("412").is_some()
    };
    let all = [changes("subscriptionKey"), changes("bearerToken"), changes("adminKey")].concat();
    assert!(all.len() > 40, "{}", all.len());
    for path in ["/me/rotate", "/admin/tenants/{id}", "/admin/tenants/{id}/reset"] {
        assert!(all.iter().any(|operation| operation.path == path), "{path}");
    }
    for operation in all {
        assert!(described(&operation), "{}", operation.name());
    }
}

both_databases! {
    /// With a condition that is not true, nothing is changed; with one that is, everything is.
    fn every_change_can_be_conditional(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let ids = existing(&api.acme);
        let mut operations = changes("subscriptionKey");
        // Until the end there is what all of them change, and the key in use.
        operations.sort_by_key(|operation| (operation.path == "/me/rotate", operation.method == "DELETE"));
        let before = dump(database);
        let requests = operations.iter().map(|operation| {
            let id = ids.get(&operation.path).map_or("1", String::as_str);
            (operation, id, operation.at(id), body_of(operation, &api.acme))
        });
        let requests: Vec<_> = requests.collect();
        for (operation, id, path, body) in &requests {
            let send = |headers: &[(&str, &str)]| api.acme.send(&operation.method, path, headers, body.as_deref());
            assert_refuses(operation, send);
            let etag = etag_of(&api.acme, operation, id);
            if !etag.is_empty() {
                assert_eq!(send(&[("If-None-Match", &etag)]).status, 412, "{} has just this one", operation.name());
            }
        }
        assert_eq!(dump(database), before);
        for (operation, id, path, body) in &requests {
            let etag = etag_of(&api.acme, operation, id);
            let condition = if etag.is_empty() { "*" } else { etag.as_str() };
            let headers = [("If-Match", condition), ("If-None-Match", "\"other\"")];
            let done = api.acme.send(&operation.method, path, &headers, body.as_deref());
            // Whatever else is wrong with it: a source that is not there, a type in use.
            assert!(done.status != 412 && done.status < 500, "{} {condition}: {}", operation.name(), done.text);
        }
    }

    /// The same of the operator's.
    fn every_change_of_a_tenant_can_be_conditional(database) {
        let key = "k".repeat(40);
        let api = Api::start_with(database, &[("CRM_ADMIN_KEY", &key), ("CRM_ALLOW_RESET", "true")]);
        let bearer = format!("Bearer {key}");
        Keys::of_new_tenant(database, "brief");
        let send = |method: &str, path: &str, headers: &[(&str, &str)]| {
            let who = [("Authorization", bearer.as_str())];
            api.acme.with_key(None).send(method, path, &[&who, headers].concat(), None)
        };
        let mut operations = changes("adminKey");
        operations.sort_by_key(|operation| operation.method == "DELETE");
        assert_eq!(operations.len(), 4, "{:?}", operations.iter().map(Operation::name).collect::<Vec<_>>());
        let etag = send("GET", "/admin/tenants/brief", &[]).header("etag").to_owned();
        let before = dump(database);
        for operation in &operations {
            assert_refuses(operation, |headers| send(&operation.method, &operation.at("brief"), headers));
            assert_eq!(send(&operation.method, &operation.at("brief"), &[("If-None-Match", &etag)]).status, 412);
        }
        assert_eq!(dump(database), before);
        for operation in &operations {
            let done = send(&operation.method, &operation.at("brief"), &[("If-Match", &etag)]);
            assert!(matches!(done.status, 200 | 204), "{}: {}", operation.name(), done.text);
        }
        assert_eq!(send("GET", "/admin/tenants/brief", &[]).status, 404);
    }

    /// The same of ticketing's.
    fn every_change_of_a_mapping_can_be_conditional(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        Keys::of_new_tenant(database, ACME);
        let token = administrator(ACME);
        let made = make_map(&api, Some(&token), ACME);
        let id = made.body["data"]["id"].as_str().unwrap();
        let operations = changes("bearerToken");
        assert_eq!(operations.len(), 3);
        let before = dump(database);
        for operation in operations {
            let path = operation.at(id);
            let body = body_of(&operation, &api.acme);
            assert_refuses(&operation, |headers| {
                let who = [("Authorization", token.as_str()), ("x-tenantid", ACME)];
                api.acme.with_key(None).send(&operation.method, &path, &[&who, headers].concat(), body.as_deref())
            });
        }
        assert_eq!(dump(database), before);
    }
}
