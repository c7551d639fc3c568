use crm_cases::{CaseError, CaseTypeError};
use crm_core::tenants::TenantError;
use crm_core::{FieldErrors, Unmet};
use crm_directory::DirectoryError;
use crm_forms::FormError;
use crm_leads::LeadError;
use crm_opportunities::{OpportunityError, PipelineError};
use diesel::result::Error as DieselError;

/// Why something that spans record domains could not be done: the error of the domain that said so.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// Of a lead.
    #[error(transparent)]
    Lead(#[from] LeadError),
    /// Of an opportunity.
    #[error(transparent)]
    Opportunity(#[from] OpportunityError),
    /// Of a pipeline.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// Of a case.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// Of a case type.
    #[error(transparent)]
    CaseType(#[from] CaseTypeError),
    /// Of a contact or organization.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Of a form.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Of a tenant.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// No record of the kind has the external id.
    #[error("no record has this external id")]
    NoSuchExternalId,
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

crm_core::from_write_error!(SuiteError);
