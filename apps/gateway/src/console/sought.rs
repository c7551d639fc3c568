//! What somebody typed for something to be found by it.

use crm_core::FieldErrors;
use crm_core::params::ParamReader;

/// A text that a database may be asked for, without blanks around it: one that `q` of `GET /search` takes.
pub(super) struct Name(String);

impl Name {
    /// Reads what was typed into a field.
    ///
    /// # Errors
    /// What is wrong with the field: nothing is in it, too much is, or a character that controls.
    pub(super) fn read(field: &str, typed: &str) -> Result<Self, FieldErrors> {
        let mut reader = ParamReader::new(vec![(NAME.to_owned(), typed.trim().to_owned())]);
        let read = reader.text(NAME, "").unwrap_or_default();
        let mut errors = FieldErrors::new();
        reader.errors().as_slice().iter().for_each(|error| errors.push(field, error.code, &error.message));
        errors.into_result(Self(read))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of the one parameter of the reader, which nobody is told.
const NAME: &str = "q";
