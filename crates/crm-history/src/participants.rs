//! The contacts that take part in records: a table of one shape for each kind of record that has them.

/// Declares what a kind of record does with its contacts: `participants!(leads, lead_participants, LeadId, lock)` with
/// its table, the one with a row for each participant (`tenant_id`, `record_id`, `contact_id`, `name`, `position`),
/// the type of its id and the function that [`record_queries!`](crm_core::record_queries) made to lock its rows.
///
/// For the crate: `of`, `add` and `patch`. For everybody: `unlink_contacts` and `repoint_contacts`, which are for
/// participants and for the column `contact_id` what [`reference_column!`](crate::reference_column) is for others.
#[macro_export]
macro_rules! participants {
    ($table:ident, $participants:ident, $id:ty, $lock:path) => {
        /// The participants of each of these records, in order, in one statement. A record without any is not in the map.
        pub(crate) fn of(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            records: &[$id],
        ) -> ::diesel::QueryResult<::std::collections::HashMap<$id, Vec<::crm_core::values::Participant>>> {
            use ::diesel::prelude::*;
            let mut lists: ::std::collections::HashMap<$id, Vec<_>> = ::std::collections::HashMap::new();
            if records.is_empty() {
                return Ok(lists);
            }
            let rows: Vec<($id, ::crm_core::ContactId, Option<String>)> = $participants::table
                .filter(::crm_core::sql::among(scope, $participants::tenant_id, $participants::record_id, records))
                .order(($participants::position, $participants::contact_id))
                .select(($participants::record_id, $participants::contact_id, $participants::name))
                .load(connection)?;
            for (record, id, name) in rows {
                lists.entry(record).or_default().push(::crm_core::values::Participant { id, name });
            }
            Ok(lists)
        }

        /// Does to the participants of a record what a patch says.
        pub(crate) fn patch(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            record: $id,
            patch: &::crm_core::Patch<::crm_core::values::Participants>,
        ) -> Result<(), ::crm_core::WriteError> {
            if patch.is_keep() {
                return Ok(());
            }
            let none = ::crm_core::values::Participants::default();
            let participants = patch.value().unwrap_or(&none);
            let replaced = TABLE.replace(connection, scope, record.as_i64(), participants.rows());
            replaced.map_err(|error| participants.unknown(error))
        }

        const TABLE: ::crm_core::records::Rows = ::crm_core::records::Rows {
            table: stringify!($participants),
            of: <$participants::record_id as ::diesel::Column>::NAME,
            columns: ::crm_core::values::Participants::COLUMNS,
            or_nothing: false,
        };

        /// Gives these participants to a record that has none.
        pub(crate) fn add(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            record: $id,
            participants: &::crm_core::values::Participants,
        ) -> Result<(), ::crm_core::WriteError> {
            let inserted = TABLE.insert(connection, scope, record.as_i64(), participants.rows());
            inserted.map_err(|error| participants.unknown(error))
        }

        /// Takes these contacts off every record of this kind, and out of every list of participants. Sets
        /// `lastUpdatedOn` of those that it changes. Call it in a
        /// [`DbConnection::write`](crm_core::DbConnection::write).
        ///
        /// # Errors
        /// The database's.
        pub fn unlink_contacts(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            from: &[::crm_core::ContactId],
        ) -> ::diesel::QueryResult<()> {
            set_contact(connection, scope, from, None)
        }

        /// Puts `to` in the place of these contacts, in lists of participants too, where it stands once. Sets
        /// `lastUpdatedOn` of those that it changes. Call it in a
        /// [`DbConnection::write`](crm_core::DbConnection::write).
        ///
        /// # Errors
        /// The database's; a foreign key violation where `to` does not exist.
        pub fn repoint_contacts(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            from: &[::crm_core::ContactId],
            to: ::crm_core::ContactId,
        ) -> ::diesel::QueryResult<()> {
            set_contact(connection, scope, from, Some(to))
        }

        /// Puts a restored contact back where its deletion or merge took it away, in lists of participants too, as far as that
        /// is as it was left. Sets `lastUpdatedOn` of those that it changes; their changes follow from the one that brought
        /// the contact back. Call it in a [`DbConnection::write`](crm_core::DbConnection::write).
        ///
        /// # Errors
        /// The database's.
        pub fn relink_contacts(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            undone: &$crate::Undone<::crm_core::ContactId>,
        ) -> ::diesel::QueryResult<()> {
            use ::crm_core::RecordId as _;
            use ::diesel::prelude::*;
            let columns = $crate::ContactColumns::of::<$id>(stringify!($table), stringify!($participants));
            let seen = columns.places(connection, scope, undone)?;
            let locked = $lock(connection, scope, &seen.records::<$id>())?;
            if locked.is_empty() {
                return Ok(());
            }
            // Once more, as they are now that nobody changes them.
            let before = of(connection, scope, &locked)?;
            let places = columns.places(connection, scope, undone)?.still_free(&locked, undone, &before);
            for rows in places.listed.chunks(::crm_core::records::ROWS_OF_A_STATEMENT) {
                let rows: Vec<_> = rows
                    .iter()
                    .map(|place| {
                        (
                            $participants::tenant_id.eq(scope.tenant()),
                            $participants::record_id.eq(<$id>::from_i64(place.record)),
                            $participants::contact_id.eq(undone.id),
                            $participants::name.eq(place.name.as_deref()),
                            $participants::position.eq(place.position),
                        )
                    })
                    .collect();
                let insert = ::diesel::insert_into($participants::table).values(&rows);
                ::crm_core::each_backend!(connection, connection => insert.execute(connection))?;
            }
            for ids in ::crm_core::records::in_statements(&places.left_by_target::<$id>(&before)) {
                let target = $participants::table
                    .filter(::crm_core::sql::among(scope, $participants::tenant_id, $participants::record_id, ids))
                    .filter($participants::contact_id.nullable().eq(undone.target));
                ::diesel::delete(target).execute(connection)?;
            }
            let after = of(connection, scope, &locked)?;
            places.record::<$id>(connection, scope, undone, (&before, &after))?;
            let own: Vec<$id> = places.own.iter().map(|id| <$id>::from_i64(*id)).collect();
            let also_own: ::std::collections::HashSet<$id> = own.iter().copied().collect();
            let listed: Vec<$id> = places.records().into_iter().filter(|id| !also_own.contains(id)).collect();
            let these = |ids: Vec<$id>| {
                $table::table.filter(::crm_core::sql::among(scope, $table::tenant_id, $table::id, ids))
            };
            for ids in ::crm_core::records::in_statements(&listed) {
                ::diesel::update(these(ids)).set(::crm_core::changed!($table, scope, None)).execute(connection)?;
            }
            for ids in ::crm_core::records::in_statements(&own) {
                let set = ($table::contact_id.eq(Some(undone.id)), ::crm_core::changed!($table, scope, None));
                ::diesel::update(these(ids)).set(set).execute(connection)?;
            }
            Ok(())
        }

        fn set_contact(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            from: &[::crm_core::ContactId],
            to: Option<::crm_core::ContactId>,
        ) -> ::diesel::QueryResult<()> {
            use ::diesel::prelude::*;
            let of_them = || $table::table.filter(::crm_core::sql::among(scope, $table::tenant_id, $table::contact_id, from));
            let with_them = || {
                $participants::table
                    .filter(::crm_core::sql::among(scope, $participants::tenant_id, $participants::contact_id, from))
            };
            let mut touched: Vec<$id> = of_them().select($table::id).load(connection)?;
            let joined: Vec<$id> = with_them().select($participants::record_id).distinct().load(connection)?;
            touched.extend(joined);
            let touched = $lock(connection, scope, &touched)?;
            if touched.is_empty() {
                return Ok(());
            }
            let contacts = $crate::ContactColumns::of::<$id>(stringify!($table), stringify!($participants));
            contacts.record(connection, scope, from, to)?;
            if let Some(to) = to {
                replace_participant(connection, scope, from, to)?;
            }
            ::diesel::delete(with_them()).execute(connection)?;
            // Each row is written once. PostgreSQL checks all foreign keys of one that its transaction has written
            // before, also those that stay as they are, and so would lock organizations after these records.
            for ids in ::crm_core::records::in_statements(&touched) {
                let elsewhere = $table::contact_id.is_null().or(::diesel::dsl::not(::crm_core::sql::one_of($table::contact_id, from)));
                let only_with_them = $table::table.filter(::crm_core::sql::among(scope, $table::tenant_id, $table::id, ids)).filter(elsewhere);
                ::diesel::update(only_with_them).set(::crm_core::changed!($table, scope, None)).execute(connection)?;
            }
            ::diesel::update(of_them())
                .set(($table::contact_id.eq(to), ::crm_core::changed!($table, scope, None)))
                .execute(connection)?;
            Ok(())
        }

        /// Puts `to` wherever one of `from` takes part, at the place of the first of them, unless it is there already. Where it
        /// has no name, it takes that of the first of them who has one.
        fn replace_participant(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            from: &[::crm_core::ContactId],
            to: ::crm_core::ContactId,
        ) -> ::diesel::QueryResult<()> {
            use ::crm_core::PortableExt as _;
            use $participants::{contact_id, name, position, record_id, table, tenant_id};
            use ::diesel::prelude::*;
            table
                .filter(::crm_core::sql::among(scope, tenant_id, contact_id, from))
                .order(position)
                .select((tenant_id, record_id, to.into_sql::<::diesel::sql_types::BigInt>(), name, position))
                .insert_into(table)
                .into_columns((tenant_id, record_id, contact_id, name, position))
                .on_conflict_do_nothing()
                .portable()
                .execute(connection)?;
            let sources = ::diesel::alias!($participants as sources);
            let first_name = sources
                .filter(sources.field(tenant_id).eq(tenant_id))
                .filter(sources.field(record_id).eq(record_id))
                .filter(::crm_core::sql::one_of(sources.field(contact_id), from))
                .filter(sources.field(name).is_not_null())
                .order(sources.field(position))
                .select(sources.field(name))
                .limit(1);
            let unnamed = table.filter(tenant_id.eq(scope.tenant())).filter(contact_id.eq(to)).filter(name.is_null());
            ::diesel::update(unnamed).set(name.eq(first_name.single_value())).execute(connection)?;
            Ok(())
        }
    };
}
