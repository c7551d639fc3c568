//! The rows of a table as lines of JSON, which both databases read and write.

use std::borrow::Cow;

use crm_core::{BackendKind, DbConnection};
use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::catalog::Table;

/// How many rows are written by one statement, and how many bytes of them.
const MOST_ROWS: usize = 5_000;
const MOST_BYTES: usize = 4 * 1024 * 1024;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// How many rows there are, and what they have together, whatever database holds them and in whatever order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hash: [u64; 4],
}

impl Sum {
    fn add(&mut self, line: &str) -> anyhow::Result<()> {
        // The databases put blanks into JSON and escape texts as each sees fit.
        let row: Vec<&RawValue> = serde_json::from_str(line)?;
        let mut hash = Sha256::new();
        for value in row {
            let value = value.get();
            let (kind, value): (u8, Cow<'_, str>) =
                match value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                    Some(text) if !text.contains('\\') => (b't', text.into()),
                    Some(_) => (b't', serde_json::from_str::<String>(value)?.into()),
                    None => (b'n', value.into()),
                };
            hash.update([kind]);
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value.as_bytes());
        }
        let hash = hash.finalize();
        for (sum, part) in self.hash.iter_mut().zip(hash.chunks_exact(8)) {
            *sum = sum.wrapping_add(u64::from_be_bytes(part.try_into()?));
        }
        self.rows += 1;
        Ok(())
    }
}

/// Reads a tenant's rows one by one.
fn each(
    connection: &mut DbConnection,
    table: &Table,
    tenant: i64,
    mut work: impl FnMut(String) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Table { name, owner, columns } = table;
    let backend = connection.kind();
    let values: Vec<String> = columns.iter().map(|column| column.read(backend)).collect();
    let values = values.join(", ");
    let line = match backend {
        BackendKind::Postgres => format!("json_build_array({values})::text"),
        BackendKind::Sqlite => format!("json_array({values})"),
    };
    let query = diesel::sql_query(format!("SELECT {line} AS line FROM \"{name}\" WHERE {owner} = {tenant}"));
    match connection {
        DbConnection::Postgres(postgres) => {
            for row in query.load_iter::<Line, PgRowByRowLoadingMode>(postgres)? {
                work(row?.line)?;
            }
        }
        DbConnection::Sqlite(sqlite) => {
            for row in query.load_iter::<Line, DefaultLoadingMode>(sqlite)? {
                work(row?.line)?;
            }
        }
    }
    Ok(())
}

/// What a tenant has in a table.
pub(super) fn sum(connection: &mut DbConnection, table: &Table, tenant: i64) -> anyhow::Result<Sum> {
    let mut sum = Sum::default();
    each(connection, table, tenant, |line| sum.add(&line))?;
    Ok(sum)
}

/// Copies a tenant's rows, and tells what they were.
pub(super) fn copy(
    (source, table, tenant): (&mut DbConnection, &Table, i64),
    (target, into, new_tenant): (&mut DbConnection, &Table, Option<i64>),
    progress: impl Fn(u64),
) -> anyhow::Result<Sum> {
    let insert = insert(target.kind(), into, new_tenant);
    let (mut sum, mut batch, mut rows) = (Sum::default(), String::new(), 0);
    let mut flush = |batch: &mut String, rows: &mut u64| -> anyhow::Result<()> {
        if *rows > 0 {
            batch.push(']');
            let statement = diesel::sql_query(&insert).bind::<Text, _>(&*batch);
            crm_core::each_backend!(&mut *target, connection => statement.execute(connection))?;
            progress(*rows);
        }
        batch.clear();
        *rows = 0;
        Ok(())
    };
    each(source, table, tenant, |line| {
        sum.add(&line)?;
        batch.push(if batch.is_empty() { '[' } else { ',' });
        batch.push_str(&line);
        rows += 1;
        let is_full = rows >= MOST_ROWS as u64 || batch.len() >= MOST_BYTES;
        if is_full { flush(&mut batch, &mut rows) } else { Ok(()) }
    })?;
    flush(&mut batch, &mut rows)?;
    Ok(sum)
}

fn insert(backend: BackendKind, table: &Table, tenant: Option<i64>) -> String {
    let names = table.columns.iter().map(|column| format!("\"{}\"", column.name));
    let values = table.columns.iter().enumerate().map(|(place, column)| column.write(backend, place));
    let owner = |text: String| tenant.map(|_| text);
    let names: Vec<String> = owner(table.owner.to_owned()).into_iter().chain(names).collect();
    let values: Vec<String> = owner(tenant.unwrap_or_default().to_string()).into_iter().chain(values).collect();
    let (names, values, name) = (names.join(", "), values.join(", "), &table.name);
    match backend {
        BackendKind::Postgres => format!(
            "INSERT INTO \"{name}\" ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM jsonb_array_elements($1::jsonb) AS e"
        ),
        BackendKind::Sqlite => format!("INSERT INTO \"{name}\" ({names}) SELECT {values} FROM json_each(?)"),
    }
}
