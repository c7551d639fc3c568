//! A gateway that checks tokens, and an administrator who has some.

use crm_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::client::{Answer, Client, Keys};
use crate::issuer::{SigningKey, claims};
use crate::process::{Serving, gateway, stdout};

/// The tenants of most tests.
pub(crate) const ACME: &str = "0e6b2f70-5b0c-4b6c-9f3e-0d6a4c1b2a11";
pub(crate) const OTHER: &str = "7d1c9a52-33f4-4a3b-8f0e-5b9d2c6e7f22";
pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes";
pub(crate) const ROOT: &str = "/api/v1/ticketing/clientMap";
pub(crate) const LIST: &str = "/api/v1/ticketing/clientMap/findAndCountAll";

/// Starts a gateway with these settings beside the database.
pub(crate) fn start(database: &TestDatabase, settings: &[(&str, &str)]) -> Serving {
    Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0").envs(settings.iter().copied()))
}

/// Makes a tenant by the command line, as an operator does.
pub(crate) fn make_tenant(database: &TestDatabase, id: &str) {
    stdout(database, &["tenants", "create", "--id", id, "--json"]);
}

/// Somebody with a token.
#[derive(Clone)]
pub(crate) struct Admin {
    client: Client,
    token: String,
    tenant: String,
}

impl Admin {
    pub(crate) fn new(serving: &Serving, token: &str, tenant: &str) -> Self {
        let keys = Keys { tenant: String::new(), primary: String::new(), secondary: String::new() };
        let client = Client::new(&serving.url, keys).with_key(None);
        Self { client, token: token.to_owned(), tenant: tenant.to_owned() }
    }

    /// The administrator of a tenant of a gateway whose tokens are signed with [`SECRET`].
    pub(crate) fn with_secret(serving: &Serving, tenant: &str) -> Self {
        Self::new(serving, &SigningKey::secret(SECRET).token(&claims(tenant)), tenant)
    }

    /// The same, asking through a cache at this address.
    pub(crate) fn through(mut self, url: &str) -> Self {
        url.clone_into(&mut self.client.base);
        self
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(&body.to_string()))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, &[], Some(&body.to_string()))
    }

    /// The list, unless the client has what goes by this ETag.
    pub(crate) fn list_unless(&self, etag: &str) -> Answer {
        self.send("GET", LIST, &[("if-none-match", etag)], None)
    }

    /// Sends a request with token, tenant and further headers.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str()), ("x-tenantid", self.tenant.as_str())];
        all.extend(headers);
        self.client.send(method, path, &all, body)
    }

    /// Sends a request with these headers only.
    pub(crate) fn send_bare(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        self.client.send(method, path, headers, body)
    }
}

/// The least that makes a mapping.
pub(crate) fn minimal(client_id: &str) -> Value {
    json!({ "clientId": client_id, "clientName": "Client", "clientType": "custom", "mappingType": "inbound" })
}

/// Checks that an answer is an error in ticketing's envelope, and gives its details.
#[track_caller]
pub(crate) fn refused<'a>(answer: &'a Answer, status: u16, code: &str) -> &'a str {
    let Answer { body, text, .. } = answer;
    assert_eq!((answer.status, body["error"]["code"].as_str()), (status, Some(code)), "{text}");
    assert_eq!(answer.header("content-type"), "application/json", "{text}");
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["success", "error", "timestamp"], "{text}");
    let members: Vec<&String> = body["error"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["code", "message", "details"], "{text}");
    assert_eq!(body["success"], false);
    assert!(body["timestamp"].as_str().unwrap().parse::<crm_core::Timestamp>().is_ok(), "{text}");
    assert!(!body["error"]["message"].as_str().unwrap().is_empty(), "{text}");
    if status == 401 {
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{text}");
    }
    body["error"]["details"].as_str().unwrap()
}
