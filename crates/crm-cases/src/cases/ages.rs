//! How many cases are in which status, and how old they are.

use chrono::Duration;
use crm_core::sql::Instant;
use crm_core::{DbConnection, Scope, Timestamp, each_backend};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::CaseError;

/// The cases in one status, by when they were made.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct StatusAges {
    /// The label of the status: of several that differ in case alone, one.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// How many were made in the last seven days.
    #[diesel(sql_type = BigInt)]
    pub week: i64,
    /// How many before, in the last thirty.
    #[diesel(sql_type = BigInt)]
    pub month: i64,
    /// How many before that.
    #[diesel(sql_type = BigInt)]
    pub older: i64,
}

impl StatusAges {
    /// All of them.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.week + self.month + self.older
    }
}

/// The statuses that cases are in, those of most cases first, at most so many. One statement, which reads an index.
///
/// # Errors
/// The database's.
pub fn ages_by_status(connection: &mut DbConnection, scope: &Scope, most: i64) -> Result<Vec<StatusAges>, CaseError> {
    let before = |days: i64| Timestamp::from_datetime(scope.now().as_datetime() - Duration::days(days));
    // As the oldest case spells it. Without an order PostgreSQL looks for any in the table, past those of other tenants.
    let sql = "SELECT (SELECT c.status FROM cases c WHERE c.tenant_id = $1 AND c.status_folded = counted.folded \
               ORDER BY c.created_on, c.id LIMIT 1) AS status, \
               counted.week AS week, counted.month AS month, counted.older AS older FROM \
               (SELECT status_folded AS folded, count(*) AS records, count(CASE WHEN created_on >= $2 THEN 1 END) AS week, \
               count(CASE WHEN created_on < $2 AND created_on >= $3 THEN 1 END) AS month, \
               count(CASE WHEN created_on < $3 THEN 1 END) AS older FROM cases WHERE tenant_id = $1 GROUP BY status_folded) counted \
               ORDER BY counted.records DESC, counted.folded LIMIT $4";
    let query = diesel::sql_query(sql)
        .bind::<BigInt, _>(scope.tenant().as_i64())
        .bind::<Instant, _>(before(7))
        .bind::<Instant, _>(before(30))
        .bind::<BigInt, _>(most);
    Ok(each_backend!(connection, connection => query.load(connection))?)
}
