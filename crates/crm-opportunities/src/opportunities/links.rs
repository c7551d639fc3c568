//! What happens to opportunities when a record that they point at is deleted or merged: pieces for whoever does that in
//! one transaction. Each sets `lastUpdatedOn` of the opportunities that it changes. Call them in a [`DbConnection::write`].

use crm_core::{LeadId, OpportunityId, OrganizationId};

use crate::schema::opportunities;

crm_core::reference_column! {
    opportunities.organization_id: OpportunityId => OrganizationId;
    /// Takes these organizations off every opportunity.
    unlink_organizations;
    /// Makes every opportunity of one of these organizations an opportunity of `to`.
    repoint_organizations;
}

crm_core::reference_column! {
    opportunities.lead_id: OpportunityId => LeadId;
    /// Takes these leads off the opportunities that were made of them.
    unlink_leads;
}

crm_forms::custom_fields_in_use!(opportunities);
