//! The first answers of requests that carried an `Idempotency-Key` (docs/compatibility.md, "Sending again").
//!
//! A program calls [`find`] at the start of the transaction in which it does what was asked for, and [`keep`] at
//! its end, so that the answer is committed with the effect or not at all.

use chrono::Duration;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Nullable};
use sha2::{Digest, Sha256};

use crate::keys::{Right, Rights};
use crate::schema::{idempotency_keys, tenants};
use crate::sql::{Instant, Json, JsonText};
use crate::{BackendKind, Db, DbConnection, PortableExt, Scope, TenantId, Timestamp, columns};

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::hours(24);
/// The most bytes of a body that is kept. Of a longer answer the rest is kept, so that nothing is done twice.
pub const LONGEST_BODY: usize = 256 * 1024;
/// The most bytes that are kept of a tenant, more or less: see [`beyond_quota`].
pub const QUOTA: usize = 64 * 1024 * 1024;
/// What a row takes beside its body: its key and fingerprint, its headers, and what the database needs for it.
const ROW: usize = 1024;
/// How many answers one call of [`forget_before`] deletes, but for those of the same millisecond.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

/// SHA-256 of everything that makes a request the same as another.
pub type Fingerprint = [u8; 32];

/// A response as it was first given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names and values of the headers that belong to it.
    pub headers: Vec<(String, String)>,
    /// The body; `None` where it was longer than [`LONGEST_BODY`].
    pub body: Option<Vec<u8>>,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: do what was asked for, then [`keep`] the answer.
    Nothing,
    /// Another transaction does it right now.
    Running,
    /// The key was used for another request.
    OtherRequest,
    /// It was done by somebody with this right, which whoever asks now has not: the answer is not theirs to see.
    Stronger(Right),
    /// It was done: this was the answer.
    Answer(KeptAnswer),
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, check_for_backend(Db))]
struct KeptRow {
    fingerprint: Vec<u8>,
    status: i16,
    headers: Json<Vec<(String, String)>>,
    body: Option<Vec<u8>>,
    size: i32,
    scopes: String,
    created_on: Timestamp,
}

