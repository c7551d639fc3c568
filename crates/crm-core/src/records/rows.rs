use diesel::QueryResult;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

use crate::error::{collision, is_foreign_key_violation};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The rows that a transaction of many changes ([`Scope::remembering`]) has yet to write, each with what has it.
#[derive(Default)]
struct Unwritten(Vec<(Rows, Vec<Value>)>);

impl Rows {
    /// Writes rows, each an array of values in the order of the columns, in their order. In a transaction of many changes they
    /// are kept until [`settle`]. Call it in a [`DbConnection::write`].
    ///
    /// # Errors
    /// The database's.
    pub fn insert(&self, connection: &mut DbConnection, scope: &Scope, of: i64, rows: Vec<Value>) -> QueryResult<()> {
        let Some(memory) = scope.memory() else { return self.insert_now(connection, scope, of, rows).map(drop) };
        memory.with(|Unwritten(tables): &mut Unwritten| {
            let rows = rows.into_iter().map(|row| with_owner(of, row));
            match tables.iter_mut().find(|(table, _)| table == self) {
                Some((_, waiting)) => waiting.extend(rows),
                None => tables.push((*self, rows.collect())),
            }
        });
        Ok(())
    }

    /// As [`insert`](Self::insert), at once whatever the transaction; tells how many were new.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_now(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        of: i64,
        rows: Vec<Value>,
    ) -> QueryResult<usize> {
        self.write(connection, scope, rows.into_iter().map(|row| with_owner(of, row)).collect())
    }

    fn write(&self, connection: &mut DbConnection, scope: &Scope, rows: Vec<Value>) -> QueryResult<usize> {
        if rows.is_empty() {
            return Ok(0);
        }
        let insert = diesel::sql_query(self.sql(connection.kind()))
            .bind::<BigInt, _>(scope.tenant())
            .bind::<Text, _>(Value::Array(rows).to_string());
        insert.portable().execute(connection)
    }

    fn sql(&self, backend: BackendKind) -> String {
        let Self { table, of, columns, or_nothing } = self;
        let columns = || std::iter::once((*of, Cell::Number)).chain(columns.iter().copied());
        let mut sql = format!("INSERT INTO {table} (tenant_id");
        for (column, _) in columns() {
            sql.push_str(", ");
            sql.push_str(column);
        }
        sql.push_str(match backend {
            BackendKind::Postgres => ") SELECT $1",
            BackendKind::Sqlite => ") SELECT ?",
        });
        for (index, (_, cell)) in columns().enumerate() {
            sql.push_str(&match (backend, cell) {
                (BackendKind::Postgres, _) => format!(", CAST(made ->> {index} AS {})", cell.on_postgres()),
                (BackendKind::Sqlite, Cell::Uuid) => format!(", unhex(made.value ->> {index}, '-')"),
                (BackendKind::Sqlite, _) => format!(", made.value ->> {index}"),
            });
        }
        sql.push_str(match backend {
            BackendKind::Postgres => " FROM json_array_elements($2::json) AS rows (made)",
            // With a condition, for otherwise ON would be read as that of a join.
            BackendKind::Sqlite => " FROM json_each(?) AS made WHERE TRUE",
        });
        if *or_nothing {
            sql.push_str(" ON CONFLICT DO NOTHING");
        }
        sql
    }
}

/// A row as it is sent: what has it comes first.
fn with_owner(of: i64, row: Value) -> Value {
    match row {
        Value::Array(mut cells) => {
            cells.insert(0, of.into());
            Value::Array(cells)
        }
        one => Value::Array(vec![of.into(), one]),
    }
}

/// Writes the rows that a transaction of many changes has kept, a statement for each table: before anybody reads them, and
/// before the transaction ends.
///
/// # Errors
/// The database's, a [collision] among them where what a row points at is not there any more.
pub fn settle(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return Ok(()) };
    for (table, rows) in memory.with(|Unwritten(tables): &mut Unwritten| std::mem::take(tables)) {
        table.write(connection, scope, rows).map_err(|error| match is_foreign_key_violation(&error) {
            // Whose row it is nobody knows by now; run again, the change is refused.
            true => collision("what a row points at was deleted"),
            false => error,
        })?;
    }
    Ok(())
}

/// Forgets the rows that a transaction of many changes has kept: what they belong to is rolled back.
pub fn forget_unwritten(scope: &Scope) {
    if let Some(memory) = scope.memory() {
        memory.with(|Unwritten(tables): &mut Unwritten| tables.clear());
    }
}
