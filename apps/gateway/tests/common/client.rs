//! A running gateway with tenants, and a client that speaks to it, for every test binary of the gateway.
#![expect(dead_code, reason = "each test binary uses its part of it, and none all")]

use std::fs::File;
use std::time::Duration;

use crm_testkit::TestDatabase;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use crate::process::{Serving, gateway, stdout};

/// A gateway on a database of its own, with one tenant, `acme`.
pub(crate) struct Api<'a> {
    pub(crate) database: &'a TestDatabase,
    pub(crate) serving: Serving,
    pub(crate) acme: Client,
}

impl<'a> Api<'a> {
    /// Starts it.
    pub(crate) fn start(database: &'a TestDatabase) -> Self {
        Self::start_with(database, &[])
    }

    /// Starts it with these settings.
    pub(crate) fn start_with(database: &'a TestDatabase, settings: &[(&str, &str)]) -> Self {
        let keys = Keys::of_new_tenant(database, "acme");
        let serving = Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0").envs(settings.iter().copied()));
        let acme = Client::new(&serving.url, keys);
        Self { database, serving, acme }
    }

    /// As [`start_with`](Self::start_with), with its log in this file.
    pub(crate) fn start_logging(database: &'a TestDatabase, settings: &[(&str, &str)], log: File) -> Self {
        let keys = Keys::of_new_tenant(database, "acme");
        let mut command = gateway(database);
        command.env("CRM_RATE_LIMIT", "0").envs(settings.iter().copied());
        let serving = Serving::start_logging(&mut command, log);
        let acme = Client::new(&serving.url, keys);
        Self { database, serving, acme }
    }

    /// A client of another, new tenant.
    pub(crate) fn tenant(&self, id: &str) -> Client {
        Client::new(&self.serving.url, Keys::of_new_tenant(self.database, id))
    }

    /// Stops the gateway at once, as a crash does, and starts it again on the same database.
    pub(crate) fn restart(self) -> Self {
        let Self { database, serving, acme } = self;
        serving.kill();
        let serving = Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0"));
        let acme = Client::new(&serving.url, acme.keys);
        Self { database, serving, acme }
    }
}

/// A tenant's keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) tenant: String,
    pub(crate) primary: String,
    pub(crate) secondary: String,
}

impl Keys {
    /// Makes a tenant by the command line, as an operator does.
    pub(crate) fn of_new_tenant(database: &TestDatabase, id: &str) -> Self {
        // The command refuses a database that was never migrated; test databases are.
        let made = stdout(database, &["tenants", "create", "--id", id, "--json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { tenant: id.to_owned(), primary: text("primaryKey"), secondary: text("secondaryKey") }
    }
}

/// A client of one tenant.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) base: String,
    pub(crate) keys: Keys,
    /// The key that it sends; the primary one unless changed.
    pub(crate) key: Option<String>,
    agent: Agent,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body; `Null` where it is empty or no JSON.
    pub(crate) body: Value,
    /// The body; what is no UTF-8 in it is replaced.
    pub(crate) text: String,
}

impl Answer {
    /// The value of a header; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The record of the answer, whose status must be this.
    #[track_caller]
    pub(crate) fn item(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        &self.body["item"]
    }

    /// The records of the answer, which must be a 200.
    #[track_caller]
    pub(crate) fn items(&self) -> &Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body["items"].as_array().unwrap()
    }

    /// Checks that the answer is a problem of this status and code, in its envelope.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["type"], format!("/problems/{code}"));
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["requestId"], self.header("x-request-id"));
        self
    }

    /// Checks that the answer refuses just these fields, each with its code, in whatever order.
    #[track_caller]
    pub(crate) fn refuses(&self, fields: &[(&str, &str)]) {
        self.problem(400, "validation_failed");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let entries = self.body["errors"].as_array().unwrap();
        let mut found: Vec<_> = entries.iter().map(|entry| (text(&entry["field"]), text(&entry["code"]))).collect();
        let mut wanted: Vec<_> = fields.iter().map(|(field, code)| ((*field).to_owned(), (*code).to_owned())).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{}", self.text);
    }
}

impl Client {
    pub(crate) fn new(base: &str, keys: Keys) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A request without an answer is a test that fails, and not one that never ends.
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        Self { base: base.to_owned(), key: Some(keys.primary.clone()), keys, agent }
    }

    /// The same client with connections of its own.
    pub(crate) fn apart(&self) -> Self {
        Self { key: self.key.clone(), ..Self::new(&self.base, self.keys.clone()) }
    }

    /// The same client with another key, or none.
    pub(crate) fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// The same client with the key that only reads.
    pub(crate) fn read_only(&self) -> Self {
        self.with_key(Some(&self.keys.secondary))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn head(&self, path: &str) -> Answer {
        self.send("HEAD", path, &[], None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(&body.to_string()))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[], Some(&body.to_string()))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, &[], Some(&body.to_string()))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    /// Sends a request with these headers and this body as it stands.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        self.try_send(method, path, headers, body).unwrap()
    }

    /// As [`send`](Self::send), where the gateway may be gone.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, ureq::Error> {
        self.try_send_bytes(method, path, headers, body.map(str::as_bytes))
    }

    /// The same with a body that need be no text.
    pub(crate) fn try_send_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("Ocp-Apim-Subscription-Key", key);
        }
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap())?,
            None => self.agent.run(request.body(()).unwrap())?,
        };
        let text = String::from_utf8_lossy(&response.body_mut().read_to_vec()?).into_owned();
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }
}
