use crm_core::{FieldErrors, Unmet};
use diesel::result::Error as DieselError;

/// Why a form could not be read or replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// These custom fields have values of another type than the new form gives them.
    #[error("fields have values, so that their type cannot change: {}", .0.join(", "))]
    FieldInUse(Vec<String>),
    /// The form is not as the caller expected it to be.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// The input breaks a rule.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crm_core::from_write_error!(FormError);
