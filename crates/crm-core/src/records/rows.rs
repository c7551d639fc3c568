use diesel::QueryResult;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};

use super::made;
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

/// What a transaction of many changes ([`Scope::remembering`]) has yet to do to a table, in this order.
#[derive(Default)]
struct Waiting {
    /// Whose rows are all taken away.
    emptied: Vec<Value>,
    /// New rows, each with what has it.
    new: Vec<Value>,
    /// Rows that are taken away.
    taken: Vec<Value>,
}

/// All that it has yet to do.
#[derive(Default)]
struct Unwritten(Vec<(Rows, Waiting)>);

impl Rows {
    /// Writes rows, each an array of values in the order of the columns, in their order. In a transaction of many changes they
    /// are kept until [`settle`]. Call it in a [`DbConnection::write`].
    ///
    /// # Errors
    /// The database's.
    pub fn insert(&self, connection: &mut DbConnection, scope: &Scope, of: i64, rows: Vec<Value>) -> QueryResult<()> {
        if scope.memory().is_none() {
            return self.insert_now(connection, scope, of, rows).map(drop);
        }
        self.keep(scope, |waiting| waiting.new.extend(rows.into_iter().map(|row| with_owner(of, row))));
        Ok(())
    }

    /// As [`insert`](Self::insert), in the place of all rows that are there of one that is locked, whose rows were not
    /// written since the last [`settle`].
    ///
    /// # Errors
    /// The database's.
    pub fn replace(&self, connection: &mut DbConnection, scope: &Scope, of: i64, rows: Vec<Value>) -> QueryResult<()> {
        if scope.memory().is_none() {
            self.delete(connection, scope, vec![json!([of])], WhichRows::AllOf)?;
            return self.insert(connection, scope, of, rows);
        }
        self.keep(scope, |waiting| {
            waiting.emptied.push(json!([of]));
            waiting.new.extend(rows.into_iter().map(|row| with_owner(of, row)));
        });
        Ok(())
    }

    /// Takes these rows away, each told by all of its columns: after those that are written.
    ///
    /// # Errors
    /// The database's.
    pub fn remove(&self, connection: &mut DbConnection, scope: &Scope, of: i64, rows: Vec<Value>) -> QueryResult<()> {
        let rows = rows.into_iter().map(|row| with_owner(of, row));
        if scope.memory().is_none() {
            return self.delete(connection, scope, rows.collect(), WhichRows::These);
        }
        self.keep(scope, |waiting| waiting.taken.extend(rows));
        Ok(())
    }

    fn keep(&self, scope: &Scope, act: impl FnOnce(&mut Waiting)) {
        let Some(memory) = scope.memory() else { return };
        memory.with(|Unwritten(tables): &mut Unwritten| match tables.iter_mut().find(|(table, _)| table == self) {
            Some((_, waiting)) => act(waiting),
            None => {
                let mut waiting = Waiting::default();
                act(&mut waiting);
                tables.push((*self, waiting));
            }
        });
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

    fn delete(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        rows: Vec<Value>,
        which: WhichRows,
    ) -> QueryResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!("DELETE FROM {} WHERE {}", self.table, self.found(connection.kind(), which));
        let rows = Value::Array(rows).to_string();
        let delete = diesel::sql_query(sql).bind::<BigInt, _>(scope.tenant()).bind::<Text, _>(rows);
        delete.portable().execute(connection).map(drop)
    }

    /// Locks rows of any number of records, each told by all of its columns, in the order of those: that of everybody who locks
    /// rows of several records, so that no two wait for each other. On SQLite nobody else writes.
    fn lock(&self, connection: &mut DbConnection, scope: &Scope, rows: &[Value]) -> QueryResult<()> {
        if rows.is_empty() || connection.kind() == BackendKind::Sqlite {
            return Ok(());
        }
        let order: Vec<&str> = self.all_columns().map(|(column, _)| column).collect();
        let (found, order) = (self.found(BackendKind::Postgres, WhichRows::These), order.join(", "));
        let sql = format!("SELECT 1 FROM {} WHERE {found} ORDER BY {order} FOR UPDATE", self.table);
        let rows = Value::from(rows).to_string();
        let lock = diesel::sql_query(sql).bind::<BigInt, _>(scope.tenant()).bind::<Text, _>(rows);
        lock.portable().execute(connection).map(drop)
    }

