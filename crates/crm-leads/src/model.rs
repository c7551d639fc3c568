use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{
    ExternalId, Followers, HasReferences, LongText, Money, Participants, Reference, ReferencedRecords, ShortText,
    Title, User, check_seen,
};
use crm_core::{
    ContactId, FieldErrors, LeadId, OpportunityId, OrganizationId, Patch, PublicTenantId, Scope, Timestamp,
};
use crm_forms::{CustomFields, CustomFieldsInput, LeadRating};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

/// A lead: a chance of a sale that nobody has judged yet.
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
    /// The id that another system has for it, no other lead's.
    pub external_id: Option<ExternalId>,
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

crm_core::shows_names!(Lead);

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
    /// Who makes it; unless given, the [author](crm_core::Scope::author) of the scope, else the owner.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
    /// Who wants to hear of it.
    pub followers: Followers,
    /// Contacts that take part, who must exist.
    pub participants: Participants,
    /// Its tags, which must exist.
    pub tags: TagRefs,
    /// The id that another system has for it, which no other lead may have.
    pub external_id: Option<ExternalId>,
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
    /// The organization that the sender saw, where it asks for another one by id; it has to be the record's.
    pub seen_organization: Patch<OrganizationId>,
    /// As `seen_organization`, of the contact.
    pub seen_contact: Patch<ContactId>,
    /// Who takes care of it.
    pub owner: Patch<User>,
    /// Who makes this change; left out, the [author](crm_core::Scope::author) of the scope, and without one
    /// whoever changed it before.
    pub last_updated_by: Patch<User>,
    /// All who want to hear of it.
    pub followers: Patch<Followers>,
    /// All contacts that take part, who must exist.
    pub participants: Patch<Participants>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
    /// The id that another system has for it, which no other lead may have.
    pub external_id: Patch<ExternalId>,
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
            external_id: None,
            custom_fields: CustomFieldsInput::default(),
        }
    }
}

impl LeadPatch {
    /// Whether this has nothing but who changes the record, and that is somebody new: then it is the change.
    pub(crate) fn renames_who(&self, scope: &Scope, lead: &Lead) -> bool {
        let alone = Self { last_updated_by: self.last_updated_by.clone(), ..Self::default() };
        *self == alone && scope.renames_author(&self.last_updated_by, lead.last_updated_by.as_ref())
    }

    /// What this changes of a record as it stands. What it sends as it is there already is no change, so that rules that
    /// came later do not matter to it; who makes the change is told all the same.
    pub(crate) fn changes(&self, lead: &Lead, errors: &mut FieldErrors) -> Self {
        check_seen(&self.seen_organization, lead.organization_id, ReferencedRecords::ORGANIZATION, errors);
        check_seen(&self.seen_contact, lead.contact_id, ReferencedRecords::CONTACT, errors);
        Self {
            title: self.title.clone().filter(|title| *title != lead.title),
            value: self.value.changing(lead.value.as_ref()),
            origin: self.origin.changing(lead.origin.as_ref()),
            lead_rating: self.lead_rating.changing(lead.lead_rating.as_ref()),
            note: self.note.changing(lead.note.as_ref()),
            organization_id: self.organization_id.changing(lead.organization_id.as_ref()),
            contact_id: self.contact_id.changing(lead.contact_id.as_ref()),
            owner: self.owner.changing(lead.owner.as_ref()),
            last_updated_by: self.last_updated_by.clone(),
            followers: self.followers.changing_list(&lead.followers),
            participants: self.participants.changing_list(&lead.participants),
            tags: TagRefs::changing(&self.tags, &lead.tags),
            external_id: self.external_id.changing(lead.external_id.as_ref()),
            custom_fields: self.custom_fields.clone(),
            seen_organization: Patch::Keep,
            seen_contact: Patch::Keep,
        }
    }

    /// Whether that is nothing, tags and custom fields aside, which whoever knows the stored ones compares.
    pub(crate) fn is_nothing(&self) -> bool {
        let rest = Self { last_updated_by: Patch::Keep, tags: Patch::Keep, custom_fields: Patch::Keep, ..self.clone() };
        rest == Self::default()
    }
}

impl HasReferences for NewLead {
    fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(self.organization_id, self.contact_id, Some(&self.participants))
    }
}

impl HasReferences for LeadPatch {
    fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(
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
        let external_id = reader.optional("externalId");
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
            external_id,
            custom_fields,
        })
    }
}

impl FromBody for LeadPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        let title = reader.patch_required("title");
        let value = reader.patch("value");
        let origin = reader.patch("origin");
        let lead_rating = reader.patch("leadRating");
        let note = reader.patch("note");
        let (organization_id, seen_organization) = reader.patch_reference("organizationId", "organization");
        let (contact_id, seen_contact) = reader.patch_reference("contactId", "contact");
        let owner = reader.patch("owner");
        let last_updated_by = reader.patch("lastUpdatedBy");
        let followers = reader.patch("followers");
        let participants = reader.patch("participants");
        let tags = reader.patch("tags");
        let external_id = reader.patch("externalId");
        let custom_fields = reader.patch("customFields");
        Some(Self {
            title,
            value,
            origin,
            lead_rating,
            note,
            organization_id,
            contact_id,
            seen_organization,
            seen_contact,
            owner,
            last_updated_by,
            followers,
            participants,
            tags,
            external_id,
            custom_fields,
        })
    }
}

/// Members of a lead that a client may send back as it read them.
const READ_ONLY: &[&str] =
    &["id", "tenantId", "isArchived", "isConverted", "opportunityId", "convertedOn", "createdOn", "lastUpdatedOn"];
