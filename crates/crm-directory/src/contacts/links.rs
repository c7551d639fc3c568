//! What other records need of contacts: names, whether they exist, and what happens to them when an organization is
//! deleted or merged. The pieces for whoever does that in one transaction.

use std::collections::{HashMap, HashSet};

use crm_core::{ContactId, DbConnection, ForKeyShareExt, OrganizationId, Scope};
use crm_forms::HasCustomValue;
use diesel::prelude::*;

use super::queries;
use crate::schema::contacts;

/// The names of these contacts, for responses. One that does not exist is not in the map. One statement.
///
/// # Errors
/// The database's.
pub fn names(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[ContactId],
) -> QueryResult<HashMap<ContactId, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(ContactId, String)> = contacts::table
        .filter(contacts::tenant_id.eq(scope.tenant()))
        .filter(contacts::id.eq_any(ids))
        .select((contacts::id, contacts::name))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Those of these contacts that do not exist, in the order given. One statement.
///
/// # Errors
/// The database's.
pub fn missing(connection: &mut DbConnection, scope: &Scope, ids: &[ContactId]) -> QueryResult<Vec<ContactId>> {
    let found = contacts::table
        .filter(contacts::tenant_id.eq(scope.tenant()))
        .filter(contacts::id.eq_any(ids))
        .select(contacts::id)
        .load(connection)?;
    Ok(without(ids, found))
}

/// Locks those of these contacts that exist until the end of the transaction, in ascending order, and returns them: so
/// that nobody can point at them while they are deleted. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[ContactId]) -> QueryResult<Vec<ContactId>> {
    queries::lock(connection, scope, ids)
}

/// As [`missing`], and those that exist cannot be deleted before the end of the transaction: for a write that refers
/// to them. They are locked in ascending order. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock_missing(connection: &mut DbConnection, scope: &Scope, ids: &[ContactId]) -> QueryResult<Vec<ContactId>> {
    let existing = contacts::table
        .filter(contacts::tenant_id.eq(scope.tenant()))
        .filter(contacts::id.eq_any(ids))
        .order(contacts::id)
        .select(contacts::id);
    let found = existing.held().load(connection)?;
    Ok(without(ids, found))
}

fn without(ids: &[ContactId], found: Vec<ContactId>) -> Vec<ContactId> {
    let found: HashSet<ContactId> = found.into_iter().collect();
    ids.iter().filter(|id| !found.contains(id)).copied().collect()
}

crm_core::reference_column! {
    contacts.organization_id: ContactId => OrganizationId;
    /// Takes these organizations off every contact.
    unlink_organizations;
    /// Makes every contact of one of these organizations a contact of `to`.
    repoint_organizations;
}

/// Whether any contact has a value in the custom field of this id.
///
/// # Errors
/// The database's.
pub fn has_custom_value(connection: &mut DbConnection, scope: &Scope, field: &str) -> QueryResult<bool> {
    let found: Option<ContactId> = contacts::table
        .filter(contacts::tenant_id.eq(scope.tenant()))
        .filter(HasCustomValue::new("custom_fields", field))
        .select(contacts::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}
