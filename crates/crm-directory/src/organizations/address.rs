use crm_core::input::{At, FromJson};
use crm_core::values::{is_blank, read_text};
use crm_core::{FieldCode, FieldErrors, checked_text};
use serde_json::Value;

/// A postal address in one text: at most 500 characters, trimmed. A blank one means none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(max_length = 500, examples("123 Main Street, Anytown, USA")))]
pub struct Address(String);

checked_text!(Address);

impl Address {
    /// The most characters it holds.
    pub const LIMIT: usize = 500;
}

impl FromJson for Address {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, Self::LIMIT, true, errors)?;
        if text.is_empty() {
            errors.push(at, FieldCode::Required, "must have 1 to 500 characters");
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn means_nothing(value: &Value) -> bool {
        is_blank(value)
    }
}
