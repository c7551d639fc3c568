//! Searching texts for a part of them, by an index of trigrams (docs/adr/0006).
//!
//! A list first asks the index for the records that match, up to [so many](Most) of them. If that is all, the list is
//! made of those records; if there are more, matches are so dense that the list is read in its own order and
//! each record looked at, until the page is full. So neither a rare text nor a common one costs much. In both
//! cases the list repeats the condition ([`Contains`](crate::page::Contains)), which decides: the index only narrows.

mod best;

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use crate::page::contains_pattern;
use crate::sql::names;
use crate::{BackendKind, DbConnection, PortableExt, RecordKind, Scope, counts};

pub use best::{Hit, Sought};

/// However many records a tenant has, no more are few.
const FEW: usize = 1_000;

/// The most records that a list is made of by their ids: the square root of how many the tenant has of the kind and a quarter
/// more, from 100 to 1 000. With so many matches, to look all of them up costs about what it costs to look at each record in the
/// order of the list until ten of them were found; with more matches that is cheaper, and with fewer this (docs/adr/0006).
#[derive(Debug)]
pub struct Most {
    kind: RecordKind,
    most: Option<usize>,
}

impl Most {
    /// Of records of this kind. It is found out once, by who asks first.
    #[must_use]
    pub fn of(kind: RecordKind) -> Self {
        Self { kind, most: None }
    }

    fn get(&mut self, connection: &mut DbConnection, scope: &Scope) -> QueryResult<usize> {
        if let Some(most) = self.most {
            return Ok(most);
        }
        let records = usize::try_from(counts::records(connection, scope, self.kind)?).unwrap_or_default();
        Ok(*self.most.insert((records.isqrt() * 5 / 4).clamp(100, FEW)))
    }

    /// What a query finds that is asked for so many ids as it is told, which is one more than they may be. Where it finds that
    /// many, they are [many](Candidates::Many), also where several of its rows are of one record. One statement before it, of
    /// what is counted already, the first time.
    ///
    /// # Errors
    /// The database's.
    pub fn candidates(
        &mut self,
        connection: &mut DbConnection,
        scope: &Scope,
        query: impl FnOnce(&mut DbConnection, i64) -> QueryResult<Vec<i64>>,
    ) -> QueryResult<Candidates> {
        let most = self.get(connection, scope)?;
        let found = query(connection, i64::try_from(most + 1).unwrap_or(i64::MAX))?;
        Ok(if found.len() > most { Candidates::Many } else { Candidates::of(found) })
    }
}

/// The shortest text that an index of trigrams can look for. For a shorter one the texts of the tenant are read, until
/// [many](Most) have it.
const SHORTEST: usize = 3;

/// A searched column: on PostgreSQL it has a `gin_trgm_ops` index, on SQLite an FTS5 table beside its table.
///
/// The rowid of the FTS5 table is `(tenant << 43) + (record << 10) + position`, so that one tenant is one range
/// and the record needs no other table to be named.
#[derive(Debug, Clone, Copy)]
pub struct TextIndex {
    /// The table, such as `contact_emails`; the FTS5 table has the same name with `_search` behind it.
    pub table: &'static str,
    /// The column of [`searchable`](crate::text::searchable) texts, such as `value_search`.
    pub column: &'static str,
    /// The column with the id of the record, such as `contact_id`.
    pub record: &'static str,
    /// The column of the FTS5 table, such as `value`.
    pub fts_column: &'static str,
}

/// The records that may match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidates {
    /// No other record than these matches, in ascending order.
    Few(Vec<i64>),
    /// [More](Most) match.
    Many,
}

impl Candidates {
    /// These, unless they are more than are ever few.
    fn of(found: impl IntoIterator<Item = i64>) -> Self {
        let found: BTreeSet<i64> = found.into_iter().collect();
        if found.len() > FEW { Self::Many } else { Self::Few(found.into_iter().collect()) }
    }

    /// Those that match this or the other condition.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Few(these), Self::Few(those)) => Self::of(these.into_iter().chain(those)),
            _ => Self::Many,
        }
    }

    /// Whether nothing matches.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Few(ids) if ids.is_empty())
    }

    /// Those that match both conditions.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Few(mut these), Self::Few(those)) => {
                these.retain(|id| those.binary_search(id).is_ok());
                Self::Few(these)
            }
            (Self::Few(these), Self::Many) | (Self::Many, Self::Few(these)) => Self::Few(these),
            (Self::Many, Self::Many) => Self::Many,
        }
    }
}

/// The boxed query that a list starts with: `list_query!(leads, scope, candidates)` selects those of a tenant's records that
/// [`Candidates`](crate::search::Candidates) leave.
#[macro_export]
macro_rules! list_query {
    ($table:ident, $scope:expr, $candidates:expr) => {
        match $candidates {
            $crate::search::Candidates::Few(ids) => $table::table
                .filter($crate::sql::among($scope, $table::tenant_id, $table::id, ids))
                .into_boxed::<$crate::Db>(),
            $crate::search::Candidates::Many => {
                $table::table.filter($table::tenant_id.eq($scope.tenant())).into_boxed::<$crate::Db>()
            }
        }
    };
}

