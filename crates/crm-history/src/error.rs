use diesel::result::Error as DieselError;

/// Why changes could not be read.
#[derive(Debug, thiserror::Error)]
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
