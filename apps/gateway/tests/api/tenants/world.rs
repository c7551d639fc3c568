//! A tenant with one record of every kind, which refer to each other, so that each filter finds something.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Api, Client};
use crate::operations::Operation;
use crate::resources::RESOURCES;
use crate::ticketing_errors::administrator;

pub(super) const CLIENT_MAPS: &str = "/api/v1/ticketing/clientMap";

/// A client of one tenant, with a key and a token.
pub(super) struct Tenant {
    pub(super) client: Client,
    token: String,
}

impl Tenant {
    /// A new tenant of this id, a UUID as ticketing wants it.
    pub(super) fn new(api: &Api<'_>, id: &str) -> Self {
        Self { client: api.tenant(id), token: administrator(id) }
    }

    /// Asks with the key or the token, as the operation wants it.
    pub(super) fn send(
        &self,
        operation: &Operation,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let body = body.map(Value::to_string);
        if operation.scheme.as_deref() != Some("bearerToken") {
            return self.client.send(&operation.method, path, headers, body.as_deref());
        }
        let caller = [("Authorization", self.token.as_str()), ("x-tenantid", &self.client.keys.tenant)];
        self.client.with_key(None).send(&operation.method, path, &[&caller, headers].concat(), body.as_deref())
    }

    fn make(&self, kind: &str, body: &Value) -> String {
        if kind == CLIENT_MAPS {
            let caller = [("Authorization", self.token.as_str()), ("x-tenantid", &self.client.keys.tenant)];
            let made = self.client.with_key(None).send("POST", kind, &caller, Some(&body.to_string()));
            return made.body["data"]["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
        }
        if kind == "/settings/webhooks" {
            self.make_room_for_webhooks();
        }
        self.client.post(kind, body).item(201)["id"].as_str().unwrap().to_owned()
    }

    /// A tenant has fifty at the most: those of worlds that nobody looks at any more go.
    fn make_room_for_webhooks(&self) {
        let all = self.client.get("/settings/webhooks").items().clone();
        for old in all.iter().take(all.len().saturating_sub(40)) {
            assert_eq!(self.client.delete(&format!("/settings/webhooks/{}", old["id"].as_str().unwrap())).status, 204);
        }
    }

    /// The ETag of one of its records, where its kind has one.
    pub(super) fn etag(&self, kind: &str, id: &str) -> Option<String> {
        let caller = [("Authorization", self.token.as_str()), ("x-tenantid", &self.client.keys.tenant)];
        let client = if kind == CLIENT_MAPS { self.client.with_key(None) } else { self.client.clone() };
        let caller = if kind == CLIENT_MAPS { caller.as_slice() } else { &[] };
        let etag = client.send("GET", &format!("{kind}/{id}"), caller, None).header("etag").to_owned();
        (!etag.is_empty()).then_some(etag)
    }
}

/// Two records of every kind of a tenant, the second of which nothing refers to.
pub(super) struct World {
    ids: BTreeMap<&'static str, [String; 2]>,
}

impl World {
    /// Where records of each kind are made, referred to before those that refer to them.
    pub(super) fn kinds() -> Vec<&'static str> {
        let settings = [
            "/settings/keys",
            "/settings/webhooks",
            "/pipeline/pipelines/opportunities",
            "/cases/types/cases",
            CLIENT_MAPS,
        ];
        let tags = RESOURCES.iter().map(|resource| resource.tags);
        let directory = ["/directory/organizations", "/directory/contacts"];
        let others = ["/pipeline/leads", "/pipeline/opportunities", "/cases/cases"];
        settings.into_iter().chain(tags).chain(directory).chain(others).collect()
    }

    /// What a new record of a kind is sent.
    pub(super) fn body(kind: &str) -> Option<Value> {
        if !Self::kinds().contains(&kind) {
            return None;
        }
        let label = format!("Made {}", Uuid::new_v4());
        let resource = RESOURCES.iter().find(|resource| resource.path == kind);
        Some(match kind {
            _ if resource.is_some() => json!({ resource.unwrap().text: label }),
            CLIENT_MAPS => {
                json!({ "clientId": label, "clientName": "Client", "clientType": "custom", "mappingType": "inbound" })
            }
            "/settings/keys" => json!({ "name": label, "scopes": ["*:read"] }),
            "/settings/webhooks" => {
                json!({ "url": "https://hooks.invalid/", "events": ["*"], "enabled": false, "description": label })
            }
            "/pipeline/pipelines/opportunities" => {
                json!({ "name": label, "stages": [{ "key": "first", "label": "First" }, { "key": "last", "label": "Last" }] })
            }
            _ => json!({ "label": label }),
        })
    }

    /// A patch that a record of a kind takes.
    pub(super) fn change(kind: &str) -> Value {
        let mut body = Self::body(kind).unwrap();
        let required = ["clientId", "clientType", "mappingType", "stages"];
        body.as_object_mut().unwrap().retain(|name, _| !required.contains(&name.as_str()));
        body
    }

    pub(super) fn new(tenant: &Tenant) -> Self {
        let mut world = Self { ids: BTreeMap::new() };
        for kind in Self::kinds() {
            let ids = [true, false].map(|refers| {
                let mut body = Self::body(kind).unwrap();
                if refers {
                    world.refer(kind, &mut body);
                }
                tenant.make(kind, &body)
            });
            world.ids.insert(kind, ids);
        }
        world
    }

    /// Names the records that there are already.
    fn refer(&self, kind: &str, body: &mut Value) {
        let Some(resource) = RESOURCES.iter().find(|resource| resource.path == kind) else { return };
        body["tags"] = json!([self.id(resource.tags)]);
        for (member, of) in resource.references {
            body[*member] = json!(self.id(of));
        }
        match kind {
            "/pipeline/opportunities" => body["pipelineId"] = json!(self.id("/pipeline/pipelines/opportunities")),
            "/cases/cases" => body["caseTypeId"] = json!(self.id("/cases/types/cases")),
            _ => {}
        }
    }

    /// One that others refer to.
    pub(super) fn id(&self, kind: &str) -> &str {
        &self.ids[kind][0]
    }

    /// One that none refers to.
    pub(super) fn other(&self, kind: &str) -> &str {
        &self.ids[kind][1]
    }

    /// Deletes everything again; the ids remain.
    pub(super) fn delete(&self, tenant: &Tenant, delete: impl Fn(&str) -> Operation) {
        for kind in Self::kinds().into_iter().rev() {
            for id in &self.ids[kind] {
                let answer = tenant.send(&delete(kind), &format!("{kind}/{id}"), &[], None);
                assert!((200..300).contains(&answer.status), "{kind}: {}", answer.text);
            }
        }
    }
}
