use crm_core::page::{SortColumn, SortField, SortKind, Weight};
use crm_core::params::{FromParams, ParamReader};
use crm_core::records::People;
use crm_core::{ContactId, LeadId, OrganizationId, Timestamp, nullable_column};
use crm_forms::LeadRating;
use crm_forms::search::{FieldFilter, Own, Searched};

/// Which leads a list has (docs/compatibility.md, "Leads"). What is `None` filters nothing; filters combine with
/// AND, the entries of one filter with OR. An empty list of entries matches nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// The lead is one of these.
    pub ids: Option<Vec<LeadId>>,
    /// The title contains this text, which is [`searchable`](crm_core::text::searchable).
    pub title: Option<String>,
    /// The contact is one of these.
    pub contact_id: Option<Vec<ContactId>>,
    /// The organization is one of these.
    pub organization_id: Option<Vec<OrganizationId>>,
    /// The lead has any of these tags, spelled by label or id.
    pub tags: Option<Vec<String>>,
    /// The lead is archived, or is not.
    pub is_archived: Option<bool>,
    /// The lead was converted, or was not.
    pub is_converted: Option<bool>,
    /// The id of the owner is one of these.
    pub owner_id: Option<Vec<String>>,
    /// The origin is one of these.
    pub origin: Option<Vec<String>>,
    /// The rating is one of these.
    pub lead_rating: Option<Vec<LeadRating>>,
    /// The id that another system has for it is one of these.
    pub external_id: Option<Vec<String>>,
    /// What is asked of any field.
    pub fields: FieldFilter,
    /// Made at this moment or later.
    pub created_after: Option<Timestamp>,
    /// Made at this moment or earlier.
    pub created_before: Option<Timestamp>,
}

impl LeadFilter {
    /// Whether it asks for nothing but tags, if for anything.
    pub(crate) fn is_by_tags_alone(&self) -> bool {
        *self == Self { tags: self.tags.clone(), ..Self::default() }
    }
}

/// Whose leads are.
pub const OWNERS: People = People { table: "leads", person: "owner", id: "owner_id" };

/// What else its lists are filtered by.
pub(crate) static SEARCHED: Searched = Searched {
    table: "leads",
    values: "lead_values",
    record: "lead_id",
    own: &[
        Own::Column("value", "value_units"),
        Own::Column("organizationId", "organization_id"),
        Own::Column("contactId", "contact_id"),
        Own::Column("origin", "origin"),
        Own::Column("leadRating", "lead_rating"),
        Own::Column("owner", "owner_id"),
        Own::List("followers", "followers"),
        Own::Rows("participants", "lead_participants"),
        Own::Rows("tags", "lead_tags"),
        Own::Column("note", "note"),
        Own::Column("externalId", "external_id"),
        Own::Column("opportunityId", "opportunity_id"),
    ],
};

impl FromParams for LeadFilter {
    fn from_params(params: &mut ParamReader) -> Self {
        Self {
            ids: params.ids("ids", "The leads with these ids."),
            title: params
                .contains("title", "Leads whose title contains this text, in any case, with or without accents."),
            contact_id: params.ids("contactId", "Leads with one of these contacts."),
            organization_id: params.ids("organizationId", "Leads with one of these organizations."),
            tags: params.texts("tags", "Leads with any of these tags, by label or id."),
            is_archived: params.bool("isArchived", "Only archived leads, or only those that are not."),
            is_converted: params.bool("isConverted", "Only converted leads, or only those that are not."),
            owner_id: params.texts("ownerId", "Leads whose owner has one of these ids."),
            origin: params.texts("origin", "Leads of one of these origins."),
            lead_rating: params.words("leadRating", LeadRating::NAMES, "Leads of one of these ratings."),
            external_id: params.texts("externalId", "Leads to which another system gave one of these ids."),
            fields: FieldFilter::from_params(params, &SEARCHED),
            created_after: params
                .after("createdAfterDate", "Leads made at this moment or later; a day means its begin (UTC)."),
            created_before: params
                .before("createdBeforeDate", "Leads made at this moment or earlier; a day means its end (UTC)."),
        }
    }
}

/// What a list of leads can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadSort {
    /// When it was made; the default.
    CreatedOn,
    /// When it was last changed.
    LastUpdatedOn,
    /// The title folded, by code points.
    Title,
    /// The amount, whatever its currency; leads without one come last.
    Value,
    /// Cold, warm, hot; leads without one come last.
    LeadRating,
}

impl SortField for LeadSort {
    const LIST: &'static str = "leads";

    const WEIGHT: Option<Weight> = Some(Weight { table: "leads", columns: &["custom_fields", "followers", "note"] });

    const NAMES: &'static [(&'static str, Self)] = &[
        ("createdOn", Self::CreatedOn),
        ("createdAt", Self::CreatedOn),
        ("lastUpdatedOn", Self::LastUpdatedOn),
        ("updatedAt", Self::LastUpdatedOn),
        ("title", Self::Title),
        ("name", Self::Title),
        ("value", Self::Value),
        ("leadRating", Self::LeadRating),
    ];

    /// Each of these expressions has an index (migration 00000000000005).
    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
            Self::LastUpdatedOn => SortColumn::plain("last_updated_on", SortKind::Moment),
            Self::Title => SortColumn::plain("title_folded", SortKind::Text),
            Self::Value => nullable_column!(Number, "value_units"),
            Self::LeadRating => nullable_column!(Text, "lead_rating"),
        }
    }
}
