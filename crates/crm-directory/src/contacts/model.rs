use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{
    ExternalId, HasReferences, LabeledValues, LongText, Reference, ReferencedRecords, ShortText, Title, Url, User,
    check_seen,
};
use crm_core::{ContactId, FieldErrors, OrganizationId, Patch, PublicTenantId, Scope, Timestamp};
use crm_forms::{CustomFields, CustomFieldsInput};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

use crate::{Emails, Phones};

/// A contact: a person whom a team deals with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Counts up from 1 in the tenant.
    pub id: ContactId,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
    /// What the person is called.
    pub name: Title,
    /// E-mail addresses, one of them primary.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crm_core::values::LabeledValue>))]
    pub email: LabeledValues,
    /// Phone numbers, one of them primary.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crm_core::values::LabeledValue>))]
    pub phone: LabeledValues,
    /// The organization that the person works for.
    pub organization_id: Option<OrganizationId>,
    /// That organization with its name.
    pub organization: Option<Reference<OrganizationId>>,
    /// What the person does there.
    pub job_title: Option<ShortText>,
    /// Where in the organization: one of the form's options where it has any.
    pub department: Option<ShortText>,
    /// How senior: one of the form's options where it has any.
    pub seniority_level: Option<ShortText>,
    /// The profile on LinkedIn.
    pub linkedin: Option<Url>,
    /// Anything else.
    pub note: Option<LongText>,
    /// Who takes care of the contact.
    pub owner: Option<User>,
    /// Who made it.
    pub creator: Option<User>,
    /// Who changed it last, as far as that was said.
    pub last_updated_by: Option<User>,
    /// Its tags, ordered by label.
    pub tags: Vec<TagOption>,
    /// The id that another system has for it, no other contact's.
    pub external_id: Option<ExternalId>,
    /// The values of the form's custom fields by field id.
    pub custom_fields: CustomFields,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed, by whatever.
    pub last_updated_on: Timestamp,
}

/// A contact to be made. Made from a body by [`FromBody`], or by [`NewContact::new`] and its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct NewContact {
    /// Required.
    pub name: Title,
    /// E-mail addresses.
    pub email: Emails,
    /// Phone numbers.
    pub phone: Phones,
    /// Its organization, which must exist.
    pub organization_id: Option<OrganizationId>,
    /// What the person does.
    pub job_title: Option<ShortText>,
    /// Where in the organization.
    pub department: Option<ShortText>,
    /// How senior.
    pub seniority_level: Option<ShortText>,
    /// The profile on LinkedIn.
    pub linkedin: Option<Url>,
    /// Anything else.
    pub note: Option<LongText>,
    /// Who takes care of the contact.
    pub owner: Option<User>,
    /// Who makes it; unless given, the [author](crm_core::Scope::author) of the scope, else the owner.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
    /// Its tags, which must exist.
    pub tags: TagRefs,
    /// The id that another system has for it, which no other contact may have.
    pub external_id: Option<ExternalId>,
    /// Values of the form's custom fields.
    pub custom_fields: CustomFieldsInput,
}

/// A change of a contact, a JSON merge patch. By default it changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContactPatch {
    /// A new name; it cannot be cleared.
    pub name: Option<Title>,
    /// All its e-mail addresses.
    pub email: Patch<Emails>,
    /// All its phone numbers.
    pub phone: Patch<Phones>,
    /// Its organization, which must exist.
    pub organization_id: Patch<OrganizationId>,
    /// The organization that the sender saw, where it asks for another one by id; it has to be the record's.
    pub seen_organization: Patch<OrganizationId>,
    /// What the person does.
    pub job_title: Patch<ShortText>,
    /// Where in the organization.
    pub department: Patch<ShortText>,
    /// How senior.
    pub seniority_level: Patch<ShortText>,
    /// The profile on LinkedIn.
    pub linkedin: Patch<Url>,
    /// Anything else.
    pub note: Patch<LongText>,
    /// Who takes care of the contact.
    pub owner: Patch<User>,
    /// Who makes this change; left out, the [author](crm_core::Scope::author) of the scope, and without one
    /// whoever changed it before.
    pub last_updated_by: Patch<User>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
    /// The id that another system has for it, which no other contact may have.
    pub external_id: Patch<ExternalId>,
    /// Values of custom fields to be set or, with null, removed; the others stay. Cleared, it removes all.
    pub custom_fields: Patch<CustomFieldsInput>,
}

