use crm_core::page::{RowIdKind, SortColumn, SortField, SortKind};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{DeliveryId, Timestamp};
use crm_history::{ChangeId, Kind};
use serde::{Deserialize, Serialize};

/// What has become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It is on its way, or waits for its next try, or for an earlier one of the same record.
    Pending,
    /// It has arrived.
    Delivered,
    /// It was tried as often as it is, and never arrived.
    Failed,
}

impl DeliveryState {
    /// Every state with its name.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("pending", Self::Pending), ("delivered", Self::Delivered), ("failed", Self::Failed)];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn of_stored(word: &str) -> Self {
        Self::NAMES.iter().find(|(name, _)| *name == word).map_or(Self::Failed, |(_, state)| *state)
    }
}

/// One try to deliver something, and what the receiver said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// When it began.
    pub on: Timestamp,
    /// The status of the answer; null where none came.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 100, maximum = 999, examples(200)))]
    pub status: Option<u16>,
    /// How long it took.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub milliseconds: i64,
    /// The first 1 000 bytes of the answer; null where none came.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub response: Option<String>,
    /// Why no answer came; null where one did.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<String>,
}

/// A change on its way to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// What the receiver sees as `webhook-id`, the same whenever it is sent.
    pub id: DeliveryId,
    /// What is told.
    #[cfg_attr(feature = "openapi", schema(examples("lead.updated")))]
    pub event: String,
    /// The change.
    pub change_id: ChangeId,
    /// Of what kind of record.
    pub kind: Kind,
    /// Of which record.
    #[cfg_attr(feature = "openapi", schema(examples("42")))]
    pub record_id: String,
    /// What has become of it.
    pub state: DeliveryState,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it is tried next; null where that is over, or while an earlier one of the same record holds it back.
    pub next_attempt_on: Option<Timestamp>,
    /// The tries so far, oldest first; of very many the first and the last ones.
    pub attempts: Vec<Attempt>,
}

/// Which deliveries somebody wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// In these states.
    pub states: Option<Vec<DeliveryState>>,
}

impl FromParams for DeliveryFilter {
    fn from_params(params: &mut ParamReader) -> Self {
        Self { states: params.words("state", DeliveryState::NAMES, "Deliveries in one of these states.") }
    }
}

/// What a list of deliveries can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverySort {
    /// When it was made; the default.
    CreatedOn,
}

impl SortField for DeliverySort {
    const LIST: &'static str = "deliveries";
    const NAMES: &'static [(&'static str, Self)] = &[("createdOn", Self::CreatedOn), ("createdAt", Self::CreatedOn)];
    const ID: RowIdKind = RowIdKind::Uuid;

    fn column(self) -> SortColumn {
        SortColumn::plain("created_on", SortKind::Moment)
    }
}
