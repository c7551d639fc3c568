//! A gateway in the process of the test, with routes of the test's own, or with something of it that no setting changes.
#![expect(dead_code, reason = "each test binary uses its part of it")]

use crm_gateway::config::{Config, Settings};
use crm_gateway::embedded::Embedded;
use crm_gateway::endpoint::Api as Routes;
use crm_gateway::state::AppState;
use crm_testkit::TestDatabase;

use crate::client::{Client, Keys};

/// Runs a test against a gateway that has these routes beside its own.
pub(crate) fn with_routes(add: fn(&mut Routes), test: impl FnOnce(&Client)) {
    let database = TestDatabase::sqlite();
    let keys = Keys::of_new_tenant(&database, "acme");
    serving(&database, |_| {}, add, |url| test(&Client::new(url, keys)));
}

/// Runs a test against a gateway with another state. It is given the address.
pub(crate) fn with_state(
    database: &TestDatabase,
    change: impl FnOnce(&mut AppState) + Send + 'static,
    test: impl FnOnce(&str),
) {
    serving(database, change, |_| {}, test);
}

fn serving(
    database: &TestDatabase,
    change: impl FnOnce(&mut AppState) + Send + 'static,
    add: fn(&mut Routes),
    test: impl FnOnce(&str),
) {
    let url = database.url_text();
    let settings = [("DATABASE_URL", url.as_str()), ("CRM_LISTEN", "127.0.0.1:0"), ("CRM_SHUTDOWN_TIMEOUT", "0")];
    let config = Config::new(&Settings::named(settings).unwrap()).unwrap();
    let gateway = Embedded::start_with(config, change, add).unwrap();
    test(&format!("http://{}", gateway.address()));
}
