use crm_core::values::ExternalIdTaken;
use crm_core::{FieldErrors, LeadId, OpportunityId, Unmet};
use crm_history::MergeError;
use diesel::result::Error as DieselError;

/// Why something could not be done with a lead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeadError {
    /// No lead of this tenant has the id.
    #[error("no such lead")]
    NotFound,
    /// The lead is archived, so that it cannot be converted.
    #[error("the lead is archived")]
    Archived,
    /// The lead was converted before, into this opportunity unless that one is deleted.
    #[error("the lead was converted into {}", named(*.0))]
    AlreadyConverted(Option<OpportunityId>),
    /// A lead that was converted is merged into no other one.
    #[error("the lead {id} was converted into {}", named(*.opportunity))]
    ConvertedSource {
        /// The lead.
        id: LeadId,
        /// The opportunity, while there is one.
        opportunity: Option<OpportunityId>,
    },
    /// Leads cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The lead is not as the caller expected it to be.
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

crm_core::from_write_error!(LeadError);

fn named(opportunity: Option<OpportunityId>) -> String {
    match opportunity {
        Some(id) => format!("the opportunity {id}"),
        None => "an opportunity that is deleted".to_owned(),
    }
}
