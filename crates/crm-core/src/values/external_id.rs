use serde_json::Value;

use crate::RecordKind;
use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};
use crate::text::is_visible;
use crate::values::{is_blank, read_text};

/// The id that another system has for a record: trimmed, 1 to 255 characters, compared exactly, and unique within a kind of
/// records of a tenant. A blank one means none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// The most characters it has.
    pub const LIMIT: usize = 255;
}

crate::checked_text!(ExternalId);

impl FromJson for ExternalId {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, Self::LIMIT, true, errors)?;
        if text.chars().any(char::is_control) {
            errors.push(at, FieldCode::InvalidCharacters, "must not contain control characters");
        } else if is_visible(text) {
            return Some(Self(text.to_owned()));
        } else {
            errors.push(at, FieldCode::Required, "must have 1 to 255 characters, one of them visible");
        }
        None
    }

    fn means_nothing(value: &Value) -> bool {
        is_blank(value)
    }
}

#[cfg(feature = "openapi")]
crate::openapi::string_schema!(ExternalId, "At most 255 characters without control characters.", "erp-4711", max_length: 255);

/// Another record of the kind has this external id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {} {holder} has this external id", kind.name())]
pub struct ExternalIdTaken {
    /// What the two are.
    pub kind: RecordKind,
    /// The id of the record that has it.
    pub holder: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_id_is_trimmed_and_shows() {
        let long = "é".repeat(255);
        for (text, expected, why) in [
            (" erp-4711 ", Ok("erp-4711"), "both ends are trimmed"),
            ("Ä/ö 100%", Ok("Ä/ö 100%"), "any visible characters"),
            (long.as_str(), Ok(long.as_str()), "the longest"),
            (&format!("{long}é"), Err(FieldCode::TooLong), "one character more"),
            ("a\tb", Err(FieldCode::InvalidCharacters), "a tab inside, which no spreadsheet shows"),
            ("a\u{0}", Err(FieldCode::InvalidCharacters), "NUL"),
            ("\u{200b}", Err(FieldCode::Required), "nothing that anybody sees"),
        ] {
            let read = ExternalId::new("externalId", text).map_err(|errors| errors.as_slice()[0].code);
            assert_eq!(read.as_ref().map(ExternalId::as_str).map_err(|code| *code), expected, "{why}");
        }
        assert!(ExternalId::means_nothing(&Value::from(" ")));
    }
}
