use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};
use crate::values::text::read_text;

/// A colour, `#` and six hexadecimal digits, kept as it was sent (contract/tags-forms-bulk).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Color(String);

impl Color {
    /// A colour that came from the database, where only checked ones are.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The colour as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromJson for Color {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, usize::MAX, true, errors)?;
        let digits = text.strip_prefix('#').unwrap_or_default();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = "must be # and six hexadecimal digits, such as #ff0000";
            errors.push(at.to_string(), FieldCode::InvalidColor, message);
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

#[cfg(feature = "openapi")]
crate::openapi::string_schema!(Color, "# and six hexadecimal digits.", "#ff0000", pattern: "^#[0-9A-Fa-f]{6}$");
