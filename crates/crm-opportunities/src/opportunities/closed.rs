//! What was won and lost, by month.

use std::collections::BTreeMap;

use crm_core::sql::Instant;
use crm_core::{BackendKind, DbConnection, Scope, Timestamp, each_backend};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::OpportunityStatus;
use crate::OpportunityError;

/// How many opportunities were closed in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthClosed {
    /// The month, in UTC: `2026-11`.
    pub month: String,
    /// How many were won.
    pub won: i64,
    /// How many were lost.
    pub lost: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    month: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    records: i64,
}

/// What was won and lost since then, by month, the oldest first; months in which nothing was closed are left out. One
/// statement, along the index of when something was closed.
///
/// # Errors
/// The database's.
pub fn closed_by_month(
    connection: &mut DbConnection,
    scope: &Scope,
    since: Timestamp,
) -> Result<Vec<MonthClosed>, OpportunityError> {
    // As the index has it.
    let closed = "coalesce(closed_on, '9999-12-31T23:59:59.999Z')";
    let sql = |month: &str| {
        format!(
            "SELECT {month} AS month, status, count(*) AS records FROM opportunities WHERE tenant_id = $1 \
             AND {closed} >= $2 AND {closed} <= $3 GROUP BY 1, 2"
        )
    };
    let bound = |sql: String| {
        diesel::sql_query(sql)
            .bind::<BigInt, _>(scope.tenant().as_i64())
            .bind::<Instant, _>(since)
            .bind::<Instant, _>(scope.now())
    };
    let month = match connection.kind() {
        BackendKind::Postgres => "to_char(closed_on AT TIME ZONE 'UTC', 'YYYY-MM')",
        BackendKind::Sqlite => "substr(closed_on, 1, 7)",
    };
    let rows: Vec<Row> = each_backend!(connection, connection => bound(sql(month)).load(connection))?;
    let mut months: BTreeMap<String, MonthClosed> = BTreeMap::new();
    for Row { month, status, records } in rows {
        let found = months.entry(month.clone()).or_insert_with(|| MonthClosed { month, won: 0, lost: 0 });
        if status == OpportunityStatus::Won.as_str() {
            found.won += records;
        } else {
            found.lost += records;
        }
    }
    Ok(months.into_values().collect())
}
