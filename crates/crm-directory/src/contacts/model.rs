use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{LabeledValues, LongText, Reference, References, Referring, ShortText, Title, Url, User};
use crm_core::{ContactId, OrganizationId, Patch, PublicTenantId, Timestamp};
use crm_forms::{CustomFields, CustomFieldsInput};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

use crate::{Emails, Phones};

/// A contact: a person whom a team deals with (contract/directory).
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
    /// Who makes it; the owner unless given.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
    /// Its tags, which must exist.
    pub tags: TagRefs,
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
    /// Who makes this change; left out, the contact keeps who changed it before.
    pub last_updated_by: Patch<User>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
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
            custom_fields: CustomFieldsInput::default(),
        }
    }
}

impl ContactPatch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Referring for NewContact {
    fn references(&self) -> References {
        References::of(self.organization_id, None, None)
    }
}

impl Referring for ContactPatch {
    fn references(&self) -> References {
        References::of(self.organization_id.value().copied(), None, None)
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
            custom_fields,
        })
    }
}

impl FromBody for ContactPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        Some(Self {
            name: reader.patch_required("name"),
            email: reader.patch("email"),
            phone: reader.patch("phone"),
            organization_id: reader.reference("organizationId", "organization"),
            job_title: reader.patch("jobTitle"),
            department: reader.patch("department"),
            seniority_level: reader.patch("seniorityLevel"),
            linkedin: reader.patch("linkedin"),
            note: reader.patch("note"),
            owner: reader.patch("owner"),
            last_updated_by: reader.patch("lastUpdatedBy"),
            tags: reader.patch("tags"),
            custom_fields: reader.patch("customFields"),
        })
    }
}

/// Members of a contact that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId", "createdOn", "lastUpdatedOn"];
