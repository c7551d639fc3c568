use std::fmt;

use crm_core::{FieldErrors, RecordId, RecordKind};
use diesel::result::Error as DieselError;

/// Why something could not be done with a contact or organization.
#[derive(Debug)]
pub enum DirectoryError {
    /// No record of this kind in the tenant has any of these ids.
    NotFound(RecordKind, Vec<i64>),
    /// The notes of merged records are longer together than a note may be.
    NoteTooLong,
    /// The input breaks a rule: every problem that was found.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl DirectoryError {
    /// None of these records exists.
    pub(crate) fn not_found<I: RecordId>(ids: &[I]) -> Self {
        Self::NotFound(I::KIND, ids.iter().map(|id| id.number()).collect())
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(kind, ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                write!(f, "no such {}: {}", kind.name(), ids.join(", "))
            }
            Self::NoteTooLong => f.write_str("the notes of the merged records are longer together than a note may be"),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for DirectoryError {}

crm_core::from_write_error!(DirectoryError);
