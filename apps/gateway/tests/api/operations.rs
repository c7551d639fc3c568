//! The operations of the OpenAPI document, and records for them to find.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::resources::RESOURCES;

pub(crate) const COMMITTED: &str = include_str!("../../openapi.json");

/// An id that no comment has.
pub(crate) const NO_COMMENT: &str = "0d5e6f78-9012-4345-8789-abcdef012345";

/// One operation of the document.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Which scheme it needs, if any.
    pub(crate) scheme: Option<String>,
    pub(crate) takes_body: bool,
}

impl Operation {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The same operation as one example of the source spells it; the document does not.
    pub(crate) fn other_spelling(&self) -> Option<Self> {
        Some(Self { path: other_spelling(&self.path)?, ..self.clone() })
    }

    /// The area whose scope it needs: that of its path, and of what is in the trash that of its kind.
    pub(crate) fn area(&self) -> &str {
        let of_trash = RESOURCES.iter().find(|resource| {
            let path = format!("/trash/{}/", resource.bulk.1);
            self.path.starts_with(&path)
        });
        of_trash.map_or(self.path.as_str(), |resource| resource.path).split('/').nth(1).unwrap_or_default()
    }

    pub(crate) fn writes(&self) -> bool {
        self.method != "GET"
    }

    /// Its path, of the record with this id, which is its external id too. A comment in it is nobody's.
    pub(crate) fn at(&self, id: &str) -> String {
        self.path
            .replace("{id}", id)
            .replace("{externalId}", id)
            .replace("{deliveryId}", id)
            .replace("{commentId}", NO_COMMENT)
    }

    /// Whether its path names a comment, which is nobody's here: comments.rs has some.
    pub(crate) fn names_a_comment(&self) -> bool {
        self.path.contains("{commentId}")
    }

    /// Whether its path names a record.
    pub(crate) fn names_a_record(&self) -> bool {
        self.path.contains('{')
    }

    /// Sends it for this id, with a body that says nothing.
    pub(crate) fn send(&self, client: &Client, id: &str) -> Answer {
        let body = self.takes_body.then_some("{}");
        client.send(&self.method, &self.at(id), &[], body)
    }
}

pub(crate) fn operations() -> Vec<Operation> {
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
    assert!(operations.len() > 80, "walks over so few operations would prove little");
    let known = [None, Some("subscriptionKey"), Some("bearerToken"), Some("adminKey")];
    assert!(
        operations.iter().all(|operation| known.contains(&operation.scheme.as_deref())),
        "a scheme that is not walked"
    );
    operations
}

/// How one example of the source spells a path; the document does not.
fn other_spelling(path: &str) -> Option<String> {
    let is_archive = ["/archive", "/unarchive"].iter().any(|end| path.ends_with(end));
    is_archive.then(|| path.replace("/pipeline/leads/", "/pipeline/lead/"))
}

/// Every operation that wants a key, under each spelling of its path.
pub(crate) fn with_key() -> impl Iterator<Item = Operation> {
    // Rotating the key in use would leave the walk without it: access.rs does.
    let with_key = |operation: &Operation| {
        operation.scheme.as_deref() == Some("subscriptionKey") && operation.path != "/me/rotate"
    };
    operations().into_iter().filter(with_key).flat_map(|operation| {
        let other = operation.other_spelling();
        [operation].into_iter().chain(other)
    })
}

/// How to make a record of each kind: where, a body, and what follows its id in the paths of its operations.
pub(crate) fn kinds() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let mut kinds = vec![
        (
            "/pipeline/leads",
            json!({ "title": "Mine" }),
            vec!["/convert", "/history", "/comments", "/comments/{commentId}"],
        ),
        (
            "/pipeline/pipelines/opportunities",
            json!({ "name": "Mine", "stages": [{ "label": "First" }] }),
            vec!["", "/history"],
        ),
        ("/cases/cases", json!({ "title": "Mine" }), vec!["/activities", "/history"]),
        ("/cases/types/cases", json!({ "label": "Mine" }), vec!["", "/history"]),
        ("/settings/keys", json!({ "name": "mine", "scopes": ["*:read"] }), vec!["", "/rotate"]),
        (
            "/settings/webhooks",
            json!({ "url": "https://hooks.invalid/", "events": ["lead.created"], "enabled": false }),
            vec!["", "/rotateSecret", "/test", "/deliveries", "/replay"],
        ),
    ];
    for resource in RESOURCES {
        let actions = resource.actions.iter().map(|(_, action, _)| *action).chain(["", "/history"]);
        let comments = if resource.path == "/cases/cases" { &[][..] } else { &["/comments", "/comments/{commentId}"] };
        let actions = actions.chain(comments.iter().copied()).collect();
        kinds.push((resource.path, json!({ resource.text: "Mine" }), actions));
        kinds.push((resource.tags, json!({ "label": "mine" }), vec![""]));
    }
    kinds
}

/// The id of an existing record for each path with an `{id}`.
pub(crate) fn existing(client: &Client) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for (path, body, actions) in kinds() {
        let id = client.post(path, &body).item(201)["id"].as_str().unwrap().to_owned();
        let paths = actions.iter().map(|action| format!("{path}/{{id}}{action}"));
        let paths = paths.flat_map(|path| other_spelling(&path).into_iter().chain([path]));
        ids.extend(paths.map(|path| (path, id.clone())));
        if RESOURCES.iter().any(|resource| resource.path == path) {
            client.patch(&format!("{path}/{id}"), &json!({ "externalId": id })).item(200);
            ids.insert(format!("{path}/external/{{externalId}}"), id);
        }
    }
    // One that never was: a delivery is made by what happens, and `webhooks` has tests of its own for it.
    ids.insert(
        "/settings/webhooks/deliveries/{deliveryId}/replay".to_owned(),
        "00000000-0000-4000-8000-000000000000".to_owned(),
    );
    let import = crate::uploads::existing(client);
    ids.extend(["", "/problems", "/undo"].map(|end| (format!("/imports/{{id}}{end}"), import.clone())));
    for resource in RESOURCES {
        let made = client.post(resource.path, &json!({ resource.text: "Deleted" }));
        let id = made.item(201)["id"].as_str().unwrap().to_owned();
        assert_eq!(client.delete(&format!("{}/{id}", resource.path)).status, 204);
        let path = format!("/trash/{}/{{id}}", resource.bulk.1);
        ids.extend([format!("{path}/restore"), path].map(|path| (path, id.clone())));
    }
    ids
}
