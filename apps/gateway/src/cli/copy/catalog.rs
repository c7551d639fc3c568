//! The tables and columns that a database has, out of its own catalog, so that none can be forgotten.

use std::collections::BTreeMap;

use anyhow::bail;
use crm_core::{BackendKind, DbConnection, each_backend, tenants};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

/// Tables without rows of tenants, which are none of a copy's: the list of migrations is each database's own.
const NOT_OF_TENANTS: &[&str] = &["crm_schema_migrations"];
/// The column that says whose a row is.
const OWNER: &str = "tenant_id";
const TENANTS: &str = "tenants";

/// A table with rows of tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// The column that says whose a row is. It is in none of the others: every database numbers its tenants by itself.
    pub(super) owner: &'static str,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    /// Whether PostgreSQL counts it up by itself.
    pub(super) counts: bool,
}

/// What a column holds, as far as the databases write it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Plain,
    Integer,
    Boolean,
    Json,
    Moment,
    Bytes,
    Uuid,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    owner_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    type_name: String,
    #[diesel(sql_type = BigInt)]
    counts: i64,
}

const POSTGRES: &str = "
    SELECT c.relname::text AS owner_table, a.attname::text AS name, format_type(a.atttypid, NULL)::text AS type_name,
           CASE WHEN a.attidentity = '' THEN 0 ELSE 1 END::bigint AS counts
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum";
/// Without the tables of the text indexes, which triggers fill.
const SQLITE: &str = "
    SELECT m.name AS owner_table, p.name AS name, p.type AS type_name, 0 AS counts
    FROM sqlite_schema m, pragma_table_info(m.name) p
    WHERE m.type = 'table' AND m.name NOT GLOB 'sqlite_*' AND m.name NOT GLOB '*_search' AND m.name NOT GLOB '*_search_*'
    ORDER BY m.name, p.cid";

/// Every table with rows of tenants, each behind those that it refers to; the tenants first.
pub(super) fn tables(connection: &mut DbConnection) -> anyhow::Result<Vec<Table>> {
    let ask = match connection.kind() {
        BackendKind::Postgres => POSTGRES,
        BackendKind::Sqlite => SQLITE,
    };
    let found: Vec<Found> = each_backend!(connection, connection => diesel::sql_query(ask).load(connection))?;
    let mut by_name: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    let of_tenants = found.into_iter().filter(|column| !NOT_OF_TENANTS.contains(&column.owner_table.as_str()));
    for Found { owner_table, name, type_name, counts } in of_tenants {
        let kind = kind(&type_name)
            .ok_or_else(|| anyhow::anyhow!("{owner_table}.{name} has the type {type_name}, which cannot be copied"))?;
        by_name.entry(owner_table).or_default().push(Column { name, kind, counts: counts == 1 });
    }
    let mut tables = Vec::new();
    tables.extend(take(&mut by_name, TENANTS, "id"));
    for table in tenants::tables(connection)?.iter().rev() {
        tables.extend(take(&mut by_name, table.name(), OWNER));
    }
    if let Some(name) = by_name.keys().next() {
        bail!("whose the rows of {name} are cannot be told: it has no {OWNER}, or is in a circle of references");
    }
    Ok(tables)
}

fn take(by_name: &mut BTreeMap<String, Vec<Column>>, name: &str, owner: &'static str) -> Option<Table> {
    let columns = by_name.remove(name)?;
    let mut columns: Vec<Column> = columns.into_iter().filter(|column| column.name != owner).collect();
    columns.sort_by(|one, other| one.name.cmp(&other.name));
    Some(Table { name: name.to_owned(), owner, columns })
}

fn kind(type_name: &str) -> Option<ColumnKind> {
    Some(match type_name.to_lowercase().as_str() {
        "text" => ColumnKind::Plain,
        "integer" | "smallint" | "bigint" => ColumnKind::Integer,
        "boolean" => ColumnKind::Boolean,
        "json" => ColumnKind::Json,
        "timestamp with time zone" => ColumnKind::Moment,
        "bytea" | "blob" => ColumnKind::Bytes,
        "uuid" => ColumnKind::Uuid,
        _ => return None,
    })
}

impl Column {
    /// The value as both databases write it into JSON: a number or a text, bytes in hexadecimal digits.
    pub(super) fn read(&self, backend: BackendKind) -> String {
        let name = format!("\"{}\"", self.name);
        match (backend, self.kind) {
            (_, ColumnKind::Plain | ColumnKind::Integer) => name,
            (BackendKind::Postgres, ColumnKind::Boolean) => format!("{name}::int"),
            (BackendKind::Postgres, ColumnKind::Json) => format!("{name}::text"),
            (BackendKind::Postgres, ColumnKind::Moment) => {
                format!("to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
            }
            (BackendKind::Postgres, ColumnKind::Bytes) => format!("encode({name}, 'hex')"),
            (BackendKind::Postgres, ColumnKind::Uuid) => format!("replace({name}::text, '-', '')"),
            (BackendKind::Sqlite, ColumnKind::Bytes) => {
                format!("CASE WHEN {name} IS NULL THEN NULL ELSE lower(hex({name})) END")
            }
            // SQLite has no such types.
            (BackendKind::Sqlite, ColumnKind::Boolean | ColumnKind::Json | ColumnKind::Moment | ColumnKind::Uuid) => {
                name
            }
        }
    }

    /// The value out of such JSON, at this place of a row.
    pub(super) fn write(&self, backend: BackendKind, place: usize) -> String {
        let (postgres, sqlite) = (format!("(e->>{place})"), format!("json_extract(value, '$[{place}]')"));
        match (backend, self.kind) {
            (BackendKind::Postgres, ColumnKind::Plain) => postgres,
            (BackendKind::Postgres, ColumnKind::Integer) => format!("{postgres}::bigint"),
            (BackendKind::Postgres, ColumnKind::Boolean) => format!("{postgres}::int::boolean"),
            (BackendKind::Postgres, ColumnKind::Json) => format!("{postgres}::json"),
            (BackendKind::Postgres, ColumnKind::Moment) => format!("{postgres}::timestamptz"),
            (BackendKind::Postgres, ColumnKind::Bytes) => format!("decode({postgres}, 'hex')"),
            (BackendKind::Postgres, ColumnKind::Uuid) => format!("{postgres}::uuid"),
            (BackendKind::Sqlite, ColumnKind::Bytes) => format!("unhex({sqlite})"),
            (BackendKind::Sqlite, _) => sqlite,
        }
    }
}
