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
        let missing = detail("DELETE FROM __diesel_schema_migrations WHERE version = '00000000000005'");
        assert!(missing.contains("lacks") && missing.contains("00000000000005"), "{missing}");
        let newer = detail("INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000000005'), ('99999999999999')");
        assert!(newer.contains("newer") && newer.contains("99999999999999"), "{newer}");
        assert_eq!(api.acme.with_key(None).get("/healthz").status, 200, "the process lives");
    }
}

#[test]
fn a_database_that_takes_no_connections_is_named() {
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    let crm_core::DatabaseUrl::Postgres(url) = database.url() else { panic!("it is PostgreSQL") };
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
    answer.problem(503, "database_unavailable");
    assert_eq!(answer.body["detail"], "The database is out of reach.");
    assert!(!answer.text.contains(name), "nothing of the inside: {}", answer.text);
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).unwrap();
    assert_eq!(api.acme.with_key(None).get("/readyz").status, 200);
}
