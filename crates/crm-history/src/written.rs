use crm_core::{DbConnection, Scope};
use diesel::QueryResult;

use crate::record::{NewChange, What, keep, record, record_each};
use crate::{Action, ChangeId};

/// A record that was written, until its change is.
#[derive(Debug)]
#[must_use = "a write without its change is one that nobody sees"]
pub struct Written<R>(R);

impl<R> Written<R> {
    /// What the database gave back.
    pub fn new(row: R) -> Self {
        Self(row)
    }

    /// Writes the change down, and gives what `tell` makes of the row beside it. A transaction of many changes keeps it until it
    /// is [settled](crate::settle).
    ///
    /// # Errors
    /// Those of `tell`; the database's.
    pub fn recorded<T>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        change: NewChange<'_>,
        tell: impl FnOnce(R) -> QueryResult<(What, T)>,
    ) -> QueryResult<T> {
        let (what, told) = tell(self.0)?;
        if let Some(what) = keep(scope, change, what) {
            record(connection, scope, change, what)?;
        }
        Ok(told)
    }

    /// As [`recorded`](Self::recorded), with the id of the change, for others that follow from it.
    ///
    /// # Errors
    /// Those of `tell`; the database's.
    pub fn recorded_as<T>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        change: NewChange<'_>,
        tell: impl FnOnce(R) -> QueryResult<(What, T)>,
    ) -> QueryResult<(ChangeId, T)> {
        let (what, told) = tell(self.0)?;
        Ok((record(connection, scope, change, what)?, told))
    }
}

/// Records that are locked and whose deletion is written down, until it is done. Whatever points at them is unlinked in
/// between, so that its changes can say what they follow from.
#[derive(Debug)]
#[must_use = "a deletion that is written down is to be done"]
pub struct Deletion<I> {
    ids: Vec<I>,
    changes: Vec<ChangeId>,
}

impl<I> Deletion<I> {
    /// Nothing is deleted.
    pub fn of_nothing() -> Self {
        Self { ids: Vec::new(), changes: Vec::new() }
    }

    /// Writes down that these records, which are locked, are deleted, or merged into another: what each of them was.
    ///
    /// # Errors
    /// The database's.
    pub fn record(
        mut self,
        connection: &mut DbConnection,
        scope: &Scope,
        change: NewChange<'_>,
        records: Vec<(I, What)>,
    ) -> QueryResult<Self> {
        debug_assert!(matches!(change.action, Action::Deleted | Action::MergedInto), "a deletion: {}", change.action);
        let (ids, whats): (Vec<I>, Vec<What>) = records.into_iter().unzip();
        self.changes.extend(record_each(connection, scope, change, &whats)?);
        self.ids.extend(ids);
        Ok(self)
    }

    /// The records.
    #[must_use]
    pub fn ids(&self) -> &[I] {
        &self.ids
    }

    /// The records, once they are deleted.
    #[must_use]
    pub fn into_ids(self) -> Vec<I> {
        self.ids
    }

    /// Their changes, in the order of the records.
    #[must_use]
    pub fn changes(&self) -> &[ChangeId] {
        &self.changes
    }
}
