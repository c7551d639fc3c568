//! Tenants and their keys.

mod erasure;

use diesel::prelude::*;
use diesel::result::Error as DieselError;

use crate::error::is_unique_violation;
use crate::keys::{self, ApiKey, KeyRole, KeyWithSecret};
use crate::page::{Page, PageRequest, RowIdKind, SortColumn, SortField, SortKey, SortKind};
use crate::schema::tenants;
use crate::{Db, DbConnection, ForUpdateExt, PortableExt, PublicTenantId, TenantId, Timestamp, columns};

pub use erasure::{TenantTable, tables};

/// A tenant: the owner of every record, called "instance" in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id inside the database.
    pub id: TenantId,
    /// Its id as clients see it.
    pub public_id: PublicTenantId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_on: Timestamp,
    /// Since when it is being deleted: it has no keys any more, and is found by nobody but who goes on deleting it.
    pub deleted_on: Option<Timestamp>,
    /// Since when nothing of it may be changed, because it is being moved to another database.
    pub frozen_on: Option<Timestamp>,
}

impl Tenant {
    /// For whoever writes and was not told by a key or a token whether it takes writes.
    fn if_it_takes_writes(self) -> Result<Self, TenantError> {
        if self.frozen_on.is_some() { Err(TenantError::Frozen(self.public_id)) } else { Ok(self) }
    }
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = tenants, check_for_backend(Db))]
struct TenantRow {
    id: TenantId,
    public_id: String,
    name: String,
    created_on: Timestamp,
    deleted_on: Option<Timestamp>,
    frozen_on: Option<Timestamp>,
}

impl TenantRow {
    fn into_tenant(self) -> QueryResult<Tenant> {
        let Self { id, public_id, name, created_on, deleted_on, frozen_on } = self;
        let public_id = public_id.parse().map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
        Ok(Tenant { id, public_id, name, created_on, deleted_on, frozen_on })
    }
}

/// Why a tenant or key could not be made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// A tenant of this id exists.
    #[error("a tenant with the id {0} exists already")]
    Exists(PublicTenantId),
    /// No tenant has this id.
    #[error("no tenant has the id {0}")]
    Unknown(PublicTenantId),
    /// The tenant is [frozen](freeze).
    #[error("the tenant {0} is frozen: it takes no changes until `tenants thaw`")]
    Frozen(PublicTenantId),
    /// A chosen key is in use already.
    #[error("the chosen key is in use already")]
    KeyInUse,
    /// The operating system has no randomness to give.
    #[error("no randomness for a key: {0}")]
    Randomness(getrandom::Error),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

impl From<DieselError> for TenantError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl From<getrandom::Error> for TenantError {
    fn from(error: getrandom::Error) -> Self {
        Self::Randomness(error)
    }
}

/// A tenant that was just made, with its keys: they are shown now and never again.
pub struct CreatedTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// Reads and writes.
    pub primary: ApiKey,
    /// Reads only.
    pub secondary: ApiKey,
}

/// The keys of a new tenant, where somebody chose them beforehand.
#[derive(Clone)]
pub struct ChosenKeys {
    /// Reads and writes.
    pub primary: ApiKey,
    /// Reads only.
    pub secondary: ApiKey,
}

/// Makes a tenant and its keys: new ones unless `chosen`. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TenantError::Exists`], with nothing changed once the transaction is rolled back; the database's.
pub fn create(
    connection: &mut DbConnection,
    public_id: &PublicTenantId,
    name: &str,
    chosen: Option<&ChosenKeys>,
    now: Timestamp,
) -> Result<CreatedTenant, TenantError> {
    let inserted: Option<TenantRow> = diesel::insert_into(tenants::table)
        .values((tenants::public_id.eq(public_id.as_str()), tenants::name.eq(name), tenants::created_on.eq(now)))
        .on_conflict_do_nothing()
        .returning(columns::<TenantRow>())
        .portable()
        .get_result(connection)
        .optional()?;
    let tenant = inserted.ok_or_else(|| TenantError::Exists(public_id.clone()))?.into_tenant()?;
    let key =
        |role: KeyRole, chosen: Option<&ApiKey>| chosen.cloned().map_or_else(|| ApiKey::generate(role.rights()), Ok);
    let primary = key(KeyRole::Primary, chosen.map(|keys| &keys.primary))?;
    let secondary = key(KeyRole::Secondary, chosen.map(|keys| &keys.secondary))?;
    for (role, key) in [(KeyRole::Primary, &primary), (KeyRole::Secondary, &secondary)] {
        keys::store_first(connection, tenant.id, role, key, now).map_err(key_in_use)?;
    }
    Ok(CreatedTenant { tenant, primary, secondary })
}

