//! What is wrong with an input, field by field.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// One row per code: the variant, its name on the wire, its meaning.
macro_rules! field_code_table {
    ($($variant:ident, $name:literal, $meaning:literal;)*) => {
        /// Why one field was refused: the `code` of an entry of `errors` (docs/errors.md).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FieldCode { $(#[doc = $meaning] $variant,)* }

        impl FieldCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

field_code_table! {
    Required, "required", "The field is required and was left out or empty.";
    NotNullable, "not_nullable", "The field is required, so that it cannot be cleared with null.";
    WrongType, "wrong_type", "The value is of another JSON type than the field takes.";
    UnknownField, "unknown_field", "No field or parameter has this name.";
    Repeated, "repeated", "The parameter was given more than once.";
    TooLong, "too_long", "The text has more characters than the field holds.";
    TooMany, "too_many", "The list has more entries than the field holds.";
    OutOfRange, "out_of_range", "The number lies outside the range of the field.";
    InvalidCharacters, "invalid_characters", "The text has a control character other than tab, CR and LF.";
    InvalidValue, "invalid_value", "The value is none of those that the field takes.";
    InvalidId, "invalid_id", "An id is a positive integer in plain decimal digits, or a UUID where the field says so.";
    InvalidAmount, "invalid_amount", "An amount is a decimal number with at most 4 decimals, between -10^14 and 10^14.";
    InvalidCurrency, "invalid_currency", "A currency is an ISO 4217 alphabetic code in upper case.";
    InvalidEmail, "invalid_email", "The text is no e-mail address.";
    InvalidUrl, "invalid_url", "The text is no URL.";
    InvalidDate, "invalid_date", "The text is no date or time of the form that the field takes.";
    InvalidColor, "invalid_color", "A color is # and six hexadecimal digits.";
    InvalidToken, "invalid_token", "The continuation token is malformed, or was made for another list, filter or order.";
    Duplicate, "duplicate", "The same value stands in the list twice.";
    Conflicting, "conflicting", "Two fields or parameters contradict each other.";
    UnknownReference, "unknown_reference", "No such record exists in this tenant.";
    UnknownTag, "unknown_tag", "No such tag exists for this kind of record.";
    UnknownCustomField, "unknown_custom_field", "The form has no custom field of this id.";
    TooBroad, "too_broad", "Too many records would have to be looked at: add a filter that leaves fewer.";
}

impl fmt::Display for FieldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FieldCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where it is: a path such as `email[0].value`, or the name of a parameter.
    pub field: String,
    /// What kind of problem it is.
    pub code: FieldCode,
    /// What to change, for a person.
    pub message: String,
}

/// Everything that is wrong with an input; never empty where it is an error.
///
/// It has one budget, whatever was sent: a client's lengths decide neither how long a refusal is nor how long it takes.
/// What comes after the last problem that fits is neither noted nor written; whoever reads what a client can make long
/// ends there too, by [`each`](Self::each).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// The most problems.
    pub const MOST: usize = 100;
    /// The most characters of a field's path.
    pub const LONGEST_FIELD: usize = 200;
    /// The most characters of a message, which may repeat what was sent.
    pub const LONGEST_MESSAGE: usize = 500;

    /// No problem yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A single problem.
    #[must_use]
    pub fn of(field: impl fmt::Display, code: FieldCode, message: impl fmt::Display) -> Self {
        let mut errors = Self::new();
        errors.push(field, code, message);
        errors
    }

    /// Adds a problem, where there is room for one.
    pub fn push(&mut self, field: impl fmt::Display, code: FieldCode, message: impl fmt::Display) {
        if !self.is_full() {
            let (field, message) = (cut(field, Self::LONGEST_FIELD), cut(message, Self::LONGEST_MESSAGE));
            self.0.push(FieldError { field, code, message });
        }
    }

    /// Whether there is room for no other problem.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// Checks one of these after the other, as long as there is room for another problem.
    pub fn each<T>(&mut self, items: impl IntoIterator<Item = T>, mut check: impl FnMut(T, &mut Self)) {
        for item in items {
            if self.is_full() {
                return;
            }
            check(item, self);
        }
    }

    /// Adds those of `others` for which there is room.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0.into_iter().take(Self::MOST.saturating_sub(self.0.len())));
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems, in the order in which they were found.
    #[must_use]
    pub fn as_slice(&self) -> &[FieldError] {
        &self.0
    }

    /// `Ok(value)` where nothing was wrong.
    ///
    /// # Errors
    /// These problems, where there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}: {}", error.field, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

/// The text, at most so many characters of it: a longer one ends in `…`. What is cut off is not written either, however
/// long it would have been.
#[must_use]
pub fn cut(text: impl fmt::Display, most: usize) -> String {
    let mut short = Short { text: String::new(), room: most };
    if write!(short, "{text}").is_err() {
        short.text.pop();
        short.text.push('…');
    }
    short.text
}

/// Takes characters as long as it has room.
struct Short {
    text: String,
    room: usize,
}

impl fmt::Write for Short {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        match part.char_indices().nth(self.room) {
            None => {
                self.room -= part.chars().count();
                self.text.push_str(part);
                Ok(())
            }
            Some((end, _)) => {
                self.room = 0;
                self.text.push_str(&part[..end]);
                Err(fmt::Error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::At;

    #[test]
    fn there_is_room_for_a_hundred_problems() {
        let mut errors = FieldErrors::new();
        let mut checked = 0;
        errors.each(0..1_000_000, |index, errors| {
            checked += 1;
            if index > 0 {
                errors.push(index, FieldCode::Required, "is required");
            }
        });
        assert_eq!((checked, errors.as_slice().len()), (101, 100));
        assert_eq!(errors.as_slice()[99].field, "100");
        errors.append(FieldErrors::of("a", FieldCode::Required, "is required"));
        assert_eq!(errors.as_slice().len(), 100);

        let mut few = FieldErrors::of("a", FieldCode::Required, "is required");
        few.append(errors);
        assert_eq!((few.as_slice().len(), few.as_slice()[99].field.as_str()), (100, "99"));
    }

    #[test]
    fn a_path_and_a_message_are_cut_at_a_character() {
        let of = |length: usize| "é".repeat(length);
        let short = |length: usize| format!("{}…", of(length));
        for (field, message, expected) in
            [(200, 500, (of(200), of(500))), (201, 501, (short(199), short(499))), (300_000, 1, (short(199), of(1)))]
        {
            let name = of(field);
            let errors = FieldErrors::of(At::field(&name), FieldCode::Required, of(message));
            let error = &errors.as_slice()[0];
            assert_eq!((&error.field, &error.message), (&expected.0, &expected.1));
        }
        let name = of(198);
        let at = At::field(&name);
        assert_eq!(FieldErrors::of(at.index(7), FieldCode::Required, "").as_slice()[0].field, format!("{}[…", of(198)));
    }

    #[test]
    fn what_is_not_noted_is_not_written() {
        struct Loud;
        impl fmt::Display for Loud {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("nobody reads this")
            }
        }
        struct Long<'a>(&'a std::cell::Cell<usize>);
        impl fmt::Display for Long<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (0..1_000_000).try_for_each(|_| {
                    self.0.set(self.0.get() + 1);
                    f.write_str("0123456789")
                })
            }
        }
        let parts = std::cell::Cell::new(0);
        let mut errors = FieldErrors::of(Long(&parts), FieldCode::Required, "is required");
        assert_eq!(parts.get(), 21);
        errors.each(0..1_000, |_, errors| errors.push("a", FieldCode::Required, "is required"));
        errors.push(Loud, FieldCode::Required, Loud);
    }
}