#[derive(Debug, QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    record: i64,
}

impl TextIndex {
    /// The records of the scope's tenant with a text in this column that contains `text`, which is
    /// [`searchable`](crate::text::searchable) already. One statement.
    ///
    /// # Errors
    /// The database's.
    pub fn candidates(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        most: &mut Most,
        text: &str,
    ) -> QueryResult<Candidates> {
        most.candidates(connection, scope, |connection, limit| self.found(connection, scope, text, limit))
    }

    fn found(&self, connection: &mut DbConnection, scope: &Scope, text: &str, limit: i64) -> QueryResult<Vec<i64>> {
        let found: Vec<Found> = match connection.kind() {
            BackendKind::Postgres => {
                // Not kept as a prepared statement, so that it is planned for this very text. MATERIALIZED hides
                // the LIMIT from the planner, which knows how common a text is in all tenants together: for one
                // that is common elsewhere it would read the whole table, sure of a thousand matches at its start.
                // The rows come lazily all the same, so that the LIMIT ends the search.
                let Self { table, column, record, .. } = self;
                diesel::sql_query(format!(
                    "WITH found AS MATERIALIZED (SELECT {record} AS record FROM {table} \
                     WHERE tenant_id = $1 AND {column} LIKE $2 ESCAPE '\\') SELECT record FROM found LIMIT $3"
                ))
                .bind::<BigInt, _>(scope.tenant())
                .bind::<Text, _>(contains_pattern(text))
                .bind::<BigInt, _>(limit)
                .load(connection)?
            }
            BackendKind::Sqlite if text.chars().count() < SHORTEST => {
                let Self { table, column, record, .. } = self;
                diesel::sql_query(format!(
                    "SELECT {record} AS record FROM {table} \
                     WHERE tenant_id = ? AND {column} LIKE ? ESCAPE '\\' LIMIT ?"
                ))
                .bind::<BigInt, _>(scope.tenant())
                .bind::<Text, _>(contains_pattern(text))
                .bind::<BigInt, _>(limit)
                .portable()
                .load(connection)?
            }
            BackendKind::Sqlite => {
                let Self { table, fts_column, .. } = self;
                let first = scope.tenant().as_i64() << TENANT_SHIFT;
                diesel::sql_query(format!(
                    "SELECT (rowid >> {RECORD_SHIFT}) & {RECORD_MASK} AS record FROM {table}_search \
                     WHERE {table}_search MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?"
                ))
                .bind::<Text, _>(format!("{fts_column} : \"{}\"", text.replace('"', "\"\"")))
                .bind::<BigInt, _>(first)
                .bind::<BigInt, _>(first + (1 << TENANT_SHIFT) - 1)
                .bind::<BigInt, _>(limit)
                .portable()
                .load(connection)?
            }
        };
        Ok(found.into_iter().map(|found| found.record).collect())
    }
}

/// Where the tenant begins in a rowid of an FTS5 table.
const TENANT_SHIFT: u32 = 43;
/// Where the record's id begins.
const RECORD_SHIFT: u32 = 10;
/// The bits of the record's id.
const RECORD_MASK: i64 = (1 << (TENANT_SHIFT - RECORD_SHIFT)) - 1;

/// Takes what was deleted out of the indexes of texts. On SQLite it stays in them, marked as deleted, until parts of an index
/// are merged: here all are, which reads and writes each index once. PostgreSQL cleans up by itself. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn forget_deleted(connection: &mut DbConnection) -> QueryResult<()> {
    if connection.kind() == BackendKind::Postgres {
        return Ok(());
    }
    let indexes = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%USING fts5%' ORDER BY name";
    for name in names(connection, indexes)? {
        connection.batch_execute(&format!("INSERT INTO {name} ({name}) VALUES ('optimize')"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_of_too_many_is_many_and_an_intersection_keeps_what_is_in_both() {
        let few = |range: std::ops::Range<i64>| Candidates::Few(range.collect());
        assert_eq!(few(0..3).or(few(2..5)), few(0..5));
        assert_eq!(few(0..600).or(few(600..1_001)), Candidates::Many);
        assert_eq!(few(0..3).or(Candidates::Many), Candidates::Many);
        assert_eq!(few(0..3).and(few(2..5)), few(2..3));
        assert_eq!(few(0..3).and(Candidates::Many), few(0..3));
        assert_eq!(Candidates::Many.and(Candidates::Many), Candidates::Many);
        assert_eq!(Candidates::of([3, 1, 3]), Candidates::Few(vec![1, 3]));
    }
}
