//! The history of one record.

use crm_core::page::{Direction, Page, PageRequest, SortColumn, SortField, SortKey, SortKind, Weight};
use crm_core::{Db, DbConnection, Scope};
use diesel::prelude::*;

use crate::Kind;
use crate::change::{Change, ChangeRow};
use crate::feed::WEIGHT;
use crate::schema::changes;

/// What a history can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistorySort {
    /// The order of what happened.
    CreatedOn,
}

impl SortField for HistorySort {
    const LIST: &'static str = "changes";

    const WEIGHT: Option<Weight> = Some(WEIGHT);

    const ID_COLUMN: &'static str = "seq";

    const NAMES: &'static [(&'static str, Self)] = &[("createdOn", Self::CreatedOn), ("createdAt", Self::CreatedOn)];

    /// By the number and not by the time: clocks of two gateways can disagree about what came first. The numbers of one
    /// record's changes rise with its lock.
    fn column(self) -> SortColumn {
        SortColumn::plain("seq", SortKind::Number)
    }
}

impl ChangeRow {
    fn place(&self, _: HistorySort, _: Direction) -> (SortKey, i64) {
        (SortKey::Number(self.seq), self.seq)
    }
}

fn of(scope: &Scope, kind: Kind, record: &str) -> changes::BoxedQuery<'static, Db> {
    changes::table
        .filter(changes::tenant_id.eq(scope.tenant()))
        .filter(changes::kind.eq(kind.as_str()))
        .filter(changes::record_id.eq(record.to_owned()))
        .into_boxed::<Db>()
}

/// A page of what happened to a record, newest first unless asked otherwise; of one that is deleted too.
///
/// # Errors
/// The database's.
pub fn history(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: Kind,
    record: &str,
    request: &PageRequest<HistorySort>,
) -> QueryResult<Page<Change>> {
    let page = request.load(connection, scope, || of(scope, kind, record), ChangeRow::place)?;
    page.try_map(|rows| rows.into_iter().map(ChangeRow::into_change).collect())
}

/// The last changes of a record that are kept, the latest first: up to `most` of them.
///
/// # Errors
/// The database's.
pub fn latest(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: Kind,
    record: &str,
    most: i64,
) -> QueryResult<Vec<Change>> {
    let rows: Vec<ChangeRow> = of(scope, kind, record)
        .order(changes::seq.desc())
        .limit(most)
        .select(crm_core::columns::<ChangeRow>())
        .load(connection)?;
    rows.into_iter().map(ChangeRow::into_change).collect()
}

/// Whether any change of a record is kept.
///
/// # Errors
/// The database's.
pub fn is_known(connection: &mut DbConnection, scope: &Scope, kind: Kind, record: &str) -> QueryResult<bool> {
    let found: Option<i64> = of(scope, kind, record).select(changes::seq).first(connection).optional()?;
    Ok(found.is_some())
}
