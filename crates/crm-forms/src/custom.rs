use std::collections::HashSet;

use crm_core::input::{At, FromJson, JsonObject};
use crm_core::values::Document;
use crm_core::{FieldCode, FieldErrors};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FieldValue;

/// The values of a record's custom fields by the ids of the fields, checked by a [`Form`](crate::Form).
///
/// What is stored may have values of fields that were taken off the form: show it through
/// [`Form::visible`](crate::Form::visible). Never NULL in a row: `{}` where there is no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomFields(pub(crate) Document);

impl AsRef<Document> for CustomFields {
    fn as_ref(&self) -> &Document {
        &self.0
    }
}

impl CustomFields {
    /// The most bytes of the JSON of a record's, as many as one request brings: each patch could add to them otherwise.
    pub const MOST_BYTES: usize = 1024 * 1024;

    /// The values.
    #[must_use]
    pub fn to_object(&self) -> JsonObject {
        self.0.to_object()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.members().is_empty()
    }

    /// These values, and those of `other` for the fields that have none here: for merges.
    #[must_use]
    pub fn filled_from(&self, other: &Self) -> Self {
        let own = self.0.members();
        let known: HashSet<&str> = own.iter().map(|(id, _)| &**id).collect();
        let mut others = other.0.members();
        others.retain(|(id, _)| !known.contains(&**id));
        Self(own.iter().chain(&others).map(|(id, value)| (id, *value)).collect())
    }

    /// Those of these values whose field `is_kept`.
    pub(crate) fn only(&self, is_kept: impl Fn(&str) -> bool) -> Self {
        let mut members = self.0.members();
        let all = members.len();
        members.retain(|(id, _)| is_kept(id));
        if members.len() == all { self.clone() } else { Self(members.into_iter().collect()) }
    }
}

/// `customFields` of a body: any object, to be checked by [`Form::check_new`](crate::Form::check_new) or
/// [`Form::check_patch`](crate::Form::check_patch).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomFieldsInput(pub(crate) JsonObject);

impl CustomFieldsInput {
    /// Values of no field.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These and one of another field, which the form checks when a record is written.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        self.0.insert(field.into(), value.into().into_json());
        self
    }

    /// These and, in a patch, none of another field.
    #[must_use]
    pub fn without(mut self, field: impl Into<String>) -> Self {
        self.0.insert(field.into(), Value::Null);
        self
    }

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
                errors.push(at, FieldCode::WrongType, "must be an object of values by field id");
                None
            }
        }
    }
}
