//! Who is signed in to the console: for each browser a row, of the key that was used, with which it goes, or of a person for
//! whom an issuer of tokens vouched (docs/console.md).
//!
//! What the browser has is random, and the database holds its hash alone. Like keys, sessions are what names the tenant,
//! so that looking one up needs no [`Scope`](crate::Scope).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::keys::{self, Holder, KeyHash};
use crate::schema::{api_keys, sessions, tenants};
use crate::sql::Json;
use crate::values::User;
use crate::{Db, DbConnection, ForKeyShareExt, PublicTenantId, TenantId, Timestamp, columns};

/// How long a session of a key lives that nobody uses, and one of a person, used or not: whoever is to be let in no longer
/// is refused by the issuer, which nobody asks meanwhile.
const LIFE: Duration = Duration::hours(12);
/// The most sessions of a key or person: one more ends the oldest.
pub const MOST_SESSIONS: i64 = 100;
/// How many sessions one call of [`forget_expired`] deletes.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

/// What a browser has. It has no `Debug` and no `Display`, so that it reaches no log by accident.
#[derive(Clone)]
pub struct SessionSecret(String);

impl SessionSecret {
    /// How many characters it has: 256 bits in base64.
    const LENGTH: usize = 43;

    /// A new one: 256 bits from the operating system.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(secret)))
    }

    /// Takes one that a browser sends, when it can be one at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (text.len() == Self::LENGTH && text.bytes().all(sane)).then(|| Self(text.to_owned()))
    }

    /// What is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> SessionHash {
        SessionHash(Sha256::digest(&self.0).into())
    }

    /// What the forms of this session carry, so that no page of another site sends one.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.derived("form")
    }

    /// Whether a form carried the token of this session. In constant time.
    #[must_use]
    pub fn has_form_token(&self, token: &str) -> bool {
        self.has_derived("form", token)
    }

    /// What stands for the secret where this is asked of it, in 43 characters of base64: nobody else can know it, and it does
    /// not tell the secret, nor what stands for it elsewhere.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::new().chain_update(purpose).chain_update(" ").chain_update(&self.0).finalize())
    }

    /// Whether this is what [`derived`](Self::derived) gives. In constant time.
    #[must_use]
    pub fn has_derived(&self, purpose: &str, text: &str) -> bool {
        self.derived(purpose).as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// The secret itself, to give it to the browser.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The SHA-256 of a session's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHash([u8; 32]);

/// A person for whom an issuer vouched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who it is.
    pub user: User,
    /// Their roles, as far as they meant something then.
    pub roles: Vec<String>,
    /// Who vouched for them, and to which client.
    pub voucher: String,
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub enum Session {
    /// Whoever has a key.
    Key(Holder),
    /// A person.
    Person {
        /// In this tenant.
        tenant: TenantId,
        /// As clients see it.
        public_tenant: PublicTenantId,
        /// Whether nothing of the tenant may be changed at present.
        is_frozen: bool,
        /// Who.
        person: Person,
        /// When the session ends.
        expires_on: Timestamp,
    },
}

impl Session {
    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        match self {
            Self::Key(holder) => holder.tenant,
            Self::Person { tenant, .. } => *tenant,
        }
    }

    /// Whether it is of a person who has one of these roles.
    #[must_use]
    pub fn has_one_of(&self, roles: &[&str]) -> bool {
        match self {
            Self::Key(_) => false,
            Self::Person { person, .. } => person.roles.iter().any(|role| roles.contains(&role.as_str())),
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(Db))]
struct SessionRow {
    tenant_id: TenantId,
    hash: Vec<u8>,
    key_hash: Option<Vec<u8>>,
    person: Option<Json<Person>>,
    person_id: Option<String>,
    created_on: Timestamp,
    expires_on: Timestamp,
}

fn end(now: Timestamp) -> Timestamp {
    Timestamp::from_datetime(now.as_datetime() + LIFE)
}

/// Begins a session of whoever has this key; whether it is still somebody's. The oldest sessions of the key end where it has
/// [`MOST_SESSIONS`]. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn open(
    connection: &mut DbConnection,
    tenant: TenantId,
    key: &KeyHash,
    secret: &SessionSecret,
    now: Timestamp,
) -> QueryResult<bool> {
    // Held, so that the key is there as long as it takes.
    let key_of_tenant = api_keys::table.find((tenant, key.as_bytes())).filter(api_keys::grace_until.is_null());
    let held: Option<TenantId> = key_of_tenant.select(api_keys::tenant_id).held().get_result(connection).optional()?;
    if held.is_none() {
        return Ok(false);
    }
    end_oldest(connection, tenant, sessions::table.filter(sessions::key_hash.eq(key.as_bytes())).into_boxed())?;
    let key_hash = Some(key.as_bytes().to_vec());
    insert(connection, SessionRow { key_hash, ..row(tenant, secret, now) })
}

/// Begins a session of a person; whether the tenant is still there. The oldest sessions of the person end where they have
/// [`MOST_SESSIONS`]. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn open_for(
    connection: &mut DbConnection,
    tenant: TenantId,
    person: &Person,
    secret: &SessionSecret,
    now: Timestamp,
) -> QueryResult<bool> {
    let living = tenants::table.find(tenant).filter(tenants::deleted_on.is_null());
    let held: Option<TenantId> = living.select(tenants::id).held().get_result(connection).optional()?;
    if held.is_none() {
        return Ok(false);
    }
    end_oldest(connection, tenant, sessions::table.filter(sessions::person_id.eq(person.user.id())).into_boxed())?;
    let (person_id, person) = (Some(person.user.id().to_owned()), Some(Json(person.clone())));
    insert(connection, SessionRow { person, person_id, ..row(tenant, secret, now) })
}

