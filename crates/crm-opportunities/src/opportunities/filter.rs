use crm_core::page::{SortColumn, SortField, SortKind, Weight};
use crm_core::params::{FromParams, ParamReader};
use crm_core::records::People;
use crm_core::{ContactId, OpportunityId, OrganizationId, PipelineId, Timestamp, nullable_column};
use crm_forms::search::{FieldFilter, Own, Searched};

use super::OpportunityStatus;

/// Which opportunities a list has (docs/compatibility.md, "Opportunities and pipelines"). What is `None` filters nothing; filters combine
/// with AND, the entries of one filter with OR. An empty list of entries matches nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpportunityFilter {
    /// The opportunity is one of these.
    pub ids: Option<Vec<OpportunityId>>,
    /// The title contains this text, which is [`searchable`](crm_core::text::searchable).
    pub title: Option<String>,
    /// The contact is one of these.
    pub contact_id: Option<Vec<ContactId>>,
    /// The organization is one of these.
    pub organization_id: Option<Vec<OrganizationId>>,
    /// The opportunity has any of these tags, spelled by label or id.
    pub tags: Option<Vec<String>>,
    /// The id of the owner is one of these.
    pub owner_id: Option<Vec<String>>,
    /// The status is one of these.
    pub status: Option<Vec<OpportunityStatus>>,
    /// The key of the stage is one of these, in whatever pipeline.
    pub stage: Option<Vec<String>>,
    /// The pipeline is one of these.
    pub pipeline_id: Option<Vec<PipelineId>>,
    /// The id that another system has for it is one of these.
    pub external_id: Option<Vec<String>>,
    /// What is asked of any field.
    pub fields: FieldFilter,
    /// Made at this moment or later.
    pub created_after: Option<Timestamp>,
    /// Made at this moment or earlier.
    pub created_before: Option<Timestamp>,
}

impl OpportunityFilter {
    /// Whether it asks for nothing but tags, if for anything.
    pub(crate) fn is_by_tags_alone(&self) -> bool {
        *self == Self { tags: self.tags.clone(), ..Self::default() }
    }

    /// Whether it asks for nothing but pipelines and stages, if for anything.
    pub(crate) fn is_by_stages_alone(&self) -> bool {
        let (pipeline_id, stage) = (self.pipeline_id.clone(), self.stage.clone());
        *self == Self { pipeline_id, stage, ..Self::default() }
    }
}

/// Whose opportunities are.
pub const OWNERS: People = People { table: "opportunities", person: "owner", id: "owner_id" };

/// What else its lists are filtered by.
pub(crate) static SEARCHED: Searched = Searched {
    table: "opportunities",
    values: "opportunity_values",
    record: "opportunity_id",
    own: &[
        Own::Column("value", "value_units"),
        Own::Column("organizationId", "organization_id"),
        Own::Column("contactId", "contact_id"),
        Own::Column("origin", "origin"),
        Own::Column("leadRating", "lead_rating"),
        Own::Column("owner", "owner_id"),
        Own::List("followers", "followers"),
        Own::Rows("participants", "opportunity_participants"),
        Own::Rows("tags", "opportunity_tags"),
        Own::Column("note", "note"),
        Own::Column("externalId", "external_id"),
        Own::Column("closedOn", "closed_on"),
        Own::Column("lostReason", "lost_reason"),
        Own::Column("leadId", "lead_id"),
    ],
};

impl FromParams for OpportunityFilter {
    fn from_params(params: &mut ParamReader) -> Self {
        Self {
            ids: params.ids("ids", "The opportunities with these ids."),
            title: params.contains(
                "title",
                "Opportunities whose title contains this text, in any case, with or without accents.",
            ),
            contact_id: params.ids("contactId", "Opportunities with one of these contacts."),
            organization_id: params.ids("organizationId", "Opportunities with one of these organizations."),
            tags: params.texts("tags", "Opportunities with any of these tags, by label or id."),
            owner_id: params.texts("ownerId", "Opportunities whose owner has one of these ids."),
            status: params.words("status", OpportunityStatus::NAMES, "Opportunities with one of these statuses."),
            stage: params.texts("stage", "Opportunities in a stage with one of these keys, in whatever pipeline."),
            pipeline_id: params.uuids("pipelineId", "Opportunities in one of these pipelines."),
            external_id: params.texts("externalId", "Opportunities to which another system gave one of these ids."),
            fields: FieldFilter::from_params(params, &SEARCHED),
            created_after: params
                .after("createdAfterDate", "Opportunities made at this moment or later; a day means its begin (UTC)."),
            created_before: params.before(
                "createdBeforeDate",
                "Opportunities made at this moment or earlier; a day means its end (UTC).",
            ),
        }
    }
}

/// What a list of opportunities can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpportunitySort {
    /// When it was made; the default.
    CreatedOn,
    /// When it was last changed.
    LastUpdatedOn,
    /// The title folded, by code points.
    Title,
    /// The amount, whatever its currency; opportunities without one come last.
    Value,
    /// Cold, warm, hot; opportunities without one come last.
    LeadRating,
    /// When it was won or lost; open ones come last.
    ClosedOn,
    /// The place of the stage in its pipeline.
    Stage,
}

impl SortField for OpportunitySort {
    const LIST: &'static str = "opportunities";

    const WEIGHT: Option<Weight> =
        Some(Weight { table: "opportunities", columns: &["custom_fields", "followers", "note"] });

    const NAMES: &'static [(&'static str, Self)] = &[
        ("createdOn", Self::CreatedOn),
        ("createdAt", Self::CreatedOn),
        ("lastUpdatedOn", Self::LastUpdatedOn),
        ("updatedAt", Self::LastUpdatedOn),
        ("title", Self::Title),
        ("name", Self::Title),
        ("value", Self::Value),
        ("leadRating", Self::LeadRating),
        ("closedOn", Self::ClosedOn),
        ("stage", Self::Stage),
    ];

    /// Each of these expressions has an index (migration 00000000000006).
    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
            Self::LastUpdatedOn => SortColumn::plain("last_updated_on", SortKind::Moment),
            Self::Title => SortColumn::plain("title_folded", SortKind::Text),
            Self::Value => nullable_column!(Number, "value_units"),
            Self::LeadRating => nullable_column!(Text, "lead_rating"),
            Self::ClosedOn => nullable_column!(Moment, "closed_on"),
            Self::Stage => SortColumn::plain("stage_position", SortKind::Number),
        }
    }
}
