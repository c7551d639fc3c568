use crm_core::input::{At, FromJson, JsonObject, checked, read_list, refuse_unknown};
use crm_core::text::is_visible;
use crm_core::values::{Color, Title, read_text};
use crm_core::{FieldCode, FieldErrors, PublicTenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FieldType;

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// A member of the resource, or the key of a custom field's value in `customFields`; unique in the form.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9_-]{1,64}$", examples("custom_field_1")))]
    pub id: String,
    /// What a person calls it, 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, examples("New Custom Field")))]
    pub label: String,
    /// Whether the resource has the field by itself.
    pub category: Category,
    /// What it holds.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether a record cannot be made without it, nor it be cleared.
    pub required: bool,
    /// What a dropdown or tag picker offers, as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub options: Option<Vec<FieldOption>>,
    /// The labels that are offered for labeled values; others are taken as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub label_options: Option<Vec<String>>,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
}

/// Whose a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// One of the resource's own.
    Default,
    /// Added by the tenant; its values stand in `customFields`.
    Custom,
}

/// One thing that a dropdown or tag picker offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldOption {
    /// A plain string: its own id and label. Dropdowns only.
    Plain(String),
    /// An option with an id; a tag picker's always has a colour.
    Labeled {
        /// What a value names; 1 to 128 characters, unique in the field.
        id: String,
        /// What a person reads; 1 to 255 characters.
        label: String,
        /// `#` and six hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        color: Option<String>,
    },
}

impl FieldOption {
    /// What a value names.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Plain(id) | Self::Labeled { id, .. } => id,
        }
    }
}

/// Whether a text is an id of a field: `[A-Za-z0-9_-]{1,64}` (docs/compatibility.md, "Ids, times and money").
fn is_field_id(text: &str) -> bool {
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(sane)
}

/// The fields of a form as a body has them, each checked by itself. Whether they are a form of some resource
/// is checked where that is known, see [`Form::replaced`](crate::Form::replaced).
#[derive(Debug, Clone)]
pub struct NewFields {
    /// Where the body has them, for what is found out later.
    pub(crate) place: String,
    pub(crate) fields: Vec<NewField>,
}

impl NewFields {
    /// The most fields of a form.
    pub const LIMIT: usize = 200;

    /// These fields, in their order.
    ///
    /// # Errors
    /// What is wrong with them, each by itself.
    pub fn new(fields: impl IntoIterator<Item = NewField>) -> Result<Self, FieldErrors> {
        let fields: Vec<NewField> = fields.into_iter().collect();
        // None of them fails to serialise, so that nothing is not what is checked.
        checked("fields", serde_json::to_value(fields).unwrap_or_default())
    }
}

impl FromJson for NewFields {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let fields = read_list(value, at, Self::LIMIT, errors)?;
        Some(Self { place: at.to_string(), fields })
    }
}

/// A field of a form, to be made.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct NewField {
    /// A member of the resource for a default field; for a custom field a UUID unless given.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9_-]{1,64}$", examples("custom_field_1")))]
    pub(crate) id: Option<String>,
    /// What a person calls it, 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(max_length = 255, pattern = r"\S", examples("New Custom Field")))]
    pub(crate) label: String,
    /// Whether the resource has the field by itself.
    pub(crate) category: Category,
    /// What it holds.
    #[cfg_attr(feature = "openapi", schema(rename = "type"))]
    #[serde(rename = "type")]
    pub(crate) field_type: FieldType,
    /// Whether a record cannot be made without it, nor it be cleared; `false` unless given.
    pub(crate) required: Option<bool>,
    /// What a dropdown (strings or objects) or tag picker (objects with a colour) offers.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub(crate) options: Option<Vec<FieldOption>>,
    /// The labels that are offered for labeled values.
    #[cfg_attr(feature = "openapi", schema(max_items = 50, value_type = Option<Vec<LabelOption>>))]
    pub(crate) label_options: Option<Vec<String>>,
}

const MEMBERS: &[&str] = &["id", "label", "category", "type", "required", "options", "labelOptions", "tenantId"];
const MOST_OPTIONS: usize = 500;
const MOST_LABELS: usize = 50;

impl FromJson for NewField {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { id, label, category, type, required }");
            return None;
        };
        let before = errors.as_slice().len();
        refuse_unknown(members, MEMBERS, at, "is no member of a field", errors);
        let id = given(members, "id").and_then(|value| read_id(value, &at.key("id"), errors));
        let label = match given(members, "label") {
            Some(value) => Title::from_json(value, &at.key("label"), errors),
            None => missing(&at.key("label"), errors),
        };
        let category = read_word(members, "category", at, errors, |name| match name {
            "default" => Some(Category::Default),
            "custom" => Some(Category::Custom),
            _ => None,
        });
        let field_type = read_word(members, "type", at, errors, FieldType::from_name);
        let required = given(members, "required").and_then(|value| bool::from_json(value, &at.key("required"), errors));
        let options = given(members, "options").and_then(|value| {
            let at = at.key("options");
            let options: Vec<FieldOption> = read_list(value, &at, MOST_OPTIONS, errors)?;
            unique(options.iter().map(FieldOption::id), &at, errors);
            Some(options)
        });
        let label_options = given(members, "labelOptions").and_then(|value| {
            let at = at.key("labelOptions");
            let labels: Vec<LabelOption> = read_list(value, &at, MOST_LABELS, errors)?;
            unique(labels.iter().map(|label| label.0.as_str()), &at, errors);
            Some(labels.into_iter().map(|label| label.0).collect())
        });
        let read = Self {
            id,
            label: label?.into_string(),
            category: category?,
            field_type: field_type?,
            required,
            options,
            label_options,
        };
        // Only where each is right by itself: an option that was refused is not one that is missing.
        if errors.as_slice().len() == before {
            read.check_options(at, errors);
        }
        (errors.as_slice().len() == before).then_some(read)
    }
}

