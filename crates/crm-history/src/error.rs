use crm_core::Unmet;
use diesel::result::Error as DieselError;

/// Why changes could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// Changes after that place are forgotten.
    #[error("changes after that place are no longer kept")]
    Gone,
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

impl From<DieselError> for HistoryError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

/// Why a comment could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommentError {
    /// No comment of the record has the id.
    #[error("no such comment")]
    NotFound,
    /// The comment is not as the caller expected.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

impl From<DieselError> for CommentError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}
