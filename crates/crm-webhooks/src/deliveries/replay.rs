//! Delivering again, under the first `webhook-id`.

use crm_core::input::{FromBody, ObjectReader};
use crm_core::sql::{Instant, Uid};
use crm_core::{
    Condition, DbConnection, DeliveryId, FieldCode, ForUpdateExt, Scope, TenantId, Timestamp, WebhookId, by_backend,
    each_backend,
};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde::Serialize;

use crate::deliveries::Delivery;
use crate::deliveries::DeliveryState;
use crate::deliveries::row::LogRow;
use crate::schema::deliveries;
use crate::service::{find, find_locked};
use crate::{Webhook, WebhookError};

/// The most deliveries that one request replays.
pub const MOST_REPLAYED: i64 = 10_000;

/// Of which time everything is delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// What was made then or later.
    pub since: Timestamp,
    /// And not later than this.
    pub until: Option<Timestamp>,
}

impl FromBody for Replay {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let (since, until) = (reader.required("since"), reader.optional("until"));
        if since.zip(until).is_some_and(|(since, until): (Timestamp, Timestamp)| until < since) {
            reader.errors().push("until", FieldCode::Conflicting, "must not be before since");
        }
        Some(Self { since: since?, until })
    }
}

/// What is delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// How many deliveries.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10_000))]
    pub replayed: usize,
    /// Where there are more than one request takes: the `since` of the next one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<Timestamp>,
}

/// Delivers one again, as if it had never been tried. One that is on its way is sent at once. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`WebhookError::NoSuchDelivery`], also where its webhook is gone; [`WebhookError::Unmet`]; the database's.
pub fn replay(
    connection: &mut DbConnection,
    scope: &Scope,
    id: DeliveryId,
    condition: &Condition<Delivery>,
) -> Result<Delivery, WebhookError> {
    let row = deliveries::table.find((scope.tenant(), id));
    let webhook: Option<WebhookId> = row.select(deliveries::webhook_id).first(connection).optional()?;
    let webhook = webhook.ok_or(WebhookError::NoSuchDelivery)?;
    find(connection, scope, webhook).map_err(|error| match error {
        WebhookError::NotFound => WebhookError::NoSuchDelivery,
        error => error,
    })?;
    let present: Option<LogRow> =
        row.select(crm_core::columns::<LogRow>()).locked().get_result(connection).optional()?;
    let present = present.ok_or(WebhookError::NoSuchDelivery)?.into_delivery()?;
    condition.check(|| Ok::<_, WebhookError>(present))?;
    let again = (
        deliveries::state.eq(DeliveryState::Pending.as_str()),
        deliveries::tries.eq(0),
        deliveries::next_try_on.eq(None::<Timestamp>),
    );
    diesel::update(row).set(again).execute(connection)?;
    schedule_next(connection, scope.tenant(), scope.now(), &[id])?;
    let row: LogRow =
        deliveries::table.find((scope.tenant(), id)).select(crm_core::columns::<LogRow>()).first(connection)?;
    Ok(row.into_delivery()?)
}

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = Uid)]
    id: DeliveryId,
    #[diesel(sql_type = Instant)]
    created_on: Timestamp,
}

/// Delivers again what was made in a time, the oldest first, up to [`MOST_REPLAYED`]. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`WebhookError::NotFound`]; [`WebhookError::Unmet`]; the database's.
pub fn replay_all(
    connection: &mut DbConnection,
    scope: &Scope,
    webhook: WebhookId,
    condition: &Condition<Webhook>,
    time: Replay,
) -> Result<Replayed, WebhookError> {
    let found = find_locked(connection, scope, webhook)?.into_webhook();
    condition.check(|| Ok::<_, WebhookError>(found))?;
    let sql = "UPDATE deliveries SET state = 'pending', tries = 0, next_try_on = NULL WHERE tenant_id = $1 AND id IN \
               (SELECT d.id FROM deliveries d WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.created_on >= $3 \
               AND d.created_on <= $4 ORDER BY d.created_on, d.id LIMIT $5) RETURNING id, created_on";
    let query = diesel::sql_query(sql)
        .bind::<BigInt, _>(scope.tenant().as_i64())
        .bind::<Uid, _>(webhook)
        .bind::<Instant, _>(time.since)
        .bind::<Instant, _>(time.until.unwrap_or(Timestamp::LAST))
        .bind::<BigInt, _>(MOST_REPLAYED);
    let made: Vec<Made> = each_backend!(&mut *connection, connection => query.load(connection))?;
    let ids: Vec<DeliveryId> = made.iter().map(|made| made.id).collect();
    for ids in ids.chunks(SCHEDULED_AT_ONCE) {
        schedule_next(connection, scope.tenant(), scope.now(), ids)?;
    }
    let is_full = i64::try_from(made.len()).is_ok_and(|count| count >= MOST_REPLAYED);
    let next = made.iter().map(|made| made.created_on).max().filter(|_| is_full);
    Ok(Replayed { replayed: made.len(), next })
}

const SCHEDULED_AT_ONCE: usize = 1_000;

/// Of each record and webhook that these deliveries are of, the first that is on its way is due, unless it has a moment of its
/// own: what waited behind one that is over goes on.
pub(crate) fn schedule_next(
    connection: &mut DbConnection,
    tenant: TenantId,
    now: Timestamp,
    ids: &[DeliveryId],
) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    // SQLite numbers these parameters as they come first.
    let first = |of: &str| {
        format!(
            "UPDATE deliveries SET next_try_on = $1 WHERE tenant_id = $2 AND next_try_on IS NULL AND id IN \
             (SELECT (SELECT n.id FROM deliveries n WHERE n.tenant_id = $2 AND n.kind = d.kind AND n.record_id = d.record_id \
             AND n.webhook_id = d.webhook_id AND n.state = 'pending' ORDER BY n.change_turn, n.change_seq LIMIT 1) \
             FROM deliveries d WHERE d.tenant_id = $2 AND d.id IN ({of}))"
        )
    };
    let tenant = tenant.as_i64();
    by_backend!(
        connection,
        Postgres(postgres) => diesel::sql_query(first("SELECT unnest($3)"))
            .bind::<Instant, _>(now)
            .bind::<BigInt, _>(tenant)
            .bind::<diesel::sql_types::Array<Uid>, _>(ids)
            .execute(postgres),
        Sqlite(sqlite) => {
            // SQLite has no lists of blobs: their digits, in JSON.
            let digits: Vec<String> = ids.iter().map(|id| id.to_string().replace('-', "")).collect();
            diesel::sql_query(first("SELECT unhex(value) FROM json_each($3)"))
                .bind::<Instant, _>(now)
                .bind::<BigInt, _>(tenant)
                .bind::<diesel::sql_types::Text, _>(serde_json::Value::from(digits).to_string())
                .execute(sqlite)
        },
    )
    .map(drop)
}
