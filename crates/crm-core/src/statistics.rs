//! What PostgreSQL's planner knows of tables that grow fast.

use diesel::QueryResult;
use diesel::connection::SimpleConnection;

use crate::sql::names;
use crate::{BackendKind, DbConnection};

/// The tables of this schema that have grown fourfold since they were last looked at, or never were and have more than the
/// few pages that are read as fast without an index. Those of somebody else cannot be analysed.
const GROWN: &str = "SELECT quote_ident(relname) AS name FROM ( \
        SELECT relname, relpages, reltuples, pg_relation_size(oid) / current_setting('block_size')::integer AS pages \
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND pg_has_role(relowner, 'USAGE') \
    ) AS own WHERE pages >= 8 AND (reltuples < 0 OR pages > 4 * greatest(relpages, 1)) ORDER BY relname";

/// Has PostgreSQL look at the tables that have grown much; SQLite plans by what the migrations say of them. For a program that
/// writes many records: call it now and then, within a transaction or not.
///
/// A plan is made once for a connection, by what the tables were then, and of a new table nothing is known: then every index
/// that begins with the tenant seems as good as the primary key, and each row that is written reads all that were written
/// before, to check its foreign keys. Autovacuum ends that a minute or two later.
///
/// # Errors
/// The database's.
pub fn keep_up(connection: &mut DbConnection) -> QueryResult<()> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(());
    }
    for name in names(connection, GROWN)? {
        // One that is being vacuumed is looked at by that.
        connection.batch_execute(&format!("ANALYZE (SKIP_LOCKED) {name}"))?;
    }
    Ok(())
}
