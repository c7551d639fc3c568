use crm_core::records::Stored;
use crm_core::secrets::SecretsError;
use crm_core::sql::Json;
use crm_core::values::LongText;
use crm_core::{Db, Scope, Timestamp, WebhookId};
use crm_history::Position;
use diesel::prelude::*;

use crate::schema::webhooks;
use crate::secret::SigningSecret;
use crate::{DisabledReason, Events, FieldNames, NewWebhook, Webhook, WebhookUrl};

/// A row of `webhooks`, without its tenant. No `Debug`, because it holds secrets.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = webhooks, check_for_backend(Db))]
pub(crate) struct WebhookRow {
    pub(crate) id: WebhookId,
    #[diesel(embed)]
    pub(crate) values: WebhookValues,
    #[diesel(embed)]
    pub(crate) secrets: SecretColumns,
    #[diesel(embed)]
    pub(crate) since: PlaceColumns,
    created_on: Timestamp,
    last_updated_on: Timestamp,
}

/// The columns that creating and changing write; a change writes all of them from a row that it holds locked.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, PartialEq)]
#[diesel(table_name = webhooks, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct WebhookValues {
    pub(crate) url: String,
    pub(crate) events: Json<Events>,
    pub(crate) fields: Option<Json<FieldNames>>,
    pub(crate) description: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) failing_since: Option<Timestamp>,
}

/// The columns of the secrets, which are sealed with the same key where they are.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, PartialEq)]
#[diesel(table_name = webhooks, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SecretColumns {
    secret: String,
    old_secret: Option<String>,
    old_secret_until: Option<Timestamp>,
    secrets_key: Option<String>,
}

/// Behind which place in the feed a webhook is told of changes.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Copy, PartialEq, Eq)]
#[diesel(table_name = webhooks, check_for_backend(Db))]
pub(crate) struct PlaceColumns {
    turn: i64,
    seq: i64,
}

impl From<Position> for PlaceColumns {
    fn from(Position { turn, seq }: Position) -> Self {
        Self { turn, seq }
    }
}

impl PlaceColumns {
    pub(crate) fn position(self) -> Position {
        Position { turn: self.turn, seq: self.seq }
    }
}

/// The secrets of a webhook in clear.
#[derive(Clone)]
pub(crate) struct Secrets {
    pub(crate) current: SigningSecret,
    /// The one before, and until when it signs too.
    pub(crate) old: Option<(SigningSecret, Timestamp)>,
}

impl Secrets {
    pub(crate) fn to_columns(&self, scope: &Scope, id: WebhookId) -> Result<SecretColumns, SecretsError> {
        let old = self.old.as_ref().map(|(old, _)| old.sealed(scope, id, "old")).transpose()?;
        Ok(SecretColumns {
            secret: self.current.sealed(scope, id, "current")?,
            old_secret: old,
            old_secret_until: self.old.as_ref().map(|(_, until)| *until),
            secrets_key: scope.secrets().map(|secrets| secrets.key_id().to_owned()),
        })
    }
}

impl SecretColumns {
    pub(crate) fn open(&self, scope: &Scope, id: WebhookId) -> Result<Secrets, SecretsError> {
        let key = self.secrets_key.as_deref();
        let old = match (&self.old_secret, self.old_secret_until) {
            (Some(old), Some(until)) if until > scope.now() => {
                Some((SigningSecret::opened(old, key, scope, id, "old")?, until))
            }
            (Some(_) | None, _) => None,
        };
        Ok(Secrets { current: SigningSecret::opened(&self.secret, key, scope, id, "current")?, old })
    }
}

impl WebhookValues {
    pub(crate) fn of_new(new: &NewWebhook) -> Self {
        let NewWebhook { url, events, fields, description, enabled } = new;
        Self {
            url: url.to_string(),
            events: Json(events.clone()),
            fields: fields.clone().map(Json),
            description: description.as_ref().map(ToString::to_string),
            enabled: *enabled,
            disabled_reason: None,
            failing_since: None,
        }
    }

    /// The columns of a webhook as it is to be.
    pub(crate) fn of(webhook: &Webhook) -> Self {
        let Webhook {
            id: _,
            url,
            events,
            fields,
            description,
            enabled,
            disabled_reason,
            failing_since,
            created_on: _,
            last_updated_on: _,
        } = webhook;
        Self {
            url: url.to_string(),
            events: Json(events.clone()),
            fields: fields.clone().map(Json),
            description: description.as_ref().map(ToString::to_string),
            enabled: *enabled,
            disabled_reason: disabled_reason.map(|reason| reason.as_str().to_owned()),
            failing_since: *failing_since,
        }
    }
}

impl WebhookRow {
    pub(crate) fn into_webhook(self) -> Webhook {
        let Self { id, values, secrets: _, since: _, created_on, last_updated_on } = self;
        let WebhookValues { url, events, fields, description, enabled, disabled_reason, failing_since } = values;
        Webhook {
            id,
            url: WebhookUrl::stored(url),
            events: events.0,
            fields: fields.map(|Json(names)| names),
            description: description.map(LongText::stored),
            enabled,
            disabled_reason: disabled_reason.as_deref().map(DisabledReason::of_stored),
            failing_since,
            created_on,
            last_updated_on,
        }
    }
}
