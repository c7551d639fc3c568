//! Reading changes in the order of the feed.

use crm_core::page::{Content, Weight, fitting};
use crm_core::sql::{Json, among};
use crm_core::{Db, DbConnection, Scope, TenantId, columns, sql_fragment};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Text};
use serde_json::Value;

use crate::change::{Change, ChangeRow};
use crate::error::HistoryError;
use crate::schema::{change_horizons, changes};
use crate::{Action, ChangeId, Kind, Position};

crm_core::on_postgres! { use diesel::pg::Pg; }
crm_core::on_sqlite! { use diesel::sqlite::Sqlite; }

/// What makes changes long.
pub(crate) const WEIGHT: Weight = Weight { table: "changes", columns: &["fields", "record"] };

/// How many changes one request looks through for those that it wants.
const MOST_LOOKED_THROUGH: i64 = 10_000;

/// Which changes somebody wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// Of these kinds; of all where there is no list.
    pub kinds: Option<Vec<Kind>>,
    /// With these actions; with all where there is no list.
    pub actions: Option<Vec<Action>>,
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedPage {
    /// The changes, oldest first.
    pub items: Vec<Change>,
    /// Where the next part begins.
    pub next: Position,
    /// Whether there is more at once.
    pub has_more: bool,
}

/// The changes that nothing can come before any more. On PostgreSQL those whose turn is below every transaction that still
/// runs; all on SQLite. See the insert for why.
#[derive(Debug, Clone, Copy)]
struct Settled(TenantId);

sql_fragment!(Settled, Bool);

crm_core::on_postgres! {
impl QueryFragment<Pg> for Settled {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql(
            "turn < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
             + coalesce((SELECT h.base FROM change_horizons h WHERE h.tenant_id = ",
        );
        pass.push_bind_param::<BigInt, _>(&self.0)?;
        pass.push_sql("), 0)");
        Ok(())
    }
}
}

crm_core::on_sqlite! {
impl QueryFragment<Sqlite> for Settled {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // One writes at a time there, whoever it is.
            let Self(_tenant) = self;
            pass.push_sql("TRUE");
        Ok(())
    }
}
}

impl QueryFragment<Db> for Settled {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }
}

/// `(turn, seq)` compared with a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared(pub(crate) &'static str, pub(crate) Position);

sql_fragment!(Compared, Bool);

impl QueryFragment<Db> for Compared {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        let Self(operator, Position { turn, seq }) = self;
        pass.push_sql("(turn, seq) ");
        pass.push_sql(operator);
        pass.push_sql(" (");
        pass.push_bind_param::<BigInt, _>(turn)?;
        pass.push_sql(", ");
        pass.push_bind_param::<BigInt, _>(seq)?;
        pass.push_sql(")");
        Ok(())
    }
}

fn settled(scope: &Scope) -> changes::BoxedQuery<'static, Db> {
    changes::table.filter(changes::tenant_id.eq(scope.tenant())).filter(Settled(scope.tenant())).into_boxed()
}

