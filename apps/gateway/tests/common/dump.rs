//! Everything that a database holds, as text: for tests that something changed nothing.

use crm_core::DbConnection;
use crm_testkit::TestDatabase;
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// When a key was last used: a gateway writes that down once in a while, whatever else is done.
const USED: &str = "last_used_on";

/// Every row of every table, one a line, in an order that is always the same.
pub(crate) fn dump(database: &TestDatabase) -> Vec<String> {
    let mut connection = database.connect();
    let mut rows = Vec::new();
    for table in tables(&mut connection) {
        let row = match &connection {
            DbConnection::Postgres(_) => format!("(to_jsonb(\"{table}\") - '{USED}')::text"),
            DbConnection::Sqlite(_) => quoted_columns(&mut connection, &table),
        };
        let query = format!("SELECT {row} AS line FROM {table} ORDER BY 1");
        rows.extend(lines(&mut connection, &query).into_iter().map(|row| format!("{table}: {row}")));
    }
    assert!(!rows.is_empty(), "an empty dump would prove nothing");
    rows
}

fn tables(connection: &mut DbConnection) -> Vec<String> {
    let query = match connection {
        DbConnection::Postgres(_) => {
            "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        }
        // The tables of the text index follow the others by triggers.
        DbConnection::Sqlite(_) => {
            "SELECT name AS line FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
             AND name NOT LIKE '%_search%' ORDER BY 1"
        }
    };
    lines(connection, query)
}

fn quoted_columns(connection: &mut DbConnection, table: &str) -> String {
    let of_table = format!("SELECT name AS line FROM pragma_table_info('{table}') WHERE name <> '{USED}' ORDER BY cid");
    let columns = lines(connection, &of_table);
    let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
    quoted.join(" || ', ' || ")
}

fn lines(connection: &mut DbConnection, query: &str) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(query).load(connection).unwrap();
    lines.into_iter().map(|Line { line }| line).collect()
}
