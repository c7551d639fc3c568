use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{LongText, Reference, References, Referring, ShortText, Title, User};
use crm_core::{CaseId, CaseTypeId, ContactId, OrganizationId, Patch, PublicTenantId, Timestamp};
use crm_forms::{CustomFields, CustomFieldsInput};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

use crate::{Day, Priority};

/// A case: a request that somebody works on until it is resolved (contract/cases, "Case").
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// Counts up from 1 in the tenant.
    pub id: CaseId,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
    /// What it is about.
    pub title: Title,
    /// What happened, and what is asked for.
    pub description: Option<LongText>,
    /// Its type, whose form and workflow it has.
    pub case_type_id: CaseTypeId,
    /// The label of the status that it is in: one of its type's.
    pub status: Title,
    /// How pressing it is: one of the form's options where it has any.
    pub priority: Option<Priority>,
    /// When it should be done.
    pub expected_date: Option<Day>,
    /// The organization that it is for.
    pub organization_id: Option<OrganizationId>,
    /// That organization with its name, which whoever knows organizations fills in.
    pub organization: Option<Reference<OrganizationId>>,
    /// The person that it is for.
    pub contact_id: Option<ContactId>,
    /// That contact with its name, which whoever knows contacts fills in.
    pub contact: Option<Reference<ContactId>>,
    /// Who works on it.
    pub assignee: Option<User>,
    /// Who answers for it.
    pub owner: Option<User>,
    /// Who made it: the `requestor` of a transition's `authorizedUsers`.
    pub creator: Option<User>,
    /// Who changed it last, as far as that was said.
    pub last_updated_by: Option<User>,
    /// Its tags, ordered by label.
    pub tags: Vec<TagOption>,
    /// The values of the custom fields of its type's form by field id.
    pub custom_fields: CustomFields,
    /// When it entered a status that records the resolution for the first time.
    pub first_resolution_on: Option<Timestamp>,
    /// When it did so for the last time.
    pub last_resolution_on: Option<Timestamp>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed, by whatever.
    pub last_updated_on: Timestamp,
}

/// A case to be made. Made from a body by [`FromBody`], or by [`NewCase::new`] and its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCase {
    /// Required.
    pub title: Title,
    /// What happened, and what is asked for.
    pub description: Option<LongText>,
    /// Its type, which must exist; the tenant's default type unless given.
    pub case_type_id: Option<CaseTypeId>,
    /// The id or label of a status of the type, in whatever case; its first status unless given.
    pub status: Option<ShortText>,
    /// How pressing it is.
    pub priority: Option<Priority>,
    /// When it should be done.
    pub expected_date: Option<Day>,
    /// Its organization, which must exist.
    pub organization_id: Option<OrganizationId>,
    /// Its contact, who must exist.
    pub contact_id: Option<ContactId>,
    /// Who works on it.
    pub assignee: Option<User>,
    /// Who answers for it.
    pub owner: Option<User>,
    /// Who makes it; the owner unless given.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
    /// Its tags, which must exist.
    pub tags: TagRefs,
    /// Values of the custom fields of its type's form.
    pub custom_fields: CustomFieldsInput,
}

/// A change of a case, a JSON merge patch. By default it changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CasePatch {
    /// A new title; it cannot be cleared.
    pub title: Option<Title>,
    /// What happened, and what is asked for.
    pub description: Patch<LongText>,
    /// Another type, which must exist. The case keeps its status where that type has it and takes its first status
    /// otherwise; it keeps the custom fields that both forms have with one type.
    pub case_type_id: Option<CaseTypeId>,
    /// The status to walk to: an id or label in whatever case.
    pub status: Option<Title>,
    /// What to say about the change of the status.
    pub comment: Option<LongText>,
    /// How pressing it is.
    pub priority: Patch<Priority>,
    /// When it should be done.
    pub expected_date: Patch<Day>,
    /// Its organization, which must exist.
    pub organization_id: Patch<OrganizationId>,
    /// Its contact, who must exist.
    pub contact_id: Patch<ContactId>,
    /// Who works on it.
    pub assignee: Patch<User>,
    /// Who answers for it.
    pub owner: Patch<User>,
    /// Who makes this change, on which a transition can depend; left out, the case keeps who changed it before.
    pub last_updated_by: Patch<User>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
    /// Values of custom fields to be set or, with null, removed; the others stay. Cleared, it removes all.
    pub custom_fields: Patch<CustomFieldsInput>,
}

impl NewCase {
    /// A case with this title and nothing else.
    #[must_use]
    pub fn new(title: Title) -> Self {
        Self {
            title,
            description: None,
            case_type_id: None,
            status: None,
            priority: None,
            expected_date: None,
            organization_id: None,
            contact_id: None,
            assignee: None,
            owner: None,
            creator: None,
            last_updated_by: None,
            tags: TagRefs::default(),
            custom_fields: CustomFieldsInput::default(),
        }
    }
}

impl CasePatch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Referring for NewCase {
    fn references(&self) -> References {
        References::of(self.organization_id, self.contact_id, None)
    }
}

impl Referring for CasePatch {
    fn references(&self) -> References {
        References::of(self.organization_id.value().copied(), self.contact_id.value().copied(), None)
    }
}

impl FromBody for NewCase {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let title = reader.required("title");
        let description = reader.optional("description");
        let case_type_id = reader.optional("caseTypeId");
        let status = reader.optional("status");
        let priority = reader.optional("priority");
        let expected_date = reader.optional("expectedDate");
        let organization_id = reader.reference("organizationId", "organization").into_value();
        let contact_id = reader.reference("contactId", "contact").into_value();
        let assignee = reader.optional("assignee");
        let owner = reader.optional("owner");
        let creator = reader.optional("creator");
        let last_updated_by = reader.optional("lastUpdatedBy");
        let tags = reader.optional("tags").unwrap_or_default();
        let custom_fields = reader.optional("customFields").unwrap_or_default();
        title.map(|title| Self {
            title,
            description,
            case_type_id,
            status,
            priority,
            expected_date,
            organization_id,
            contact_id,
            assignee,
            owner,
            creator,
            last_updated_by,
            tags,
            custom_fields,
        })
    }
}

impl FromBody for CasePatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        Some(Self {
            title: reader.patch_required("title"),
            description: reader.patch("description"),
            case_type_id: reader.patch_required("caseTypeId"),
            status: reader.patch_required("status"),
            comment: reader.optional("comment"),
            priority: reader.patch("priority"),
            expected_date: reader.patch("expectedDate"),
            organization_id: reader.reference("organizationId", "organization"),
            contact_id: reader.reference("contactId", "contact"),
            assignee: reader.patch("assignee"),
            owner: reader.patch("owner"),
            last_updated_by: reader.patch("lastUpdatedBy"),
            tags: reader.patch("tags"),
            custom_fields: reader.patch("customFields"),
        })
    }
}

/// Members of a case that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId", "firstResolutionOn", "lastResolutionOn", "createdOn", "lastUpdatedOn"];
