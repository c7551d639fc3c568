//! `/readyz` says what is wrong.

use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;

use crate::client::Api;

both_databases! {
    /// A schema that is not this program's is told with what is missing or unknown.
    fn a_foreign_schema_is_named(database) {
        let api = Api::start(database);
        let ready = api.acme.with_key(None).get("/readyz");
        assert_eq!((ready.status, ready.text.as_str()), (200, "ready\n"));
        let detail = |change: &str| {
            database.connect().batch_execute(change).unwrap();
            let answer = api.acme.with_key(None).get("/readyz");
            answer.problem(503, "not_ready");
            assert!(!answer.header("retry-after").is_empty());
            answer.body["detail"].as_str().unwrap().to_owned()
        };
        let missing = detail("DELETE FROM crm_schema_migrations WHERE version = '00000000000005'");
        assert!(missing.contains("lacks") && missing.contains("00000000000005"), "{missing}");
        let newer = detail("INSERT INTO crm_schema_migrations (version) VALUES ('00000000000005'), ('99999999999999')");
        assert!(newer.contains("newer") && newer.contains("99999999999999"), "{newer}");
        assert_eq!(api.acme.with_key(None).get("/healthz").status, 200, "the process lives");
    }
}

#[test]
fn a_database_that_takes_no_connections_is_named() {
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    let url = database.url_text();
    let (server, name) = url.rsplit_once('/').unwrap();
    let mut admin: crm_core::DbConnection =
        format!("{server}/postgres").parse::<crm_core::DatabaseUrl>().unwrap().connect().unwrap();
    admin
        .batch_execute(&format!(
            "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .unwrap();
    let answer = api.acme.with_key(None).get("/readyz");
    answer.problem(503, "not_ready");
    assert_eq!(answer.body["detail"], "The database did not answer in time.");
    assert!(!answer.text.contains(name), "nothing of the inside: {}", answer.text);
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).unwrap();
    assert_eq!(api.acme.with_key(None).get("/readyz").status, 200);
}

/// A restart of the server is not seen by who probes: the fault is, and each thread connects again.
#[test]
fn a_database_that_was_restarted_is_ready_at_once() {
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    let probe = || api.acme.with_key(None).get("/readyz");
    (0..40).for_each(|_| assert_eq!(probe().status, 200));
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.connect().batch_execute(kill).unwrap();
    for _ in 0..40 {
        let answer = probe();
        assert_eq!((answer.status, answer.text.as_str()), (200, "ready\n"));
    }
}

/// A target that takes no writes is told so, in words of our own.
#[test]
fn a_database_that_takes_no_writes_is_not_ready() {
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    let set = |value: &str| {
        let change = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {value}', current_database()); END $$"
        );
        let mut connection = database.connect();
        connection.batch_execute("SET default_transaction_read_only = off").unwrap();
        connection.batch_execute(&change).unwrap();
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        connection.batch_execute(kill).unwrap();
    };
    set("on");
    let answer = api.acme.with_key(None).get("/readyz");
    answer.problem(503, "not_ready");
    assert!(answer.body["detail"].as_str().unwrap().starts_with("the database is read-only"), "{}", answer.text);
    let answer = api.acme.post("/pipeline/leads", &serde_json::json!({ "title": "A lead" }));
    answer.problem(503, "database_unavailable");
    assert_eq!(answer.body["outcome"], "notDone");
    assert_eq!(api.acme.get("/pipeline/leads").items().len(), 0, "it can be read");
    set("off");
    assert_eq!(api.acme.with_key(None).get("/readyz").status, 200);
}
