//! A new tenant with everything that it starts with.

use crm_core::tenants::{self, ChosenKeys, CreatedTenant};
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
    let scope = Scope::new(created.tenant.id, created.tenant.public_id.clone(), now);
    pipelines::provision(connection, &scope)?;
    crm_cases::types::provision(connection, &scope)?;
    Ok(created)
}
