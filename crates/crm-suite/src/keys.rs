//! Keys whose changes are written down. Reading them needs nothing from here: [`crm_core::keys`].

use crm_core::keys::{self, ApiKey, ChangedKey, Key, KeyError, KeyPatch, KeyRole, KeyWithSecret, NewKey, Rotation};
use crm_core::tenants::{self, TenantError};
use crm_core::{Condition, DbConnection, KeyId, PublicTenantId, Scope, Timestamp};
use crm_history::{Action, Fields, Kind, NewChange, What};
use diesel::QueryResult;

/// Makes a key.
///
/// # Errors
/// Those of [`keys::create`].
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewKey) -> Result<KeyWithSecret, KeyError> {
    let made = keys::create(connection, scope, new)?;
    record(connection, scope, Action::Created, What::whole(made.described.id, &made.described)?)?;
    Ok(made)
}

/// Changes a key.
///
/// # Errors
/// Those of [`keys::update`].
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: KeyId,
    condition: &Condition<Key>,
    patch: &KeyPatch,
) -> Result<Key, KeyError> {
    let ChangedKey { before, after } = keys::update(connection, scope, id, condition, patch)?;
    let fields = Fields::none()
        .compare("name", &before.name, &after.name)
        .compare("scopes", &before.scopes, &after.scopes)
        .compare("expiresOn", &before.expires_on, &after.expires_on);
    if !fields.is_empty() {
        record(connection, scope, Action::Updated, What::changed(id, fields)?)?;
    }
    Ok(after)
}

/// Deletes a key.
///
/// # Errors
/// Those of [`keys::delete`].
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    id: KeyId,
    condition: &Condition<Key>,
) -> Result<(), KeyError> {
    let key = keys::delete(connection, scope, id, condition)?;
    Ok(record(connection, scope, Action::Deleted, What::whole(id, &key)?)?)
}

/// Puts a new secret in the place of a key's.
///
/// # Errors
/// Those of [`keys::rotate`].
pub fn rotate(
    connection: &mut DbConnection,
    scope: &Scope,
    id: KeyId,
    condition: &Condition<Key>,
    rotation: Rotation,
) -> Result<KeyWithSecret, KeyError> {
    let rotated = keys::rotate(connection, scope, id, condition, rotation)?;
    record_rotation(connection, scope, id)?;
    Ok(rotated)
}

/// Puts a new secret in the place of that of the key in use.
///
/// # Errors
/// Those of [`keys::rotate_own`].
pub fn rotate_own(connection: &mut DbConnection, scope: &Scope, rotation: Rotation) -> Result<KeyWithSecret, KeyError> {
    let rotated = keys::rotate_own(connection, scope, rotation)?;
    record_rotation(connection, scope, rotated.described.id)?;
    Ok(rotated)
}

/// Replaces the primary or secondary key of a tenant, for whoever operates the server.
///
/// # Errors
/// Those of [`tenants::rotate_key`].
pub fn rotate_of_role(
    connection: &mut DbConnection,
    tenant: &PublicTenantId,
    role: KeyRole,
    now: Timestamp,
) -> Result<ApiKey, TenantError> {
    let key = tenants::rotate_key(connection, tenant, role)?;
    let found = tenants::find(connection, tenant)?;
    let scope = Scope::new(found.id, found.public_id, now);
    record_role(connection, &scope, role)?;
    Ok(key)
}

fn record_role(connection: &mut DbConnection, scope: &Scope, role: KeyRole) -> QueryResult<()> {
    match keys::list(connection, scope) {
        Ok(all) => match all.into_iter().find(|key| key.role == Some(role)) {
            Some(key) => record_rotation(connection, scope, key.id),
            None => Ok(()),
        },
        Err(KeyError::Database(error)) => Err(error),
        Err(_) => Ok(()),
    }
}

/// That the secret is another one, and nothing of it.
fn record_rotation(connection: &mut DbConnection, scope: &Scope, id: KeyId) -> QueryResult<()> {
    record(connection, scope, Action::Updated, What::changed(id, Fields::none().secret("key", true))?)
}

fn record(connection: &mut DbConnection, scope: &Scope, action: Action, what: What) -> QueryResult<()> {
    crm_history::record(connection, scope, NewChange::new(Kind::Key, action), what)?;
    Ok(())
}
