use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{
    Followers, LeadRating, LongText, Money, Participants, Reference, References, Referring, ShortText, Title, User,
};
use crm_core::{ContactId, LeadId, OpportunityId, OrganizationId, Patch, PublicTenantId, Timestamp, Uuid};
use crm_forms::{CustomFields, CustomFieldsInput};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

use super::{LostReason, OpportunityStatus};
use crate::pipelines::{StageKey, StageOrBlank};

/// An opportunity: a chance of a sale that goes through the stages of a pipeline (contract/pipeline, "Opportunity").
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Opportunity {
    /// Counts up from 1 in the tenant.
    pub id: OpportunityId,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
    /// What it is about.
    pub title: Title,
    /// What it may bring.
    pub value: Option<Money>,
    /// Where it comes from: one of the form's options where it has any.
    pub origin: Option<ShortText>,
    /// How promising it is.
    pub lead_rating: Option<LeadRating>,
    /// Anything else.
    pub note: Option<LongText>,
    /// The organization that might buy.
    pub organization_id: Option<OrganizationId>,
    /// That organization with its name, which whoever knows organizations fills in.
    pub organization: Option<Reference<OrganizationId>>,
    /// The person to talk to.
    pub contact_id: Option<ContactId>,
    /// That contact with its name, which whoever knows contacts fills in.
    pub contact: Option<Reference<ContactId>>,
    /// Who takes care of it.
    pub owner: Option<User>,
    /// Who made it.
    pub creator: Option<User>,
    /// Who changed it last, as far as that was said.
    pub last_updated_by: Option<User>,
    /// Who wants to hear of it.
    pub followers: Followers,
    /// Contacts that take part in it.
    pub participants: Participants,
    /// Its tags, ordered by label.
    pub tags: Vec<TagOption>,
    /// The values of the form's custom fields by field id.
    pub custom_fields: CustomFields,
    /// The pipeline that it goes through.
    pub pipeline_id: Uuid,
    /// The stage of that pipeline in which it is.
    pub stage: StageKey,
    /// Whether it is open, won or lost.
    pub status: OpportunityStatus,
    /// Why it was lost; null unless it is, and that was said.
    pub lost_reason: Option<LostReason>,
    /// When it was won or lost; null while it is open.
    pub closed_on: Option<Timestamp>,
    /// The lead that it was made of; null once that lead is deleted.
    pub lead_id: Option<LeadId>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed, by whatever.
    pub last_updated_on: Timestamp,
}

/// An opportunity to be made. Made from a body by [`FromBody`], or by [`NewOpportunity::new`] and its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOpportunity {
    /// Required.
    pub title: Title,
    /// What it may bring.
    pub value: Option<Money>,
    /// Where it comes from.
    pub origin: Option<ShortText>,
    /// How promising it is.
    pub lead_rating: Option<LeadRating>,
    /// Anything else.
    pub note: Option<LongText>,
    /// Its organization, which must exist.
    pub organization_id: Option<OrganizationId>,
    /// Its contact, who must exist.
    pub contact_id: Option<ContactId>,
    /// Who takes care of it.
    pub owner: Option<User>,
    /// Who makes it; the owner unless given.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
    /// Who wants to hear of it.
    pub followers: Followers,
    /// Contacts that take part, who must exist.
    pub participants: Participants,
    /// Its tags, which must exist.
    pub tags: TagRefs,
    /// Values of the form's custom fields.
    pub custom_fields: CustomFieldsInput,
    /// Its pipeline, which must exist; the tenant's default one unless given.
    pub pipeline_id: Option<Uuid>,
    /// A stage of that pipeline; its first one unless given.
    pub stage: Option<StageKey>,
}

/// What an opportunity takes over from the lead that it is made of, beside what a [`NewOpportunity`] has.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertedLead {
    /// The lead.
    pub id: LeadId,
    /// Its fields. The custom fields and tags in here are not read.
    pub fields: NewOpportunity,
    /// Its custom fields, which its form checked when they were set.
    pub custom_fields: CustomFields,
    /// The tags of opportunities that have the labels of its tags.
    pub tags: Vec<TagOption>,
}

