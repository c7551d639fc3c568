//! Asks the database itself whether the rules hold, as `crm-gateway check` does, and what it has had to end.

use crm_core::{BackendKind, DbConnection};
use crm_gateway::checkup;
use crm_testkit::TestDatabase;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, sql_query};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Walks all tables, and fails with every rule that is broken.
pub(crate) fn check(database: &TestDatabase) {
    let broken = broken(&mut database.connect());
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Every rule that is broken, and how often.
pub(crate) fn broken(connection: &mut DbConnection) -> Vec<String> {
    checkup::broken(connection, |_| {}).unwrap()
}

/// How many deadlocks PostgreSQL has ended in this database. Its connections report that when they end.
pub(crate) fn deadlocks(database: &TestDatabase) -> i64 {
    if database.kind() == BackendKind::Sqlite {
        return 0;
    }
    let ask = "SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()";
    let Count { count } = sql_query(ask).get_result(&mut database.connect()).unwrap();
    count
}

/// Waits until PostgreSQL has finished what a killed gateway had sent.
pub(crate) fn wait_for_open_transactions(database: &TestDatabase) {
    if database.kind() == BackendKind::Sqlite {
        return;
    }
    let mut connection = database.connect();
    let ask = "SELECT count(*) AS count FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
    loop {
        let Count { count } = sql_query(ask).get_result(&mut connection).unwrap();
        if count == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
