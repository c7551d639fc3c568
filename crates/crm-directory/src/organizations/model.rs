use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{ExternalId, LabeledValues, LongText, ShortText, Title, Url, User};
use crm_core::{FieldErrors, OrganizationId, Patch, PublicTenantId, Scope, Timestamp};
use crm_forms::{CustomFields, CustomFieldsInput};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

use super::address::Address;
use crate::{Emails, Phones};

/// An organization: a company that a team deals with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Counts up from 1 in the tenant.
    pub id: OrganizationId,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
    /// What it is called.
    pub name: Title,
    /// E-mail addresses, one of them primary.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crm_core::values::LabeledValue>))]
    pub email: LabeledValues,
    /// Phone numbers, one of them primary.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crm_core::values::LabeledValue>))]
    pub phone: LabeledValues,
    /// Where it is.
    pub address: Option<Address>,
    /// What it works in: one of the form's options where it has any.
    pub industry: Option<ShortText>,
    /// How big it is: one of the form's options where it has any.
    pub size: Option<ShortText>,
    /// How much it makes in a year: one of the form's options where it has any.
    pub annual_revenue: Option<ShortText>,
    /// Its website.
    pub website: Option<Url>,
    /// Anything else.
    pub note: Option<LongText>,
    /// Who takes care of the organization.
    pub owner: Option<User>,
    /// Who made it.
    pub creator: Option<User>,
    /// Who changed it last, as far as that was said.
    pub last_updated_by: Option<User>,
    /// Its tags, ordered by label.
    pub tags: Vec<TagOption>,
    /// The id that another system has for it, no other organization's.
    pub external_id: Option<ExternalId>,
    /// The values of the form's custom fields by field id.
    pub custom_fields: CustomFields,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed, by whatever.
    pub last_updated_on: Timestamp,
}

/// An organization to be made. Made from a body by [`FromBody`], or by [`NewOrganization::new`] and its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOrganization {
    /// Required.
    pub name: Title,
    /// E-mail addresses.
    pub email: Emails,
    /// Phone numbers.
    pub phone: Phones,
    /// Where it is.
    pub address: Option<Address>,
    /// What it works in.
    pub industry: Option<ShortText>,
    /// How big it is.
    pub size: Option<ShortText>,
    /// How much it makes in a year.
    pub annual_revenue: Option<ShortText>,
    /// Its website.
    pub website: Option<Url>,
    /// Anything else.
    pub note: Option<LongText>,
    /// Who takes care of the organization.
    pub owner: Option<User>,
    /// Who makes it; unless given, the [author](crm_core::Scope::author) of the scope, else the owner.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
    /// Its tags, which must exist.
    pub tags: TagRefs,
    /// The id that another system has for it, which no other organization may have.
    pub external_id: Option<ExternalId>,
    /// Values of the form's custom fields.
    pub custom_fields: CustomFieldsInput,
}

/// A change of an organization, a JSON merge patch. By default it changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrganizationPatch {
    /// A new name; it cannot be cleared.
    pub name: Option<Title>,
    /// All its e-mail addresses.
    pub email: Patch<Emails>,
    /// All its phone numbers.
    pub phone: Patch<Phones>,
    /// Where it is.
    pub address: Patch<Address>,
    /// What it works in.
    pub industry: Patch<ShortText>,
    /// How big it is.
    pub size: Patch<ShortText>,
    /// How much it makes in a year.
    pub annual_revenue: Patch<ShortText>,
    /// Its website.
    pub website: Patch<Url>,
    /// Anything else.
    pub note: Patch<LongText>,
    /// Who takes care of the organization.
    pub owner: Patch<User>,
    /// Who makes this change; left out, the [author](crm_core::Scope::author) of the scope, and without one
    /// whoever changed it before.
    pub last_updated_by: Patch<User>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
    /// The id that another system has for it, which no other organization may have.
    pub external_id: Patch<ExternalId>,
    /// Values of custom fields to be set or, with null, removed; the others stay. Cleared, it removes all.
    pub custom_fields: Patch<CustomFieldsInput>,
}

impl NewOrganization {
    /// An organization with this name and nothing else.
    #[must_use]
    pub fn new(name: Title) -> Self {
        Self {
            name,
            email: Emails::default(),
            phone: Phones::default(),
            address: None,
            industry: None,
            size: None,
            annual_revenue: None,
            website: None,
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

impl OrganizationPatch {
    /// Whether this has nothing but who changes the record, and that is somebody new: then it is the change.
    pub(crate) fn renames_who(&self, scope: &Scope, organization: &Organization) -> bool {
        let alone = Self { last_updated_by: self.last_updated_by.clone(), ..Self::default() };
        *self == alone && scope.renames_author(&self.last_updated_by, organization.last_updated_by.as_ref())
    }

    /// What this changes of a record as it stands. What it sends as it is there already is no change, so that rules that
    /// came later do not matter to it; who makes the change is told all the same.
    pub(crate) fn changes(&self, organization: &Organization, errors: &mut FieldErrors) -> Self {
        Self {
            name: self.name.clone().filter(|name| *name != organization.name),
            email: Emails::changing("email", &self.email, &organization.email, errors),
            phone: Phones::changing("phone", &self.phone, &organization.phone, errors),
            address: self.address.changing(organization.address.as_ref()),
            industry: self.industry.changing(organization.industry.as_ref()),
            size: self.size.changing(organization.size.as_ref()),
            annual_revenue: self.annual_revenue.changing(organization.annual_revenue.as_ref()),
            website: self.website.changing(organization.website.as_ref()),
            note: self.note.changing(organization.note.as_ref()),
            owner: self.owner.changing(organization.owner.as_ref()),
            last_updated_by: self.last_updated_by.clone(),
            tags: TagRefs::changing(&self.tags, &organization.tags),
            external_id: self.external_id.changing(organization.external_id.as_ref()),
            custom_fields: self.custom_fields.clone(),
        }
    }

    /// Whether that is nothing, tags and custom fields aside, which whoever knows the stored ones compares.
    pub(crate) fn is_nothing(&self) -> bool {
        let rest = Self { last_updated_by: Patch::Keep, tags: Patch::Keep, custom_fields: Patch::Keep, ..self.clone() };
        rest == Self::default()
    }
}

impl FromBody for NewOrganization {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let name = reader.required("name");
        let email = reader.optional("email").unwrap_or_default();
        let phone = reader.optional("phone").unwrap_or_default();
        let address = reader.optional("address");
        let industry = reader.optional("industry");
        let size = reader.optional("size");
        let annual_revenue = reader.optional("annualRevenue");
        let website = reader.optional("website");
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
            address,
            industry,
            size,
            annual_revenue,
            website,
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

impl FromBody for OrganizationPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        Some(Self {
            name: reader.patch_required("name"),
            email: reader.patch("email"),
            phone: reader.patch("phone"),
            address: reader.patch("address"),
            industry: reader.patch("industry"),
            size: reader.patch("size"),
            annual_revenue: reader.patch("annualRevenue"),
            website: reader.patch("website"),
            note: reader.patch("note"),
            owner: reader.patch("owner"),
            last_updated_by: reader.patch("lastUpdatedBy"),
            tags: reader.patch("tags"),
            external_id: reader.patch("externalId"),
            custom_fields: reader.patch("customFields"),
        })
    }
}

/// Members of an organization that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId", "createdOn", "lastUpdatedOn"];