/// Every tenant, by id.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut DbConnection) -> Result<Vec<Tenant>, TenantError> {
    let rows: Vec<TenantRow> =
        tenants::table.order(tenants::public_id).select(columns::<TenantRow>()).load(connection)?;
    Ok(rows.into_iter().map(TenantRow::into_tenant).collect::<QueryResult<_>>()?)
}

/// What a list of tenants can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantSort {
    /// When it was made.
    CreatedOn,
}

impl SortField for TenantSort {
    const LIST: &'static str = "tenants";

    const NAMES: &'static [(&'static str, Self)] = &[("createdOn", Self::CreatedOn), ("createdAt", Self::CreatedOn)];

    const ID: RowIdKind = RowIdKind::Number;

    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
        }
    }
}

/// A page of all tenants.
///
/// # Errors
/// The database's.
pub fn page(connection: &mut DbConnection, request: &PageRequest<TenantSort>) -> Result<Page<Tenant>, TenantError> {
    let place = |row: &TenantRow, _, _| (SortKey::Moment(row.created_on), row.id.as_i64());
    let existing = || tenants::table.filter(tenants::deleted_on.is_null()).into_boxed::<Db>();
    let page: Page<TenantRow> = request.load_of(connection, None, existing, place, |_| Ok(None))?;
    Ok(page.try_map(|rows| rows.into_iter().map(TenantRow::into_tenant).collect::<QueryResult<_>>())?)
}

/// Whether any tenant exists.
///
/// # Errors
/// The database's.
pub fn any(connection: &mut DbConnection) -> Result<bool, TenantError> {
    Ok(tenants::table.select(tenants::id).first::<i64>(connection).optional()?.is_some())
}

/// The tenant with this public id, unless it is being deleted.
///
/// # Errors
/// [`TenantError::Unknown`]; the database's.
pub fn find(connection: &mut DbConnection, public_id: &PublicTenantId) -> Result<Tenant, TenantError> {
    let row: Option<TenantRow> = tenants::table
        .filter(tenants::public_id.eq(public_id.as_str()).and(tenants::deleted_on.is_null()))
        .select(columns::<TenantRow>())
        .first(connection)
        .optional()?;
    Ok(row.ok_or_else(|| TenantError::Unknown(public_id.clone()))?.into_tenant()?)
}

/// As [`find`], for whoever writes and was not told by a key or a token whether the tenant takes writes.
///
/// # Errors
/// [`TenantError::Unknown`]; [`TenantError::Frozen`]; the database's.
pub fn find_to_write(connection: &mut DbConnection, public_id: &PublicTenantId) -> Result<Tenant, TenantError> {
    find(connection, public_id)?.if_it_takes_writes()
}

