use crm_core::sql::Json;
use crm_core::values::User;
use crm_core::{Db, KeyId, Timestamp};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::changes;
use crate::{Action, ChangeId, Kind, Position};

/// What one write did to one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Unique in the tenant.
    pub id: ChangeId,
    /// What it is a change of.
    pub kind: Kind,
    /// The id of that; of a form the name of the kind of records that it is for.
    #[cfg_attr(feature = "openapi", schema(examples("42")))]
    pub record_id: String,
    /// What was done.
    pub action: Action,
    /// When.
    pub on: Timestamp,
    /// Who did it, as far as that was said.
    pub by: Option<User>,
    /// The key that it was done with; null where it was none.
    pub key: Option<UsedKey>,
    /// The request that did it, by its `X-Request-Id`.
    pub request_id: Option<String>,
    /// The members that changed. Empty for `created` and `deleted`.
    pub changes: Vec<FieldChange>,
    /// The record, of a change that made or deleted it: its members, with other records by their ids.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub record: Option<Value>,
    /// Of `merged`: the ids of the records that were merged into this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("43")))]
    pub sources: Option<Vec<String>>,
    /// Of `mergedInto`: the id of the record that this one was merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("42")))]
    pub target: Option<String>,
    /// The change that this one follows from.
    pub cause: Option<ChangeId>,
    /// Whether its values were taken out for good.
    pub erased: bool,
    /// Where it stands in the feed.
    #[serde(skip)]
    pub position: Position,
}

/// A member of a record that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// Its name, as the record spells it; of a custom field `customFields.` and its id.
    #[cfg_attr(feature = "openapi", schema(examples("title", "customFields.region")))]
    pub field: String,
    /// What it was. Lists and amounts are whole, other records are ids.
    pub from: Value,
    /// What it is.
    pub to: Value,
}

/// A key, as it was called when it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsedKey {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    pub name: String,
}

/// A row of `changes`, without its tenant and what nobody is shown.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(Db))]
pub(crate) struct ChangeRow {
    pub(crate) seq: i64,
    pub(crate) turn: i64,
    kind: String,
    record_id: String,
    action: String,
    created_on: Timestamp,
    author: Option<Json<User>>,
    key_id: Option<KeyId>,
    key_name: Option<String>,
    request_id: Option<String>,
    fields: Json<Vec<FieldChange>>,
    record: Option<Json<Value>>,
    others: Option<Json<Vec<String>>>,
    cause: Option<i64>,
    erased: bool,
}

/// What a newer version of this program wrote.
#[derive(Debug, thiserror::Error)]
#[error("a change has the unknown {0} {1:?}")]
struct Unknown(&'static str, String);

fn unknown(what: &'static str, name: String) -> DieselError {
    DieselError::DeserializationError(Box::new(Unknown(what, name)))
}

/// The kind of this name.
pub(crate) fn kind(name: String) -> QueryResult<Kind> {
    Kind::from_name(&name).ok_or_else(|| unknown("kind", name))
}

impl ChangeRow {
    pub(crate) fn into_change(self) -> QueryResult<Change> {
        let Self {
            seq,
            turn,
            kind,
            record_id,
            action,
            created_on,
            author,
            key_id,
            key_name,
            request_id,
            fields: Json(changes),
            record,
            others,
            cause,
            erased,
        } = self;
        let action = Action::from_name(&action).ok_or_else(|| unknown("action", action))?;
        let others = others.map(|Json(ids)| ids).unwrap_or_default();
        let (sources, target) = match action {
            Action::Merged => (Some(others), None),
            Action::MergedInto => (None, others.into_iter().next()),
            _ => (None, None),
        };
        Ok(Change {
            id: ChangeId::from_i64(seq),
            kind: self::kind(kind)?,
            record_id,
            action,
            on: created_on,
            by: author.map(|Json(user)| user),
            key: key_id.zip(key_name).map(|(id, name)| UsedKey { id, name }),
            request_id,
            changes,
            record: record.map(|Json(record)| record),
            sources,
            target,
            cause: cause.map(ChangeId::from_i64),
            erased,
            position: Position { turn, seq },
        })
    }
}
