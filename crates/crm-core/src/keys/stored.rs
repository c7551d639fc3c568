use diesel::prelude::*;
use diesel::result::Error as DieselError;

use super::{ApiKey, Key, KeyHash, KeyRole, Rights};
use crate::records::Stored;
use crate::schema::{api_keys, tenants};
use crate::values::Title;
use crate::{Db, DbConnection, KeyId, PublicTenantId, TenantId, Timestamp, columns};

/// Whose key it is, and what it may do.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The tenant inside the database.
    pub tenant: TenantId,
    /// The tenant as clients see it.
    pub public_tenant: PublicTenantId,
    /// The id of the key.
    pub id: KeyId,
    /// The secret that was used.
    pub secret: KeyHash,
    /// Its name.
    pub name: Title,
    /// Which of the two keys that every tenant has, where it is one of them.
    pub role: Option<KeyRole>,
    /// What it may do.
    pub rights: Rights,
    /// When the key stops working, as its maker decided.
    pub expires_on: Option<Timestamp>,
    /// When this secret stops working, because another one took its place.
    pub grace_until: Option<Timestamp>,
    /// Whether nothing of the tenant may be changed at present.
    pub is_frozen: bool,
}

/// One secret of a key: the current one, or one that was replaced and works for some time yet. All of a key share its id
/// and what describes it.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, check_for_backend(Db))]
pub(super) struct KeyRow {
    pub(super) tenant_id: TenantId,
    pub(super) id: KeyId,
    pub(super) hash: Vec<u8>,
    pub(super) name: String,
    pub(super) role: Option<String>,
    pub(super) scopes: String,
    pub(super) prefix: String,
    pub(super) is_chosen: bool,
    pub(super) created_on: Timestamp,
    pub(super) expires_on: Option<Timestamp>,
    pub(super) last_used_on: Option<Timestamp>,
    pub(super) grace_until: Option<Timestamp>,
}

impl KeyRow {
    pub(super) fn new(tenant: TenantId, described: &Key, secret: &ApiKey) -> Self {
        Self {
            tenant_id: tenant,
            id: described.id,
            hash: secret.hash().as_bytes().to_vec(),
            name: described.name.to_string(),
            role: described.role.map(|role| role.as_str().to_owned()),
            scopes: described.scopes.to_string(),
            prefix: secret.prefix().to_owned(),
            is_chosen: !secret.is_generated(),
            created_on: described.created_on,
            expires_on: described.expires_on,
            last_used_on: described.last_used_on,
            grace_until: None,
        }
    }

    pub(super) fn into_key(self) -> QueryResult<Key> {
        let Self { tenant_id: _, id, hash: _, name, role, scopes, prefix, is_chosen: _, .. } = self;
        Ok(Key {
            id,
            name: Title::stored(name),
            scopes: scopes.parse().map_err(unreadable)?,
            expires_on: self.expires_on,
            role: role.as_deref().and_then(KeyRole::from_stored),
            prefix,
            created_on: self.created_on,
            last_used_on: self.last_used_on,
        })
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DieselError {
    DieselError::DeserializationError(Box::new(error))
}

pub(super) fn insert(connection: &mut DbConnection, row: &KeyRow) -> QueryResult<()> {
    diesel::insert_into(api_keys::table).values(row).execute(connection).map(drop)
}

/// Stores a key that the new tenant has from the start.
pub(crate) fn store_first(
    connection: &mut DbConnection,
    tenant: TenantId,
    role: KeyRole,
    secret: &ApiKey,
    now: Timestamp,
) -> QueryResult<()> {
    let described = Key {
        id: KeyId::random(),
        name: Title::stored(role.as_str().to_owned()),
        scopes: role.rights(),
        expires_on: None,
        role: Some(role),
        prefix: String::new(),
        created_on: now,
        last_used_on: None,
    };
    insert(connection, &KeyRow::new(tenant, &described, secret))
}

/// Puts a secret in the place of every one that the key of this role has.
pub(crate) fn replace_of_role(
    connection: &mut DbConnection,
    tenant: TenantId,
    role: KeyRole,
    secret: &ApiKey,
) -> QueryResult<()> {
    let of_role = api_keys::table.filter(api_keys::tenant_id.eq(tenant)).filter(api_keys::role.eq(role.as_str()));
    let current = of_role.filter(api_keys::grace_until.is_null()).select(columns::<KeyRow>());
    let described = current.first::<KeyRow>(connection)?.into_key()?;
    diesel::delete(of_role).execute(connection)?;
    insert(connection, &KeyRow::new(tenant, &described, secret))
}

/// Whose key this is; `None` also where another one took its place and its time is over. Whether it
/// [has expired](Holder::expires_on) is for the caller to tell.
///
/// # Errors
/// The database's.
pub fn find_holder(connection: &mut DbConnection, hash: &KeyHash, now: Timestamp) -> QueryResult<Option<Holder>> {
    let found: Option<(String, Option<Timestamp>, KeyRow)> = api_keys::table
        .inner_join(tenants::table.on(tenants::id.eq(api_keys::tenant_id)))
        // A key that was made in the last moments of a tenant opens nothing.
        .filter(api_keys::hash.eq(hash.as_bytes()).and(tenants::deleted_on.is_null()))
        .select((tenants::public_id, tenants::frozen_on, columns::<KeyRow>()))
        .first(connection)
        .optional()?;
    let Some((public_tenant, frozen_on, row)) = found else { return Ok(None) };
    // The index found the row by comparing bytes; what decides is this comparison in constant time.
    let equal = bool::from(subtle::ConstantTimeEq::ct_eq(row.hash.as_slice(), hash.as_bytes()));
    if !equal || row.grace_until.is_some_and(|until| until <= now) {
        return Ok(None);
    }
    let (tenant, grace_until) = (row.tenant_id, row.grace_until);
    let Key { id, name, role, scopes: rights, expires_on, .. } = row.into_key()?;
    let public_tenant = public_tenant.parse().map_err(unreadable)?;
    let (secret, is_frozen) = (*hash, frozen_on.is_some());
    Ok(Some(Holder { tenant, public_tenant, id, secret, name, role, rights, expires_on, grace_until, is_frozen }))
}

/// Whether any tenant has a key that somebody chose: only then can a key without our checksum be one.
///
/// # Errors
/// The database's.
pub fn any_chosen(connection: &mut DbConnection) -> QueryResult<bool> {
    let chosen = api_keys::table.filter(api_keys::is_chosen.eq(true)).select(api_keys::tenant_id);
    Ok(chosen.first::<i64>(connection).optional()?.is_some())
}

/// Notes when keys were used last. Call it now and then with all that were used since: a write for each request would cost
/// more than the request.
///
/// # Errors
/// The database's.
pub fn note_uses(connection: &mut DbConnection, uses: &[(TenantId, KeyHash, Timestamp)]) -> QueryResult<()> {
    for (tenant, hash, when) in uses {
        let key = api_keys::table.find((*tenant, hash.as_bytes()));
        let earlier = api_keys::last_used_on.is_null().or(api_keys::last_used_on.lt(*when).assume_not_null());
        diesel::update(key.filter(earlier)).set(api_keys::last_used_on.eq(*when)).execute(connection)?;
    }
    Ok(())
}
