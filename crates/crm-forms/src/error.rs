use std::fmt;

use crm_core::FieldErrors;
use diesel::result::Error as DieselError;

/// Why a form could not be read or replaced.
#[derive(Debug)]
pub enum FormError {
    /// These custom fields have values of another type than the new form gives them.
    FieldInUse(Vec<String>),
    /// The input breaks a rule.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldInUse(ids) => {
                write!(f, "fields have values, so that their type cannot change: {}", ids.join(", "))
            }
            Self::Invalid(errors) => write!(f, "{errors:?}"),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for FormError {}

impl From<DieselError> for FormError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}
