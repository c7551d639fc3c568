//! What the planner knows of tables that grow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_core::{DbConnection, statistics};
use crm_testkit::statements::statements;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;

/// Which tables were analysed.
fn analysed(connection: &mut DbConnection) -> Vec<String> {
    let (done, sent) = statements(connection, statistics::keep_up);
    done.unwrap();
    sent.into_iter().filter_map(|one| Some(one.sql.strip_prefix("ANALYZE (SKIP_LOCKED) ")?.to_owned())).collect()
}

fn fill(connection: &mut DbConnection, rows: usize) {
    connection
        .batch_execute(&format!(
            "INSERT INTO grown SELECT n, repeat('x', 100) FROM generate_series(1, {rows}) AS of (n)"
        ))
        .unwrap();
}

/// A table is looked at when it has some pages, and again when it has four times as many; in a transaction too, which sees its
/// own rows.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn tables_that_have_grown_fourfold_are_analysed() {
    let database = TestDatabase::postgres();
    let mut connection = database.connect();
    // Nobody else looks at it meanwhile.
    let make = "CREATE TABLE grown (id bigint, text text) WITH (autovacuum_enabled = false)";
    connection.batch_execute(make).unwrap();
    assert_eq!(analysed(&mut connection), [""; 0], "what is empty");
    connection.batch_execute("BEGIN").unwrap();
    fill(&mut connection, 1_000);
    assert_eq!(analysed(&mut connection), ["grown"]);
    assert_eq!(analysed(&mut connection), [""; 0], "again");
    connection.batch_execute("COMMIT").unwrap();
    fill(&mut connection, 1_000);
    assert_eq!(analysed(&mut connection), [""; 0], "twice as many");
    fill(&mut connection, 3_000);
    assert_eq!(analysed(&mut connection), ["grown"]);
}

both_databases! {
    fn what_has_not_grown_costs_one_statement_at_most(database) {
        let mut connection = database.connect();
        let (done, sent) = statements(&mut connection, statistics::keep_up);
        done.unwrap();
        assert!(sent.len() <= 1, "{sent:#?}");
    }
}
