use std::fmt;

use crm_core::{FieldErrors, OpportunityId};
use diesel::result::Error as DieselError;

/// Why something could not be done with a lead.
#[derive(Debug)]
pub enum LeadError {
    /// No lead of this tenant has the id.
    NotFound,
    /// The lead is archived, so that it cannot be converted.
    Archived,
    /// The lead was converted before, into this opportunity unless that one is deleted.
    AlreadyConverted(Option<OpportunityId>),
    /// The input breaks a rule: every problem that was found.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for LeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such lead"),
            Self::Archived => f.write_str("the lead is archived"),
            Self::AlreadyConverted(Some(id)) => write!(f, "the lead was converted into the opportunity {id}"),
            Self::AlreadyConverted(None) => f.write_str("the lead was converted into an opportunity that is deleted"),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for LeadError {}

crm_core::from_write_error!(LeadError);
