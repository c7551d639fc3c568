//! Deleting everything that a tenant has in parts so small that nobody waits for one: a single `DELETE` of the tenant, whose
//! foreign keys take the rest along, would lock every row at once, in an order of its own.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::{BackendKind, DbConnection, TenantId};

/// A table with rows of tenants, found in the database's own catalog, so that none can be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct TenantTable {
    #[diesel(sql_type = Text)]
    name: String,
    /// The columns of the primary key, as SQL.
    #[diesel(sql_type = Text)]
    key: String,
}

#[derive(QueryableByName)]
struct Link {
    #[diesel(sql_type = Text)]
    child: String,
    #[diesel(sql_type = Text)]
    parent: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

const POSTGRES_TABLES: &str = "
    SELECT c.relname::text AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY k.place) AS key
    FROM pg_class c
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
      AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped)
    GROUP BY c.relname ORDER BY c.relname";
const POSTGRES_LINKS: &str = "
    SELECT child.relname::text AS child, parent.relname::text AS parent
    FROM pg_constraint f JOIN pg_class child ON child.oid = f.conrelid JOIN pg_class parent ON parent.oid = f.confrelid
    WHERE f.contype = 'f' AND child.relnamespace = current_schema()::regnamespace";
const SQLITE_TABLES: &str = "
    SELECT m.name AS name,
           (SELECT group_concat('\"' || name || '\"', ', ' ORDER BY pk) FROM pragma_table_info(m.name) WHERE pk > 0) AS key
    FROM sqlite_schema m
    WHERE m.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'tenant_id')
    ORDER BY m.name";
const SQLITE_LINKS: &str = "
    SELECT m.name AS child, f.\"table\" AS parent FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
    WHERE m.type = 'table'";

/// Every table with rows of tenants, those that refer to another before it.
///
/// # Errors
/// The database's.
pub fn tables(connection: &mut DbConnection) -> QueryResult<Vec<TenantTable>> {
    let (tables, links) = match connection.kind() {
        BackendKind::Postgres => (POSTGRES_TABLES, POSTGRES_LINKS),
        BackendKind::Sqlite => (SQLITE_TABLES, SQLITE_LINKS),
    };
    let tables = each_backend!(connection, connection => diesel::sql_query(tables).load(connection))?;
    let links = each_backend!(connection, connection => diesel::sql_query(links).load(connection))?;
    Ok(children_first(tables, &links))
}

fn children_first(mut left: Vec<TenantTable>, links: &[Link]) -> Vec<TenantTable> {
    let mut sorted = Vec::new();
    loop {
        let is_child_left = |name: &str| left.iter().any(|table| table.name == name);
        let is_parent = |table: &TenantTable| {
            let others = links.iter().filter(|link| link.parent == table.name && link.child != table.name);
            others.into_iter().any(|link| is_child_left(&link.child))
        };
        let (parents, children): (Vec<_>, Vec<_>) = left.iter().cloned().partition(is_parent);
        if children.is_empty() {
            // Nothing is left; or a circle of references is, which goes when the tenant does.
            return sorted;
        }
        sorted.extend(children);
        left = parents;
    }
}

impl TenantTable {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows the tenant has in it.
    ///
    /// # Errors
    /// The database's.
    pub fn count(&self, connection: &mut DbConnection, tenant: TenantId) -> QueryResult<i64> {
        let count = format!("SELECT count(*) AS count FROM \"{}\" WHERE tenant_id = {}", self.name, tenant.as_i64());
        let Count { count } = each_backend!(connection, connection => diesel::sql_query(count).get_result(connection))?;
        Ok(count)
    }

    /// Deletes up to `most` rows of the tenant, in the order of their keys, and tells how many they were.
    ///
    /// # Errors
    /// The database's.
    pub fn erase(&self, connection: &mut DbConnection, tenant: TenantId, most: usize) -> QueryResult<usize> {
        let Self { name, key } = self;
        let tenant = tenant.as_i64();
        let erase = format!(
            "DELETE FROM \"{name}\" WHERE tenant_id = {tenant} AND ({key}) IN \
             (SELECT {key} FROM \"{name}\" WHERE tenant_id = {tenant} ORDER BY {key} LIMIT {most})"
        );
        each_backend!(connection, connection => diesel::sql_query(erase).execute(connection))
    }
}
