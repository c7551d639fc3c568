//! What changes tell of leads.

use crm_core::values::{ExternalId, Followers, LongText, Money, Participant, ShortText, Title, User};
use crm_core::{ContactId, LeadId, OpportunityId, OrganizationId, TagId, Timestamp};
use crm_forms::{CustomFields, LeadRating};
use crm_history::{Linked, linked};

use crate::Lead;

crm_history::told! {
    /// A lead as changes tell of it.
    pub(crate) struct ToldLead<'a>;
    compared {
        title "title": &'a Title,
        value "value": &'a Option<Money>,
        origin "origin": &'a Option<ShortText>,
        lead_rating "leadRating": Option<LeadRating>,
        note "note": &'a Option<LongText>,
        organization_id "organizationId": Option<OrganizationId>,
        contact_id "contactId": Option<ContactId>,
        owner "owner": &'a Option<User>,
        followers "followers": &'a Followers,
        participants "participants": Vec<Linked<ContactId>>,
        tags "tags": Vec<Linked<TagId>>,
        external_id "externalId": &'a Option<ExternalId>,
        is_archived "isArchived": bool,
        is_converted "isConverted": bool,
        opportunity_id "opportunityId": Option<OpportunityId>,
        converted_on "convertedOn": Option<Timestamp>,
    }
    members { custom_fields "customFields": &'a CustomFields, }
    shown {
        id "id": LeadId,
        creator "creator": &'a Option<User>,
        last_updated_by "lastUpdatedBy": &'a Option<User>,
        created_on "createdOn": Timestamp,
        last_updated_on "lastUpdatedOn": Timestamp,
    }
}

impl<'a> ToldLead<'a> {
    /// A lead with all custom fields that its row has, those that no form shows included.
    pub(crate) fn of(lead: &'a Lead, custom_fields: &'a CustomFields) -> Self {
        let Lead {
            id,
            tenant_id: _,
            title,
            value,
            origin,
            lead_rating,
            note,
            organization_id,
            organization: _,
            contact_id,
            contact: _,
            owner,
            creator,
            last_updated_by,
            followers,
            participants,
            tags,
            external_id,
            custom_fields: _,
            is_archived,
            is_converted,
            opportunity_id,
            converted_on,
            created_on,
            last_updated_on,
        } = lead;
        Self {
            title,
            value,
            origin,
            lead_rating: *lead_rating,
            note,
            organization_id: *organization_id,
            contact_id: *contact_id,
            owner,
            followers,
            participants: linked(participants.as_slice().iter().map(|Participant { id, name: _ }| *id)),
            tags: linked(tags.iter().map(|tag| tag.id)),
            is_archived: *is_archived,
            is_converted: *is_converted,
            opportunity_id: *opportunity_id,
            converted_on: *converted_on,
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
