//! What is forgotten: the log after its time, and everything of a record that is erased.

use chrono::Duration;
use crm_core::records::in_statements;
use crm_core::sql::{Instant, Json, JsonText};
use crm_core::{DbConnection, Scope, TenantId, Timestamp, each_backend};
use crm_history::Kind;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::deliveries::Attempt;
use crate::schema::{deliveries, delivery_turns};

/// For how many days the log is kept.
pub const KEPT_DAYS: i64 = 30;

/// How many deliveries are forgotten in one transaction: a few milliseconds.
const FORGOTTEN_AT_ONCE: i64 = 500;

fn oldest_kept(now: Timestamp) -> Timestamp {
    Timestamp::from_datetime(now.as_datetime() - Duration::days(KEPT_DAYS))
}

/// The tenants of which deliveries are older than the log goes back.
///
/// # Errors
/// The database's.
pub fn tenants_with_old(connection: &mut DbConnection, now: Timestamp) -> QueryResult<Vec<TenantId>> {
    #[derive(QueryableByName)]
    struct Tenant {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let sql = "SELECT DISTINCT t.id AS id FROM tenants t JOIN deliveries d ON d.tenant_id = t.id \
               WHERE t.deleted_on IS NULL AND d.created_on < $1 ORDER BY t.id";
    let query = diesel::sql_query(sql).bind::<Instant, _>(oldest_kept(now));
    let found: Vec<Tenant> = each_backend!(connection, connection => query.load(connection))?;
    Ok(found.into_iter().map(|Tenant { id }| TenantId::from_i64(id)).collect())
}

/// Deletes up to 500 deliveries of a tenant that are older than the log goes back, whatever became of them, and tells how many
/// they were. Call it, each time in a [`DbConnection::write`], until none is left.
///
/// # Errors
/// The database's.
pub fn forget_old(connection: &mut DbConnection, tenant: TenantId, now: Timestamp) -> QueryResult<usize> {
    let sql = "DELETE FROM deliveries WHERE tenant_id = $1 AND id IN (SELECT d.id FROM deliveries d \
               WHERE d.tenant_id = $1 AND d.created_on < $2 ORDER BY d.created_on LIMIT $3)";
    let query = diesel::sql_query(sql)
        .bind::<BigInt, _>(tenant.as_i64())
        .bind::<Instant, _>(oldest_kept(now))
        .bind::<BigInt, _>(FORGOTTEN_AT_ONCE);
    each_backend!(connection, connection => query.execute(connection))
}

/// Takes every value of records of one kind out of what is and was on its way: what was sent first, and what receivers
/// answered, which may repeat it. Also out of what was on its way about others, where one of these texts stands: the id and
/// the name by which others show a record. The deliveries stay; what is to be sent again is as it is then. Call it in the
/// transaction that erases the records.
///
/// # Errors
/// The database's.
pub fn erase_records(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: Kind,
    record_ids: &[String],
    texts: &[String],
) -> QueryResult<()> {
    // Whoever has the turn waits, and writes nothing down afterwards of what was read before.
    let turn = delivery_turns::table.find(scope.tenant());
    let turn = diesel::update(turn).set(delivery_turns::erasures.eq(delivery_turns::erasures + 1));
    if turn.execute(connection)? == 0 {
        // Nobody was ever told of anything.
        return Ok(());
    }
    let nothing = (deliveries::body.eq(None::<String>), deliveries::attempts.eq(Json(Vec::<Attempt>::new())));
    for ids in in_statements(&record_ids.iter().map(String::as_str).collect::<Vec<_>>()) {
        let of_records = deliveries::table
            .filter(deliveries::tenant_id.eq(scope.tenant()))
            .filter(deliveries::kind.eq(kind.as_str()).and(deliveries::record_id.eq_any(ids)));
        diesel::update(of_records).set(nothing.clone()).execute(connection)?;
    }
    let (list, place) = match connection.kind() {
        crm_core::BackendKind::Postgres => ("json_array_elements_text($2::json) AS t(value)", "strpos"),
        crm_core::BackendKind::Sqlite => ("json_each($2)", "instr"),
    };
    // An answer is a text in a list, in which quotes have a backslash before them.
    let sql = format!(
        "UPDATE deliveries SET body = NULL, attempts = '[]' WHERE tenant_id = $1 \
         AND (body IS NOT NULL OR CAST(attempts AS TEXT) LIKE '%\"response\":\"%') \
         AND EXISTS (SELECT 1 FROM {list} WHERE {place}(coalesce(body, ''), value) > 0 \
         OR {place}(CAST(attempts AS TEXT), value) > 0 \
         OR {place}(CAST(attempts AS TEXT), replace(value, '\"', '\\\"')) > 0)"
    );
    let query = diesel::sql_query(sql).bind::<BigInt, _>(scope.tenant()).bind::<JsonText, _>(Json(texts.to_vec()));
    each_backend!(connection, connection => query.execute(connection)).map(drop)
}
