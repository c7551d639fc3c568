use crm_core::sql::Json;
use crm_core::{Db, DeliveryId, Timestamp, WebhookId};
use crm_history::{Action, ChangeId, Kind};
use diesel::prelude::*;
use diesel::result::Error as DieselError;

use crate::deliveries::{Attempt, Delivery, DeliveryState};
use crate::event::event_name;
use crate::schema::deliveries;

/// A row of `deliveries`, as the log shows it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = deliveries, check_for_backend(Db))]
pub(crate) struct LogRow {
    pub(crate) id: DeliveryId,
    change_seq: i64,
    kind: String,
    record_id: String,
    action: String,
    state: String,
    next_try_on: Option<Timestamp>,
    attempts: Json<Vec<Attempt>>,
    pub(crate) created_on: Timestamp,
}

/// What a newer version of this program wrote.
#[derive(Debug, thiserror::Error)]
#[error("a delivery has the unknown event {0}.{1}")]
struct UnknownEvent(String, String);

/// What is stored as a kind and an action.
pub(crate) fn read_event(kind: String, action: String) -> QueryResult<(Kind, Action)> {
    let event = Kind::from_name(&kind).zip(Action::from_name(&action));
    event.ok_or_else(|| DieselError::DeserializationError(Box::new(UnknownEvent(kind, action))))
}

impl LogRow {
    pub(crate) fn into_delivery(self) -> QueryResult<Delivery> {
        let Self { id, change_seq, kind, record_id, action, state, next_try_on, attempts, created_on } = self;
        let (kind, action) = read_event(kind, action)?;
        Ok(Delivery {
            id,
            event: event_name(kind, action),
            change_id: ChangeId::from_i64(change_seq),
            kind,
            record_id,
            state: DeliveryState::of_stored(&state),
            created_on,
            next_attempt_on: next_try_on,
            attempts: attempts.0,
        })
    }
}

/// A delivery to be made.
#[derive(Insertable)]
#[diesel(table_name = deliveries, check_for_backend(Db), treat_none_as_default_value = false)]
pub(crate) struct NewRow {
    pub(crate) tenant_id: crm_core::TenantId,
    pub(crate) id: DeliveryId,
    pub(crate) webhook_id: WebhookId,
    pub(crate) change_seq: i64,
    pub(crate) change_turn: i64,
    pub(crate) kind: &'static str,
    pub(crate) record_id: String,
    pub(crate) action: &'static str,
    pub(crate) state: &'static str,
    pub(crate) next_try_on: Option<Timestamp>,
    pub(crate) tries: i32,
    pub(crate) attempts: Json<Vec<Attempt>>,
    pub(crate) created_on: Timestamp,
}
