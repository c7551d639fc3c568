use crm_cases::{CaseError, CaseTypeError};
use crm_core::error::collision;
use crm_core::tenants::TenantError;
use crm_core::{FieldErrors, RecordKind, Unmet};
use crm_directory::DirectoryError;
use crm_forms::FormError;
use crm_history::CommentError;
use crm_leads::LeadError;
use crm_opportunities::{OpportunityError, PipelineError};
use crm_tags::TagError;
use diesel::result::Error as DieselError;

/// Why something that spans record domains could not be done: the error of the domain that said so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// Of a tag.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// Of a comment.
    #[error(transparent)]
    Comment(#[from] CommentError),
    /// Of a tenant.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// No record of the kind has the external id.
    #[error("no record has this external id")]
    NoSuchExternalId,
    /// No record matches.
    #[error("no record matches")]
    NoMatch,
    /// More than one record matches: the lowest of their ids, at most [`MOST_AMBIGUOUS`](Self::MOST_AMBIGUOUS).
    #[error("more than one record matches")]
    Ambiguous(Vec<i64>),
    /// The input names another tenant.
    #[error("the input names another tenant")]
    TenantMismatch,
    /// No record of this kind with this id is in the trash.
    #[error("no such {} is in the trash", .0.name())]
    NotInTrash(RecordKind),
    /// The record cannot be brought back: what it cannot be without is gone.
    #[error("the {} cannot be restored: {missing}", .kind.name())]
    CannotRestore {
        /// What it is.
        kind: RecordKind,
        /// What is gone, by the field that named it.
        missing: FieldErrors,
    },
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

impl SuiteError {
    /// The most records that are told where more than one matches.
    pub const MOST_AMBIGUOUS: usize = 100;

    /// The same, where it says that another record has an external id that had been looked for and was nobody's: somebody took
    /// it in between, and the transaction is to be run again.
    #[must_use]
    pub(crate) fn or_run_again(self) -> Self {
        match self {
            Self::Lead(LeadError::ExternalIdTaken(_))
            | Self::Opportunity(OpportunityError::ExternalIdTaken(_))
            | Self::Directory(DirectoryError::ExternalIdTaken(_))
            | Self::Case(CaseError::ExternalIdTaken(_)) => {
                Self::Database(collision("another record took the external id"))
            }
            other => other,
        }
    }

    /// Whether it says what is wrong with an input, and not that the database cannot do it.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Database(_)
                | Self::Lead(LeadError::Database(_))
                | Self::Opportunity(OpportunityError::Database(_))
                | Self::Pipeline(PipelineError::Database(_))
                | Self::Case(CaseError::Database(_))
                | Self::CaseType(CaseTypeError::Database(_))
                | Self::Directory(DirectoryError::Database(_))
                | Self::Form(FormError::Database(_))
                | Self::Tag(TagError::Database(_))
                | Self::Tenant(TenantError::Database(_))
        )
    }
}
