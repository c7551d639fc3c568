//! What happens to leads when a record that they point at is deleted or merged: pieces for whoever does that in
//! one transaction. Each sets `lastUpdatedOn` of the leads that it changes. Call them in a [`DbConnection::write`].

use crm_core::sql::among;
use crm_core::{DbConnection, ForUpdateExt, LeadId, OpportunityId, OrganizationId, Scope};
use diesel::prelude::*;

use crate::filter::SEARCHED;
use crate::queries;
use crate::schema::leads;

/// Locks those of these leads that exist until the end of the transaction, in ascending order, and returns them: so
/// that nothing can point at them while they are deleted. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[LeadId]) -> QueryResult<Vec<LeadId>> {
    queries::lock(connection, scope, ids)
}

crm_core::record_names!(titles, leads, LeadId, title, "lead");

crm_history::reference_column! {
    leads.organization_id: LeadId => OrganizationId;
    /// Takes these organizations off every lead.
    unlink_organizations;
    /// Gives a restored organization back to the leads that lost it.
    relink_organizations;
    /// Makes every lead of one of these organizations a lead of `to`.
    repoint_organizations;
}

/// Locks the leads that were converted into one of these opportunities, in ascending order. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock_converted_into(
    connection: &mut DbConnection,
    scope: &Scope,
    opportunities: &[OpportunityId],
) -> QueryResult<Vec<LeadId>> {
    let of_them = leads::table.filter(among(scope, leads::tenant_id, leads::opportunity_id, opportunities));
    let of_them = of_them.filter(leads::opportunity_id.is_not_null());
    of_them.order(leads::id).select(leads::id).locked().load(connection)
}

crm_history::reference_column! {
    leads.opportunity_id: LeadId => OpportunityId;
    /// Takes these opportunities off the leads that were converted into them; the leads stay converted.
    unlink_opportunities;
    /// Gives a restored opportunity back to the lead that was converted into it.
    relink_opportunities;
}

crm_forms::custom_fields_in_use!(SEARCHED);
