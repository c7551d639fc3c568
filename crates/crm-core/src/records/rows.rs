use diesel::QueryResult;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

use crate::{BackendKind, DbConnection, PortableExt, Scope};

/// What a column of [`Rows`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A whole number.
    Number,
    /// A text.
    Text,
    /// Whether something is so.
    Flag,
    /// A UUID, as its text.
    Uuid,
}

impl Cell {
    fn on_postgres(self) -> &'static str {
        match self {
            Self::Number => "bigint",
            Self::Text => "text",
            Self::Flag => "boolean",
            Self::Uuid => "uuid",
        }
    }
}

/// Rows of a table that one record has any number of, or one kind of things: they are sent as one JSON value, so that any
/// number of them is one statement, which stays prepared. Diesel writes another one for each number of rows, and keeps none.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// The table.
    pub table: &'static str,
    /// The column with the number of what has them.
    pub of: &'static str,
    /// The other columns, but for that of the tenant.
    pub columns: &'static [(&'static str, Cell)],
    /// Whether a row that there is already is left as it is.
    pub or_nothing: bool,
}

impl Rows {
    /// Writes rows, each an array of values in the order of the columns, in their order; tells how many were new. Call it in
    /// a [`DbConnection::write`].
    ///
    /// # Errors
    /// The database's.
    pub fn insert(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        of: i64,
        rows: Vec<Value>,
    ) -> QueryResult<usize> {
        if rows.is_empty() {
            return Ok(0);
        }
        let insert = diesel::sql_query(self.sql(connection.kind()))
            .bind::<BigInt, _>(scope.tenant())
            .bind::<BigInt, _>(of)
            .bind::<Text, _>(Value::Array(rows).to_string());
        insert.portable().execute(connection)
    }

    fn sql(&self, backend: BackendKind) -> String {
        let Self { table, of, columns, or_nothing } = self;
        let mut sql = format!("INSERT INTO {table} (tenant_id, {of}");
        for (column, _) in *columns {
            sql.push_str(", ");
            sql.push_str(column);
        }
        sql.push_str(match backend {
            BackendKind::Postgres => ") SELECT $1, $2",
            BackendKind::Sqlite => ") SELECT ?, ?",
        });
        for (index, (_, cell)) in columns.iter().enumerate() {
            sql.push_str(&match (backend, cell) {
                (BackendKind::Postgres, _) => format!(", CAST(made ->> {index} AS {})", cell.on_postgres()),
                (BackendKind::Sqlite, Cell::Uuid) => format!(", unhex(made.value ->> {index}, '-')"),
                (BackendKind::Sqlite, _) => format!(", made.value ->> {index}"),
            });
        }
        sql.push_str(match backend {
            BackendKind::Postgres => " FROM json_array_elements($3::json) AS rows (made)",
            // With a condition, for otherwise ON would be read as that of a join.
            BackendKind::Sqlite => " FROM json_each(?) AS made WHERE TRUE",
        });
        if *or_nothing {
            sql.push_str(" ON CONFLICT DO NOTHING");
        }
        sql
    }
}
