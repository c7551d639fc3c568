use crm_core::values::ExternalIdTaken;
use crm_core::{FieldErrors, LeadId, Unmet};
use crm_tags::TagError;
use diesel::result::Error as DieselError;

/// Why something could not be done with an opportunity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpportunityError {
    /// No opportunity of this tenant has the id.
    #[error("no such opportunity")]
    NotFound,
    /// The opportunity is won or lost, so that it stays in its stage.
    #[error("the opportunity is won or lost")]
    Closed,
    /// The lead was made into an opportunity before.
    #[error("the lead {0} was made into an opportunity before")]
    AlreadyConverted(LeadId),
    /// The tags of its lead could not all be made for it.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// The opportunity is not as the caller expected it to be.
    #[error(transparent)]
    Unmet(#[from] Unmet),
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

crm_core::from_write_error!(OpportunityError);