impl NewField {
    /// A field that the tenant adds: its values stand in `customFields` by this id.
    #[must_use]
    pub fn custom(id: impl Into<String>, label: impl Into<String>, field_type: FieldType) -> Self {
        Self::of(Category::Custom, id.into(), label.into(), field_type)
    }

    /// A field that the resource has by itself, such as `origin` of a lead.
    #[must_use]
    pub fn own(id: impl Into<String>, label: impl Into<String>, field_type: FieldType) -> Self {
        Self::of(Category::Default, id.into(), label.into(), field_type)
    }

    fn of(category: Category, id: String, label: String, field_type: FieldType) -> Self {
        Self { id: Some(id), label, category, field_type, required: None, options: None, label_options: None }
    }

    /// The same as one that every record must have.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: Some(true), ..self }
    }

    /// The same with what it offers.
    #[must_use]
    pub fn with_options(self, options: impl IntoIterator<Item = FieldOption>) -> Self {
        Self { options: Some(options.into_iter().collect()), ..self }
    }

    /// The same with the labels that it offers for labeled values.
    #[must_use]
    pub fn with_labels(self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { label_options: Some(labels.into_iter().map(Into::into).collect()), ..self }
    }

    /// The rules between the type of a field and its options.
    fn check_options(&self, at: &At<'_>, errors: &mut FieldErrors) {
        let options = self.options.as_deref().unwrap_or_default();
        let place = at.key("options");
        if !self.field_type.has_options() && !options.is_empty() {
            errors.push(place, FieldCode::Conflicting, "only a dropdown or tag picker has options");
        }
        if self.category == Category::Custom && self.field_type.has_options() && options.is_empty() {
            errors.push(place, FieldCode::Required, "a dropdown or tag picker needs at least one option");
        }
        if self.field_type == FieldType::TagPicker {
            errors.each(options.iter().enumerate(), |(index, option), errors| {
                if !matches!(option, FieldOption::Labeled { color: Some(_), .. }) {
                    let message = "an option of a tag picker is an object { id, label, color }";
                    errors.push(place.index(index), FieldCode::Required, message);
                }
            });
        }
        if !self.field_type.has_labels() && self.label_options.as_ref().is_some_and(|labels| !labels.is_empty()) {
            let message = "only labeled values have labels: email_labeled and tel_labeled";
            errors.push(at.key("labelOptions"), FieldCode::Conflicting, message);
        }
    }
}

impl FromJson for FieldOption {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            return Title::from_json(value, at, errors).map(|text| Self::Plain(text.into_string()));
        };
        let message = "an option has the members id, label and color";
        refuse_unknown(members, &["id", "label", "color"], at, message, errors);
        let mut text = |name: &str, limit: usize| {
            let at = at.key(name);
            match given(members, name) {
                None => missing(&at, errors),
                Some(value) => match read_text(value, &at, limit, true, errors)? {
                    text if is_visible(text) => Some(text.to_owned()),
                    _ => missing(&at, errors),
                },
            }
        };
        let (id, label) = (text("id", 128), text("label", 255));
        let color = match given(members, "color") {
            None => Some(None),
            Some(value) => Color::from_json(value, &at.key("color"), errors).map(|color| Some(color.into_string())),
        };
        Some(Self::Labeled { id: id?, label: label?, color: color? })
    }
}

/// A label that is offered for labeled values.
pub(crate) struct LabelOption(String);

impl FromJson for LabelOption {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        match read_text(value, at, 64, true, errors)? {
            text if is_visible(text) => Some(Self(text.to_owned())),
            _ => missing(at, errors),
        }
    }
}

/// A member that is there and not null.
fn given<'a>(members: &'a JsonObject, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn missing<T>(at: &At<'_>, errors: &mut FieldErrors) -> Option<T> {
    errors.push(at, FieldCode::Required, "is required");
    None
}

fn read_id(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<String> {
    let text = read_text(value, at, usize::MAX, false, errors)?;
    if !is_field_id(text) {
        errors.push(at, FieldCode::InvalidId, "must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'");
        return None;
    }
    Some(text.to_owned())
}

fn read_word<T>(
    members: &JsonObject,
    name: &str,
    at: &At<'_>,
    errors: &mut FieldErrors,
    known: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let at = at.key(name);
    let Some(value) = given(members, name) else { return missing(&at, errors) };
    let word = read_text(value, &at, usize::MAX, false, errors)?;
    let read = known(word);
    if read.is_none() {
        errors.push(at, FieldCode::InvalidValue, format_args!("there is no such {name}"));
    }
    read
}

fn unique<'a>(texts: impl Iterator<Item = &'a str>, at: &At<'_>, errors: &mut FieldErrors) {
    let mut seen = std::collections::HashSet::new();
    errors.each(texts.enumerate(), |(index, text), errors| {
        if !seen.insert(text) {
            errors.push(at.index(index), FieldCode::Duplicate, "stands in the list twice");
        }
    });
}
