//! Spreading the tables over the nodes of a [Citus](https://www.citusdata.com) cluster by tenant (docs/scaling.md).
//!
//! What every request asks first, tenants and keys, and the list of migrations, is on every node; every other table begins
//! with the tenant and is spread by it, all in the same way, so that no statement of a request, and no foreign key, leaves
//! the node of its tenant.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Integer, Text};

use crate::sql::names;
use crate::tenants::{self, TenantTable};
use crate::{BackendKind, DbConnection};

/// The tables that every node has whole.
const EVERYWHERE: [&str; 3] = ["tenants", "api_keys", "crm_schema_migrations"];

/// What Citus needs for the time of a transaction in which tables are distributed: one node after the other, and no tables of
/// the coordinator alone among those that refer to each other.
const SETTINGS: [&str; 2] = [
    "SET LOCAL citus.multi_shard_modify_mode = 'sequential'",
    "SET LOCAL citus.enable_local_reference_table_foreign_keys = off",
];

/// Why the tables cannot be distributed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DistributeError {
    /// The database is no PostgreSQL with the extension.
    #[error(
        "this database has no extension citus: name the coordinator of a Citus cluster in DATABASE_URL, and run CREATE \
         EXTENSION citus there first"
    )]
    NoCitus,
    /// The database's error.
    #[error("database: {0}")]
    Database(#[from] DieselError),
}

#[derive(QueryableByName)]
struct Shards {
    #[diesel(sql_type = Integer)]
    shards: i32,
}

fn has_citus(connection: &mut DbConnection) -> QueryResult<bool> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(false);
    }
    let found = names(connection, "SELECT extname::text AS name FROM pg_extension WHERE extname = 'citus'")?;
    Ok(!found.is_empty())
}

/// Into how many parts the tables of this database are spread; `None` where they are not.
///
/// # Errors
/// The database's.
pub fn is_distributed(connection: &mut DbConnection) -> QueryResult<Option<i32>> {
    if !has_citus(connection)? {
        return Ok(None);
    }
    let parts = "SELECT count(*)::int AS shards FROM pg_dist_shard \
                 WHERE logicalrelid = to_regclass('numbering') HAVING count(*) > 0";
    let found: Option<Shards> = diesel::sql_query(parts).get_result(connection).optional()?;
    Ok(found.map(|Shards { shards }| shards))
}

/// Readies the transaction of the caller for [`distribute`]. Call it before every other statement of a transaction that makes
/// tables.
///
/// # Errors
/// [`DistributeError::NoCitus`]; the database's.
pub fn prepare(connection: &mut DbConnection) -> Result<(), DistributeError> {
    if !has_citus(connection)? {
        return Err(DistributeError::NoCitus);
    }
    for setting in SETTINGS {
        diesel::sql_query(setting).execute(connection)?;
    }
    Ok(())
}

/// Distributes every table that is not yet, and tells which those were, in their order. Call it in a
/// [`DbConnection::write`], after [`prepare`].
///
/// # Errors
/// The database's.
pub fn distribute(connection: &mut DbConnection, shards: i32) -> Result<Vec<String>, DistributeError> {
    let of_tenants: Vec<String> =
        tenants::tables(connection)?.iter().rev().map(TenantTable::name).map(str::to_owned).collect();
    if connection.kind() == BackendKind::Sqlite {
        return Err(DistributeError::NoCitus);
    }
    let known = names(connection, "SELECT logicalrelid::regclass::text AS name FROM pg_dist_partition")?;
    let is_new = |table: &str| !known.iter().any(|known| known.trim_matches('"') == table);
    let mut done = Vec::new();
    for table in EVERYWHERE.into_iter().filter(|table| is_new(table)) {
        diesel::sql_query("SELECT create_reference_table($1)").bind::<Text, _>(table).execute(connection)?;
        done.push(table.to_owned());
    }
    for statement in plan(&of_tenants, is_new, shards) {
        let Planned { table, with } = statement;
        let query = match &with {
            With::Shards(shards) => {
                diesel::sql_query(format!("SELECT create_distributed_table($1, 'tenant_id', shard_count => {shards})"))
                    .bind::<Text, _>(&table)
                    .execute(connection)
            }
            With::Table(other) => {
                diesel::sql_query("SELECT create_distributed_table($1, 'tenant_id', colocate_with => $2)")
                    .bind::<Text, _>(&table)
                    .bind::<Text, _>(other)
                    .execute(connection)
            }
        };
        query?;
        done.push(table);
    }
    Ok(done)
}

/// How one table is distributed.
#[derive(Debug, PartialEq, Eq)]
struct Planned {
    table: String,
    with: With,
}

#[derive(Debug, PartialEq, Eq)]
enum With {
    /// As the first, into so many parts.
    Shards(i32),
    /// As this one is.
    Table(String),
}

/// Those that others refer to come first; all are spread as the first of them.
fn plan(of_tenants: &[String], is_new: impl Fn(&str) -> bool, shards: i32) -> Vec<Planned> {
    const FIRST: &str = "numbering";
    let spread = || of_tenants.iter().filter(|table| !EVERYWHERE.contains(&table.as_str()));
    let first = spread().filter(|table| *table == FIRST);
    let others = spread().filter(|table| *table != FIRST);
    let new = first.chain(others).filter(|table| is_new(table));
    new.map(|table| {
        let with = if table == FIRST { With::Shards(shards) } else { With::Table(FIRST.to_owned()) };
        Planned { table: table.clone(), with }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_spread_as_the_first_is() {
        let tables = ["organizations", "contacts", "numbering", "api_keys", "tags"].map(str::to_owned);
        let planned = plan(&tables, |_| true, 7);
        let names: Vec<&str> = planned.iter().map(|planned| planned.table.as_str()).collect();
        assert_eq!(names, ["numbering", "organizations", "contacts", "tags"]);
        assert_eq!(planned[0].with, With::Shards(7));
        assert!(planned[1..].iter().all(|planned| planned.with == With::Table("numbering".to_owned())));
        let planned = plan(&tables, |table| table == "tags", 7);
        assert_eq!(planned, [Planned { table: "tags".to_owned(), with: With::Table("numbering".to_owned()) }]);
    }
}
