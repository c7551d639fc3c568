use crm_core::input::{At, FromBody, FromJson, ObjectReader, checked, read_list};
use crm_core::values::{LongText, read_text};
use crm_core::{FieldCode, FieldErrors, Patch, Timestamp, WebhookId};
use crm_history::{Action, Change, FieldChange};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Events, WebhookUrl};

/// Whom a tenant tells of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where it is received.
    pub url: WebhookUrl,
    /// What it is told of.
    pub events: Events,
    /// Of updates only those of one of these fields; null is all.
    pub fields: Option<FieldNames>,
    /// What it is for.
    pub description: Option<LongText>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why it was switched off by itself; null where it was not.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when nothing has arrived; null after a success. After five days it is switched off.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When somebody changed it last.
    pub last_updated_on: Timestamp,
}

impl Webhook {
    /// Whether it is told of this change.
    #[must_use]
    pub fn wants(&self, change: &Change) -> bool {
        let narrowed = self.fields.as_ref().filter(|_| change.action == Action::Updated);
        self.events.include(change) && narrowed.is_none_or(|fields| fields.name_one_of(&change.changes))
    }
}

/// Why a webhook was switched off by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DisabledReason {
    /// The receiver answered 410.
    Gone,
    /// Nothing arrived for five days.
    Failing,
}

impl DisabledReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    pub(crate) fn of_stored(word: &str) -> Self {
        if word == Self::Gone.as_str() { Self::Gone } else { Self::Failing }
    }
}

/// Names of fields as changes have them: `stage`, `customFields.region`, or `customFields` for all of them. At least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct FieldNames(Vec<String>);

impl FieldNames {
    /// The most that a webhook has.
    pub const LIMIT: usize = 50;
    /// The most characters of one.
    pub const LONGEST: usize = 100;

    /// The fields with these names.
    ///
    /// # Errors
    /// Where there is none, they are too many, or one is no name.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, FieldErrors> {
        checked("fields", names.into_iter().map(Value::from).collect::<Vec<Value>>())
    }

    fn name_one_of(&self, changes: &[FieldChange]) -> bool {
        let is_part = |field: &str, name: &str| {
            field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        changes.iter().any(|change| self.0.iter().any(|name| is_part(&change.field, name)))
    }
}

struct FieldName(String);

impl FromJson for FieldName {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, FieldNames::LONGEST, true, errors)?;
        if text.is_empty() {
            errors.push(at, FieldCode::Required, "must be the name of a field");
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

impl TryFrom<Vec<String>> for FieldNames {
    type Error = FieldErrors;

    fn try_from(names: Vec<String>) -> Result<Self, FieldErrors> {
        Self::new(names.iter().map(String::as_str))
    }
}

impl FromJson for FieldNames {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let mut names: Vec<String> = Vec::new();
        for FieldName(name) in read_list::<FieldName>(value, at, Self::LIMIT, errors)? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            errors.push(at, FieldCode::Required, "must name at least one field; null is all");
            return None;
        }
        Some(Self(names))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for FieldNames {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let name = utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(r"\S"))
            .max_length(Some(Self::LONGEST))
            .examples([Value::from("stage"), Value::from("customFields.region")]);
        utoipa::openapi::schema::ArrayBuilder::new()
            .items(name)
            .min_items(Some(1))
            .max_items(Some(Self::LIMIT))
            .description(Some("Fields as changes name them. They narrow `updated` only."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for FieldNames {}

/// A webhook that was just made, or whose secret was replaced, with the secret, which is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    pub described: Webhook,
    /// What it is signed with. It is shown once: a repeat of the request by its `Idempotency-Key` has null here.
    #[cfg_attr(feature = "openapi", schema(required, examples("whsec_…")))]
    pub secret: Option<String>,
}

/// A webhook to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where it is received.
    pub url: WebhookUrl,
    /// What it is told of.
    pub events: Events,
    /// Of updates only those of one of these fields.
    pub fields: Option<FieldNames>,
    /// What it is for.
    pub description: Option<LongText>,
    /// Whether anything is sent.
    pub enabled: bool,
}

/// A merge patch of a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookPatch {
    /// Where it is received from now on.
    pub url: Option<WebhookUrl>,
    /// All that it is told of from now on.
    pub events: Option<Events>,
    /// Of updates only those of one of these fields.
    pub fields: Patch<FieldNames>,
    /// What it is for.
    pub description: Patch<LongText>,
    /// Whether anything is sent from now on.
    pub enabled: Option<bool>,
}

/// Members of a webhook that a client may send back as it read them.
const READ_ONLY: &[&str] =
    &["id", "tenantId", "disabledReason", "failingSince", "createdOn", "lastUpdatedOn", "secret"];

impl NewWebhook {
    /// A webhook that is told of these events from now on.
    #[must_use]
    pub fn new(url: WebhookUrl, events: Events) -> Self {
        Self { url, events, fields: None, description: None, enabled: true }
    }
}

impl FromBody for NewWebhook {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let (url, events) = (reader.required("url"), reader.required("events"));
        let (fields, description) = (reader.optional("fields"), reader.optional("description"));
        let enabled = reader.optional("enabled").unwrap_or(true);
        Some(Self { url: url?, events: events?, fields, description, enabled })
    }
}

impl FromBody for WebhookPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self {
            url: reader.patch_required("url"),
            events: reader.patch_required("events"),
            fields: reader.patch("fields"),
            description: reader.patch("description"),
            enabled: reader.patch_required("enabled"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deserialized_keeps_the_rules() {
        let read = |names: &[String]| serde_json::from_value::<FieldNames>(Value::from(names)).is_ok();
        let names = |count: usize| (0..count).map(|number| format!("field{number}")).collect::<Vec<_>>();
        assert!(read(&names(FieldNames::LIMIT)) && read(&["a".repeat(FieldNames::LONGEST)]));
        assert!(!read(&[]) && !read(&names(FieldNames::LIMIT + 1)) && !read(&["a".repeat(FieldNames::LONGEST + 1)]));
    }

    #[test]
    fn a_field_is_named_with_what_is_below_it() {
        let names = FieldNames(vec!["stage".to_owned(), "customFields".to_owned(), "value".to_owned()]);
        let change = |field: &str| [FieldChange { field: field.to_owned(), from: Value::Null, to: Value::Null }];
        for (field, is_named) in [
            ("stage", true),
            ("customFields.region", true),
            ("value", true),
            ("stages", false),
            ("title", false),
            ("values.x", false),
        ] {
            assert_eq!(names.name_one_of(&change(field)), is_named, "{field}");
        }
    }
}
