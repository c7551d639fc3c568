//! Everything that a database holds, as text: for tests that something changed nothing.

use crm_core::{BackendKind, DbConnection};

use lines::lines;

#[path = "lines.rs"]
mod lines;

/// Every row of every table; on SQLite also those of the indexes of texts.
pub(crate) fn dump(connection: &mut DbConnection) -> Vec<String> {
    let kind = connection.kind();
    let tables = match kind {
        BackendKind::Sqlite => {
            "SELECT name AS line FROM pragma_table_list \
             WHERE schema = 'main' AND type <> 'virtual' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        BackendKind::Postgres => "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    };
    let mut all = Vec::new();
    for table in lines(connection, tables) {
        let row = match kind {
            BackendKind::Sqlite => {
                let columns = format!("SELECT 'quote(\"' || name || '\")' AS line FROM pragma_table_info('{table}')");
                lines(connection, &columns).join(" || ',' || ")
            }
            BackendKind::Postgres => "t::text".to_owned(),
        };
        let rows = lines(connection, &format!("SELECT {row} AS line FROM {table} t ORDER BY 1"));
        all.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    all
}