/// Where the feed of the tenant begins: before the oldest change that is kept.
///
/// # Errors
/// The database's.
pub fn oldest_kept(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Position> {
    let horizon = change_horizons::table.find(scope.tenant());
    let found = horizon.select((change_horizons::turn, change_horizons::seq)).first(connection).optional()?;
    Ok(found.map_or(Position::START, |(turn, seq)| Position { turn, seq }))
}

/// Where the feed of the tenant ends now: whatever is committed after this comes behind it.
///
/// # Errors
/// The database's.
pub fn end(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Position> {
    let last = settled(scope).order((changes::turn.desc(), changes::seq.desc())).select((changes::turn, changes::seq));
    let last = last.first(connection).optional()?.map(|(turn, seq)| Position { turn, seq });
    Ok(last.map_or(oldest_kept(connection, scope)?, |last| last.max(Position::START)))
}

/// Is among the changes of these kinds that came last, so many of each: those of one kind are in the order of the feed in an
/// index, those of several are not.
#[derive(Debug, Clone)]
struct AmongLast {
    tenant: TenantId,
    kinds: Vec<&'static str>,
    size: i64,
}

sql_fragment!(AmongLast, Bool);

impl QueryFragment<Db> for AmongLast {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql("seq IN (");
        for (place, kind) in self.kinds.iter().enumerate() {
            pass.push_sql(if place == 0 { "" } else { " UNION ALL " });
            pass.push_sql("SELECT l.seq FROM (SELECT c.seq FROM changes c WHERE c.tenant_id = ");
            pass.push_bind_param::<BigInt, _>(&self.tenant)?;
            pass.push_sql(" AND c.kind = ");
            pass.push_bind_param::<Text, _>(kind)?;
            pass.push_sql(" ORDER BY c.turn DESC, c.seq DESC LIMIT ");
            pass.push_bind_param::<BigInt, _>(&self.size)?;
            pass.push_sql(") l");
        }
        pass.push_sql(")");
        Ok(())
    }
}

/// The changes of the tenant that came last, newest first, for people to see: of these kinds; of all where there is no list. The
/// feed may tell of them a moment later. Ask for so few that they fit into memory however long they are.
///
/// # Errors
/// The database's.
pub fn newest(
    connection: &mut DbConnection,
    scope: &Scope,
    kinds: Option<&[Kind]>,
    size: i64,
) -> QueryResult<Vec<Change>> {
    let mut of_tenant = changes::table.filter(changes::tenant_id.eq(scope.tenant())).into_boxed::<Db>();
    if let Some(kinds) = kinds {
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let kinds = kinds.iter().map(|kind| kind.as_str()).collect();
        of_tenant = of_tenant.filter(AmongLast { tenant: scope.tenant(), kinds, size });
    }
    let ordered = of_tenant.order((changes::turn.desc(), changes::seq.desc())).limit(size);
    let rows: Vec<ChangeRow> = ordered.select(columns::<ChangeRow>()).load(connection)?;
    rows.into_iter().map(ChangeRow::into_change).collect()
}

/// The changes after a place, up to `size` of them, or 8 MiB. Who goes on from `next` sees every change that is committed
/// exactly once, and those of one record in the order of their commits. Call it in one transaction that only reads
/// ([`DbConnection::begin_read`]).
///
/// # Errors
/// [`HistoryError::Gone`] where changes after the place are forgotten, or the place is of another database; the database's.
pub fn feed(
    connection: &mut DbConnection,
    scope: &Scope,
    since: Option<Position>,
    filter: &FeedFilter,
    size: i64,
) -> Result<FeedPage, HistoryError> {
    let begin = oldest_kept(connection, scope)?;
    let end = end(connection, scope)?;
    let since = since.unwrap_or(begin);
    if since < begin || since > end {
        return Err(HistoryError::Gone);
    }
    if since == end {
        return Ok(FeedPage { items: Vec::new(), next: end, has_more: false });
    }
    let until = looked_through(connection, scope, since, filter)?.unwrap_or(end);
    let part = || {
        let mut part = settled(scope).filter(Compared(">", since)).filter(Compared("<=", until));
        if let Some(kinds) = &filter.kinds {
            part = part.filter(changes::kind.eq_any(kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>()));
        }
        if let Some(actions) = &filter.actions {
            part =
                part.filter(changes::action.eq_any(actions.iter().map(|action| action.as_str()).collect::<Vec<_>>()));
        }
        part.order((changes::turn, changes::seq))
    };
    let places: Vec<(i64, i64, i64)> =
        part().limit(size + 1).select((changes::turn, changes::seq, Content::of(WEIGHT))).load(connection)?;
    let contents: Vec<i64> =
        places.iter().take(usize::try_from(size).unwrap_or(usize::MAX)).map(|(.., content)| *content).collect();
    let shown = fitting(&contents);
    let rows: Vec<ChangeRow> = if shown == 0 {
        Vec::new()
    } else {
        part().limit(i64::try_from(shown).unwrap_or(size)).select(columns::<ChangeRow>()).load(connection)?
    };
    let items = rows.into_iter().map(ChangeRow::into_change).collect::<QueryResult<Vec<Change>>>()?;
    let next = match items.last() {
        Some(last) if shown < places.len() => last.position,
        _ => until,
    };
    Ok(FeedPage { items, next, has_more: next < end })
}

/// The changes with these ids that are kept, in the order of the feed.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut DbConnection, scope: &Scope, ids: &[ChangeId]) -> QueryResult<Vec<Change>> {
    let seqs: Vec<i64> = ids.iter().map(|id| id.as_i64()).collect();
    let rows: Vec<ChangeRow> = changes::table
        .filter(among(scope, changes::tenant_id, changes::seq, seqs))
        .order((changes::turn, changes::seq))
        .select(columns::<ChangeRow>())
        .load(connection)?;
    rows.into_iter().map(ChangeRow::into_change).collect()
}

/// How far one request looks where it does not want everything, in one of many changes that it does not want.
fn looked_through(
    connection: &mut DbConnection,
    scope: &Scope,
    since: Position,
    filter: &FeedFilter,
) -> QueryResult<Option<Position>> {
    if *filter == FeedFilter::default() {
        return Ok(None);
    }
    let last = settled(scope)
        .filter(Compared(">", since))
        .order((changes::turn, changes::seq))
        .offset(MOST_LOOKED_THROUGH - 1)
        .select((changes::turn, changes::seq))
        .first(connection)
        .optional()?;
    Ok(last.map(|(turn, seq)| Position { turn, seq }))
}

/// Up to `most` changes in the order in which they were written, after the one of this number: for tests and tools. Those that
/// are committed later can come before, see [`feed`].
///
/// # Errors
/// The database's.
pub fn written_after(connection: &mut DbConnection, scope: &Scope, seq: i64, most: i64) -> QueryResult<Vec<Change>> {
    let rows: Vec<ChangeRow> = changes::table
        .filter(changes::tenant_id.eq(scope.tenant()))
        .filter(changes::seq.gt(seq))
        .order(changes::seq)
        .limit(most)
        .select(columns::<ChangeRow>())
        .load(connection)?;
    rows.into_iter().map(ChangeRow::into_change).collect()
}

/// What a change keeps for a restore, and nobody is shown; `None` where that is nothing.
///
/// # Errors
/// The database's.
pub fn kept(connection: &mut DbConnection, scope: &Scope, change: ChangeId) -> QueryResult<Option<Value>> {
    let place = changes::table.find((scope.tenant(), change.as_i64()));
    let kept: Option<Option<Json<Value>>> = place.select(changes::kept).first(connection).optional()?;
    Ok(kept.flatten().map(|Json(kept)| kept))
}
