use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{
    ExternalId, HasReferences, LongText, Reference, ReferencedRecords, ShortText, Title, User, check_seen,
};
use crm_core::{CaseId, CaseTypeId, ContactId, FieldErrors, OrganizationId, Patch, PublicTenantId, Scope, Timestamp};
use crm_forms::{CustomFields, CustomFieldsInput};
use crm_tags::{TagOption, TagRefs};
use serde::Serialize;

use crate::{Day, Priority};

/// A case: a request that somebody works on until it is resolved.
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
    /// The id that another system has for it, no other case's.
    pub external_id: Option<ExternalId>,
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

crm_core::shows_names!(Case);

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
    /// Who makes it; unless given, the [author](crm_core::Scope::author) of the scope, else the owner.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
    /// Its tags, which must exist.
    pub tags: TagRefs,
    /// The id that another system has for it, which no other case may have.
    pub external_id: Option<ExternalId>,
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
    /// The organization that the sender saw, where it asks for another one by id; it has to be the record's.
    pub seen_organization: Patch<OrganizationId>,
    /// As `seen_organization`, of the contact.
    pub seen_contact: Patch<ContactId>,
    /// Who works on it.
    pub assignee: Patch<User>,
    /// Who answers for it.
    pub owner: Patch<User>,
    /// Who makes this change, on which a transition can depend; left out, the [author](crm_core::Scope::author) of the scope, and without one
    /// whoever changed it before.
    pub last_updated_by: Patch<User>,
    /// All its tags, which must exist.
    pub tags: Patch<TagRefs>,
    /// The id that another system has for it, which no other case may have.
    pub external_id: Patch<ExternalId>,
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
            external_id: None,
            custom_fields: CustomFieldsInput::default(),
        }
    }
}

impl CasePatch {
    /// Whether this has nothing but who changes the record, and that is somebody new: then it is the change.
    pub(crate) fn renames_who(&self, scope: &Scope, case: &Case) -> bool {
        let alone = Self { last_updated_by: self.last_updated_by.clone(), ..Self::default() };
        *self == alone && scope.renames_author(&self.last_updated_by, case.last_updated_by.as_ref())
    }

    /// What this changes of a record as it stands. What it sends as it is there already is no change, so that rules that
    /// came later do not matter to it; who makes the change is told all the same.
    pub(crate) fn changes(&self, case: &Case, errors: &mut FieldErrors) -> Self {
        check_seen(&self.seen_organization, case.organization_id, ReferencedRecords::ORGANIZATION, errors);
        check_seen(&self.seen_contact, case.contact_id, ReferencedRecords::CONTACT, errors);
        Self {
            title: self.title.clone().filter(|title| *title != case.title),
            description: self.description.changing(case.description.as_ref()),
            case_type_id: self.case_type_id,
            status: self.status.clone(),
            comment: self.comment.clone(),
            priority: self.priority.changing(case.priority.as_ref()),
            expected_date: self.expected_date.changing(case.expected_date.as_ref()),
            organization_id: self.organization_id.changing(case.organization_id.as_ref()),
            contact_id: self.contact_id.changing(case.contact_id.as_ref()),
            assignee: self.assignee.changing(case.assignee.as_ref()),
            owner: self.owner.changing(case.owner.as_ref()),
            last_updated_by: self.last_updated_by.clone(),
            tags: TagRefs::changing(&self.tags, &case.tags),
            external_id: self.external_id.changing(case.external_id.as_ref()),
            custom_fields: self.custom_fields.clone(),
            seen_organization: Patch::Keep,
            seen_contact: Patch::Keep,
        }
    }

    /// Whether that is nothing, tags, custom fields and the status aside, which whoever knows the stored ones compares.
    pub(crate) fn is_nothing(&self) -> bool {
        let rest = Self {
            last_updated_by: Patch::Keep,
            tags: Patch::Keep,
            custom_fields: Patch::Keep,
            case_type_id: None,
            status: None,
            comment: None,
            ..self.clone()
        };
        rest == Self::default()
    }
}

impl HasReferences for NewCase {
    fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(self.organization_id, self.contact_id, None)
    }
}

impl HasReferences for CasePatch {
    fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(self.organization_id.value().copied(), self.contact_id.value().copied(), None)
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
        let external_id = reader.optional("externalId");
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
            external_id,
            custom_fields,
        })
    }
}

impl FromBody for CasePatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        let title = reader.patch_required("title");
        let description = reader.patch("description");
        let case_type_id = reader.patch_required("caseTypeId");
        let status = reader.patch_required("status");
        let comment = reader.optional("comment");
        let priority = reader.patch("priority");
        let expected_date = reader.patch("expectedDate");
        let (organization_id, seen_organization) = reader.patch_reference("organizationId", "organization");
        let (contact_id, seen_contact) = reader.patch_reference("contactId", "contact");
        let assignee = reader.patch("assignee");
        let owner = reader.patch("owner");
        let last_updated_by = reader.patch("lastUpdatedBy");
        let tags = reader.patch("tags");
        let external_id = reader.patch("externalId");
        let custom_fields = reader.patch("customFields");
        Some(Self {
            title,
            description,
            case_type_id,
            status,
            comment,
            priority,
            expected_date,
            organization_id,
            contact_id,
            seen_organization,
            seen_contact,
            assignee,
            owner,
            last_updated_by,
            tags,
            external_id,
            custom_fields,
        })
    }
}

/// Members of a case that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId", "firstResolutionOn", "lastResolutionOn", "createdOn", "lastUpdatedOn"];
