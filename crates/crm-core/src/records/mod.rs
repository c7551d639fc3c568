//! The SQL that every kind of record has, written once.
//!
//! Macros and not generic functions, because Diesel's types name the table in each step of a query: bounds for any
//! table would be longer than the queries.

mod participants;

/// SQLite takes at most 32 766 values in a statement, and what belongs to one record can be more than that.
const IDS_OF_A_STATEMENT: usize = 10_000;

/// These ids ascending and each once, in parts that a statement can take. Everybody locks in this order, so that no two
/// wait for each other.
pub fn in_statements<I: Copy + Ord>(ids: &[I]) -> Vec<Vec<I>> {
    let mut ids = ids.to_vec();
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

/// Declares `find`, `find_locked`, `lock`, `insert`, `update` and `delete` for a table with the key `(tenant_id, id)`:
/// `record_queries!(leads, LeadId, LeadRow, LeadValues; is_archived: bool)` with the table, the type of its id, the row
/// that is read, the columns that a change writes, and those of its own that `insert` writes beside them.
#[macro_export]
macro_rules! record_queries {
    ($table:ident, $id:ty, $row:ty, $values:ty $(; $($column:ident: $of:ty),+)?) => {
        pub(crate) fn find(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            id: $id,
        ) -> ::diesel::QueryResult<Option<$row>> {
            use ::diesel::prelude::*;
            $table::table.find((scope.tenant(), id)).select($crate::columns::<$row>()).first(connection).optional()
        }

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
                let these = $table::table.filter($table::tenant_id.eq(scope.tenant())).filter($table::id.eq_any(ids));
                let locked: Vec<$id> = these.order($table::id).select($table::id).locked().load(connection)?;
                found.extend(locked);
            }
            Ok(found)
        }

        pub(crate) fn insert(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            id: $id,
            creator: Option<$crate::values::User>,
            values: &$values,
            $($($column: $of,)+)?
        ) -> ::diesel::QueryResult<$row> {
            use ::diesel::prelude::*;
            let constant = (
                $table::tenant_id.eq(scope.tenant()),
                $table::id.eq(id),
                $table::creator.eq(creator.map($crate::sql::Json)),
                $table::created_on.eq(scope.now()),
                $($($table::$column.eq($column),)+)?
            );
            let insert = ::diesel::insert_into($table::table).values((constant, values));
            insert.returning($crate::columns::<$row>()).get_result(connection)
        }

        pub(crate) fn update(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            id: $id,
            values: &$values,
        ) -> ::diesel::QueryResult<$row> {
            use ::diesel::prelude::*;
            use $crate::PortableExt as _;
            let update = ::diesel::update($table::table.find((scope.tenant(), id))).set(values);
            update.returning($crate::columns::<$row>()).portable().get_result(connection)
        }

        pub(crate) fn delete(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            ids: &[$id],
        ) -> ::diesel::QueryResult<()> {
            use ::diesel::prelude::*;
            for ids in $crate::records::in_statements(ids) {
                let these = $table::table.filter($table::tenant_id.eq(scope.tenant())).filter($table::id.eq_any(ids));
                ::diesel::delete(these).execute(connection)?;
            }
            Ok(())
        }
    };
}

/// Declares what happens to a column that points at other records when those are deleted or merged: public functions
/// `unlink` and, after a second name, `repoint`. Both lock the rows in ascending order before they write them, and
/// [note](crate::changed) that they are changed.
///
/// ```text
/// reference_column! {
///     leads.organization_id: LeadId => OrganizationId;
///     /// Takes these organizations off every lead.
///     unlink_organizations;
///     /// Makes every lead of one of these organizations a lead of `to`.
///     repoint_organizations;
/// }
/// ```
#[macro_export]
macro_rules! reference_column {
    (
        $table:ident.$column:ident: $id:ty => $other:ty;
        $(#[$unlink_doc:meta])+ $unlink:ident;
        $($(#[$repoint_doc:meta])+ $repoint:ident;)?
    ) => {
        $(#[$unlink_doc])+
        ///
        /// Sets `lastUpdatedOn` of those that it changes. Call it in a
        /// [`DbConnection::write`](crm_core::DbConnection::write).
        ///
        /// # Errors
        /// The database's.
        pub fn $unlink(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            from: &[$other],
        ) -> ::diesel::QueryResult<()> {
            $crate::reference_column!(@set connection, scope, $table.$column: $id, from, None::<$other>)
        }

        $(
            $(#[$repoint_doc])+
            ///
            /// Sets `lastUpdatedOn` of those that it changes. Call it in a
            /// [`DbConnection::write`](crm_core::DbConnection::write).
            ///
            /// # Errors
            /// The database's; a foreign key violation where `to` does not exist.
            pub fn $repoint(
                connection: &mut $crate::DbConnection,
                scope: &$crate::Scope,
                from: &[$other],
                to: $other,
            ) -> ::diesel::QueryResult<()> {
                $crate::reference_column!(@set connection, scope, $table.$column: $id, from, Some(to))
            }
        )?
    };
    (@set $connection:ident, $scope:ident, $table:ident.$column:ident: $id:ty, $from:ident, $to:expr) => {{
        use $crate::ForUpdateExt as _;
        use ::diesel::prelude::*;
        let of_them =
            || $table::table.filter($table::tenant_id.eq($scope.tenant())).filter($table::$column.eq_any($from));
        let _: Vec<$id> = of_them().order($table::id).select($table::id).locked().load($connection)?;
        ::diesel::update(of_them())
            .set(($table::$column.eq($to), $crate::changed!($table, $scope, None)))
            .execute($connection)?;
        Ok(())
    }};
}
