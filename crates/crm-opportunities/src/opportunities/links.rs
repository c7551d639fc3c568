//! What happens to opportunities when a record that they point at is deleted or merged: pieces for whoever does that in
//! one transaction. Each sets `lastUpdatedOn` of the opportunities that it changes. Call them in a [`DbConnection::write`].

use crm_core::{DbConnection, LeadId, OpportunityId, OrganizationId, Scope};
use diesel::QueryResult;

use super::filter::SEARCHED;
use super::queries;
use crate::schema::opportunities;

/// Locks those of these opportunities that exist until the end of the transaction, in ascending order, and returns them. Call it in
/// a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[OpportunityId]) -> QueryResult<Vec<OpportunityId>> {
    queries::lock(connection, scope, ids)
}

crm_core::record_names!(titles, opportunities, OpportunityId, title, "opportunity");

crm_history::reference_column! {
    opportunities.organization_id: OpportunityId => OrganizationId;
    /// Takes these organizations off every opportunity.
    unlink_organizations;
    /// Gives a restored organization back to the opportunities that lost it.
    relink_organizations;
    /// Makes every opportunity of one of these organizations an opportunity of `to`.
    repoint_organizations;
}

crm_history::reference_column! {
    opportunities.lead_id: OpportunityId => LeadId;
    /// Takes these leads off the opportunities that were made of them.
    unlink_leads;
    /// Gives a restored lead back to the opportunity that was made of it.
    relink_leads;
}

crm_forms::custom_fields_in_use!(SEARCHED);
