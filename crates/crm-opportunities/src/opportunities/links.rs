//! What happens to opportunities when a record that they point at is deleted or merged: pieces for whoever does that in
//! one transaction. Each sets `lastUpdatedOn` of the opportunities that it changes. Call them in a [`DbConnection::write`].

use crm_core::{DbConnection, LeadId, OpportunityId, OrganizationId, Scope};
use crm_forms::HasCustomValue;
use diesel::prelude::*;

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

/// Whether any opportunity has a value for this custom field, so that its type cannot change.
///
/// # Errors
/// The database's.
pub fn has_custom_value(connection: &mut DbConnection, scope: &Scope, field_id: &str) -> QueryResult<bool> {
    let found: Option<OpportunityId> = opportunities::table
        .filter(opportunities::tenant_id.eq(scope.tenant()))
        .filter(HasCustomValue::new("custom_fields", field_id))
        .select(opportunities::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}
