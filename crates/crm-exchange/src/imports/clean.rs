//! What is forgotten: an import after its time, and one whose file never came.

use chrono::Duration;
use crm_core::sql::Uid;
use crm_core::{DbConnection, ImportId, Scope, TenantId, Timestamp, each_backend};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::ImportState;
use super::schema::{import_problems, imports};

/// For how many days imports are kept, and what was wrong with their rows.
pub const KEPT_DAYS: i64 = 30;
/// How long a file may be on its way, and a little more: whoever received it is gone then.
const LONGEST_UPLOAD: Duration = Duration::minutes(20);
/// How long a file waits for somebody to say what its columns are.
const LONGEST_DRAFT: Duration = Duration::hours(24);

/// How much is forgotten in one transaction: a few milliseconds.
const PARTS_AT_ONCE: i64 = 20;
const ROWS_AT_ONCE: i64 = 500;

pub(super) fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> diesel::result::Error {
    diesel::result::Error::DeserializationError(error)
}

fn before(now: Timestamp, time: Duration) -> Timestamp {
    Timestamp::from_datetime(now.as_datetime() - time)
}

/// The tenants of which imports are older than they are kept, or never came or began.
///
/// # Errors
/// The database's.
pub fn tenants_with_old(connection: &mut DbConnection, now: Timestamp) -> QueryResult<Vec<TenantId>> {
    let old = imports::created_on.lt(before(now, Duration::days(KEPT_DAYS)));
    let stuck = |state: ImportState, longest| {
        imports::is_open.and(imports::state.eq(state.as_str())).and(imports::created_on.lt(before(now, longest)))
    };
    let never_came = stuck(ImportState::Uploading, LONGEST_UPLOAD);
    let never_began = stuck(ImportState::Draft, LONGEST_DRAFT);
    imports::table
        .filter(old.or(never_came).or(never_began))
        .select(imports::tenant_id)
        .distinct()
        .order(imports::tenant_id)
        .load(connection)
}

/// Forgets some of what is old of a tenant, and tells whether there was any; files that never came, or that nobody made anything of, are given up. Call it again until there is none, each time in a
/// [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn forget_old(connection: &mut DbConnection, tenant: TenantId, now: Timestamp) -> QueryResult<bool> {
    let old = imports::table
        .filter(imports::tenant_id.eq(tenant))
        .filter(imports::created_on.lt(before(now, Duration::days(KEPT_DAYS))))
        .order((imports::created_on, imports::id))
        .select(imports::id)
        .first::<ImportId>(connection)
        .optional()?;
    if let Some(old) = old {
        return forget(connection, tenant, old);
    }
    for (state, longest) in [(ImportState::Uploading, LONGEST_UPLOAD), (ImportState::Draft, LONGEST_DRAFT)] {
        let stuck = imports::table
            .filter(imports::tenant_id.eq(tenant).and(imports::is_open))
            .filter(imports::state.eq(state.as_str()))
            .filter(imports::created_on.lt(before(now, longest)));
        diesel::update(stuck).set(imports::state.eq(ImportState::Abandoned.as_str())).execute(connection)?;
    }
    Ok(false)
}

/// Forgets the rows that could not be taken, of every import of the tenant, and gives up the files that wait for somebody: they
/// may hold what is erased, and nothing tells.
/// Call it in the transaction that erases a record.
///
/// # Errors
/// The database's.
pub fn erase_rows(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    diesel::delete(import_problems::table.filter(import_problems::tenant_id.eq(scope.tenant()))).execute(connection)?;
    let drafts = imports::table
        .filter(imports::tenant_id.eq(scope.tenant()).and(imports::is_open))
        .filter(imports::state.eq(ImportState::Draft.as_str()));
    diesel::update(drafts).set(imports::state.eq(ImportState::Abandoned.as_str())).execute(connection)?;
    Ok(())
}

/// Forgets some of an import, at last itself, and tells whether there was any.
///
/// # Errors
/// The database's.
pub(super) fn forget(connection: &mut DbConnection, tenant: TenantId, id: ImportId) -> QueryResult<bool> {
    if forget_parts(connection, tenant, id)? {
        return Ok(true);
    }
    for (table, key) in [("import_problems", "line"), ("import_records", "kind, record_id")] {
        if forget_rows(connection, (tenant, id), table, key, ROWS_AT_ONCE)? > 0 {
            return Ok(true);
        }
    }
    Ok(diesel::delete(imports::table.find((tenant, id))).execute(connection)? > 0)
}

/// Forgets some of the rows that wait, and tells whether there were any.
pub(super) fn forget_parts(connection: &mut DbConnection, tenant: TenantId, id: ImportId) -> QueryResult<bool> {
    Ok(forget_rows(connection, (tenant, id), "import_parts", "part", PARTS_AT_ONCE)? > 0)
}

fn forget_rows(
    connection: &mut DbConnection,
    (tenant, id): (TenantId, ImportId),
    table: &str,
    key: &str,
    most: i64,
) -> QueryResult<usize> {
    let sql = format!(
        "DELETE FROM {table} WHERE tenant_id = $1 AND import_id = $2 AND ({key}) IN \
         (SELECT {key} FROM {table} WHERE tenant_id = $1 AND import_id = $2 ORDER BY {key} LIMIT $3)"
    );
    let query = diesel::sql_query(sql).bind::<BigInt, _>(tenant.as_i64()).bind::<Uid, _>(id).bind::<BigInt, _>(most);
    each_backend!(connection, connection => query.execute(connection))
}