impl NewContact {
    /// A contact with this name and nothing else.
    #[must_use]
    pub fn new(name: Title) -> Self {
        Self {
            name,
            email: Emails::default(),
            phone: Phones::default(),
            organization_id: None,
            job_title: None,
            department: None,
            seniority_level: None,
            linkedin: None,
            note: None,
            owner: None,
            creator: None,
            last_updated_by: None,
            tags: TagRefs::default(),
            external_id: None,
            custom_fields: CustomFieldsInput::default(),
        }
    }
}

impl ContactPatch {
    /// Whether this has nothing but who changes the record, and that is somebody new: then it is the change.
    pub(crate) fn renames_who(&self, scope: &Scope, contact: &Contact) -> bool {
        let alone = Self { last_updated_by: self.last_updated_by.clone(), ..Self::default() };
        *self == alone && scope.renames_author(&self.last_updated_by, contact.last_updated_by.as_ref())
    }

    /// What this changes of a record as it stands. What it sends as it is there already is no change, so that rules that
    /// came later do not matter to it; who makes the change is told all the same.
    pub(crate) fn changes(&self, contact: &Contact, errors: &mut FieldErrors) -> Self {
        check_seen(&self.seen_organization, contact.organization_id, ReferencedRecords::ORGANIZATION, errors);
        Self {
            name: self.name.clone().filter(|name| *name != contact.name),
            email: Emails::changing("email", &self.email, &contact.email, errors),
            phone: Phones::changing("phone", &self.phone, &contact.phone, errors),
            organization_id: self.organization_id.changing(contact.organization_id.as_ref()),
            job_title: self.job_title.changing(contact.job_title.as_ref()),
            department: self.department.changing(contact.department.as_ref()),
            seniority_level: self.seniority_level.changing(contact.seniority_level.as_ref()),
            linkedin: self.linkedin.changing(contact.linkedin.as_ref()),
            note: self.note.changing(contact.note.as_ref()),
            owner: self.owner.changing(contact.owner.as_ref()),
            last_updated_by: self.last_updated_by.clone(),
            tags: TagRefs::changing(&self.tags, &contact.tags),
            external_id: self.external_id.changing(contact.external_id.as_ref()),
            custom_fields: self.custom_fields.clone(),
            seen_organization: Patch::Keep,
        }
    }

    /// Whether that is nothing, tags and custom fields aside, which whoever knows the stored ones compares.
    pub(crate) fn is_nothing(&self) -> bool {
        let rest = Self { last_updated_by: Patch::Keep, tags: Patch::Keep, custom_fields: Patch::Keep, ..self.clone() };
        rest == Self::default()
    }
}

impl HasReferences for NewContact {
    fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(self.organization_id, None, None)
    }
}

impl HasReferences for ContactPatch {
    fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(self.organization_id.value().copied(), None, None)
    }
}

impl FromBody for NewContact {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let name = reader.required("name");
        let email = reader.optional("email").unwrap_or_default();
        let phone = reader.optional("phone").unwrap_or_default();
        let organization_id = reader.reference("organizationId", "organization").into_value();
        let job_title = reader.optional("jobTitle");
        let department = reader.optional("department");
        let seniority_level = reader.optional("seniorityLevel");
        let linkedin = reader.optional("linkedin");
        let note = reader.optional("note");
        let owner = reader.optional("owner");
        let creator = reader.optional("creator");
        let last_updated_by = reader.optional("lastUpdatedBy");
        let tags = reader.optional("tags").unwrap_or_default();
        let external_id = reader.optional("externalId");
        let custom_fields = reader.optional("customFields").unwrap_or_default();
        name.map(|name| Self {
            name,
            email,
            phone,
            organization_id,
            job_title,
            department,
            seniority_level,
            linkedin,
            note,
            owner,
            creator,
            last_updated_by,
            tags,
            external_id,
            custom_fields,
        })
    }
}

impl FromBody for ContactPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        let name = reader.patch_required("name");
        let email = reader.patch("email");
        let phone = reader.patch("phone");
        let (organization_id, seen_organization) = reader.patch_reference("organizationId", "organization");
        let job_title = reader.patch("jobTitle");
        let department = reader.patch("department");
        let seniority_level = reader.patch("seniorityLevel");
        let linkedin = reader.patch("linkedin");
        let note = reader.patch("note");
        let owner = reader.patch("owner");
        let last_updated_by = reader.patch("lastUpdatedBy");
        let tags = reader.patch("tags");
        let external_id = reader.patch("externalId");
        let custom_fields = reader.patch("customFields");
        Some(Self {
            name,
            email,
            phone,
            organization_id,
            seen_organization,
            job_title,
            department,
            seniority_level,
            linkedin,
            note,
            owner,
            last_updated_by,
            tags,
            external_id,
            custom_fields,
        })
    }
}

/// Members of a contact that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId", "createdOn", "lastUpdatedOn"];
