use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson, read_list, refuse_unknown};
use crate::records::Stored;
use crate::text::{folded, searchable, with_unicode_domains};
use crate::values::email::is_email;
use crate::values::text::read_text;

/// An e-mail address or phone number with a label: `{ label, value, primary }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LabeledValue {
    /// What it is for, such as `Work`; at most 64 characters.
    #[cfg_attr(feature = "openapi", schema(required = false, max_length = 64, examples("Work")))]
    pub label: Option<String>,
    /// The address, or a number of at most 64 characters.
    #[cfg_attr(feature = "openapi", schema(max_length = 254, pattern = r"\S", examples("jane.doe@work.com")))]
    pub value: String,
    /// Whether it is the one to use first. Exactly one of a list is.
    #[cfg_attr(feature = "openapi", schema(required = false, value_type = Option<bool>))]
    pub primary: bool,
}

impl LabeledValue {
    /// This address or number, which is checked where it becomes one of a list.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self { label: None, value: value.into(), primary: false }
    }

    /// The same with what it is for.
    #[must_use]
    pub fn labeled(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// The same as the one to use first; unless one of a list is, its first is.
    #[must_use]
    pub fn to_use_first(self) -> Self {
        Self { primary: true, ..self }
    }
}

impl From<&str> for LabeledValue {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

/// What a list of labeled values holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabeledValueKind {
    /// Addresses `local@domain` of at most 254 characters, of all scripts (RFC 6531).
    Email,
    /// Any text of 1 to 64 characters: the source itself sends an e-mail address as a phone number.
    Phone,
}

/// A checked list of labeled values: at most 20, each once whatever its case and the spelling of its domain, one of
/// them primary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LabeledValues(Vec<LabeledValue>);

impl LabeledValues {
    /// The most values in a list.
    pub const LIMIT: usize = 20;

    /// The values, in the order in which they were sent.
    #[must_use]
    pub fn as_slice(&self) -> &[LabeledValue] {
        &self.0
    }

    /// These values of this kind.
    ///
    /// # Errors
    /// What is wrong with them, under the name of the field.
    pub fn new<V: Into<LabeledValue>>(
        field: &str,
        kind: LabeledValueKind,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, FieldErrors> {
        let member = |value: V| {
            let LabeledValue { label, value, primary } = value.into();
            json!({ "label": label, "value": value, "primary": primary })
        };
        let (values, mut errors) = (values.into_iter().map(member).collect(), FieldErrors::new());
        Self::read(&Value::Array(values), kind, &At::field(field), &mut errors).ok_or(errors)
    }

    /// The values themselves, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<LabeledValue> {
        self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads and checks a list of this kind.
    pub fn read(value: &Value, kind: LabeledValueKind, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        Self::read_up_to(Self::LIMIT, value, kind, at, errors)
    }

    /// As [`read`](Self::read), with another limit: that of a list which a merge may have made longer.
    pub fn read_up_to(
        limit: usize,
        value: &Value,
        kind: LabeledValueKind,
        at: &At<'_>,
        errors: &mut FieldErrors,
    ) -> Option<Self> {
        let entries: Vec<Entry> = read_list(value, at, limit, errors)?;
        let before = errors.as_slice().len();
        let mut seen = HashSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let place = at.index(index);
            let place = place.key("value");
            kind.check(&entry.value, &place, errors);
            if !seen.insert(kind.folded(&entry.value)) {
                errors.push(place, FieldCode::Duplicate, "stands in the list twice");
            }
        }
        if entries.iter().filter(|entry| entry.primary).count() > 1 {
            errors.push(at, FieldCode::Conflicting, "at most one value can be primary");
        }
        if errors.as_slice().len() > before {
            return None;
        }
        let primary = entries.iter().position(|entry| entry.primary).unwrap_or(0);
        let number = |(index, entry): (usize, Entry)| LabeledValue {
            label: entry.label,
            value: entry.value,
            primary: index == primary,
        };
        Some(Self(entries.into_iter().enumerate().map(number).collect()))
    }
}

impl Stored for LabeledValues {
    type Of = Vec<LabeledValue>;

