use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};
use crate::text::is_visible;

/// Whether a text holds NUL or another control character than tab, CR and LF, which are refused
/// (docs/compatibility.md, "Bodies"). PostgreSQL cannot store NUL at all.
#[must_use]
pub fn contains_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
}

/// Reads a string without forbidden characters and with at most `limit` characters (Unicode scalar values).
/// `None` after the problem was noted. For fields whose rules none of the types here has.
pub fn read_text<'v>(
    value: &'v Value,
    at: &At<'_>,
    limit: usize,
    trim: bool,
    errors: &mut FieldErrors,
) -> Option<&'v str> {
    let Value::String(text) = value else {
        errors.push(at, FieldCode::WrongType, "must be a string");
        return None;
    };
    // Before the ends are trimmed: some control characters are blanks, and refused all the same.
    if contains_control(text) {
        errors.push(at, FieldCode::InvalidCharacters, "must not contain control characters other than tab, CR and LF");
        return None;
    }
    let text = if trim { text.trim() } else { text };
    if text.chars().nth(limit).is_some() {
        errors.push(at, FieldCode::TooLong, format_args!("must have at most {limit} characters"));
        return None;
    }
    Some(text)
}

/// Whether a value is `null` or a blank text, which is what a form on a page sends for a field that was left alone.
#[must_use]
pub fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty() && !contains_control(text))
}

/// A text by the rules of a body's field of this name, as [`read_text`] reads it; `None` where it is blank.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn checked_part(field: &str, text: &str, limit: usize) -> Result<Option<String>, FieldErrors> {
    let (text, mut errors) = (Value::from(text), FieldErrors::new());
    let read = read_text(&text, &At::field(field), limit, true, &mut errors).map(str::to_owned);
    read.map(|text| Some(text).filter(|text| !text.is_empty())).ok_or(errors)
}

/// Gives a newtype of a `String`, which holds a checked text and reads it [from JSON](crate::input::FromJson), what each of
/// them has: `new`, `as_str`, `into_string`, `Display` and `Serialize`, and [`Stored`](crate::records::Stored).
#[macro_export]
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// Checks a text by the same rules as a field of a request.
            ///
            /// # Errors
            /// What is wrong with it, under the field name that is given.
            pub fn new(
                field: &str,
                text: impl ::std::convert::Into<::std::string::String>,
            ) -> ::std::result::Result<Self, $crate::FieldErrors> {
                let text: ::std::string::String = text.into();
                $crate::input::checked(field, text)
            }

            /// The text.
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

        impl $crate::records::Stored for $name {
            type Of = ::std::string::String;

            fn stored(text: ::std::string::String) -> Self {
                Self(text)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, limit: $limit:literal, trimmed: $trim:literal, blank: $blank:ident, example: $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The most characters it holds.
            pub const LIMIT: usize = $limit;
        }

        checked_text!($name);

        impl FromJson for $name {
            fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
                let text = read_text(value, at, $limit, $trim, errors)?;
                if !text_type!(@says_something $blank text) {
                    let message = concat!("must have 1 to ", $limit, " characters, one of them visible");
                    errors.push(at, FieldCode::Required, message);
                    return None;
                }
                Some(Self(text.to_owned()))
            }

            fn means_nothing(value: &Value) -> bool {
                text_type!(@blank $blank value)
            }
        }

        text_type!(@schema $blank $name $limit $example);
    };
    (@schema is_nothing $name:ident $limit:literal $example:literal) => {
        #[cfg(feature = "openapi")]
        crate::openapi::string_schema!($name, concat!("At most ", $limit, " characters."), $example, max_length: $limit);
    };
    (@schema is_an_error $name:ident $limit:literal $example:literal) => {
        #[cfg(feature = "openapi")]
        crate::openapi::string_schema!($name, concat!("At most ", $limit, " characters, one of them visible."), $example,
            max_length: $limit, pattern: "\\S");
    };
    (@says_something is_nothing $text:ident) => { !$text.trim().is_empty() };
    (@says_something is_an_error $text:ident) => { is_visible($text) };
    (@blank is_nothing $value:ident) => { is_blank($value) };
    (@blank is_an_error $value:ident) => { $value.is_null() };
}

text_type! {
    /// A name, title or label: 1 to 255 characters after both ends were trimmed, one of them visible.
    Title, limit: 255, trimmed: true, blank: is_an_error, example: "Cloud Migration Project"
}

text_type! {
    /// An optional short text, trimmed, at most 255 characters. A blank one means none.
    ShortText, limit: 255, trimmed: true, blank: is_nothing, example: "referral"
}

text_type! {
    /// A note or description: at most 10 000 characters, kept as it was sent. A blank one means none.
    LongText, limit: 10_000, trimmed: false, blank: is_nothing, example: "Initial meeting scheduled."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_character_is_refused_wherever_it_stands() {
        for (text, expected, why) in [
            ("\t Cloud\r\n", Ok("Cloud"), "tab, CR and LF are blanks like others"),
            ("a\tb\r\nc", Ok("a\tb\r\nc"), "inside too"),
            ("\u{3000}Cloud\u{a0}", Ok("Cloud"), "blanks of Unicode"),
            ("a\u{0}b", Err(FieldCode::InvalidCharacters), "NUL"),
            ("\u{b}Cloud", Err(FieldCode::InvalidCharacters), "a vertical tab, though it is a blank at an end"),
            ("Cloud\u{85}", Err(FieldCode::InvalidCharacters), "so is NEL"),
            ("\u{c}", Err(FieldCode::InvalidCharacters), "a form feed alone is no blank text"),
            (" \t\n", Err(FieldCode::Required), "nothing but blanks"),
            ("\u{200b}\u{feff}", Err(FieldCode::Required), "nothing that anybody sees"),
            ("\u{200b}名\u{301}", Ok("\u{200b}名\u{301}"), "one visible character is enough"),
        ] {
            let read = Title::new("title", text).map_err(|errors| errors.as_slice()[0].code);
            assert_eq!(read.as_ref().map(Title::as_str).map_err(|code| *code), expected, "{why}");
        }
        assert!(ShortText::means_nothing(&Value::from(" \t")));
        assert!(!ShortText::means_nothing(&Value::from("\u{85}")), "it is told, not lost");
    }
}
