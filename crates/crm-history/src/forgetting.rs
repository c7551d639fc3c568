//! What is forgotten, and what must go on all the same: the beginning of a tenant's feed, and the order of its turns.

use crm_core::sql::Instant;
use crm_core::{BackendKind, DbConnection, PortableExt, TenantId, Timestamp, each_backend};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;

use crate::Position;
use crate::feed::Compared;
use crate::schema::{change_horizons, changes};

/// How many changes one call of [`forget_before`] deletes at the most.
const FORGOTTEN_AT_ONCE: i64 = 500;

/// The moment so many days ago.
#[must_use]
pub fn days_before(now: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_datetime(now.as_datetime() - chrono::Duration::days(days))
}

/// The tenants that have made a record ever, and so may have changes: each has a case type from its beginning. A database that is sharded by tenant takes a subquery
/// for each row of a table that is sharded in the same way, and none for each of the tenants, whom every node knows.
const OF_ALL: &str = "(SELECT DISTINCT tenant_id FROM numbering)";

#[derive(QueryableByName)]
struct TenantRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The tenants whose oldest change is older than this. Those of one that is being deleted go by that.
///
/// # Errors
/// The database's.
pub fn tenants_with_older(connection: &mut DbConnection, before: Timestamp) -> QueryResult<Vec<TenantId>> {
    let sql = format!(
        "SELECT t.id FROM {OF_ALL} n JOIN tenants t ON t.id = n.tenant_id WHERE t.deleted_on IS NULL AND \
         (SELECT c.created_on FROM changes c WHERE c.tenant_id = n.tenant_id ORDER BY c.turn, c.seq LIMIT 1) < $1 \
         ORDER BY t.id"
    );
    let query = diesel::sql_query(sql).bind::<Instant, _>(before);
    let rows: Vec<TenantRow> = each_backend!(connection, connection => query.load(connection))?;
    Ok(rows.into_iter().map(|TenantRow { id }| TenantId::from_i64(id)).collect())
}

/// Forgets up to 500 changes of a tenant that are older than this, from the beginning of its feed on, and tells how many they
/// were. `needed` says which is the first place, up to the one that it is told, that somebody needs all the same: the feed goes on
/// beginning there. Call it again until none is left, each time in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn forget_before(
    connection: &mut DbConnection,
    tenant: TenantId,
    before: Timestamp,
    needed: impl FnOnce(&mut DbConnection, Position) -> QueryResult<Option<Position>>,
) -> QueryResult<usize> {
    let first: Vec<(i64, i64, Timestamp)> = changes::table
        .filter(changes::tenant_id.eq(tenant))
        .order((changes::turn, changes::seq))
        .limit(FORGOTTEN_AT_ONCE)
        .select((changes::turn, changes::seq, changes::created_on))
        .load(connection)?;
    let old = first.iter().take_while(|(.., created_on)| *created_on < before);
    let old: Vec<Position> = old.map(|(turn, seq, _)| Position { turn: *turn, seq: *seq }).collect();
    let Some(last) = old.last().copied() else { return Ok(0) };
    let needed = needed(connection, last)?;
    let Some(last) = old.into_iter().take_while(|place| needed.is_none_or(|needed| *place < needed)).last() else {
        return Ok(0);
    };
    let forgotten = changes::table.filter(changes::tenant_id.eq(tenant)).filter(Compared("<=", last));
    let count = diesel::delete(forgotten).execute(connection)?;
    begin_after(connection, tenant, last)?;
    Ok(count)
}

/// Where the last change of a tenant stands, or where its feed begins.
///
/// # Errors
/// The database's.
pub fn last_written(connection: &mut DbConnection, tenant: TenantId) -> QueryResult<Past> {
    let last: Option<(i64, i64)> = changes::table
        .filter(changes::tenant_id.eq(tenant))
        .order((changes::turn.desc(), changes::seq.desc()))
        .select((changes::turn, changes::seq))
        .first(connection)
        .optional()?;
    let horizon: Option<(i64, i64, i64)> = change_horizons::table
        .find(tenant)
        .select((change_horizons::base, change_horizons::turn, change_horizons::seq))
        .first(connection)
        .optional()?;
    let (base, turn, seq) = horizon.unwrap_or_default();
    let last = last.map_or(Position::START, |(turn, seq)| Position { turn, seq });
    Ok(Past { base, last: last.max(Position { turn, seq }) })
}

