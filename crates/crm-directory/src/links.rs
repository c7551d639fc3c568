//! What other records need of contacts and of organizations alike: names, whether they exist, locks.

use std::collections::HashSet;
use std::hash::Hash;

/// Those of these ids that were not found, in the order given.
pub(crate) fn without<I: Copy + Eq + Hash>(ids: &[I], found: Vec<I>) -> Vec<I> {
    let found: HashSet<I> = found.into_iter().collect();
    ids.iter().filter(|id| !found.contains(id)).copied().collect()
}

/// Declares the pieces for one kind: `links!(contacts, ContactId, "contact")` in a module that has its `queries`.
macro_rules! links {
    ($table:ident, $id:ty, $one:literal) => {
        ::crm_core::record_names!(names, $table, $id, name, $one);

        #[doc = concat!("Those of these ", $one, "s that do not exist, in the order given. One statement.")]
        ///
        /// # Errors
        /// The database's.
        pub fn missing(connection: &mut DbConnection, scope: &Scope, ids: &[$id]) -> QueryResult<Vec<$id>> {
            let existing = $table::table.filter(::crm_core::sql::among(scope, $table::tenant_id, $table::id, ids));
            Ok(without(ids, existing.select($table::id).load(connection)?))
        }

        /// As [`missing`], and those that exist cannot be deleted before the end of the transaction: for a write that
        /// refers to them. They are locked in ascending order. Call it in a [`DbConnection::write`].
        ///
        /// # Errors
        /// The database's.
        pub fn lock_missing(connection: &mut DbConnection, scope: &Scope, ids: &[$id]) -> QueryResult<Vec<$id>> {
            let existing = $table::table.filter(::crm_core::sql::among(scope, $table::tenant_id, $table::id, ids));
            Ok(without(ids, existing.order($table::id).select($table::id).held().load(connection)?))
        }

        #[doc = concat!("Locks those of these ", $one, "s that exist until the end of the transaction, in ascending order, and")]
        /// returns them: so that nobody can point at them while they are deleted. Call it in a [`DbConnection::write`].
        ///
        /// # Errors
        /// The database's.
        pub fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[$id]) -> QueryResult<Vec<$id>> {
            queries::lock(connection, scope, ids)
        }
    };
}

pub(crate) use links;
