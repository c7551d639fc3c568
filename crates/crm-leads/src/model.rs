use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{
    Followers, LeadRating, LongText, Money, Participants, Reference, References, Referring, ShortText, Title, User,
};
use crm_core::{ContactId, LeadId, OpportunityId, OrganizationId, Patch, PublicTenantId, Timestamp};
use crm_forms::{CustomFields, CustomFieldsInput};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

/// A lead: a chance of a sale that nobody has judged yet (contract/pipeline, "Lead").
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// Counts up from 1 in the tenant.
    pub id: LeadId,
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
    /// Whether it was put aside.
    pub is_archived: bool,
    /// Whether it was made into an opportunity.
    pub is_converted: bool,
    /// That opportunity; null again once it is deleted.
    pub opportunity_id: Option<OpportunityId>,
    /// When it was converted.
    pub converted_on: Option<Timestamp>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed, by whatever.
    pub last_updated_on: Timestamp,
}

/// A lead to be made. Made from a body by [`FromBody`], or by [`NewLead::new`] and its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLead {
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
}

/// A change of a lead, a JSON merge patch. By default it changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeadPatch {
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
    /// Who makes this change; left out, the lead keeps who changed it before.
    pub last_updated_by: Patch<User>,
    /// All who want to hear of it.
    pub followers: Patch<Followers>,
    /// All contacts that take part, who must exist.
    pub participants: Patch<Participants>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
    /// Values of custom fields to be set or, with null, removed; the others stay. Cleared, it removes all.
    pub custom_fields: Patch<CustomFieldsInput>,
}

impl NewLead {
    /// A lead with this title and nothing else.
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
        }
    }
}

impl LeadPatch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Referring for NewLead {
    fn references(&self) -> References {
        References::of(self.organization_id, self.contact_id, Some(&self.participants))
    }
}

impl Referring for LeadPatch {
    fn references(&self) -> References {
        References::of(
            self.organization_id.value().copied(),
            self.contact_id.value().copied(),
            self.participants.value(),
        )
    }
}

impl FromBody for NewLead {
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
        })
    }
}

impl FromBody for LeadPatch {
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
        })
    }
}

/// Members of a lead that a client may send back as it read them.
const READ_ONLY: &[&str] =
    &["id", "tenantId", "isArchived", "isConverted", "opportunityId", "convertedOn", "createdOn", "lastUpdatedOn"];