/// What is to be remembered of changes that are all forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    base: i64,
    last: Position,
}

impl Past {
    /// Begins the feed of a tenant whose changes were all deleted behind them: who followed it before is told so. Call it in the
    /// [`DbConnection::write`] that deleted them.
    ///
    /// # Errors
    /// The database's.
    pub fn restore(self, connection: &mut DbConnection, tenant: TenantId) -> QueryResult<()> {
        diesel::insert_into(change_horizons::table)
            .values((
                change_horizons::tenant_id.eq(tenant),
                change_horizons::base.eq(self.base),
                change_horizons::turn.eq(self.last.turn),
                // One further than anybody has come: who saw the last change has not seen what became of everything since.
                change_horizons::seq.eq(self.last.seq + 1),
            ))
            .portable()
            .execute(connection)?;
        Ok(())
    }
}

/// Has the feed of a tenant begin behind a place.
fn begin_after(connection: &mut DbConnection, tenant: TenantId, last: Position) -> QueryResult<()> {
    diesel::insert_into(change_horizons::table)
        .values((
            change_horizons::tenant_id.eq(tenant),
            change_horizons::base.eq(0),
            change_horizons::turn.eq(last.turn),
            change_horizons::seq.eq(last.seq),
        ))
        .on_conflict(change_horizons::tenant_id)
        .do_update()
        .set((
            change_horizons::turn.eq(excluded(change_horizons::turn)),
            change_horizons::seq.eq(excluded(change_horizons::seq)),
        ))
        .portable()
        .execute(connection)?;
    Ok(())
}

/// The key of the advisory lock under which turns are made to go on: "crm-turn" in ASCII.
const ADVISORY_LOCK: i64 = 0x63_72_6d_2d_74_75_72_6e;

/// So far above the last turn that was written do turns go on.
const FURTHER: i64 = 1 << 32;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// A tenant whose last change was written at a turn that is yet to come.
#[derive(QueryableByName)]
struct Ahead {
    #[diesel(sql_type = BigInt)]
    tenant: i64,
    #[diesel(sql_type = BigInt)]
    turn: i64,
}

/// Makes the turns of every tenant go on rising where the numbers of transactions are lower than those that the changes were
/// written with: after a dump was restored into another server. They go on so far above that no place which somebody
/// remembers from before is ahead of what is written next. Tells of how many tenants. Call it in a [`DbConnection::write`]
/// when a program starts; on SQLite it does nothing.
///
/// # Errors
/// The database's.
pub fn go_on(connection: &mut DbConnection) -> QueryResult<usize> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(0);
    }
    diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(ADVISORY_LOCK).execute(connection)?;
    let Number { number } =
        diesel::sql_query("SELECT pg_current_xact_id()::text::bigint AS number").get_result(connection)?;
    let sql = format!(
        "SELECT n.tenant_id AS tenant, n.turn AS turn FROM (SELECT m.tenant_id, \
         (SELECT c.turn FROM changes c WHERE c.tenant_id = m.tenant_id ORDER BY c.turn DESC LIMIT 1) AS turn \
         FROM {OF_ALL} m) n LEFT JOIN change_horizons h ON h.tenant_id = n.tenant_id WHERE n.turn > $1 + coalesce(h.base, 0)"
    );
    let ahead: Vec<Ahead> = diesel::sql_query(sql).bind::<BigInt, _>(number).load(connection)?;
    for Ahead { tenant, turn } in &ahead {
        let base = turn + FURTHER - number;
        diesel::insert_into(change_horizons::table)
            .values((
                change_horizons::tenant_id.eq(tenant),
                change_horizons::base.eq(base),
                change_horizons::turn.eq(0),
                change_horizons::seq.eq(0),
            ))
            .on_conflict(change_horizons::tenant_id)
            .do_update()
            .set(change_horizons::base.eq(base))
            .portable()
            .execute(connection)?;
    }
    Ok(ahead.len())
}
