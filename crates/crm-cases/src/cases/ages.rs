//! How many cases are in which status, and how old they are.

use chrono::Duration;
use crm_core::sql::Instant;
use crm_core::{DbConnection, Scope, Timestamp, each_backend};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::CaseError;

/// The cases in one status, by when they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusAges {
    /// The label of the status: of several that differ in case alone, one.
    pub status: String,
    /// How many were made in the last seven days.
    pub week: i64,
    /// How many before, in the last thirty.
    pub month: i64,
    /// How many before that.
    pub older: i64,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    records: i64,
    #[diesel(sql_type = BigInt)]
    in_7_days: i64,
    #[diesel(sql_type = BigInt)]
    in_30_days: i64,
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
    // All are counted along the index, and those of the last weeks, which are few, once more. A status is spelt as on its oldest
    // case: without an order PostgreSQL looks for any in the table, past those of other tenants.
    let sql = "SELECT (SELECT c.status FROM cases c WHERE c.tenant_id = $1 AND c.status_folded = counted.folded \
               ORDER BY c.created_on, c.id LIMIT 1) AS status, counted.records, \
               (SELECT count(*) FROM cases c WHERE c.tenant_id = $1 AND c.status_folded = counted.folded \
               AND c.created_on >= $2) AS in_7_days, \
               (SELECT count(*) FROM cases c WHERE c.tenant_id = $1 AND c.status_folded = counted.folded \
               AND c.created_on >= $3) AS in_30_days \
               FROM (SELECT status_folded AS folded, count(*) AS records FROM cases WHERE tenant_id = $1 \
               GROUP BY status_folded ORDER BY records DESC, status_folded LIMIT $4) counted \
               ORDER BY counted.records DESC, counted.folded";
    let query = diesel::sql_query(sql)
        .bind::<BigInt, _>(scope.tenant().as_i64())
        .bind::<Instant, _>(before(7))
        .bind::<Instant, _>(before(30))
        .bind::<BigInt, _>(most);
    let counted: Vec<Counted> = each_backend!(connection, connection => query.load(connection))?;
    let ages = |Counted { status, records, in_7_days, in_30_days }| StatusAges {
        status,
        week: in_7_days,
        month: in_30_days - in_7_days,
        older: records - in_30_days,
    };
    Ok(counted.into_iter().map(ages).collect())
}