/// Whether there still is such a tenant, and it is not being deleted: its number is never another's.
///
/// # Errors
/// The database's.
pub fn exists(connection: &mut DbConnection, tenant: TenantId) -> Result<bool, TenantError> {
    let found: Option<TenantId> = tenants::table
        .filter(tenants::id.eq(tenant).and(tenants::deleted_on.is_null()))
        .select(tenants::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// Freezes a tenant, so that it can be moved: gateways that know refuse every write of it, and deliver none of its webhooks.
/// One that remembers a key of it knows within 5 seconds. Freezing again changes nothing. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TenantError::Unknown`]; the database's.
pub fn freeze(
    connection: &mut DbConnection,
    public_id: &PublicTenantId,
    now: Timestamp,
) -> Result<Tenant, TenantError> {
    let tenant = find(connection, public_id)?;
    let thawed = tenants::table.find(tenant.id).filter(tenants::frozen_on.is_null());
    diesel::update(thawed).set(tenants::frozen_on.eq(now)).execute(connection)?;
    find(connection, public_id)
}

/// Ends what [`freeze`] began. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TenantError::Unknown`]; the database's.
pub fn thaw(connection: &mut DbConnection, public_id: &PublicTenantId) -> Result<Tenant, TenantError> {
    let tenant = find(connection, public_id)?;
    diesel::update(tenants::table.find(tenant.id)).set(tenants::frozen_on.eq(None::<Timestamp>)).execute(connection)?;
    Ok(Tenant { frozen_on: None, ..tenant })
}

/// Whether a tenant is frozen.
///
/// # Errors
/// The database's.
pub fn is_frozen(connection: &mut DbConnection, tenant: TenantId) -> QueryResult<bool> {
    let frozen = tenants::table.filter(tenants::id.eq(tenant).and(tenants::frozen_on.is_not_null()));
    Ok(frozen.select(tenants::id).first::<TenantId>(connection).optional()?.is_some())
}

/// Begins to delete a tenant: its keys are gone with the commit, and nobody finds it any more. A gateway that remembers a key
/// does so for at most 5 seconds. What the tenant has goes afterwards, in parts ([`tables`]), and [`delete`] ends it. Beginning
/// again changes nothing. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TenantError::Unknown`]; the database's.
pub fn revoke(
    connection: &mut DbConnection,
    public_id: &PublicTenantId,
    now: Timestamp,
) -> Result<Tenant, TenantError> {
    let named = tenants::table.filter(tenants::public_id.eq(public_id.as_str()));
    diesel::update(named.filter(tenants::deleted_on.is_null())).set(tenants::deleted_on.eq(now)).execute(connection)?;
    let row: Option<TenantRow> = named.select(columns::<TenantRow>()).first(connection).optional()?;
    let tenant = row.ok_or_else(|| TenantError::Unknown(public_id.clone()))?.into_tenant()?;
    keys::delete_all(connection, tenant.id)?;
    Ok(tenant)
}

/// Deletes everything that a tenant has but for its primary and its secondary key, in the caller's transaction, and returns
/// the tenant.
///
/// # Errors
/// [`TenantError::Unknown`]; the database's.
pub fn empty(connection: &mut DbConnection, public_id: &PublicTenantId) -> Result<Tenant, TenantError> {
    let tenant = find(connection, public_id)?;
    // Whoever writes in the tenant holds its row by a foreign key: none is half-way while the tables go one by one.
    let _: TenantId =
        tenants::table.filter(tenants::id.eq(tenant.id)).select(tenants::id).locked().get_result(connection)?;
    for table in tables(connection)? {
        if table.name() == "api_keys" {
            keys::delete_named(connection, tenant.id)?;
        } else {
            table.erase(connection, tenant.id, usize::try_from(i64::MAX).unwrap_or(usize::MAX))?;
        }
    }
    Ok(tenant)
}

/// Deletes a tenant and, by the foreign keys, everything that it still has.
///
/// # Errors
/// [`TenantError::Unknown`]; the database's.
pub fn delete(connection: &mut DbConnection, public_id: &PublicTenantId) -> Result<(), TenantError> {
    let gone = diesel::delete(tenants::table.filter(tenants::public_id.eq(public_id.as_str()))).execute(connection)?;
    if gone == 0 { Err(TenantError::Unknown(public_id.clone())) } else { Ok(()) }
}

/// Replaces one key of a tenant by a new one. The old one is gone with the commit; gateways that remember
/// it do so for at most 5 seconds. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TenantError::Unknown`]; [`TenantError::Frozen`]; the database's.
pub fn rotate_key(
    connection: &mut DbConnection,
    public_id: &PublicTenantId,
    role: KeyRole,
) -> Result<ApiKey, TenantError> {
    let row: Option<TenantRow> = tenants::table
        .filter(tenants::public_id.eq(public_id.as_str()).and(tenants::deleted_on.is_null()))
        .select(columns::<TenantRow>())
        .locked()
        .get_result(connection)
        .optional()?;
    let row = row.ok_or_else(|| TenantError::Unknown(public_id.clone()))?;
    let tenant = row.into_tenant()?.if_it_takes_writes()?;
    let key = ApiKey::generate(role.rights())?;
    keys::replace_of_role(connection, tenant.id, role, &key)?;
    Ok(key)
}

/// Replaces every key of every tenant, in the order of the tenants' ids: what a restored backup asks for, in which keys live
/// again that were rotated or deleted since. Gateways that remember the old ones do so for at most 5 seconds. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`TenantError::Frozen`] where one of them is; the database's.
pub fn rotate_all_keys(connection: &mut DbConnection) -> Result<Vec<(Tenant, Vec<KeyWithSecret>)>, TenantError> {
    let rows: Vec<TenantRow> = tenants::table
        .filter(tenants::deleted_on.is_null())
        .order(tenants::id)
        .select(columns::<TenantRow>())
        .locked()
        .get_results(connection)?;
    let rotated = rows.into_iter().map(|row| {
        let tenant = row.into_tenant()?.if_it_takes_writes()?;
        let keys = keys::replace_all(connection, tenant.id)?;
        Ok((tenant, keys))
    });
    rotated.collect()
}

fn key_in_use(error: DieselError) -> TenantError {
    if is_unique_violation(&error) { TenantError::KeyInUse } else { error.into() }
}
