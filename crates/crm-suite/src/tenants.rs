//! A new tenant with everything that it starts with.

use crm_core::tenants::{self, ChosenKeys, CreatedTenant, Tenant};
use crm_core::{DbConnection, PublicTenantId, Scope, Timestamp};
use crm_opportunities::pipelines;

use crate::SuiteError;

/// Makes a tenant with its keys, its pipeline and its default case type. Its forms are the default ones until it
/// replaces them.
///
/// # Errors
/// [`crm_core::tenants::TenantError::Exists`]; the database's.
pub fn create(
    connection: &mut DbConnection,
    id: &PublicTenantId,
    name: &str,
    keys: Option<&ChosenKeys>,
    now: Timestamp,
) -> Result<CreatedTenant, SuiteError> {
    let created = tenants::create(connection, id, name, keys, now)?;
    provision(connection, &created.tenant, now)?;
    Ok(created)
}

/// Empties a tenant to what a new one has, all in the caller's transaction. Its primary and its secondary key stay.
///
/// # Errors
/// [`crm_core::tenants::TenantError::Unknown`] and [`Frozen`](crm_core::tenants::TenantError::Frozen); the database's.
pub fn reset(connection: &mut DbConnection, id: &PublicTenantId, now: Timestamp) -> Result<Tenant, SuiteError> {
    let tenant = tenants::find_to_write(connection, id)?;
    let past = crm_history::last_written(connection, tenant.id)?;
    tenants::empty(connection, id)?;
    past.restore(connection, tenant.id)?;
    provision(connection, &tenant, now)?;
    Ok(tenant)
}

fn provision(connection: &mut DbConnection, tenant: &Tenant, now: Timestamp) -> Result<(), SuiteError> {
    let scope = Scope::new(tenant.id, tenant.public_id.clone(), now);
    pipelines::provision(connection, &scope)?;
    crm_cases::types::provision(connection, &scope)?;
    Ok(())
}
