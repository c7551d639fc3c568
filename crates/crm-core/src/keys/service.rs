use diesel::prelude::*;
use diesel::result::Error as DieselError;

use super::stored::{KeyRow, insert};
use super::{ApiKey, ChangedKey, Key, KeyPatch, KeyWithSecret, NewKey, Right, Rights, Rotation};
use crate::schema::api_keys;
use crate::tenants::TenantError;
use crate::{
    Condition, DbConnection, FieldCode, FieldErrors, ForUpdateExt, KeyId, Scope, TenantId, Timestamp, Unmet, columns,
};

/// The most keys of a tenant beside its primary and secondary one.
pub const MOST_KEYS: usize = 100;
/// The most secrets of one key that were replaced and still work.
const MOST_IN_GRACE: usize = 5;

/// Why a key could not be made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// What was sent breaks a rule.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The tenant has no such key.
    #[error("no key has this id")]
    NotFound,
    /// It has as many as it may have, or its secrets were replaced too often within their grace.
    #[error("there are as many keys as there may be")]
    LimitReached,
    /// The key may do, or would, what whoever asks may not.
    #[error("the right {0} is missing")]
    MissingRight(Right),
    /// A key does not change what itself may do.
    #[error("a key does not change itself")]
    OwnKey,
    /// The secret in use was replaced: it is for finishing what was begun with it, not for getting the new one.
    #[error("the secret in use was replaced")]
    Replaced,
    /// The primary and the secondary key stay what they are.
    #[error("the primary and the secondary key stay what they are")]
    Fixed,
    /// It is not as the caller of the change expected.
    #[error("{0}")]
    Unmet(Unmet),
    /// Whoever asks uses no key, and so has none to rotate.
    #[error("no key is in use")]
    NoKey,
    /// The operating system has no randomness to give.
    #[error("no randomness for a key: {0}")]
    Randomness(getrandom::Error),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crate::from_write_error!(KeyError);

impl From<Unmet> for KeyError {
    fn from(unmet: Unmet) -> Self {
        Self::Unmet(unmet)
    }
}

impl From<getrandom::Error> for KeyError {
    fn from(error: getrandom::Error) -> Self {
        Self::Randomness(error)
    }
}

/// All keys of the tenant, oldest first.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut DbConnection, scope: &Scope) -> Result<Vec<Key>, KeyError> {
    let of_tenant = api_keys::table.filter(api_keys::tenant_id.eq(scope.tenant()));
    let rows: Vec<KeyRow> = of_tenant
        .order((api_keys::created_on, api_keys::role, api_keys::id))
        .select(columns::<KeyRow>())
        .load(connection)?;
    let (current, replaced): (Vec<KeyRow>, Vec<KeyRow>) = rows.into_iter().partition(|row| row.grace_until.is_none());
    current.into_iter().map(|row| Ok(with_latest_use(row, &replaced).into_key()?)).collect()
}

/// How the secrets begin that open the tenant at the moment of the scope, those in their grace included.
///
/// # Errors
/// The database's.
pub fn prefixes(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Vec<String>> {
    let now = Some(scope.now());
    let ends = |until: Option<Timestamp>| until.is_some() && until <= now;
    let of_tenant = api_keys::table.filter(api_keys::tenant_id.eq(scope.tenant()));
    let rows: Vec<KeyRow> = of_tenant.order(api_keys::prefix).select(columns::<KeyRow>()).load(connection)?;
    let open = rows.into_iter().filter(|row| !ends(row.expires_on) && !ends(row.grace_until));
    let mut prefixes: Vec<String> = open.map(|row| row.prefix).collect();
    prefixes.dedup();
    Ok(prefixes)
}

/// One key.
///
/// # Errors
/// [`KeyError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: KeyId) -> Result<Key, KeyError> {
    let rows: Vec<KeyRow> = of_key(scope, id).select(columns::<KeyRow>()).load(connection)?;
    let (mut current, replaced): (Vec<KeyRow>, Vec<KeyRow>) =
        rows.into_iter().partition(|row| row.grace_until.is_none());
    let row = current.pop().ok_or(KeyError::NotFound)?;
    Ok(with_latest_use(row, &replaced).into_key()?)
}

/// A key that was rotated was used whenever one of its secrets was.
fn with_latest_use(mut row: KeyRow, replaced: &[KeyRow]) -> KeyRow {
    let others = replaced.iter().filter(|other| other.id == row.id).map(|other| other.last_used_on);
    row.last_used_on = others.fold(row.last_used_on, Ord::max);
    row
}

