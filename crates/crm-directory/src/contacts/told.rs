//! What changes tell of contacts.

use crm_core::values::{ExternalId, LabeledValues, LongText, ShortText, Title, Url, User};
use crm_core::{ContactId, OrganizationId, TagId, Timestamp};
use crm_forms::CustomFields;
use crm_history::{Linked, linked};

use super::Contact;

crm_history::told! {
    /// A contact as changes tell of it.
    pub(crate) struct ToldContact<'a>;
    compared {
        name "name": &'a Title,
        email "email": &'a LabeledValues,
        phone "phone": &'a LabeledValues,
        organization_id "organizationId": Option<OrganizationId>,
        job_title "jobTitle": &'a Option<ShortText>,
        department "department": &'a Option<ShortText>,
        seniority_level "seniorityLevel": &'a Option<ShortText>,
        linkedin "linkedin": &'a Option<Url>,
        note "note": &'a Option<LongText>,
        owner "owner": &'a Option<User>,
        tags "tags": Vec<Linked<TagId>>,
        external_id "externalId": &'a Option<ExternalId>,
    }
    members { custom_fields "customFields": &'a CustomFields, }
    shown {
        id "id": ContactId,
        creator "creator": &'a Option<User>,
        last_updated_by "lastUpdatedBy": &'a Option<User>,
        created_on "createdOn": Timestamp,
        last_updated_on "lastUpdatedOn": Timestamp,
    }
}

impl<'a> ToldContact<'a> {
    /// A contact with all custom fields that its row has, those that no form shows included.
    pub(crate) fn of(contact: &'a Contact, custom_fields: &'a CustomFields) -> Self {
        let Contact {
            id,
            tenant_id: _,
            name,
            email,
            phone,
            organization_id,
            organization: _,
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
            custom_fields: _,
            created_on,
            last_updated_on,
        } = contact;
        Self {
            name,
            email,
            phone,
            organization_id: *organization_id,
            job_title,
            department,
            seniority_level,
            linkedin,
            note,
            owner,
            tags: linked(tags.iter().map(|tag| tag.id)),
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