    /// The condition that a row is one of those that are sent.
    fn found(&self, backend: BackendKind, which: WhichRows) -> String {
        let owner = match backend {
            // A subquery would be believed to give any number of records, and the table be read as a whole.
            BackendKind::Postgres => format!(
                "tenant_id = $1 AND {} = ANY(ARRAY(SELECT {} FROM jsonb_array_elements($2::jsonb) AS rows (made)))",
                self.of,
                cell(backend, 0, Cell::Number)
            ),
            BackendKind::Sqlite => format!(
                "(tenant_id, {}) IN (SELECT ?1, {} FROM json_each(?2) AS made)",
                self.of,
                cell(backend, 0, Cell::Number)
            ),
        };
        if which == WhichRows::AllOf {
            return owner;
        }
        let (names, cells): (Vec<&str>, Vec<String>) =
            self.all_columns().enumerate().map(|(index, (name, kind))| (name, cell(backend, index, kind))).unzip();
        let rows = match backend {
            BackendKind::Postgres => "jsonb_array_elements($2::jsonb) AS rows (made)",
            BackendKind::Sqlite => "json_each(?2) AS made",
        };
        format!("{owner} AND ({}) IN (SELECT {} FROM {rows})", names.join(", "), cells.join(", "))
    }

    /// The columns but for that of the tenant.
    fn all_columns(&self) -> impl Iterator<Item = (&'static str, Cell)> + use<> {
        std::iter::once((self.of, Cell::Number)).chain(self.columns.iter().copied())
    }

    fn sql(&self, backend: BackendKind) -> String {
        let Self { table, or_nothing, .. } = self;
        let columns = || self.all_columns();
        let mut sql = format!("INSERT INTO {table} (tenant_id");
        for (column, _) in columns() {
            sql.push_str(", ");
            sql.push_str(column);
        }
        sql.push_str(match backend {
            BackendKind::Postgres => ") SELECT $1",
            BackendKind::Sqlite => ") SELECT ?",
        });
        for (index, (_, kind)) in columns().enumerate() {
            sql.push_str(", ");
            sql.push_str(&cell(backend, index, kind));
        }
        sql.push_str(match backend {
            BackendKind::Postgres => " FROM jsonb_array_elements($2::jsonb) AS rows (made)",
            // With a condition, for otherwise ON would be read as that of a join.
            BackendKind::Sqlite => " FROM json_each(?) AS made WHERE TRUE",
        });
        if *or_nothing {
            sql.push_str(" ON CONFLICT DO NOTHING");
        }
        sql
    }
}

/// Which rows are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhichRows {
    /// All of those that have them.
    AllOf,
    /// Those that are told by all of their columns.
    These,
}

/// A value of a row that is sent.
fn cell(backend: BackendKind, index: usize, kind: Cell) -> String {
    match (backend, kind) {
        (BackendKind::Postgres, _) => format!("CAST(made ->> {index} AS {})", kind.on_postgres()),
        (BackendKind::Sqlite, Cell::Uuid) => format!("unhex(made.value ->> {index}, '-')"),
        (BackendKind::Sqlite, _) => format!("made.value ->> {index}"),
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

/// Writes the records that a transaction of many changes has [made](super::insert) and the rows that it has kept, and takes away
/// those that go, a statement for each table: before anybody reads them, and before the transaction ends.
///
/// # Errors
/// The database's, a [collision] among them where what a row points at is not there any more.
pub fn settle(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return Ok(()) };
    made::settle(connection, scope)?;
    for (table, Waiting { emptied, new, taken }) in
        memory.with(|Unwritten(tables): &mut Unwritten| std::mem::take(tables))
    {
        table.delete(connection, scope, emptied, WhichRows::AllOf)?;
        table.write(connection, scope, new).map_err(|error| match is_foreign_key_violation(&error) {
            // Whose row it is nobody knows by now; run again, the change is refused.
            true => collision("what a row points at was deleted"),
            false => error,
        })?;
        table.lock(connection, scope, &taken)?;
        table.delete(connection, scope, taken, WhichRows::These)?;
    }
    Ok(())
}

/// Forgets the records and rows that a transaction of many changes has kept: they are rolled back.
pub fn forget_unwritten(scope: &Scope) {
    made::forget_unwritten(scope);
    if let Some(memory) = scope.memory() {
        memory.with(|Unwritten(tables): &mut Unwritten| tables.clear());
    }
}