/// One that is nobody's yet.
fn row(tenant: TenantId, secret: &SessionSecret, now: Timestamp) -> SessionRow {
    SessionRow {
        tenant_id: tenant,
        hash: secret.hash().0.to_vec(),
        key_hash: None,
        person: None,
        person_id: None,
        created_on: now,
        expires_on: end(now),
    }
}

fn insert(connection: &mut DbConnection, row: SessionRow) -> QueryResult<bool> {
    diesel::insert_into(sessions::table).values(row).execute(connection)?;
    Ok(true)
}

/// Of a tenant, those of whoever it is.
type Theirs<'a> = sessions::BoxedQuery<'a, Db>;

/// Makes room for one more of somebody's.
fn end_oldest(connection: &mut DbConnection, tenant: TenantId, theirs: Theirs<'_>) -> QueryResult<()> {
    let latest_first = theirs.filter(sessions::tenant_id.eq(tenant)).order(sessions::created_on.desc());
    let beyond = latest_first.offset(MOST_SESSIONS - 1).limit(FORGOTTEN_AT_ONCE).select(sessions::hash);
    let ended: Vec<Vec<u8>> = beyond.load(connection)?;
    if !ended.is_empty() {
        let ended = sessions::table.filter(sessions::tenant_id.eq(tenant)).filter(sessions::hash.eq_any(ended));
        diesel::delete(ended).execute(connection)?;
    }
    Ok(())
}

/// Who is signed in with this; `None` also where the key was rotated since, with a grace or without, or has expired, and where
/// the tenant is deleted.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut DbConnection, hash: &SessionHash, now: Timestamp) -> QueryResult<Option<Session>> {
    let found: Option<SessionRow> = sessions::table
        .filter(sessions::hash.eq(hash.0.as_slice()))
        .select(columns::<SessionRow>())
        .first(connection)
        .optional()?;
    let Some(row) = found.filter(|row| row.expires_on > now && bool::from(row.hash.as_slice().ct_eq(&hash.0))) else {
        return Ok(None);
    };
    if let Some(Json(person)) = row.person {
        return find_person(connection, row.tenant_id, person, row.expires_on);
    }
    let Some(key) = row.key_hash.as_deref().and_then(KeyHash::stored) else { return Ok(None) };
    let holder = keys::find_holder(connection, &key, now)?;
    let lives = |holder: &Holder| holder.grace_until.is_none() && holder.expires_on.is_none_or(|moment| moment > now);
    Ok(holder.filter(lives).map(Session::Key))
}

fn find_person(
    connection: &mut DbConnection,
    tenant: TenantId,
    person: Person,
    expires_on: Timestamp,
) -> QueryResult<Option<Session>> {
    let living = tenants::table.find(tenant).filter(tenants::deleted_on.is_null());
    let found: Option<(String, Option<Timestamp>)> =
        living.select((tenants::public_id, tenants::frozen_on)).first(connection).optional()?;
    let Some((public_tenant, frozen_on)) = found else { return Ok(None) };
    let public_tenant = public_tenant.parse().map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
    Ok(Some(Session::Person { tenant, public_tenant, is_frozen: frozen_on.is_some(), person, expires_on }))
}

/// Moves the end of sessions of keys on that were used. Call it now and then with all that were used since.
///
/// # Errors
/// The database's.
pub fn note_uses(connection: &mut DbConnection, uses: &[(TenantId, SessionHash, Timestamp)]) -> QueryResult<()> {
    for (tenant, hash, when) in uses {
        let until = end(*when);
        let session = sessions::table.find((*tenant, hash.0.as_slice()));
        let later = sessions::key_hash.is_not_null().and(sessions::expires_on.lt(until));
        diesel::update(session.filter(later)).set(sessions::expires_on.eq(until)).execute(connection)?;
    }
    Ok(())
}

/// Ends a session. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn close(connection: &mut DbConnection, tenant: TenantId, hash: &SessionHash) -> QueryResult<()> {
    diesel::delete(sessions::table.find((tenant, hash.0.as_slice()))).execute(connection).map(drop)
}

/// The tenants with sessions whose time is over. Those of one that is being deleted go by that.
///
/// # Errors
/// The database's.
pub fn tenants_with_expired(connection: &mut DbConnection, now: Timestamp) -> QueryResult<Vec<TenantId>> {
    let live = sessions::table.inner_join(tenants::table.on(tenants::id.eq(sessions::tenant_id)));
    let expired = live.filter(tenants::deleted_on.is_null()).filter(sessions::expires_on.le(now));
    expired.select(sessions::tenant_id).distinct().order(sessions::tenant_id).load(connection)
}

/// Deletes up to 1000 sessions of a tenant whose time is over, and tells how many they were. Call it again until none is left.
///
/// # Errors
/// The database's.
pub fn forget_expired(connection: &mut DbConnection, tenant: TenantId, now: Timestamp) -> QueryResult<usize> {
    let of_tenant = || sessions::table.filter(sessions::tenant_id.eq(tenant));
    let expired: Vec<Vec<u8>> = of_tenant()
        .filter(sessions::expires_on.le(now))
        .order(sessions::expires_on)
        .limit(FORGOTTEN_AT_ONCE)
        .select(sessions::hash)
        .load(connection)?;
    if expired.is_empty() {
        return Ok(0);
    }
    diesel::delete(of_tenant().filter(sessions::hash.eq_any(expired)).filter(sessions::expires_on.le(now)))
        .execute(connection)
}