    fn stored(values: Vec<LabeledValue>) -> Self {
        Self(values)
    }
}

impl LabeledValueKind {
    fn limit(self) -> usize {
        match self {
            Self::Email => 254,
            Self::Phone => 64,
        }
    }

    /// What a value is compared by: folded, the domain of an address in Unicode.
    #[must_use]
    pub fn folded(self, value: &str) -> String {
        match self {
            Self::Email => folded(&with_unicode_domains(value)),
            Self::Phone => folded(value),
        }
    }

    /// What a value is searched by.
    #[must_use]
    pub fn searchable(self, value: &str) -> String {
        match self {
            Self::Email => searchable(&with_unicode_domains(value)),
            Self::Phone => searchable(value),
        }
    }

    /// Checks one value, trimmed already, by the rules of this kind.
    pub fn check(self, text: &str, at: &At<'_>, errors: &mut FieldErrors) {
        if text.chars().nth(self.limit()).is_some() {
            errors.push(at, FieldCode::TooLong, format_args!("must have at most {} characters", self.limit()));
        } else if self == Self::Email && !is_email(text) {
            errors.push(at, FieldCode::InvalidEmail, "must be an e-mail address such as jane.doe@work.com");
        }
    }
}

/// One entry as sent, before the rules that span the list.
struct Entry {
    label: Option<String>,
    value: String,
    primary: bool,
}

impl FromJson for Entry {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { label, value, primary }");
            return None;
        };
        let message = "a value has the members label, value and primary";
        refuse_unknown(members, &["label", "value", "primary"], at, message, errors);
        let label = match members.get("label") {
            None | Some(Value::Null) => Some(None),
            Some(label) => read_text(label, &at.key("label"), 64, true, errors)
                .map(|text| (!text.is_empty()).then(|| text.to_owned())),
        };
        let primary = match members.get("primary") {
            None | Some(Value::Null) => Some(false),
            Some(primary) => bool::from_json(primary, &at.key("primary"), errors),
        };
        let text = members.get("value").unwrap_or(&Value::Null);
        let text = if text.is_null() { Some("") } else { read_text(text, &at.key("value"), 254, true, errors) };
        if text == Some("") {
            errors.push(at.key("value"), FieldCode::Required, "is required");
            return None;
        }
        Some(Self { label: label?, value: text?.to_owned(), primary: primary? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emails<V: Into<LabeledValue>>(values: impl IntoIterator<Item = V>) -> Result<LabeledValues, FieldErrors> {
        LabeledValues::new("email", LabeledValueKind::Email, values)
    }

    #[test]
    fn addresses_in_code_are_held_to_the_rules_of_a_body() {
        let two = emails([LabeledValue::new("jane@work.com").labeled("Work"), " jane@home.com ".into()]).unwrap();
        let [work, home] = two.as_slice() else { panic!("{two:?}") };
        assert_eq!((work.label.as_deref(), work.primary, home.value.as_str()), (Some("Work"), true, "jane@home.com"));
        let chosen = emails([LabeledValue::new("a@b.com"), LabeledValue::new("c@b.com").to_use_first()]).unwrap();
        assert!(!chosen.as_slice()[0].primary && chosen.as_slice()[1].primary);
        let address = |number: usize| LabeledValue::new(format!("{number}@work.com"));
        assert!(emails((0..20).map(address)).is_ok());
        for (made, field, code) in [
            (emails((0..21).map(address)), "email", FieldCode::TooMany),
            (emails(["jane@work.com", "JANE@work.com"]), "email[1].value", FieldCode::Duplicate),
            (emails(["jane"]), "email[0].value", FieldCode::InvalidEmail),
            (emails([address(1).to_use_first(), address(2).to_use_first()]), "email", FieldCode::Conflicting),
            (emails([address(1).labeled("a".repeat(65))]), "email[0].label", FieldCode::TooLong),
        ] {
            let errors = made.unwrap_err();
            assert_eq!((errors.as_slice()[0].field.as_str(), errors.as_slice()[0].code), (field, code));
        }
    }
}