impl KeptRow {
    fn into_found(self, scope: &Scope, fingerprint: &Fingerprint) -> QueryResult<Found> {
        let Self { fingerprint: first, status, headers: Json(headers), body, size: _, scopes, created_on: _ } = self;
        if first != fingerprint {
            return Ok(Found::OtherRequest);
        }
        let rights: Rights = scopes.parse().map_err(unreadable)?;
        if let Some(right) = scope.actor().rights().lacking(rights) {
            return Ok(Found::Stronger(right));
        }
        Ok(Found::Answer(KeptAnswer { status: u16::try_from(status).map_err(unreadable)?, headers, body }))
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DieselError {
    DieselError::DeserializationError(Box::new(error))
}

fn unwritable(error: std::num::TryFromIntError) -> DieselError {
    DieselError::SerializationError(Box::new(error))
}

diesel::define_sql_function! {
    /// Takes a lock until the end of the transaction, or tells at once that another has it.
    fn pg_try_advisory_xact_lock(lock: BigInt) -> Bool
}

/// Looks a key up and, where nothing is known of it, takes it until the end of the transaction. Call it in a
/// [`DbConnection::write`], before anything else.
///
/// A row of the table cannot tell that a request is under way: it becomes visible with the effect. On PostgreSQL an
/// advisory lock does; it never waits, so that the other one is told and not kept waiting. On SQLite writers come
/// one after the other, so that there is nobody to tell.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut DbConnection, scope: &Scope, key: &str, fingerprint: &Fingerprint) -> QueryResult<Found> {
    if connection.kind() == BackendKind::Postgres {
        // As a statement of its own: the look-up must see what was committed before the lock was given back.
        let lock = pg_try_advisory_xact_lock(lock_of(scope.tenant(), key));
        if !diesel::select(lock).get_result::<bool>(connection)? {
            return Ok(Found::Running);
        }
    }
    let row = idempotency_keys::table.find((scope.tenant(), key));
    let kept: Option<KeptRow> = row.select(columns::<KeptRow>()).first(connection).optional()?;
    match kept {
        None => Ok(Found::Nothing),
        Some(kept) if kept.created_on < oldest_kept(scope.now()) => {
            diesel::delete(row).execute(connection)?;
            Ok(Found::Nothing)
        }
        Some(kept) => kept.into_found(scope, fingerprint),
    }
}

/// Keeps the answer to a request whose key [`find`] knew nothing of, in the same transaction, and tells how many bytes
/// of the tenant's quota that takes; `None` where another transaction has kept one meanwhile, so that this one must be rolled
/// back: the advisory lock is of one server, and the gateways of a cluster may have come through several.
///
/// # Errors
/// The database's.
pub fn keep(
    connection: &mut DbConnection,
    scope: &Scope,
    key: &str,
    fingerprint: &Fingerprint,
    answer: KeptAnswer,
) -> QueryResult<Option<usize>> {
    let KeptAnswer { status, headers, body } = answer;
    let body = body.filter(|body| body.len() <= LONGEST_BODY);
    let size = ROW + body.as_ref().map_or(0, Vec::len);
    let row = KeptRow {
        fingerprint: fingerprint.to_vec(),
        status: i16::try_from(status).map_err(unwritable)?,
        headers: Json(headers),
        body,
        size: i32::try_from(size).map_err(unwritable)?,
        scopes: scope.actor().rights().to_string(),
        created_on: scope.now(),
    };
    let kept = diesel::insert_into(idempotency_keys::table)
        .values((idempotency_keys::tenant_id.eq(scope.tenant()), idempotency_keys::key.eq(key), row))
        .on_conflict_do_nothing()
        .portable()
        .execute(connection)?;
    Ok((kept > 0).then_some(size))
}

/// The tenants of which answers are older than 24 hours. Those of one that is being deleted go by that.
///
/// # Errors
/// The database's.
pub fn tenants_with_expired(connection: &mut DbConnection, now: Timestamp) -> QueryResult<Vec<TenantId>> {
    // Joined, as everywhere: a database that is sharded by tenant takes no subquery for each tenant, whom each node knows.
    let live = idempotency_keys::table.inner_join(tenants::table.on(tenants::id.eq(idempotency_keys::tenant_id)));
    let live = live.filter(tenants::deleted_on.is_null());
    let expired = live.filter(idempotency_keys::created_on.lt(oldest_kept(now)));
    expired.select(idempotency_keys::tenant_id).distinct().order(idempotency_keys::tenant_id).load(connection)
}

/// Deletes up to 1000 answers of a tenant that are older than 24 hours, and tells how many they were. Call it again
/// until none is left: a large deletion would stand in the way of requests.
///
/// # Errors
/// The database's.
pub fn forget_expired(connection: &mut DbConnection, tenant: TenantId, now: Timestamp) -> QueryResult<usize> {
    forget_before(connection, tenant, oldest_kept(now))
}

#[derive(QueryableByName)]
struct Beyond {
    #[diesel(sql_type = Nullable<Instant>)]
    newest: Option<Timestamp>,
}

/// The moment before which the answers of a tenant are beyond its quota, the newest counted first; `None` where none is.
/// It reads an entry of an index for each answer of the tenant, so ask it once in a while.
///
/// # Errors
/// The database's.
pub fn beyond_quota(connection: &mut DbConnection, tenant: TenantId) -> QueryResult<Option<Timestamp>> {
    // Not the oldest answer within the quota: an older one can be committed after this has looked, and would be forgotten
    // with nothing beyond.
    let sql = "SELECT max(created_on) AS newest FROM (SELECT created_on, \
               sum(size) OVER (ORDER BY created_on DESC, key DESC) AS total \
               FROM idempotency_keys WHERE tenant_id = $1) AS kept WHERE total > $2";
    let query = diesel::sql_query(sql).bind::<BigInt, _>(tenant.as_i64());
    let query = query.bind::<BigInt, _>(i64::try_from(QUOTA).unwrap_or(i64::MAX));
    let Beyond { newest } = each_backend!(connection, connection => query.get_result(connection))?;
    Ok(newest.map(|newest| Timestamp::from_datetime(newest.as_datetime() + Duration::milliseconds(1))))
}

/// Deletes up to 1000 answers of a tenant that were given before this, the oldest ones, and tells how many they were.
///
/// # Errors
/// The database's.
pub fn forget_before(connection: &mut DbConnection, tenant: TenantId, before: Timestamp) -> QueryResult<usize> {
    let old = || {
        let of_tenant = idempotency_keys::table.filter(idempotency_keys::tenant_id.eq(tenant));
        of_tenant.filter(idempotency_keys::created_on.lt(before))
    };
    let last_of_many: Option<Timestamp> = old()
        .order((idempotency_keys::created_on, idempotency_keys::key))
        .select(idempotency_keys::created_on)
        .offset(FORGOTTEN_AT_ONCE - 1)
        .first(connection)
        .optional()?;
    match last_of_many {
        Some(last) => diesel::delete(old().filter(idempotency_keys::created_on.le(last))).execute(connection),
        None => diesel::delete(old()).execute(connection),
    }
}

/// Takes the bodies out of a tenant's answers that may hold something of these records: every answer in which one of the ids
/// stands, or one of these other texts, and every refusal, which may repeat what was sent. What was done once is known
/// still, and not done again. It reads all that is kept of the tenant. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn forget_bodies(connection: &mut DbConnection, scope: &Scope, texts: &[String]) -> QueryResult<()> {
    // Each database knows how to look for bytes in bytes.
    let found = match connection.kind() {
        BackendKind::Postgres => {
            "SELECT 1 FROM json_array_elements_text($2::json) AS t(value) WHERE position(convert_to(value, 'UTF8') IN body) > 0"
        }
        BackendKind::Sqlite => "SELECT 1 FROM json_each($2) WHERE instr(body, CAST(value AS BLOB)) > 0",
    };
    let these = format!(
        "FROM idempotency_keys WHERE tenant_id = $1 AND body IS NOT NULL AND (status >= 400 OR EXISTS ({found}))"
    );
    let sql = match connection.kind() {
        // Two who erase at once must not wait for each other.
        BackendKind::Postgres => format!(
            "UPDATE idempotency_keys SET body = NULL WHERE tenant_id = $1 AND key IN \
             (SELECT key FROM (SELECT key {these} ORDER BY key FOR UPDATE) AS found)"
        ),
        BackendKind::Sqlite => {
            format!("UPDATE idempotency_keys SET body = NULL WHERE tenant_id = $1 AND key IN (SELECT key {these})")
        }
    };
    let query = diesel::sql_query(sql).bind::<BigInt, _>(scope.tenant()).bind::<JsonText, _>(Json(texts.to_vec()));
    each_backend!(connection, connection => query.execute(connection))?;
    Ok(())
}

fn oldest_kept(now: Timestamp) -> Timestamp {
    Timestamp::from_datetime(now.as_datetime() - KEPT_FOR)
}

/// The advisory lock of a key: 64 bits of a hash, so that two keys practically never share one.
pub(crate) fn lock_of(tenant: TenantId, key: &str) -> i64 {
    let hash = Sha256::new().chain_update(tenant.as_i64().to_be_bytes()).chain_update(key).finalize();
    hash.iter().take(8).fold(0, |lock, byte| (lock << 8) | i64::from(*byte))
}
