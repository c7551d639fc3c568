//! What is forgotten: the log after its time, and everything of a record that is erased.

use chrono::Duration;
use crm_core::records::in_statements;
use crm_core::sql::{Instant, Json, JsonText, Uid};
use crm_core::{DbConnection, DeliveryId, Scope, TenantId, Timestamp, each_backend};
use crm_history::{Kind, Position};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::deliveries::replay::schedule_next;
use crate::deliveries::{Attempt, DeliveryState};
use crate::schema::{deliveries, delivery_turns};

/// For how many days the log is kept.
pub const KEPT_DAYS: i64 = 30;

/// How many deliveries are forgotten in one transaction: a few milliseconds.
const FORGOTTEN_AT_ONCE: i64 = 500;

fn oldest_kept(now: Timestamp) -> Timestamp {
    Timestamp::from_datetime(now.as_datetime() - Duration::days(KEPT_DAYS))
}

/// Whether a delivery is forgotten once it is old: what is on its way to a webhook that is on is not, until that is over.
const FORGOTTEN: &str = "(d.state <> 'pending' OR NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.tenant_id = d.tenant_id \
                         AND w.id = d.webhook_id AND w.enabled))";

/// The tenants of which deliveries are to be forgotten.
///
/// # Errors
/// The database's.
pub fn tenants_with_old(connection: &mut DbConnection, now: Timestamp) -> QueryResult<Vec<TenantId>> {
    #[derive(QueryableByName)]
    struct Tenant {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let sql = format!(
        "SELECT DISTINCT t.id AS id FROM tenants t JOIN deliveries d ON d.tenant_id = t.id \
         WHERE t.deleted_on IS NULL AND d.created_on < $1 AND {FORGOTTEN} ORDER BY t.id"
    );
    let query = diesel::sql_query(sql).bind::<Instant, _>(oldest_kept(now));
    let found: Vec<Tenant> = each_backend!(connection, connection => query.load(connection))?;
    Ok(found.into_iter().map(|Tenant { id }| TenantId::from_i64(id)).collect())
}

/// Deletes up to 500 deliveries of a tenant that are older than the log goes back, and tells how many they were. What is on its
/// way to a webhook that is on stays; of one that is off, or was deleted, it goes, and what it held back is next. Call it, each
/// time in a [`DbConnection::write`], until none is left.
///
/// # Errors
/// The database's.
pub fn forget_old(connection: &mut DbConnection, tenant: TenantId, now: Timestamp) -> QueryResult<usize> {
    #[derive(QueryableByName)]
    struct Old {
        #[diesel(sql_type = Uid)]
        id: DeliveryId,
    }
    let sql = format!(
        "SELECT d.id AS id FROM deliveries d WHERE d.tenant_id = $1 AND d.created_on < $2 AND {FORGOTTEN} \
         ORDER BY d.created_on LIMIT $3"
    );
    let query = diesel::sql_query(sql)
        .bind::<BigInt, _>(tenant.as_i64())
        .bind::<Instant, _>(oldest_kept(now))
        .bind::<BigInt, _>(FORGOTTEN_AT_ONCE);
    let old: Vec<Old> = each_backend!(&mut *connection, connection => query.load(connection))?;
    let old: Vec<DeliveryId> = old.into_iter().map(|Old { id }| id).collect();
    let of_tenant = || deliveries::table.filter(deliveries::tenant_id.eq(tenant));
    let unsent = of_tenant().filter(deliveries::id.eq_any(&old));
    let unsent = unsent.filter(deliveries::state.eq(DeliveryState::Pending.as_str()));
    let over = (deliveries::state.eq(DeliveryState::Failed.as_str()), deliveries::next_try_on.eq(None::<Timestamp>));
    if diesel::update(unsent).set(over).execute(connection)? > 0 {
        schedule_next(connection, tenant, now, &old)?;
    }
    diesel::delete(of_tenant().filter(deliveries::id.eq_any(&old))).execute(connection)
}

/// For how many days longer than others changes are kept that a webhook is still to be told of.
pub const WAITED_FOR_DAYS: i64 = 30;

/// The first place in the feed, up to this one, of a change that a webhook which is on is still to be told of: nobody has looked
/// at it yet, or it is on its way and was never sent. Of what was sent the text is kept, and its change needed no more. Give it to
/// [`crm_history::forget_before`].
///
/// # Errors
/// The database's.
pub fn first_unsent(connection: &mut DbConnection, tenant: TenantId, to: Position) -> QueryResult<Option<Position>> {
    #[derive(QueryableByName)]
    struct Place {
        #[diesel(sql_type = BigInt)]
        turn: i64,
        #[diesel(sql_type = BigInt)]
        seq: i64,
    }
    // From the changes, which are few, to what is on its way of their records: by its index, however much is on its way.
    let sql = "SELECT p.turn AS turn, p.seq AS seq FROM (\
               SELECT t.turn AS turn, t.seq + 1 AS seq FROM delivery_turns t WHERE t.tenant_id = $1 \
               AND EXISTS (SELECT 1 FROM webhooks o WHERE o.tenant_id = t.tenant_id AND o.enabled) \
               UNION ALL \
               SELECT c.turn AS turn, c.seq AS seq FROM changes c \
               JOIN webhooks w ON w.tenant_id = c.tenant_id AND w.enabled \
               JOIN deliveries d ON d.tenant_id = c.tenant_id AND d.kind = c.kind AND d.record_id = c.record_id \
               AND d.webhook_id = w.id AND d.state = 'pending' AND d.change_turn = c.turn AND d.change_seq = c.seq \
               WHERE c.tenant_id = $1 AND (c.turn, c.seq) <= ($2, $3) AND d.body IS NULL\
               ) p ORDER BY p.turn, p.seq LIMIT 1";
    let query =
        diesel::sql_query(sql).bind::<BigInt, _>(tenant.as_i64()).bind::<BigInt, _>(to.turn).bind::<BigInt, _>(to.seq);
    let first: Option<Place> = each_backend!(connection, connection => query.get_result(connection).optional())?;
    Ok(first.map(|Place { turn, seq }| Position { turn, seq }))
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
