use std::fmt;

use crm_core::input::{At, FromJson};
use crm_core::values::read_text;
use crm_core::{FieldCode, FieldErrors};
use serde::Serialize;
use serde_json::Value;

/// A postal address in one text: at most 500 characters, trimmed (contract/directory). A blank one means none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(max_length = 500, examples("123 Main Street, Anytown, USA")))]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The most characters it holds.
    pub const LIMIT: usize = 500;

    /// An address that came from the database, where only checked ones are.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromJson for Address {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, Self::LIMIT, true, errors)?;
        if text.is_empty() {
            errors.push(at.to_string(), FieldCode::Required, "must have 1 to 500 characters");
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn means_nothing(value: &Value) -> bool {
        value.is_null() || matches!(value, Value::String(text) if text.trim().is_empty())
    }
}
