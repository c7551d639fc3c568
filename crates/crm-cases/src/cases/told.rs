//! What changes tell of cases.

use crm_core::values::{ExternalId, LongText, Title, User};
use crm_core::{CaseId, CaseTypeId, ContactId, OrganizationId, TagId, Timestamp};
use crm_forms::CustomFields;
use crm_history::{Linked, linked};

use crate::{Case, Day, Priority};

crm_history::told! {
    /// A case as changes tell of it.
    pub(crate) struct ToldCase<'a>;
    compared {
        title "title": &'a Title,
        description "description": &'a Option<LongText>,
        case_type_id "caseTypeId": CaseTypeId,
        status "status": &'a Title,
        priority "priority": &'a Option<Priority>,
        expected_date "expectedDate": &'a Option<Day>,
        organization_id "organizationId": Option<OrganizationId>,
        contact_id "contactId": Option<ContactId>,
        assignee "assignee": &'a Option<User>,
        owner "owner": &'a Option<User>,
        tags "tags": Vec<Linked<TagId>>,
        external_id "externalId": &'a Option<ExternalId>,
        first_resolution_on "firstResolutionOn": Option<Timestamp>,
        last_resolution_on "lastResolutionOn": Option<Timestamp>,
    }
    members { custom_fields "customFields": &'a CustomFields, }
    shown {
        id "id": CaseId,
        creator "creator": &'a Option<User>,
        last_updated_by "lastUpdatedBy": &'a Option<User>,
        created_on "createdOn": Timestamp,
        last_updated_on "lastUpdatedOn": Timestamp,
    }
}

impl<'a> ToldCase<'a> {
    /// A case with all custom fields that its row has, those that no form shows included.
    pub(crate) fn of(case: &'a Case, custom_fields: &'a CustomFields) -> Self {
        let Case {
            id,
            tenant_id: _,
            title,
            description,
            case_type_id,
            status,
            priority,
            expected_date,
            organization_id,
            organization: _,
            contact_id,
            contact: _,
            assignee,
            owner,
            creator,
            last_updated_by,
            tags,
            external_id,
            custom_fields: _,
            first_resolution_on,
            last_resolution_on,
            created_on,
            last_updated_on,
        } = case;
        Self {
            title,
            description,
            case_type_id: *case_type_id,
            status,
            priority,
            expected_date,
            organization_id: *organization_id,
            contact_id: *contact_id,
            assignee,
            owner,
            tags: linked(tags.iter().map(|tag| tag.id)),
            first_resolution_on: *first_resolution_on,
            last_resolution_on: *last_resolution_on,
            external_id,
            custom_fields,
            id: *id,
            creator,
            last_updated_by,
            created_on: *created_on,
            last_updated_on: *last_updated_on,
        }
    }
}
