//! A new tenant with everything that it starts with.

use crm_core::tenants::{self, ChosenKeys, CreatedTenant};
use crm_core::{DbConnection, PublicTenantId, Timestamp};

use crate::SuiteError;

/// Makes a tenant with its keys. Its forms are the default ones until it replaces them.
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
    Ok(tenants::create(connection, id, name, keys, now)?)
}
