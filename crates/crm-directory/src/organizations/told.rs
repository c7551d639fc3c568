//! What changes tell of organizations.

use crm_core::values::{ExternalId, LabeledValues, LongText, ShortText, Title, Url, User};
use crm_core::{OrganizationId, TagId, Timestamp};
use crm_forms::CustomFields;
use crm_history::{Linked, linked};

use super::{Address, Organization};

crm_history::told! {
    /// An organization as changes tell of it.
    pub(crate) struct ToldOrganization<'a>;
    compared {
        name "name": &'a Title,
        email "email": &'a LabeledValues,
        phone "phone": &'a LabeledValues,
        address "address": &'a Option<Address>,
        industry "industry": &'a Option<ShortText>,
        size "size": &'a Option<ShortText>,
        annual_revenue "annualRevenue": &'a Option<ShortText>,
        website "website": &'a Option<Url>,
        note "note": &'a Option<LongText>,
        owner "owner": &'a Option<User>,
        tags "tags": Vec<Linked<TagId>>,
        external_id "externalId": &'a Option<ExternalId>,
    }
    members { custom_fields "customFields": &'a CustomFields, }
    shown {
        id "id": OrganizationId,
        creator "creator": &'a Option<User>,
        last_updated_by "lastUpdatedBy": &'a Option<User>,
        created_on "createdOn": Timestamp,
        last_updated_on "lastUpdatedOn": Timestamp,
    }
}

impl<'a> ToldOrganization<'a> {
    /// An organization with all custom fields that its row has, those that no form shows included.
    pub(crate) fn of(organization: &'a Organization, custom_fields: &'a CustomFields) -> Self {
        let Organization {
            id,
            tenant_id: _,
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
            custom_fields: _,
            created_on,
            last_updated_on,
        } = organization;
        Self {
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
