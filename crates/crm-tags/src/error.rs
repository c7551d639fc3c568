use crm_core::{FieldErrors, Unmet};
use diesel::result::Error as DieselError;

/// Why a tag could not be read, changed or put on a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// No tag of this kind has this id in the tenant.
    #[error("no such tag")]
    NotFound,
    /// Another tag of this kind has this label, in whatever case.
    #[error("the label is taken by another tag of this kind")]
    LabelTaken,
    /// The record is not as the caller expected it to be.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// The tenant has as many tags of this kind as it may.
    #[error("a tenant has at most {} tags of a kind", crate::MOST_TAGS)]
    LimitReached,
    /// The input breaks a rule; `unknown_tag` where a record names a tag that does not exist.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crm_core::from_write_error!(TagError);
