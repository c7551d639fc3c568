//! The rows of records that are made.

use std::any::Any;
use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use serde::Serialize;
use serde_json::value::RawValue;

use super::run_again_where_taken;
use crate::error::{collision, is_foreign_key_violation};
use crate::{BackendKind, DbConnection, PortableExt, Scope};

/// The row of a kind of records, whose members are its columns, those of `values` among them. [`record_inserts!`](crate::record_inserts)
/// makes it one.
pub trait MadeRow: Serialize + Clone + Send + 'static {
    /// The table.
    const TABLE: &'static str;

    /// Writes it: one statement, which stays prepared.
    ///
    /// # Errors
    /// The database's.
    fn write(&self, connection: &mut DbConnection, scope: &Scope) -> QueryResult<()>;
}

/// Makes the row of a table, which is written as it is read, a [`MadeRow`](crate::records::MadeRow): `record_inserts!(leads, LeadRow)`.
#[macro_export]
macro_rules! record_inserts {
    ($table:ident, $row:ty) => {
        impl $crate::records::MadeRow for $row {
            const TABLE: &'static str = stringify!($table);

            fn write(&self, connection: &mut $crate::DbConnection, scope: &$crate::Scope) -> ::diesel::QueryResult<()> {
                use ::diesel::prelude::*;
                let insert = ::diesel::insert_into($table::table).values(($table::tenant_id.eq(scope.tenant()), self));
                insert.execute(connection).map(drop)
            }
        }
    };
}

/// Writes the row of a record that is made or comes back. In a transaction of many changes it is kept until
/// [`settle`](super::settle), which writes what belongs to records behind them. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn insert<R: MadeRow>(connection: &mut DbConnection, scope: &Scope, row: &R) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return row.write(connection, scope) };
    memory.with(|Unwritten(tables): &mut Unwritten| {
        for table in tables.iter_mut() {
            if let Some(rows) = (&mut **table as &mut dyn Any).downcast_mut::<Vec<R>>() {
                return rows.push(row.clone());
            }
        }
        tables.push(Box::new(vec![row.clone()]));
    });
    Ok(())
}

/// The rows that a transaction of many changes has yet to write, those of a kind together, in the order of their first ones: what
/// points at another record that is made was made behind it.
#[derive(Default)]
struct Unwritten(Vec<Box<dyn Kept>>);

trait Kept: Any + Send {
    fn write(&self, connection: &mut DbConnection, scope: &Scope) -> QueryResult<()>;
}

impl<R: MadeRow> Kept for Vec<R> {
    fn write(&self, connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
        match connection.kind() {
            // Each by itself is a round trip and thrice the work.
            BackendKind::Postgres if self.len() > 1 => {
                self.chunks(ROWS_OF_A_STATEMENT).try_for_each(|rows| write_together(connection, scope, rows))
            }
            BackendKind::Postgres | BackendKind::Sqlite => self.iter().try_for_each(|row| row.write(connection, scope)),
        }
    }
}

/// So many records are sent at once: each can have some hundred kilobytes.
const ROWS_OF_A_STATEMENT: usize = 500;

/// Writes rows as one JSON value, so that any number of them is one statement, which stays prepared. The documents in them keep
/// their words.
fn write_together<R: MadeRow>(connection: &mut DbConnection, scope: &Scope, rows: &[R]) -> QueryResult<()> {
    let rows: Vec<Box<RawValue>> =
        rows.iter().map(serde_json::value::to_raw_value).collect::<Result<_, _>>().map_err(unwritable)?;
    let rows: Vec<BTreeMap<&str, &RawValue>> =
        rows.iter().map(|row| columns_of(row)).collect::<Result<_, _>>().map_err(unwritable)?;
    let Some(names) = rows.first().map(|row| row.keys().copied().collect::<Vec<_>>().join(", ")) else { return Ok(()) };
    let table = R::TABLE;
    let insert = diesel::sql_query(format!(
        "INSERT INTO {table} (tenant_id, {names}) SELECT $1, {names} FROM json_populate_recordset(NULL::{table}, $2::json)"
    ));
    let insert =
        insert.bind::<BigInt, _>(scope.tenant()).bind::<Text, _>(serde_json::to_string(&rows).map_err(unwritable)?);
    insert.portable().execute(connection).map(drop)
}

/// The columns of a row, those that are changed beside those that are not.
fn columns_of(row: &RawValue) -> serde_json::Result<BTreeMap<&str, &RawValue>> {
    let mut columns: BTreeMap<&str, &RawValue> = serde_json::from_str(row.get())?;
    if let Some(values) = columns.remove("values") {
        columns.extend(serde_json::from_str::<BTreeMap<&str, &RawValue>>(values.get())?);
    }
    Ok(columns)
}

fn unwritable(error: serde_json::Error) -> DieselError {
    DieselError::SerializationError(Box::new(error))
}

/// Writes the rows that are kept: before what belongs to them.
///
/// # Errors
/// The database's, a [collision] among them where what a row points at is not there any more, or somebody took its external id:
/// whose row it is nobody knows by now; run again, the change is refused.
pub(super) fn settle(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return Ok(()) };
    for rows in memory.with(|Unwritten(tables): &mut Unwritten| std::mem::take(tables)) {
        rows.write(connection, scope).map_err(|error| match is_foreign_key_violation(&error) {
            true => collision("what a record points at was deleted"),
            false => run_again_where_taken(error),
        })?;
    }
    Ok(())
}

/// Forgets the rows that are kept: the records are rolled back.
pub(super) fn forget_unwritten(scope: &Scope) {
    if let Some(memory) = scope.memory() {
        memory.with(|Unwritten(tables): &mut Unwritten| tables.clear());
    }
}
