use std::fmt;

use crm_cases::{CaseError, CaseTypeError};
use crm_core::FieldErrors;
use crm_core::tenants::TenantError;
use crm_directory::DirectoryError;
use crm_forms::FormError;
use crm_leads::LeadError;
use crm_opportunities::{OpportunityError, PipelineError};
use diesel::result::Error as DieselError;

/// Why something that spans record domains could not be done: the error of the domain that said so.
#[derive(Debug)]
pub enum SuiteError {
    /// Of a lead.
    Lead(LeadError),
    /// Of an opportunity.
    Opportunity(OpportunityError),
    /// Of a pipeline.
    Pipeline(PipelineError),
    /// Of a case.
    Case(CaseError),
    /// Of a case type.
    CaseType(CaseTypeError),
    /// Of a contact or organization.
    Directory(DirectoryError),
    /// Of a form.
    Form(FormError),
    /// Of a tenant.
    Tenant(TenantError),
    /// The input breaks a rule: every problem that was found.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl SuiteError {
    /// The problems of the input, where that is what the error is about.
    ///
    /// # Errors
    /// The error itself, where it is about something else.
    pub(crate) fn into_invalid(self) -> Result<FieldErrors, Self> {
        match self {
            Self::Invalid(errors)
            | Self::Lead(LeadError::Invalid(errors))
            | Self::Opportunity(OpportunityError::Invalid(errors))
            | Self::Case(CaseError::Invalid(errors))
            | Self::Directory(DirectoryError::Invalid(errors)) => Ok(errors),
            other => Err(other),
        }
    }
}

impl fmt::Display for SuiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lead(error) => error.fmt(f),
            Self::Opportunity(error) => error.fmt(f),
            Self::Pipeline(error) => error.fmt(f),
            Self::Case(error) => error.fmt(f),
            Self::CaseType(error) => error.fmt(f),
            Self::Directory(error) => error.fmt(f),
            Self::Form(error) => error.fmt(f),
            Self::Tenant(error) => error.fmt(f),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for SuiteError {}

impl From<DieselError> for SuiteError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl From<FieldErrors> for SuiteError {
    fn from(errors: FieldErrors) -> Self {
        Self::Invalid(errors)
    }
}

impl From<LeadError> for SuiteError {
    fn from(error: LeadError) -> Self {
        Self::Lead(error)
    }
}

impl From<OpportunityError> for SuiteError {
    fn from(error: OpportunityError) -> Self {
        Self::Opportunity(error)
    }
}

impl From<PipelineError> for SuiteError {
    fn from(error: PipelineError) -> Self {
        Self::Pipeline(error)
    }
}

impl From<CaseError> for SuiteError {
    fn from(error: CaseError) -> Self {
        Self::Case(error)
    }
}

impl From<CaseTypeError> for SuiteError {
    fn from(error: CaseTypeError) -> Self {
        Self::CaseType(error)
    }
}

impl From<DirectoryError> for SuiteError {
    fn from(error: DirectoryError) -> Self {
        Self::Directory(error)
    }
}

impl From<FormError> for SuiteError {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

impl From<TenantError> for SuiteError {
    fn from(error: TenantError) -> Self {
        Self::Tenant(error)
    }
}
