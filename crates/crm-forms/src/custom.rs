use crm_core::input::{At, FromJson, JsonObject};
use crm_core::{FieldCode, FieldErrors};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The values of a record's custom fields by the ids of the fields, checked by a [`Form`](crate::Form).
///
/// What is stored may have values of fields that were taken off the form: show it through
/// [`Form::visible`](crate::Form::visible). Never NULL in a row: `{}` where there is no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomFields(pub(crate) JsonObject);

impl CustomFields {
    /// The values.
    #[must_use]
    pub fn as_object(&self) -> &JsonObject {
        &self.0
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These values, and those of `other` for the fields that have none here: for merges.
    #[must_use]
    pub fn filled_from(&self, other: &Self) -> Self {
        let mut filled = self.0.clone();
        for (id, value) in &other.0 {
            if !filled.contains_key(id) {
                filled.insert(id.clone(), value.clone());
            }
        }
        Self(filled)
    }
}

/// `customFields` of a body: any object, to be checked by [`Form::check_new`](crate::Form::check_new) or
/// [`Form::check_patch`](crate::Form::check_patch).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomFieldsInput(pub(crate) JsonObject);

impl CustomFieldsInput {
    /// Whether it names no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromJson for CustomFieldsInput {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        match value {
            Value::Object(members) => Some(Self(members.clone())),
            _ => {
                errors.push(at.to_string(), FieldCode::WrongType, "must be an object of values by field id");
                None
            }
        }
    }
}
