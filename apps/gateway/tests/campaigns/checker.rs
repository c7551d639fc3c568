//! What must be true of every row, whatever was done and in whatever order. It is asked of the database itself.

use crm_core::{BackendKind, DbConnection};
use crm_testkit::TestDatabase;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Columns that point at a record of the same tenant: table, column, table of what it points at.
const REFERENCES: [(&str, &str, &str); 16] = [
    ("contacts", "organization_id", "organizations"),
    ("leads", "organization_id", "organizations"),
    ("leads", "contact_id", "contacts"),
    ("lead_participants", "lead_id", "leads"),
    ("lead_participants", "contact_id", "contacts"),
    ("lead_tags", "lead_id", "leads"),
    ("lead_tags", "tag_id", "tags"),
    ("contact_tags", "contact_id", "contacts"),
    ("contact_tags", "tag_id", "tags"),
    ("organization_tags", "organization_id", "organizations"),
    ("organization_tags", "tag_id", "tags"),
    ("contact_emails", "contact_id", "contacts"),
    ("contact_phones", "contact_id", "contacts"),
    ("organization_emails", "organization_id", "organizations"),
    ("organization_phones", "organization_id", "organizations"),
    ("api_keys", "tenant_id", "tenants"),
];

/// Tables of addresses and numbers, with the column of the record that has them.
const VALUES: [(&str, &str); 4] = [
    ("contact_emails", "contact_id"),
    ("contact_phones", "contact_id"),
    ("organization_emails", "organization_id"),
    ("organization_phones", "organization_id"),
];

/// Walks all tables, and fails with every rule that is broken.
pub(crate) fn check(database: &TestDatabase) {
    let mut connection = database.connect();
    let mut broken: Vec<String> = Vec::new();
    for (table, column, target) in REFERENCES {
        let same_tenant = if target == "tenants" { "" } else { "t.tenant_id = r.tenant_id AND " };
        let dangling = format!(
            "SELECT count(*) AS count FROM {table} r WHERE r.{column} IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM {target} t WHERE {same_tenant}t.id = r.{column})"
        );
        refuse(&mut connection, &mut broken, &dangling, &format!("{table}.{column} points at nothing"));
    }
    for (table, column) in VALUES {
        let grouped = |by: &str, having: &str| {
            format!(
                "SELECT count(*) AS count FROM \
                 (SELECT 1 FROM {table} GROUP BY tenant_id, {column}{by} HAVING {having}) AS found"
            )
        };
        let doubled = grouped(", value_lower", "count(*) > 1");
        refuse(&mut connection, &mut broken, &doubled, &format!("{table} has a value twice"));
        let primaries = grouped("", "sum(CASE WHEN is_primary THEN 1 ELSE 0 END) <> 1");
        refuse(&mut connection, &mut broken, &primaries, &format!("{table} has not one primary value"));
    }
    for (table, kind) in [("leads", 1), ("contacts", 3), ("organizations", 4)] {
        let above = format!(
            "SELECT count(*) AS count FROM {table} r LEFT JOIN numbering n \
             ON n.tenant_id = r.tenant_id AND n.kind = {kind} WHERE n.last IS NULL OR r.id > n.last"
        );
        refuse(&mut connection, &mut broken, &above, &format!("{table} has an id that will be given again"));
    }
    if connection.kind() == BackendKind::Sqlite {
        let ask = "SELECT integrity_check AS line FROM pragma_integrity_check WHERE integrity_check <> 'ok' \
                   UNION ALL SELECT 'foreign key of ' || \"table\" FROM pragma_foreign_key_check";
        let lines: Vec<Line> = sql_query(ask).load(&mut connection).unwrap();
        broken.extend(lines.into_iter().map(|Line { line }| line));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

fn refuse(connection: &mut DbConnection, broken: &mut Vec<String>, query: &str, rule: &str) {
    let Count { count } = sql_query(query).get_result(connection).unwrap();
    if count > 0 {
        broken.push(format!("{rule}: {count}"));
    }
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
