use crm_core::Timestamp;
use crm_core::input::{FromBody, ObjectReader};
use crm_core::page::{SortColumn, SortField, SortKind};
use crm_core::values::{LongText, User};
use serde::Serialize;

/// Something that happened to a case: a change of its status, or a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Counts up from 1 in the case, in the order of what happened.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[1-9][0-9]*$", examples("3")))]
    pub id: String,
    /// The status before, as it was called then; null for a comment.
    #[cfg_attr(feature = "openapi", schema(examples("Open")))]
    pub from: Option<String>,
    /// The status after; null for a comment.
    #[cfg_attr(feature = "openapi", schema(examples("In Progress")))]
    pub to: Option<String>,
    /// The label of the transition that was walked; null where the status changed without one.
    #[cfg_attr(feature = "openapi", schema(examples("Start")))]
    pub transition: Option<String>,
    /// What was said.
    pub comment: Option<LongText>,
    /// Who it was, as far as that was said.
    pub user: Option<User>,
    /// When it was.
    pub created_on: Timestamp,
}

/// A comment to be added to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewComment {
    /// What is said.
    pub comment: LongText,
    /// Who says it.
    pub user: Option<User>,
}

impl FromBody for NewComment {
    const READ_ONLY: &'static [&'static str] = &["id", "tenantId", "from", "to", "transition", "createdOn"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let comment = reader.required("comment");
        let user = reader.optional("user");
        comment.map(|comment| Self { comment, user })
    }
}

/// What the activities of a case can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivitySort {
    /// The order of what happened.
    CreatedOn,
}

impl SortField for ActivitySort {
    const LIST: &'static str = "case activities";

    const NAMES: &'static [(&'static str, Self)] = &[("createdOn", Self::CreatedOn), ("createdAt", Self::CreatedOn)];

    /// By the number and not by the time: clocks of two gateways can disagree about what came first.
    fn column(self) -> SortColumn {
        SortColumn::plain("id", SortKind::Number)
    }
}
