//! What every route has beside its records: keys of repetition, limits, metrics, origins, and the page of errors.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/browser.rs"]
#[expect(dead_code, reason = "the tests of the console use the rest of it")]
mod browser;
#[path = "../common/client.rs"]
mod client;
mod cors;
mod errors;
mod examples;
mod history;
mod idempotency;
mod lengths;
mod limits;
mod metrics;
#[path = "../common/process.rs"]
mod process;
mod readiness;
mod slow_query;
mod statements;

use crm_core::DbConnection;
use crm_testkit::TestDatabase;
use diesel::connection::SimpleConnection;

/// A transaction in which no lead can be written by anybody else, until this is dropped.
struct LeadsLocked(#[expect(dead_code, reason = "held until it is dropped")] DbConnection);

impl LeadsLocked {
    fn on(database: &TestDatabase) -> Self {
        let mut connection = database.connect();
        connection.begin_write().unwrap();
        if let DbConnection::Postgres(postgres) = &mut connection {
            postgres.batch_execute("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE").unwrap();
        }
        Self(connection)
    }
}
