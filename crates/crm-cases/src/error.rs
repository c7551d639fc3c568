use crm_core::values::ExternalIdTaken;
use crm_core::{FieldErrors, Unmet};
use crm_forms::FormError;
use diesel::result::Error as DieselError;

use crate::workflow::Listed;

/// Why something could not be done with a case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// No case of this tenant has the id.
    #[error("no such case")]
    NotFound,
    /// No transition leads from the status that the case is in to the one that is wanted.
    #[error("no transition leads from {from} to {to}{}", alternatives(allowed))]
    TransitionNotAllowed {
        /// The label of the status that the case is in.
        from: String,
        /// The label of the wanted one.
        to: String,
        /// The statuses that a transition leads to.
        allowed: Listed,
    },
    /// Every transition to the wanted status is for others: who makes this change is neither of these of the case.
    #[error("lastUpdatedBy is not an authorized user of the transition: the {} of the case", authorized.join(" or "))]
    NotAuthorized {
        /// `owner`, `assignee`, `requestor`: those whom one of the transitions takes.
        authorized: Vec<&'static str>,
    },
    /// The case is not as the caller expected it to be.
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

crm_core::from_write_error!(CaseError);

fn alternatives(allowed: &Listed) -> String {
    if allowed.labels.is_empty() { ", nor to any other status".to_owned() } else { format!("; allowed now: {allowed}") }
}

/// A status that a workflow is to lose while cases are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusInUse {
    /// Its label.
    pub label: String,
    /// How many cases of the type are in it.
    pub cases: i64,
}

/// Why something could not be done with a case type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseTypeError {
    /// No case type of this tenant has the id.
    #[error("no such case type")]
    NotFound,
    /// Another case type has this label, in whatever case.
    #[error("the label is taken by another case type")]
    LabelTaken,
    /// The tenant has as many case types as it may.
    #[error("a tenant has at most {} case types", crate::MOST_CASE_TYPES)]
    LimitReached,
    /// It is the tenant's default case type, which cannot be deleted.
    #[error("the default case type cannot be deleted")]
    Default,
    /// This many cases have the type, so that it cannot be deleted.
    #[error("the case type has cases: {0}")]
    InUse(i64),
    /// Cases are in statuses that the new workflow does not have.
    #[error("statuses cannot be removed while cases are in them: {}", counted(.0))]
    StatusInUse(Vec<StatusInUse>),
    /// These custom fields have values of another type than the new form gives them.
    #[error("fields have values, so that their type cannot change: {}", .0.join(", "))]
    FieldInUse(Vec<String>),
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

crm_core::from_write_error!(CaseTypeError);

fn counted(statuses: &[StatusInUse]) -> String {
    let counted = statuses.iter().map(|StatusInUse { label, cases }| format!("{label} ({cases})"));
    counted.collect::<Vec<_>>().join(", ")
}

impl From<FormError> for CaseTypeError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::FieldInUse(ids) => Self::FieldInUse(ids),
            FormError::Unmet(unmet) => Self::Unmet(unmet),
            FormError::Invalid(errors) => Self::Invalid(errors),
            FormError::Database(error) => Self::Database(error),
            // A form is refused for nothing else.
            error => Self::Database(DieselError::QueryBuilderError(Box::new(error))),
        }
    }
}
