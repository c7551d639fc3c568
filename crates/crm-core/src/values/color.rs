use serde_json::Value;

use crate::checked_text;
use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};
use crate::values::text::read_text;

/// A colour, `#` and six hexadecimal digits, kept as it was sent (docs/compatibility.md, "Tags").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Color(String);

checked_text!(Color);

impl FromJson for Color {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, usize::MAX, true, errors)?;
        let digits = text.strip_prefix('#').unwrap_or_default();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = "must be # and six hexadecimal digits, such as #ff0000";
            errors.push(at, FieldCode::InvalidColor, message);
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

#[cfg(feature = "openapi")]
crate::openapi::string_schema!(Color, "# and six hexadecimal digits.", "#ff0000", pattern: "^#[0-9A-Fa-f]{6}$");
