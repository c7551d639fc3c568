use std::fmt;

use crm_core::FieldErrors;
use crm_forms::FormError;
use diesel::result::Error as DieselError;

/// Why something could not be done with a case.
#[derive(Debug)]
pub enum CaseError {
    /// No case of this tenant has the id.
    NotFound,
    /// No transition leads from the status that the case is in to the one that is wanted.
    TransitionNotAllowed {
        /// The label of the status that the case is in.
        from: String,
        /// The label of the wanted one.
        to: String,
        /// The labels of the statuses that a transition leads to.
        allowed: Vec<String>,
    },
    /// Every transition to the wanted status is for others: who makes this change is neither of these of the case.
    NotAuthorized {
        /// `owner`, `assignee`, `requestor`: those whom one of the transitions takes.
        authorized: Vec<&'static str>,
    },
    /// The input breaks a rule: every problem that was found.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such case"),
            Self::TransitionNotAllowed { from, to, allowed } if allowed.is_empty() => {
                write!(f, "no transition leads from {from} to {to}, nor to any other status")
            }
            Self::TransitionNotAllowed { from, to, allowed } => {
                write!(f, "no transition leads from {from} to {to}; allowed now: {}", allowed.join(", "))
            }
            Self::NotAuthorized { authorized } => write!(
                f,
                "lastUpdatedBy is not an authorized user of the transition: the {} of the case",
                authorized.join(" or ")
            ),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for CaseError {}

crm_core::from_write_error!(CaseError);

/// A status that a workflow is to lose while cases are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusInUse {
    /// Its label.
    pub label: String,
    /// How many cases of the type are in it.
    pub cases: i64,
}

/// Why something could not be done with a case type.
#[derive(Debug)]
pub enum CaseTypeError {
    /// No case type of this tenant has the id.
    NotFound,
    /// Another case type has this label, in whatever case.
    LabelTaken,
    /// It is the tenant's default case type, which cannot be deleted.
    Default,
    /// This many cases have the type, so that it cannot be deleted.
    InUse(i64),
    /// Cases are in statuses that the new workflow does not have.
    StatusInUse(Vec<StatusInUse>),
    /// These custom fields have values of another type than the new form gives them.
    FieldInUse(Vec<String>),
    /// The input breaks a rule: every problem that was found.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for CaseTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such case type"),
            Self::LabelTaken => f.write_str("the label is taken by another case type"),
            Self::Default => f.write_str("the default case type cannot be deleted"),
            Self::InUse(cases) => write!(f, "the case type has cases: {cases}"),
            Self::StatusInUse(statuses) => {
                f.write_str("statuses cannot be removed while cases are in them: ")?;
                for (index, StatusInUse { label, cases }) in statuses.iter().enumerate() {
                    write!(f, "{}{label} ({cases})", if index > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Self::FieldInUse(ids) => {
                write!(f, "fields have values, so that their type cannot change: {}", ids.join(", "))
            }
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for CaseTypeError {}

crm_core::from_write_error!(CaseTypeError);

impl From<FormError> for CaseTypeError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::FieldInUse(ids) => Self::FieldInUse(ids),
            FormError::Invalid(errors) => Self::Invalid(errors),
            FormError::Database(error) => Self::Database(error),
        }
    }
}
