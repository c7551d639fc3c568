use crm_core::page::{SortColumn, SortField, SortKind, Weight};
use crm_core::params::{FromParams, ParamReader};
use crm_core::records::People;
use crm_core::{CaseId, CaseTypeId, ContactId, OrganizationId, Timestamp, nullable_column};
use crm_forms::search::{FieldFilter, Own, Searched};

/// Which cases a list has (docs/compatibility.md, "Cases and case types"). What is `None` filters nothing; filters combine with AND, the
/// entries of one filter with OR. An empty list of entries matches nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// The case is one of these.
    pub ids: Option<Vec<CaseId>>,
    /// The title contains this text, which is [`searchable`](crm_core::text::searchable).
    pub title: Option<String>,
    /// The status has one of these labels or ids, in whatever case.
    pub status: Option<Vec<String>>,
    /// The type is one of these.
    pub case_type: Option<Vec<CaseTypeId>>,
    /// The id of the owner is one of these.
    pub owner_id: Option<Vec<String>>,
    /// The id of the assignee is one of these.
    pub assignee_id: Option<Vec<String>>,
    /// The contact is one of these.
    pub contact_id: Option<Vec<ContactId>>,
    /// The organization is one of these.
    pub organization_id: Option<Vec<OrganizationId>>,
    /// The case has any of these tags, spelled by label or id.
    pub tags: Option<Vec<String>>,
    /// The priority is one of these, in whatever case.
    pub priority: Option<Vec<String>>,
    /// The id that another system has for it is one of these.
    pub external_id: Option<Vec<String>>,
    /// What is asked of any field.
    pub fields: FieldFilter,
    /// Made at this moment or later.
    pub created_after: Option<Timestamp>,
    /// Made at this moment or earlier.
    pub created_before: Option<Timestamp>,
}

impl CaseFilter {
    /// Whether it asks for nothing but tags, if for anything.
    pub(crate) fn is_by_tags_alone(&self) -> bool {
        *self == Self { tags: self.tags.clone(), ..Self::default() }
    }
}

/// Whose cases are.
pub const OWNERS: People = People { table: "cases", person: "owner", id: "owner_id" };

/// Who works on cases.
pub const ASSIGNEES: People = People { table: "cases", person: "assignee", id: "assignee_id" };

/// What else its lists are filtered by.
pub(crate) static SEARCHED: Searched = Searched {
    table: "cases",
    values: "case_values",
    record: "case_id",
    own: &[
        Own::Column("description", "description"),
        Own::Column("priority", "priority"),
        Own::Column("expectedDate", "expected_date"),
        Own::Column("organizationId", "organization_id"),
        Own::Column("contactId", "contact_id"),
        Own::Column("assignee", "assignee_id"),
        Own::Column("owner", "owner_id"),
        Own::Rows("tags", "case_tags"),
        Own::Column("externalId", "external_id"),
        Own::Column("firstResolutionOn", "first_resolution_on"),
        Own::Column("lastResolutionOn", "last_resolution_on"),
    ],
};

impl FromParams for CaseFilter {
    fn from_params(params: &mut ParamReader) -> Self {
        Self {
            ids: params.ids("ids", "The cases with these ids."),
            title: params
                .contains("title", "Cases whose title contains this text, in any case, with or without accents."),
            status: params
                .texts("status", "Cases in one of these statuses, by the label or id of their type's workflow."),
            case_type: params.ids("caseType", "Cases of one of these types."),
            owner_id: params.texts("ownerId", "Cases whose owner has one of these ids."),
            assignee_id: params.texts("assigneeId", "Cases whose assignee has one of these ids."),
            contact_id: params.ids("contactId", "Cases with one of these contacts."),
            organization_id: params.ids("organizationId", "Cases with one of these organizations."),
            tags: params.texts("tags", "Cases with any of these tags, by label or id."),
            priority: params
                .texts("priority", "Cases of one of these priorities, in any case, with or without accents."),
            external_id: params.texts("externalId", "Cases to which another system gave one of these ids."),
            fields: FieldFilter::from_params(params, &SEARCHED),
            created_after: params
                .after("createdAfterDate", "Cases made at this moment or later; a day means its begin (UTC)."),
            created_before: params
                .before("createdBeforeDate", "Cases made at this moment or earlier; a day means its end (UTC)."),
        }
    }
}

/// What a list of cases can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseSort {
    /// When it was made; the default.
    CreatedOn,
    /// When it was last changed.
    LastUpdatedOn,
    /// The title folded, by code points.
    Title,
    /// The label of the status folded, by code points.
    Status,
    /// The priority folded, by code points; cases without one come last.
    Priority,
    /// The expected day; cases without one come last.
    ExpectedDate,
}

impl SortField for CaseSort {
    const LIST: &'static str = "cases";

    const WEIGHT: Option<Weight> = Some(Weight { table: "cases", columns: &["custom_fields", "description"] });

    const NAMES: &'static [(&'static str, Self)] = &[
        ("createdOn", Self::CreatedOn),
        ("createdAt", Self::CreatedOn),
        ("lastUpdatedOn", Self::LastUpdatedOn),
        ("updatedAt", Self::LastUpdatedOn),
        ("title", Self::Title),
        ("status", Self::Status),
        ("priority", Self::Priority),
        ("expectedDate", Self::ExpectedDate),
    ];

    /// Each of these expressions has an index (migration 00000000000007).
    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
            Self::LastUpdatedOn => SortColumn::plain("last_updated_on", SortKind::Moment),
            Self::Title => SortColumn::plain("title_folded", SortKind::Text),
            Self::Status => SortColumn::plain("status_folded", SortKind::Text),
            Self::Priority => nullable_column!(Text, "priority_folded"),
            Self::ExpectedDate => nullable_column!(Text, "expected_date"),
        }
    }
}
