use crm_core::keys::Right;
use crm_core::{FieldErrors, Unmet};
use crm_suite::SuiteError;
use diesel::result::Error as DieselError;

/// Why something could not be done with an import.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The tenant has no such import.
    #[error("no such import")]
    NotFound,
    /// The tenant has as many imports under way as it may.
    #[error("a tenant has at most {} imports under way", super::MOST_AT_ONCE)]
    LimitReached,
    /// It is not over: nothing of it is taken back meanwhile.
    #[error("the import is still under way")]
    UnderWay,
    /// Whoever asks for it may not do all that it is to do.
    #[error("this needs the scope {0}")]
    MissingRight(Right),
    /// It is not as the caller of the change expected.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// Of the records.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The input breaks a rule.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crm_core::from_write_error!(ImportError);
