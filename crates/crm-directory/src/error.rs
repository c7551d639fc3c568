use crm_core::values::ExternalIdTaken;
use crm_core::{FieldErrors, RecordId, RecordKind, Unmet};
use crm_history::MergeError;
use diesel::result::Error as DieselError;

/// Why something could not be done with a contact or organization.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// No record of this kind in the tenant has any of these ids.
    #[error("no such {}: {}", .0.name(), joined(.1))]
    NotFound(RecordKind, Vec<i64>),
    /// Records cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The record is not as the caller expected it to be.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// Records of this kind that look like the new one, which was to look like none: their ids.
    #[error("looks like the {} {}", .0.name(), joined(.1))]
    Duplicate(RecordKind, Vec<i64>),
    /// Another record of the kind has the external id.
    #[error(transparent)]
    ExternalIdTaken(#[from] ExternalIdTaken),
    /// The input breaks a rule: every problem that was found.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

impl DirectoryError {
    /// None of these records exists.
    pub(crate) fn not_found<I: RecordId>(ids: &[I]) -> Self {
        Self::NotFound(I::KIND, ids.iter().map(|id| id.as_i64()).collect())
    }
}

crm_core::from_write_error!(DirectoryError);

fn joined(ids: &[i64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
