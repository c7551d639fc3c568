//! A gateway in the process of a test, as whoever takes this crate uses it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crm_testing::{Gateway, Tenant};
use crm_testkit::both_databases;
use serde_json::{Value, json};

/// The contract with whoever waits for their tests: so long a test takes whose machine does much else.
const A_TEST: Duration = Duration::from_secs(3);

fn leads(gateway: &Gateway, key: &str) -> Vec<Value> {
    let url = format!("{}/pipeline/leads", gateway.url());
    let mut answer = ureq::get(url).header("Ocp-Apim-Subscription-Key", key).call().unwrap();
    answer.body_mut().read_json::<Value>().unwrap()["items"].as_array().unwrap().clone()
}

fn make(gateway: &Gateway, key: &str, title: &str) -> u16 {
    let request = ureq::post(format!("{}/pipeline/leads", gateway.url())).header("Ocp-Apim-Subscription-Key", key);
    let request = request.config().http_status_as_error(false).build();
    request.send_json(json!({ "title": title })).unwrap().status().as_u16()
}

fn port(gateway: &Gateway) -> u16 {
    gateway.url().rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn gateways_beside_each_other_know_nothing_of_each_other() {
    let began = Instant::now();
    let gateways = [Gateway::start(), Gateway::start()];
    for gateway in &gateways {
        assert_eq!(make(gateway, gateway.primary_key(), "Acme"), 201);
        assert_eq!(make(gateway, gateway.secondary_key(), "Acme"), 403);
        let Tenant { id, primary_key, secondary_key } = gateway.tenant();
        assert_ne!(id, gateway.tenant_id());
        assert_eq!((leads(gateway, &primary_key).len(), leads(gateway, &secondary_key).len()), (0, 0));
        assert_eq!(leads(gateway, gateway.secondary_key()).len(), 1);
    }
    assert_eq!(make(&gateways[0], gateways[1].primary_key(), "Acme"), 401);
    gateways[0].set_now("2030-01-01T00:00:00Z".parse().unwrap());
    gateways[0].advance(Duration::from_millis(1_500));
    assert_eq!(gateways[0].now().to_string(), "2030-01-01T00:00:01.500Z");
    assert!(gateways[1].now().to_string().as_str() < "2030", "its clock runs on");
    assert!(began.elapsed() < 2 * A_TEST, "{:?}", began.elapsed());
}

/// Where it listened somebody else can, as soon as it is dropped.
#[test]
fn a_gateway_that_is_dropped_is_gone() {
    for _ in 0..5 {
        let gateway = Gateway::start();
        let port = port(&gateway);
        assert_eq!(make(&gateway, gateway.primary_key(), "Acme"), 201);
        let began = Instant::now();
        drop(gateway);
        assert!(began.elapsed() < A_TEST, "{:?}", began.elapsed());
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }
}

/// A key that ends is refused when its time has come.
#[test]
fn time_passes_when_a_test_says_so() {
    let gateway = Gateway::start();
    gateway.set_now("2030-01-01T00:00:00Z".parse().unwrap());
    let request = ureq::post(format!("{}/settings/keys", gateway.url()));
    let request = request.header("Ocp-Apim-Subscription-Key", gateway.primary_key());
    let body = json!({ "name": "k", "scopes": ["*:write"], "expiresOn": "2030-01-08T00:00:00Z" });
    let made: Value = request.send_json(body).unwrap().body_mut().read_json().unwrap();
    let key = made["item"]["key"].as_str().unwrap();
    gateway.advance(Duration::from_secs(7 * 24 * 60 * 60 - 1));
    assert_eq!(make(&gateway, key, "x"), 201);
    gateway.advance(Duration::from_secs(1));
    assert_eq!(make(&gateway, key, "x"), 401);
}

#[test]
#[should_panic(expected = "CRM_TRASH_DAYS: must be a number of days")]
fn a_setting_that_cannot_be_used_is_named() {
    drop(Gateway::builder().setting("CRM_TRASH_DAYS", "a month").start());
}

#[test]
#[should_panic(expected = "CRM_COLOUR: is no setting")]
fn a_setting_that_is_none_is_named() {
    drop(Gateway::builder().setting("CRM_COLOUR", "blue").start());
}

both_databases! {
    /// A database of the caller's stays, with what is in it.
    fn a_database_of_its_own_stays(database) {
        let start = || Gateway::builder().database(&database.url_text()).start();
        let first = start();
        let (tenant, key) = (first.tenant_id().to_owned(), first.primary_key().to_owned());
        assert_eq!(make(&first, &key, "Acme"), 201);
        drop(first);
        let second = start();
        assert_eq!(leads(&second, &key).len(), 1, "{tenant}");
        assert_eq!(leads(&second, second.primary_key()).len(), 0);
    }
}
