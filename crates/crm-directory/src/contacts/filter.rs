use crm_core::page::{SortColumn, SortField, SortKind, Weight};
use crm_core::params::{FromParams, ParamReader};
use crm_core::records::People;
use crm_core::{ContactId, OrganizationId, Timestamp, nullable_column};
use crm_forms::search::{FieldFilter, Own, Searched};

/// Which contacts a list has (docs/compatibility.md, "Contacts and organizations"). What is `None` filters nothing; filters combine with AND, the
/// entries of one filter with OR. An empty list of entries matches nothing. Texts to be contained are
/// [`searchable`](crm_core::text::searchable).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactFilter {
    /// The contact is one of these.
    pub ids: Option<Vec<ContactId>>,
    /// The name contains this text.
    pub name: Option<String>,
    /// An e-mail address contains this text.
    pub email: Option<String>,
    /// The digits of a phone number contain those of this text; without digits, a number contains the text.
    pub phone: Option<String>,
    /// The contact has any of these tags, spelled by label or id.
    pub tags: Option<Vec<String>>,
    /// The organization is one of these.
    pub organization_id: Option<Vec<OrganizationId>>,
    /// The name, an e-mail address or the name of the organization contains this text.
    pub search_value: Option<String>,
    /// The id of the owner is one of these.
    pub owner_id: Option<Vec<String>>,
    /// The id that another system has for it is one of these.
    pub external_id: Option<Vec<String>>,
    /// What is asked of any field.
    pub fields: FieldFilter,
    /// Made at this moment or later.
    pub created_after: Option<Timestamp>,
    /// Made at this moment or earlier.
    pub created_before: Option<Timestamp>,
}

impl ContactFilter {
    /// Whether it asks for nothing but tags, if for anything.
    pub(crate) fn is_by_tags_alone(&self) -> bool {
        *self == Self { tags: self.tags.clone(), ..Self::default() }
    }
}

/// Whose contacts are.
pub const OWNERS: People = People { table: "contacts", person: "owner", id: "owner_id" };

/// What else its lists are filtered by.
pub(crate) static SEARCHED: Searched = Searched {
    table: "contacts",
    values: "contact_values",
    record: "contact_id",
    own: &[
        Own::Rows("email", "contact_emails"),
        Own::Rows("phone", "contact_phones"),
        Own::Column("organizationId", "organization_id"),
        Own::Column("jobTitle", "job_title"),
        Own::Column("department", "department"),
        Own::Column("seniorityLevel", "seniority_level"),
        Own::Column("linkedin", "linkedin"),
        Own::Column("owner", "owner_id"),
        Own::Rows("tags", "contact_tags"),
        Own::Column("note", "note"),
        Own::Column("externalId", "external_id"),
    ],
};

impl FromParams for ContactFilter {
    fn from_params(params: &mut ParamReader) -> Self {
        Self {
            ids: params.ids("ids", "The contacts with these ids."),
            name: params.contains("name", "Contacts whose name contains this text, in any case, with or without accents."),
            email: params.contains_address("email", "Contacts with an e-mail address that contains this text, in any case, with or without accents."),
            phone: params.contains(
                "phone",
                "Contacts with a phone number that contains these digits, however either is written; a text \
                 without digits is looked for as it stands.",
            ),
            tags: params.texts("tags", "Contacts with any of these tags, by label or id."),
            organization_id: params.ids("organizationId", "Contacts of one of these organizations."),
            search_value: params.contains_address(
                "searchValue",
                "Contacts whose name, e-mail address or organization's name contains this text, in any case, with or without accents.",
            ),
            owner_id: params.texts("ownerId", "Contacts whose owner has one of these ids."),
            external_id: params.texts("externalId", "Contacts to which another system gave one of these ids."),
            fields: FieldFilter::from_params(params, &SEARCHED),
            created_after: params.after("createdAfterDate", "Contacts made at this moment or later; a day means its begin (UTC)."),
            created_before: params.before("createdBeforeDate", "Contacts made at this moment or earlier; a day means its end (UTC)."),
        }
    }
}

/// What a list of contacts can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactSort {
    /// When it was made; the default.
    CreatedOn,
    /// When it was last changed.
    LastUpdatedOn,
    /// The name folded, by code points.
    Name,
    /// The job title folded, by code points; contacts without one come last.
    JobTitle,
}

impl SortField for ContactSort {
    const LIST: &'static str = "contacts";

    const WEIGHT: Option<Weight> = Some(Weight { table: "contacts", columns: &["custom_fields", "note"] });

    const NAMES: &'static [(&'static str, Self)] = &[
        ("createdOn", Self::CreatedOn),
        ("createdAt", Self::CreatedOn),
        ("lastUpdatedOn", Self::LastUpdatedOn),
        ("updatedAt", Self::LastUpdatedOn),
        ("name", Self::Name),
        ("jobTitle", Self::JobTitle),
    ];

    /// Each of these expressions has an index (migration 00000000000004).
    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
            Self::LastUpdatedOn => SortColumn::plain("last_updated_on", SortKind::Moment),
            Self::Name => SortColumn::plain("name_folded", SortKind::Text),
            Self::JobTitle => nullable_column!(Text, "job_title_folded"),
        }
    }
}