/// A change of an opportunity, a JSON merge patch. By default it changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpportunityPatch {
    /// A new title; it cannot be cleared.
    pub title: Option<Title>,
    /// What it may bring, amount and currency together.
    pub value: Patch<Money>,
    /// Where it comes from.
    pub origin: Patch<ShortText>,
    /// How promising it is.
    pub lead_rating: Patch<LeadRating>,
    /// Anything else.
    pub note: Patch<LongText>,
    /// Its organization, which must exist.
    pub organization_id: Patch<OrganizationId>,
    /// Its contact, who must exist.
    pub contact_id: Patch<ContactId>,
    /// Who takes care of it.
    pub owner: Patch<User>,
    /// Who makes this change; left out, the opportunity keeps who changed it before.
    pub last_updated_by: Patch<User>,
    /// All who want to hear of it.
    pub followers: Patch<Followers>,
    /// All contacts that take part, who must exist.
    pub participants: Patch<Participants>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
    /// Values of custom fields to be set or, with null, removed; the others stay. Cleared, it removes all.
    pub custom_fields: Patch<CustomFieldsInput>,
    /// Another pipeline, which must exist; without a stage it means the first one there.
    pub pipeline_id: Option<Uuid>,
    /// A stage of the pipeline.
    pub stage: Option<StageKey>,
}

impl NewOpportunity {
    /// An opportunity with this title and nothing else.
    #[must_use]
    pub fn new(title: Title) -> Self {
        Self {
            title,
            value: None,
            origin: None,
            lead_rating: None,
            note: None,
            organization_id: None,
            contact_id: None,
            owner: None,
            creator: None,
            last_updated_by: None,
            followers: Followers::default(),
            participants: Participants::default(),
            tags: TagRefs::default(),
            custom_fields: CustomFieldsInput::default(),
            pipeline_id: None,
            stage: None,
        }
    }
}

impl OpportunityPatch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Referring for NewOpportunity {
    fn references(&self) -> References {
        References::of(self.organization_id, self.contact_id, Some(&self.participants))
    }
}

impl Referring for OpportunityPatch {
    fn references(&self) -> References {
        References::of(
            self.organization_id.value().copied(),
            self.contact_id.value().copied(),
            self.participants.value(),
        )
    }
}

impl FromBody for NewOpportunity {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let title = reader.required("title");
        let value = reader.optional("value");
        let origin = reader.optional("origin");
        let lead_rating = reader.optional("leadRating");
        let note = reader.optional("note");
        let organization_id = reader.reference("organizationId", "organization").into_value();
        let contact_id = reader.reference("contactId", "contact").into_value();
        let owner = reader.optional("owner");
        let creator = reader.optional("creator");
        let last_updated_by = reader.optional("lastUpdatedBy");
        let followers = reader.optional("followers").unwrap_or_default();
        let participants = reader.optional("participants").unwrap_or_default();
        let tags = reader.optional("tags").unwrap_or_default();
        let custom_fields = reader.optional("customFields").unwrap_or_default();
        let pipeline_id = reader.optional("pipelineId");
        let stage = reader.optional("stage").and_then(|StageOrBlank(stage)| stage);
        title.map(|title| Self {
            title,
            value,
            origin,
            lead_rating,
            note,
            organization_id,
            contact_id,
            owner,
            creator,
            last_updated_by,
            followers,
            participants,
            tags,
            custom_fields,
            pipeline_id,
            stage,
        })
    }
}

impl FromBody for OpportunityPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        Some(Self {
            title: reader.patch_required("title"),
            value: reader.patch("value"),
            origin: reader.patch("origin"),
            lead_rating: reader.patch("leadRating"),
            note: reader.patch("note"),
            organization_id: reader.reference("organizationId", "organization"),
            contact_id: reader.reference("contactId", "contact"),
            owner: reader.patch("owner"),
            last_updated_by: reader.patch("lastUpdatedBy"),
            followers: reader.patch("followers"),
            participants: reader.patch("participants"),
            tags: reader.patch("tags"),
            custom_fields: reader.patch("customFields"),
            pipeline_id: reader.patch_required("pipelineId"),
            stage: reader.patch_required("stage").and_then(|StageOrBlank(stage)| stage),
        })
    }
}

/// Members of an opportunity that a client may send back as it read them.
const READ_ONLY: &[&str] =
    &["id", "tenantId", "status", "lostReason", "closedOn", "leadId", "createdOn", "lastUpdatedOn"];
