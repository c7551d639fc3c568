//! The ids that other systems have for records: a column of one shape for each kind of record.

use std::collections::HashMap;

use crate::Scope;

/// Who has the external ids that a transaction of many changes ([`Scope::remembering`]) has asked for at once, so that none of
/// its changes asks again.
///
/// It is as right as one of them would have it: of two transactions that take the same one the later is refused by the unique
/// index, and runs again.
pub struct ExternalIds<I>(HashMap<String, Option<I>>);

impl<I> Default for ExternalIds<I> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<I: Copy + Eq + Send + 'static> ExternalIds<I> {
    /// Remembers that these were asked for, and which records have some of them.
    pub fn remember(scope: &Scope, asked: &[&str], holders: &HashMap<String, I>) {
        let found = asked.iter().map(|id| ((*id).to_owned(), holders.get(*id).copied()));
        Self::with(scope, |Self(known)| known.extend(found));
    }

    /// The record that has this one, if any has; `None` where it was not asked for.
    #[must_use]
    pub fn holder(scope: &Scope, external_id: &str) -> Option<Option<I>> {
        Self::with(scope, |Self(known)| known.get(external_id).copied()).flatten()
    }

    /// Remembers that a record has this one now and no other.
    pub fn now(scope: &Scope, record: I, external_id: Option<&str>) {
        Self::with(scope, |Self(known)| {
            for holder in known.values_mut().filter(|holder| **holder == Some(record)) {
                *holder = None;
            }
            if let Some(holder) = external_id.and_then(|external_id| known.get_mut(external_id)) {
                *holder = Some(record);
            }
        });
    }

    fn with<R>(scope: &Scope, act: impl FnOnce(&mut Self) -> R) -> Option<R> {
        scope.memory().map(|memory| memory.with(act))
    }
}

/// Declares what a kind of record does with its column `external_id`: `external_ids!(leads, LeadId, LeadError)` with its
/// table, the type of its id and an error that is made of an [`ExternalIdTaken`](crate::values::ExternalIdTaken).
///
/// For everybody: `with_external_ids`. For the crate: `claim_external_id`.
#[macro_export]
macro_rules! external_ids {
    ($table:ident, $id:ty, $error:ty) => {
        /// The records that other systems call by these ids, each with the id, in one statement for some thousands.
        ///
        /// # Errors
        /// The database's.
        pub fn with_external_ids(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            external_ids: &[&str],
        ) -> ::diesel::QueryResult<::std::collections::HashMap<String, $id>> {
            use ::diesel::prelude::*;
            let mut found = ::std::collections::HashMap::with_capacity(external_ids.len());
            for these in $crate::records::in_statements(external_ids) {
                let rows: Vec<(Option<String>, $id)> = $table::table
                    .filter($crate::sql::among(scope, $table::tenant_id, $table::external_id, these))
                    .filter($table::external_id.is_not_null())
                    .select(($table::external_id, $table::id))
                    .load(connection)?;
                found.extend(rows.into_iter().filter_map(|(external_id, id)| Some((external_id?, id))));
            }
            Ok(found)
        }

        /// Looks whether a record may take the external id that it `wants`: no other one has it. `own` is the record's
        /// where there is one yet. Of two at once the later is refused by the unique index, and runs again.
        pub(crate) fn claim_external_id(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            wants: Option<&$crate::values::ExternalId>,
            own: Option<$id>,
        ) -> Result<(), $error> {
            let Some(wants) = wants else { return Ok(()) };
            let holder = match $crate::records::ExternalIds::<$id>::holder(scope, wants.as_str()) {
                Some(known) => known,
                None => with_external_ids(connection, scope, &[wants.as_str()])?.into_values().next(),
            };
            match holder.filter(|holder| Some(*holder) != own) {
                None => Ok(()),
                Some(holder) => {
                    use $crate::RecordId as _;
                    let kind = <$id as $crate::RecordId>::KIND;
                    Err($crate::values::ExternalIdTaken { kind, holder: holder.as_i64() }.into())
                }
            }
        }
    };
}

/// As [`external_ids!`](crate::external_ids), for kinds that are merged: `release_external_ids` and `external_id_again`.
#[macro_export]
macro_rules! released_external_ids {
    ($table:ident, $id:ty, $error:ty) => {
        /// Takes the external ids of records that are merged into another one, which is about to have the first of them.
        pub(crate) fn release_external_ids(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            ids: &[$id],
        ) -> ::diesel::QueryResult<()> {
            use ::diesel::prelude::*;
            let these = $table::table.filter($crate::sql::among(scope, $table::tenant_id, $table::id, ids));
            let having = these.filter($table::external_id.is_not_null());
            ::diesel::update(having).set($table::external_id.eq(None::<String>)).execute(connection)?;
            Ok(())
        }

        /// The external id that a record has when it comes back: the one that it had, unless the target of its merge has it now.
        pub(crate) fn external_id_again(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            had: Option<String>,
            target: Option<$id>,
        ) -> Result<Option<String>, $error> {
            let Some(had) = had else { return Ok(None) };
            match with_external_ids(connection, scope, &[&had])?.into_values().next() {
                None => Ok(Some(had)),
                Some(holder) if Some(holder) == target => Ok(None),
                Some(holder) => {
                    use $crate::RecordId as _;
                    let kind = <$id as $crate::RecordId>::KIND;
                    Err($crate::values::ExternalIdTaken { kind, holder: holder.as_i64() }.into())
                }
            }
        }
    };
}
