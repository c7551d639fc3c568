//! The SQL that writes records of every kind, with what makes it hard to write one unseen.

/// Declares `update` and `delete` for a table with the key `(tenant_id, id)`:
/// `record_writes!(leads, LeadId, LeadRow, LeadValues)` with the table, the type of its id, the row that is read, and the
/// columns that a change writes.
///
/// What is written comes back as a [`Written`](crate::Written), which gives the row to whoever writes its change down, and
/// what is deleted goes by a [`Deletion`](crate::Deletion), which is written down already.
#[macro_export]
macro_rules! record_writes {
    ($table:ident, $id:ty, $row:ty, $values:ty) => {
        pub(crate) fn update(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            id: $id,
            values: &$values,
        ) -> ::diesel::QueryResult<$crate::Written<$row>> {
            use ::crm_core::PortableExt as _;
            use ::diesel::prelude::*;
            let update = ::diesel::update($table::table.find((scope.tenant(), id))).set(values);
            update.returning(::crm_core::columns::<$row>()).portable().get_result(connection).map($crate::Written::new)
        }

        pub(crate) fn delete(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            deletion: &$crate::Deletion<$id>,
        ) -> ::diesel::QueryResult<()> {
            use ::diesel::prelude::*;
            for ids in ::crm_core::records::in_statements(deletion.ids()) {
                let these = $table::table.filter(::crm_core::sql::among(scope, $table::tenant_id, $table::id, ids));
                ::diesel::delete(these).execute(connection)?;
            }
            Ok(())
        }
    };
}

/// Declares `insert` for a kind of records, whose rows are kept when they are deleted and come back as they are made:
/// `record_inserts!(leads, LeadRow)`.
#[macro_export]
macro_rules! record_inserts {
    ($table:ident, $row:ty) => {
        ::crm_core::record_inserts!($table, $row);

        pub(crate) fn insert(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            row: $row,
        ) -> ::diesel::QueryResult<$crate::Written<$row>> {
            ::crm_core::records::insert(connection, scope, &row)?;
            Ok($crate::Written::new(row))
        }
    };
}

/// Declares what happens to a column that points at other records when those are deleted or merged: public functions
/// `unlink`, `relink`, which does that back when the record is restored, and, after a third name, `repoint`. They lock the rows in ascending order before they write them,
/// [note](crm_core::changed) that they are changed, and write down their changes, which follow from the last change of the
/// record that was pointed at, or, in a merge, of the one that is pointed at now: that is to be written down before.
///
/// ```text
/// reference_column! {
///     leads.organization_id: LeadId => OrganizationId;
///     /// Takes these organizations off every lead.
///     unlink_organizations;
///     /// Gives a restored organization back to the leads that lost it.
///     relink_organizations;
///     /// Makes every lead of one of these organizations a lead of `to`.
///     repoint_organizations;
/// }
/// ```
#[macro_export]
macro_rules! reference_column {
    (
        $table:ident.$column:ident: $id:ty => $other:ty;
        $(#[$unlink_doc:meta])+ $unlink:ident;
        $(#[$relink_doc:meta])+ $relink:ident;
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
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            from: &[$other],
        ) -> ::diesel::QueryResult<()> {
            $crate::reference_column!(@set connection, scope, $table.$column: $id => $other, from, None::<$other>)
        }

        $(#[$relink_doc])+
        ///
        /// Only those that are as the deletion or merge left them, which sets their `lastUpdatedOn`; their changes follow from
        /// the one that brought the record back. Call it in a [`DbConnection::write`](crm_core::DbConnection::write).
        ///
        /// # Errors
        /// The database's.
        pub fn $relink(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            undone: &$crate::Undone<$other>,
        ) -> ::diesel::QueryResult<()> {
            use ::diesel::prelude::*;
            let column = $crate::ReferenceColumn::of::<$id, $other>(stringify!($table), stringify!($column));
            let pointing: Vec<$id> = column.pointing(connection, scope, undone)?;
            $crate::record_alike(connection, scope, &pointing, undone.id, undone.fields())?;
            for ids in ::crm_core::records::in_statements(&pointing) {
                let these = $table::table.filter(::crm_core::sql::among(scope, $table::tenant_id, $table::id, ids));
                let set = ($table::$column.eq(Some(undone.id)), ::crm_core::changed!($table, scope, None));
                ::diesel::update(these).set(set).execute(connection)?;
            }
            Ok(())
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
                connection: &mut ::crm_core::DbConnection,
                scope: &::crm_core::Scope,
                from: &[$other],
                to: $other,
            ) -> ::diesel::QueryResult<()> {
                $crate::reference_column!(@set connection, scope, $table.$column: $id => $other, from, Some(to))
            }
        )?
    };
    (@set $connection:ident, $scope:ident, $table:ident.$column:ident: $id:ty => $other:ty, $from:ident, $to:expr) => {{
        use ::crm_core::ForUpdateExt as _;
        use ::diesel::prelude::*;
        let of_them =
            || $table::table.filter(::crm_core::sql::among($scope, $table::tenant_id, $table::$column, $from));
        let touched: Vec<$id> = of_them().order($table::id).select($table::id).locked().load($connection)?;
        if touched.is_empty() {
            return Ok(());
        }
        let column = $crate::ReferenceColumn::of::<$id, $other>(stringify!($table), stringify!($column));
        column.record($connection, $scope, $from, $to)?;
        ::diesel::update(of_them())
            .set(($table::$column.eq($to), ::crm_core::changed!($table, $scope, None)))
            .execute($connection)?;
        Ok(())
    }};
}
