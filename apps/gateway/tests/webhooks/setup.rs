//! A gateway that may send to this machine, webhooks, and something to change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crm_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::receiver::{Received, Receiver, Says};

pub(crate) const ROOT: &str = "/settings/webhooks";

/// What comes at once comes within this time, on a machine that does much else, and beside transactions of other tests on the
/// same server, which hold changes back as long as they run.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) fn start(database: &TestDatabase) -> Api<'_> {
    Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")])
}

/// A webhook as its maker knows it.
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) secret: String,
}

/// Makes a webhook that the receiver gets.
pub(crate) fn tell(client: &Client, receiver: &Receiver, events: &[&str]) -> Hook {
    let made = client.post(ROOT, &json!({ "url": receiver.url(), "events": events }));
    let item = made.item(201);
    Hook {
        path: format!("{ROOT}/{}", item["id"].as_str().unwrap()),
        secret: item["secret"].as_str().unwrap().to_owned(),
    }
}

impl Hook {
    /// Its log, newest first.
    pub(crate) fn log(&self, client: &Client) -> Vec<Value> {
        client.get(&format!("{}/deliveries?size=200", self.path)).items().clone()
    }

    /// Waits until the log says this of the newest delivery.
    #[track_caller]
    pub(crate) fn wait_for_state(&self, client: &Client, state: &str) -> Value {
        let began = Instant::now();
        loop {
            let newest = self.log(client).first().cloned().unwrap_or_default();
            if newest["state"] == state {
                return newest;
            }
            assert!(began.elapsed() < SOON, "{newest}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Checks that this secret signed it.
    pub(crate) fn signed(&self, received: &Received) -> bool {
        is_signed(&self.secret, received)
    }
}

pub(crate) fn is_signed(secret: &str, received: &Received) -> bool {
    let mut headers = ureq::http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let name: &'static str = name;
        headers.insert(name, received.headers[name].parse().unwrap());
    }
    standardwebhooks::Webhook::new(secret).unwrap().verify(received.text.as_bytes(), &headers).is_ok()
}

/// Makes something that can be changed without any other effect: a lead.
pub(crate) fn subject(client: &Client) -> String {
    let made = client.post("/pipeline/leads", &json!({ "title": "A subject" }));
    format!("/pipeline/leads/{}", made.item(201)["id"].as_str().unwrap())
}

/// Changes it.
pub(crate) fn change(client: &Client, subject: &str, text: &str) {
    client.patch(subject, &json!({ "note": text })).item(200);
}

/// A receiver that fails until it is told otherwise.
pub(crate) fn failing() -> (Receiver, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(true));
    let is_failing = Arc::clone(&fails);
    let receiver = Receiver::start(move |_, _| match is_failing.load(Ordering::Relaxed) {
        true => Says::status(500),
        false => Says::ok(),
    });
    (receiver, fails)
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
