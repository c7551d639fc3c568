use std::fmt;

use crm_core::{FieldErrors, LeadId};
use diesel::result::Error as DieselError;

/// Why something could not be done with an opportunity.
#[derive(Debug)]
pub enum OpportunityError {
    /// No opportunity of this tenant has the id.
    NotFound,
    /// The opportunity is won or lost, so that it stays in its stage.
    Closed,
    /// The lead was made into an opportunity before.
    AlreadyConverted(LeadId),
    /// The input breaks a rule: every problem that was found.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for OpportunityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such opportunity"),
            Self::Closed => f.write_str("the opportunity is won or lost"),
            Self::AlreadyConverted(lead) => write!(f, "the lead {lead} was made into an opportunity before"),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for OpportunityError {}

crm_core::from_write_error!(OpportunityError);
