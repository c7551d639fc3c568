//! How far a standby of PostgreSQL is behind its primary, in bytes of the primary's log.

use diesel::sql_types::{BigInt, Nullable};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use crate::{BackendKind, DbConnection};

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = Nullable<BigInt>)]
    place: Option<i64>,
}

fn ask(connection: &mut DbConnection, query: &str) -> QueryResult<Option<i64>> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(None);
    }
    let Place { place } = diesel::sql_query(query).get_result(connection)?;
    Ok(place)
}

/// Where the log of a primary stands: behind everything that is committed. `None` on a standby, and on SQLite.
///
/// # Errors
/// The database's.
pub fn written(connection: &mut DbConnection) -> QueryResult<Option<i64>> {
    ask(
        connection,
        "SELECT CASE WHEN NOT pg_is_in_recovery() THEN (pg_current_wal_insert_lsn() - '0/0')::bigint END AS place",
    )
}

/// Up to where a standby has replayed the log of its primary: statements after this one see what was committed before there.
/// `None` where it is no standby, and on SQLite.
///
/// # Errors
/// The database's.
pub fn replayed(connection: &mut DbConnection) -> QueryResult<Option<i64>> {
    ask(connection, "SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END AS place")
}
