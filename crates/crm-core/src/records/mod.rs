//! The SQL that every kind of record has, written once.
//!
//! Macros and not generic functions, because Diesel's types name the table in each step of a query: bounds for any
//! table would be longer than the queries.

mod beside;
mod external;
mod made;
mod named;
mod people;
mod present;
mod rows;

use diesel::result::Error as DieselError;

use crate::RecordId;
use crate::error::{collision, is_unique_violation};

pub use beside::{Around, Beside, BesideOf, FormOf, HasAround, StoredTag, beside_of, form_of};
pub use external::ExternalIds;
pub use made::{MadeRow, insert};
pub use named::{ShowsNames, named};
pub use people::People;
pub use present::Present;
pub use rows::{Cell, Rows, forget_unwritten, settle};

/// A checked value as a row has it: made without another check, since only checked ones were stored.
///
/// For the crates that own the rows. It keeps no rule of the value, and a record that is written with a value that breaks one
/// is shown so ever after: whoever has a value from anywhere but a row makes it by `new`, which checks it.
pub trait Stored: Sized {
    /// What the row has.
    type Of;

    /// The value of a row.
    #[must_use]
    fn stored(of: Self::Of) -> Self;
}

/// SQLite takes at most 32 766 values in a statement, and what belongs to one record can be more than that.
const IDS_OF_A_STATEMENT: usize = 10_000;

/// How many rows of a few values each are written in a statement.
pub const ROWS_OF_A_STATEMENT: usize = 5_000;

/// What records are asked for by.
pub trait Asked: Copy + Ord {
    /// Whether a row can have it. What none can have finds nothing, and no database is asked for it.
    fn can_be(self) -> bool {
        true
    }
}

impl<I: RecordId + Ord> Asked for I {}

impl Asked for i64 {}

impl Asked for &str {
    /// No text has NUL, which PostgreSQL refuses to be asked for.
    fn can_be(self) -> bool {
        !self.contains('\0')
    }
}

/// Those of these that a row can have, ascending and each once, in parts that a statement can take. Everybody locks in this
/// order, so that no two wait for each other.
pub fn in_statements<I: Asked>(ids: &[I]) -> Vec<Vec<I>> {
    let mut ids: Vec<I> = ids.iter().copied().filter(|id| id.can_be()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.chunks(IDS_OF_A_STATEMENT).map(<[I]>::to_vec).collect()
}

/// The one record that came of one row. That there is none would be a bug, and no record that is missing.
///
/// # Errors
/// [`NotFound`](diesel::result::Error::NotFound), which no caller expects here.
pub fn only<T>(records: Vec<T>) -> diesel::QueryResult<T> {
    records.into_iter().next().ok_or(diesel::result::Error::NotFound)
}

/// What a change writes about itself beside its own columns: when it is, and who does it, which stays as it was where
/// nobody says so. `changed!(leads, scope, by)`, where `by` is whom the input names.
#[macro_export]
macro_rules! changed {
    ($table:ident, $scope:expr, $by:expr) => {
        (
            ::diesel::ExpressionMethods::eq($table::last_updated_on, $scope.now()),
            $scope.author($by).map(|author| {
                ::diesel::ExpressionMethods::eq($table::last_updated_by, Some($crate::sql::Json(author)))
            }),
        )
    };
}

/// What it means that the database refused a row: whoever wrote it had looked that nobody has its external id, so that
/// somebody took it since where a unique index is violated, and the transaction is to be run again.
#[must_use]
pub fn run_again_where_taken(error: DieselError) -> DieselError {
    if is_unique_violation(&error) { collision("another record took the external id") } else { error }
}

/// Declares a function that tells what records are called: `record_names!(names, contacts, ContactId, name, "contact")`
/// with its name, the table, the type of its id, the column that is told and what one record is.
#[macro_export]
macro_rules! record_names {
    ($function:ident, $table:ident, $id:ty, $column:ident, $one:literal) => {
        #[doc = concat!("The ", stringify!($function), " by id, of each ", $one, " among these that exists. One statement at most.")]
        ///
        /// # Errors
        /// The database's.
        pub fn $function(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            ids: &[$id],
        ) -> ::diesel::QueryResult<::std::collections::HashMap<$id, String>> {
            use ::diesel::prelude::*;
            if ids.is_empty() {
                return Ok(::std::collections::HashMap::new());
            }
            let these = $table::table.filter($crate::sql::among(scope, $table::tenant_id, $table::id, ids));
            let rows: Vec<($id, String)> = these.select(($table::id, $table::$column)).load(connection)?;
            Ok(rows.into_iter().collect())
        }
    };
}

/// Declares those functions of a table with the key `(tenant_id, id)` that are named, of `find`, `find_locked`, `lock` and
/// `lock_rows`: `record_queries!(leads, LeadId, LeadRow: find, lock)` with the table, the type of its id and the row that is read.
#[macro_export]
macro_rules! record_queries {
    ($table:ident, $id:ty, $row:ident: $($function:ident),+) => {
        $($crate::record_queries!(@$function $table, $id, $row);)+
    };
    (@find $table:ident, $id:ty, $row:ty) => {
        pub(crate) fn find(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            id: $id,
        ) -> ::diesel::QueryResult<Option<$row>> {
            use ::diesel::prelude::*;
            $table::table.find((scope.tenant(), id)).select($crate::columns::<$row>()).first(connection).optional()
        }
    };
    (@find_locked $table:ident, $id:ty, $row:ty) => {
        pub(crate) fn find_locked(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            id: $id,
        ) -> ::diesel::QueryResult<Option<$row>> {
            use ::diesel::prelude::*;
            use $crate::ForUpdateExt as _;
            let record = $table::table.find((scope.tenant(), id)).select($crate::columns::<$row>());
            record.locked().get_result(connection).optional()
        }
    };
    (@lock $table:ident, $id:ty, $row:ty) => {
        /// Locks those of these records that exist, and gives them in ascending order.
        pub(crate) fn lock(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            ids: &[$id],
        ) -> ::diesel::QueryResult<Vec<$id>> {
            use ::diesel::prelude::*;
            use $crate::ForUpdateExt as _;
            let mut found = Vec::with_capacity(ids.len());
            for ids in $crate::records::in_statements(ids) {
                let these = $table::table.filter($crate::sql::among(scope, $table::tenant_id, $table::id, ids));
                let locked: Vec<$id> = these.order($table::id).select($table::id).locked().load(connection)?;
                found.extend(locked);
            }
            Ok(found)
        }
    };
    (@lock_rows $table:ident, $id:ty, $row:ty) => {
        /// Locks those of these records that exist, and gives their rows in ascending order.
        pub(crate) fn lock_rows(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            ids: &[$id],
        ) -> ::diesel::QueryResult<Vec<$row>> {
            use ::diesel::prelude::*;
            use $crate::ForUpdateExt as _;
            let these = $table::table.filter($crate::sql::among(scope, $table::tenant_id, $table::id, ids));
            these.order($table::id).select($crate::columns::<$row>()).locked().load(connection)
        }
    };
}