/// Makes a key. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`KeyError::Invalid`], [`KeyError::MissingRight`], [`KeyError::LimitReached`], [`KeyError::Replaced`]; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewKey) -> Result<KeyWithSecret, KeyError> {
    check_given(scope, new.scopes)?;
    check_expiry(scope.now(), new.expires_on)?;
    lock(connection, scope.tenant())?;
    check_current(connection, scope)?;
    let named = api_keys::table.filter(api_keys::tenant_id.eq(scope.tenant())).filter(api_keys::role.is_null());
    let count: i64 = named.filter(api_keys::grace_until.is_null()).count().get_result(connection)?;
    if usize::try_from(count).is_ok_and(|count| count >= MOST_KEYS) {
        return Err(KeyError::LimitReached);
    }
    let described = Key {
        id: KeyId::random(),
        name: new.name.clone(),
        scopes: new.scopes,
        expires_on: new.expires_on,
        role: None,
        prefix: String::new(),
        created_on: scope.now(),
        last_used_on: None,
    };
    store(connection, scope, &described)
}

/// Changes a key. Every secret of it that works has the new rights from now on; gateways that remember it learn so within
/// 5 seconds. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`KeyError::OwnKey`], [`KeyError::Replaced`], [`KeyError::Fixed`], [`KeyError::Invalid`], [`KeyError::MissingRight`],
/// [`KeyError::NotFound`]; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: KeyId,
    condition: &Condition<Key>,
    patch: &KeyPatch,
) -> Result<ChangedKey, KeyError> {
    let before = get_locked(connection, scope, id, condition)?;
    check_current(connection, scope)?;
    if scope.actor().key_id() == Some(id) {
        return Err(KeyError::OwnKey);
    }
    let mut after = before.clone();
    after.name = patch.name.clone().unwrap_or(after.name);
    after.scopes = patch.scopes.unwrap_or(after.scopes);
    after.expires_on = patch.expires_on.applied_to(after.expires_on, |moment| *moment);
    if after == before {
        return Ok(ChangedKey { before, after });
    }
    let is_fixed = (after.scopes, after.expires_on) != (before.scopes, before.expires_on);
    if before.role.is_some() && is_fixed {
        return Err(KeyError::Fixed);
    }
    check_given(scope, before.scopes.and(after.scopes))?;
    if after.expires_on != before.expires_on {
        check_expiry(scope.now(), after.expires_on)?;
    }
    diesel::update(of_key(scope, id))
        .set((
            api_keys::name.eq(after.name.as_str()),
            api_keys::scopes.eq(after.scopes.to_string()),
            api_keys::expires_on.eq(after.expires_on),
        ))
        .execute(connection)?;
    Ok(ChangedKey { before, after })
}

/// Deletes a key, and gives it as it was: it is nobody's from now on, within 5 seconds on gateways that remember it. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`KeyError::Fixed`], [`KeyError::NotFound`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    id: KeyId,
    condition: &Condition<Key>,
) -> Result<Key, KeyError> {
    let key = get_locked(connection, scope, id, condition)?;
    if key.role.is_some() {
        return Err(KeyError::Fixed);
    }
    diesel::delete(of_key(scope, id)).execute(connection)?;
    Ok(key)
}

/// Puts a new secret in the place of a key's. The old one works for the grace and then nowhere; without a grace, neither
/// it nor one that an earlier rotation left works any more. Gateways that remember it learn so within 5 seconds. Call it in
/// a [`DbConnection::write`].
///
/// # Errors
/// [`KeyError::MissingRight`] where the key may do more than whoever asks, [`KeyError::LimitReached`] where five secrets of
/// it are in their grace, [`KeyError::Replaced`], [`KeyError::NotFound`]; the database's.
pub fn rotate(
    connection: &mut DbConnection,
    scope: &Scope,
    id: KeyId,
    condition: &Condition<Key>,
    rotation: Rotation,
) -> Result<KeyWithSecret, KeyError> {
    let key = get_locked(connection, scope, id, condition)?;
    check_current(connection, scope)?;
    check_given(scope, key.scopes)?;
    match rotation.grace_minutes.after(scope.now()) {
        None => diesel::delete(of_key(scope, id)).execute(connection)?,
        Some(until) => {
            let replaced = of_key(scope, id).filter(api_keys::grace_until.is_not_null());
            diesel::delete(replaced.filter(api_keys::grace_until.le(scope.now()).assume_not_null()))
                .execute(connection)?;
            let in_grace: i64 = replaced.count().get_result(connection)?;
            if usize::try_from(in_grace).is_ok_and(|count| count >= MOST_IN_GRACE) {
                return Err(KeyError::LimitReached);
            }
            let current = of_key(scope, id).filter(api_keys::grace_until.is_null());
            diesel::update(current).set(api_keys::grace_until.eq(until)).execute(connection)?
        }
    };
    store(connection, scope, &key)
}

