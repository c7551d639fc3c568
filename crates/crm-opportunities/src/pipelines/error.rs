use crm_core::{FieldErrors, PipelineId, Unmet};
use diesel::result::Error as DieselError;

/// Why something could not be done with a pipeline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// No pipeline of this tenant has the id.
    #[error("no such pipeline")]
    NotFound,
    /// The tenant has a pipeline with this id already.
    #[error("a pipeline with the id {0} exists already")]
    IdTaken(PipelineId),
    /// The tenant has as many pipelines as it may.
    #[error("a tenant has at most {} pipelines", super::MOST_PIPELINES)]
    LimitReached,
    /// Opportunities are in the pipeline, or in a stage that would be removed.
    #[error("opportunities are in the pipeline or stage")]
    InUse,
    /// It is the default pipeline, which can only be replaced by another one.
    #[error("it is the default pipeline")]
    IsDefault,
    /// The record is not as the caller expected it to be.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// The input breaks a rule: every problem that was found.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crm_core::from_write_error!(PipelineError);
