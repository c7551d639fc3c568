use std::fmt;

use crm_core::FieldErrors;
use diesel::result::Error as DieselError;

/// Why a tag could not be read, changed or put on a record.
#[derive(Debug)]
pub enum TagError {
    /// No tag of this kind has this id in the tenant.
    NotFound,
    /// Another tag of this kind has this label, in whatever case.
    LabelTaken,
    /// The input breaks a rule; `unknown_tag` where a record names a tag that does not exist.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such tag"),
            Self::LabelTaken => f.write_str("the label is taken by another tag of this kind"),
            Self::Invalid(errors) => write!(f, "{errors:?}"),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for TagError {}

crm_core::from_write_error!(TagError);
