//! What changes tell of opportunities.

use crm_core::values::{ExternalId, Followers, LongText, Money, Participant, ShortText, Title, User};
use crm_core::{ContactId, LeadId, OpportunityId, OrganizationId, PipelineId, TagId, Timestamp};
use crm_forms::{CustomFields, LeadRating};
use crm_history::{Linked, linked};

use super::{LostReason, Opportunity, OpportunityStatus};
use crate::pipelines::StageKey;

crm_history::told! {
    /// An opportunity as changes tell of it.
    pub(crate) struct ToldOpportunity<'a>;
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
        pipeline_id "pipelineId": PipelineId,
        stage "stage": &'a StageKey,
        status "status": OpportunityStatus,
        lost_reason "lostReason": &'a Option<LostReason>,
        closed_on "closedOn": Option<Timestamp>,
        lead_id "leadId": Option<LeadId>,
    }
    members { custom_fields "customFields": &'a CustomFields, }
    shown {
        id "id": OpportunityId,
        creator "creator": &'a Option<User>,
        last_updated_by "lastUpdatedBy": &'a Option<User>,
        created_on "createdOn": Timestamp,
        last_updated_on "lastUpdatedOn": Timestamp,
    }
}

impl<'a> ToldOpportunity<'a> {
    /// An opportunity with all custom fields that its row has, those that no form shows included.
    pub(crate) fn of(opportunity: &'a Opportunity, custom_fields: &'a CustomFields) -> Self {
        let Opportunity {
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
            pipeline_id,
            stage,
            stage_since: _,
            status,
            lost_reason,
            closed_on,
            lead_id,
            created_on,
            last_updated_on,
        } = opportunity;
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
            pipeline_id: *pipeline_id,
            stage,
            status: *status,
            lost_reason,
            closed_on: *closed_on,
            lead_id: *lead_id,
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
