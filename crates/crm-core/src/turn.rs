use diesel::QueryResult;
use diesel::sql_types::BigInt;

use crate::idempotency::lock_of;
use crate::{BackendKind, DbConnection, PortableExt, Scope};

/// Has those who make one of something in a tenant, such as `case types`, go on one after the other, from here to the
/// commit: whoever counts after this has counted what all others made, so that no two pass the most that a tenant may
/// have. Call it in a [`DbConnection::write`], after the insert.
///
/// The name has a space, which no `Idempotency-Key` has: both are locks of the tenant.
///
/// # Errors
/// The database's.
pub fn wait_for_turn(connection: &mut DbConnection, scope: &Scope, what: &str) -> QueryResult<()> {
    // On SQLite writers come one after the other. A statement of its own: what counts must see what was committed
    // before the lock was given back.
    if connection.kind() == BackendKind::Postgres {
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<BigInt, _>(lock_of(scope.tenant(), what))
            .portable()
            .execute(connection)?;
    }
    Ok(())
}
