use crm_core::page::{SortColumn, SortField, SortKind, Weight};
use crm_core::params::{FromParams, ParamReader};
use crm_core::records::People;
use crm_core::{OrganizationId, Timestamp, nullable_column};
use crm_forms::search::{FieldFilter, Own, Searched};

/// Which organizations a list has (docs/compatibility.md, "Contacts and organizations"). What is `None` filters nothing; filters
/// combine with AND, the entries of one filter with OR. An empty list of entries matches nothing. Texts to be contained are
/// [`searchable`](crm_core::text::searchable).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganizationFilter {
    /// The organization is one of these.
    pub ids: Option<Vec<OrganizationId>>,
    /// The name contains this text.
    pub name: Option<String>,
    /// An e-mail address contains this text.
    pub email: Option<String>,
    /// The digits of a phone number contain those of this text; without digits, a number contains the text.
    pub phone: Option<String>,
    /// The organization has any of these tags, spelled by label or id.
    pub tags: Option<Vec<String>>,
    /// The address contains this text.
    pub address: Option<String>,
    /// The industry is one of these.
    pub industry: Option<Vec<String>>,
    /// The name, an e-mail address or the website contains this text.
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

impl OrganizationFilter {
    /// Whether it asks for nothing but tags, if for anything.
    pub(crate) fn is_by_tags_alone(&self) -> bool {
        *self == Self { tags: self.tags.clone(), ..Self::default() }
    }
}

/// Whose organizations are.
pub const OWNERS: People = People { table: "organizations", person: "owner", id: "owner_id" };

/// What else its lists are filtered by.
pub(crate) static SEARCHED: Searched = Searched {
    table: "organizations",
    values: "organization_values",
    record: "organization_id",
    own: &[
        Own::Column("address", "address"),
        Own::Rows("email", "organization_emails"),
        Own::Rows("phone", "organization_phones"),
        Own::Column("website", "website"),
        Own::Column("industry", "industry"),
        Own::Column("size", "size"),
        Own::Column("annualRevenue", "annual_revenue"),
        Own::Column("owner", "owner_id"),
        Own::Rows("tags", "organization_tags"),
        Own::Column("note", "note"),
        Own::Column("externalId", "external_id"),
    ],
};

impl FromParams for OrganizationFilter {
    fn from_params(params: &mut ParamReader) -> Self {
        Self {
            ids: params.ids("ids", "The organizations with these ids."),
            name: params.contains("name", "Organizations whose name contains this text, in any case, with or without accents."),
            email: params
                .contains_address("email", "Organizations with an e-mail address that contains this text, in any case, with or without accents."),
            phone: params.contains(
                "phone",
                "Organizations with a phone number that contains these digits, however either is written; a text \
                 without digits is looked for as it stands.",
            ),
            tags: params.texts("tags", "Organizations with any of these tags, by label or id."),
            address: params.contains("address", "Organizations whose address contains this text, in any case, with or without accents."),
            industry: params.texts("industry", "Organizations of one of these industries."),
            search_value: params.contains_address(
                "searchValue",
                "Organizations whose name, e-mail address or website contains this text, in any case, with or without accents.",
            ),
            owner_id: params.texts("ownerId", "Organizations whose owner has one of these ids."),
            external_id: params.texts("externalId", "Organizations to which another system gave one of these ids."),
            fields: FieldFilter::from_params(params, &SEARCHED),
            created_after: params.after("createdAfterDate", "Organizations made at this moment or later; a day means its begin (UTC)."),
            created_before: params.before("createdBeforeDate", "Organizations made at this moment or earlier; a day means its end (UTC)."),
        }
    }
}

/// What a list of organizations can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationSort {
    /// When it was made; the default.
    CreatedOn,
    /// When it was last changed.
    LastUpdatedOn,
    /// The name folded, by code points.
    Name,
    /// The industry folded, by code points; organizations without one come last.
    Industry,
}

impl SortField for OrganizationSort {
    const LIST: &'static str = "organizations";

    const WEIGHT: Option<Weight> = Some(Weight { table: "organizations", columns: &["custom_fields", "note"] });

    const NAMES: &'static [(&'static str, Self)] = &[
        ("createdOn", Self::CreatedOn),
        ("createdAt", Self::CreatedOn),
        ("lastUpdatedOn", Self::LastUpdatedOn),
        ("updatedAt", Self::LastUpdatedOn),
        ("name", Self::Name),
        ("industry", Self::Industry),
    ];

    /// Each of these expressions has an index (migration 00000000000004).
    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
            Self::LastUpdatedOn => SortColumn::plain("last_updated_on", SortKind::Moment),
            Self::Name => SortColumn::plain("name_folded", SortKind::Text),
            Self::Industry => nullable_column!(Text, "industry_folded"),
        }
    }
}
