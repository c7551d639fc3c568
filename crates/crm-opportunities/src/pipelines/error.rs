use std::fmt;

use crm_core::{FieldErrors, Uuid};
use diesel::result::Error as DieselError;

/// Why something could not be done with a pipeline.
#[derive(Debug)]
pub enum PipelineError {
    /// No pipeline of this tenant has the id.
    NotFound,
    /// The tenant has a pipeline with this id already.
    IdTaken(Uuid),
    /// Opportunities are in the pipeline, or in a stage that would be removed.
    InUse,
    /// It is the default pipeline, which can only be replaced by another one.
    IsDefault,
    /// The input breaks a rule: every problem that was found.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such pipeline"),
            Self::IdTaken(id) => write!(f, "a pipeline with the id {id} exists already"),
            Self::InUse => f.write_str("opportunities are in the pipeline or stage"),
            Self::IsDefault => f.write_str("it is the default pipeline"),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for PipelineError {}

crm_core::from_write_error!(PipelineError);
