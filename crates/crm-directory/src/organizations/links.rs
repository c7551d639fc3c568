//! What other records need of organizations: their names, and whether they exist.

use std::collections::{HashMap, HashSet};

use crm_core::{DbConnection, ForKeyShareExt, OrganizationId, Scope};
use crm_forms::HasCustomValue;
use diesel::prelude::*;

use super::queries;
use crate::schema::organizations;

/// The names of these organizations, for responses. One that does not exist is not in the map. One statement.
///
/// # Errors
/// The database's.
pub fn names(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OrganizationId],
) -> QueryResult<HashMap<OrganizationId, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(OrganizationId, String)> = organizations::table
        .filter(organizations::tenant_id.eq(scope.tenant()))
        .filter(organizations::id.eq_any(ids))
        .select((organizations::id, organizations::name))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Those of these organizations that do not exist, in the order given. One statement.
///
/// # Errors
/// The database's.
pub fn missing(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OrganizationId],
) -> QueryResult<Vec<OrganizationId>> {
    let found = organizations::table
        .filter(organizations::tenant_id.eq(scope.tenant()))
        .filter(organizations::id.eq_any(ids))
        .select(organizations::id)
        .load(connection)?;
    Ok(without(ids, found))
}

/// Locks those of these organizations that exist until the end of the transaction, in ascending order, and returns them: so
/// that nobody can point at them while they are deleted. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[OrganizationId]) -> QueryResult<Vec<OrganizationId>> {
    queries::lock(connection, scope, ids)
}

/// As [`missing`], and those that exist cannot be deleted before the end of the transaction: for a write that refers
/// to them. They are locked in ascending order. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock_missing(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OrganizationId],
) -> QueryResult<Vec<OrganizationId>> {
    let existing = organizations::table
        .filter(organizations::tenant_id.eq(scope.tenant()))
        .filter(organizations::id.eq_any(ids))
        .order(organizations::id)
        .select(organizations::id);
    let found = existing.held().load(connection)?;
    Ok(without(ids, found))
}

fn without(ids: &[OrganizationId], found: Vec<OrganizationId>) -> Vec<OrganizationId> {
    let found: HashSet<OrganizationId> = found.into_iter().collect();
    ids.iter().filter(|id| !found.contains(id)).copied().collect()
}

/// Whether any organization has a value in the custom field of this id.
///
/// # Errors
/// The database's.
pub fn has_custom_value(connection: &mut DbConnection, scope: &Scope, field: &str) -> QueryResult<bool> {
    let found: Option<OrganizationId> = organizations::table
        .filter(organizations::tenant_id.eq(scope.tenant()))
        .filter(HasCustomValue::new("custom_fields", field))
        .select(organizations::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}