/// [`rotate`]s the key that is in use, whatever it may do.
///
/// # Errors
/// [`KeyError::NoKey`], and those of [`rotate`] but for rights.
pub fn rotate_own(connection: &mut DbConnection, scope: &Scope, rotation: Rotation) -> Result<KeyWithSecret, KeyError> {
    let id = scope.actor().key_id().ok_or(KeyError::NoKey)?;
    rotate(connection, scope, id, &Condition::none(), rotation)
}

/// Takes all its keys from a tenant.
pub(crate) fn delete_all(connection: &mut DbConnection, tenant: TenantId) -> QueryResult<()> {
    lock(connection, tenant)?;
    diesel::delete(api_keys::table.filter(api_keys::tenant_id.eq(tenant))).execute(connection).map(drop)
}

/// Takes all its keys from a tenant but for the primary and the secondary one.
pub(crate) fn delete_named(connection: &mut DbConnection, tenant: TenantId) -> QueryResult<()> {
    lock(connection, tenant)?;
    let named = api_keys::table.filter(api_keys::tenant_id.eq(tenant)).filter(api_keys::role.is_null());
    diesel::delete(named).execute(connection).map(drop)
}

/// Puts a new secret in the place of every one that the tenant's keys have, those in their grace included; oldest key first.
pub(crate) fn replace_all(connection: &mut DbConnection, tenant: TenantId) -> Result<Vec<KeyWithSecret>, TenantError> {
    lock(connection, tenant)?;
    let of_tenant = api_keys::table.filter(api_keys::tenant_id.eq(tenant));
    let current: Vec<KeyRow> = of_tenant
        .filter(api_keys::grace_until.is_null())
        .order((api_keys::created_on, api_keys::id))
        .select(columns::<KeyRow>())
        .load(connection)?;
    diesel::delete(of_tenant).execute(connection)?;
    let replaced = current.into_iter().map(|row| {
        let described = row.into_key()?;
        let secret = ApiKey::generate(described.scopes)?;
        let row = KeyRow::new(tenant, &described, &secret);
        insert(connection, &row)?;
        Ok(KeyWithSecret { described: row.into_key()?, key: Some(secret.reveal().to_owned()) })
    });
    replaced.collect()
}

fn store(connection: &mut DbConnection, scope: &Scope, described: &Key) -> Result<KeyWithSecret, KeyError> {
    let secret = ApiKey::generate(described.scopes)?;
    let row = KeyRow::new(scope.tenant(), described, &secret);
    insert(connection, &row)?;
    Ok(KeyWithSecret { described: row.into_key()?, key: Some(secret.reveal().to_owned()) })
}

/// A key, with the tenant's keys locked until the end of the transaction.
fn get_locked(
    connection: &mut DbConnection,
    scope: &Scope,
    id: KeyId,
    condition: &Condition<Key>,
) -> Result<Key, KeyError> {
    lock(connection, scope.tenant())?;
    let key = get(connection, scope, id)?;
    condition.check(|| Ok::<_, KeyError>(key.clone()))?;
    Ok(key)
}

/// One change of a tenant's keys after the other: the keys that every tenant has stand for all of them.
fn lock(connection: &mut DbConnection, tenant: TenantId) -> QueryResult<()> {
    let fixed = api_keys::table.filter(api_keys::tenant_id.eq(tenant)).filter(api_keys::role.is_not_null());
    let _: Vec<KeyId> = fixed.order(api_keys::hash).select(api_keys::id).locked().load(connection)?;
    Ok(())
}

/// Whoever has a secret that was replaced, perhaps because it leaked, does not get another for it: not the one in its place,
/// nor one of another key that outlives it. Asked under the lock, because gateways remember for some seconds whose a secret is.
fn check_current(connection: &mut DbConnection, scope: &Scope) -> Result<(), KeyError> {
    let Some(secret) = scope.actor().secret() else { return Ok(()) };
    let used = api_keys::table.find((scope.tenant(), secret.as_bytes())).filter(api_keys::grace_until.is_null());
    let is_current = used.select(api_keys::id).first::<KeyId>(connection).optional()?.is_some();
    if is_current { Ok(()) } else { Err(KeyError::Replaced) }
}

/// Nobody gives what he has not.
fn check_given(scope: &Scope, rights: Rights) -> Result<(), KeyError> {
    scope.actor().rights().lacking(rights).map_or(Ok(()), |right| Err(KeyError::MissingRight(right)))
}

fn check_expiry(now: Timestamp, expires_on: Option<Timestamp>) -> Result<(), KeyError> {
    if expires_on.is_some_and(|moment| moment <= now) {
        return Err(FieldErrors::of("expiresOn", FieldCode::OutOfRange, "must lie in the future").into());
    }
    Ok(())
}

#[diesel::dsl::auto_type]
fn of_key<'a>(scope: &'a Scope, id: KeyId) -> _ {
    let tenant: TenantId = scope.tenant();
    api_keys::table.filter(api_keys::tenant_id.eq(tenant)).filter(api_keys::id.eq(id))
}
