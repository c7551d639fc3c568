//! What other tables have of a record, read with it.

use std::fmt::Write as _;
use std::marker::PhantomData;
use std::sync::OnceLock;

use diesel::QueryResult;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
#[cfg(feature = "postgres")]
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Nullable;
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;
use serde::Deserialize;

use crate::records::Stored;
use crate::sql::JsonText;
use crate::values::{LabeledValue, LabeledValues, Participant, Reference};
use crate::{BackendKind, ContactId, Db, RecordId, TagId};

/// The tables that have something of a kind of records, for [`BesideOf`].
#[derive(Debug)]
pub struct Around {
    /// The table of the records.
    pub table: &'static str,
    /// The column by which the others name them.
    pub record: &'static str,
    /// The links to their tags.
    pub tags: &'static str,
    /// The contacts that take part in them.
    pub participants: Option<&'static str>,
    /// Their e-mail addresses and phone numbers.
    pub addresses: Option<(&'static str, &'static str)>,
    /// Those of `organization` and `contact` whose name they show.
    pub shows: &'static [&'static str],
    /// Where their form is, behind a FROM.
    pub form: &'static str,
    /// The texts that come of it, of the two databases.
    pub texts: OnceLock<[String; 2]>,
}

/// A kind of records around which other tables are.
pub trait HasAround: 'static {
    /// These tables.
    fn around() -> &'static Around;
}

/// What other tables have of a record of the kind `K`: its tags, participants, addresses and numbers, and the names of the
/// organization and contact that it points at. A column of a SELECT from the kind's table, put together by the database, so
/// that one statement brings all of a record, or of all records of a page.
#[derive(Debug)]
pub struct BesideOf<K>(PhantomData<K>);

/// The form that shows a record's custom fields, as such a column: NULL where the tenant has none of its own.
#[derive(Debug)]
pub struct FormOf<K>(PhantomData<K>);

/// What other tables have of a record of this kind.
#[must_use]
pub fn beside_of<K: HasAround>() -> BesideOf<K> {
    BesideOf(PhantomData)
}

/// The form of a record of this kind.
#[must_use]
pub fn form_of<K: HasAround>() -> FormOf<K> {
    FormOf(PhantomData)
}

/// What [`BesideOf`] yields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Beside {
    tags: Vec<StoredTag>,
    participants: Vec<(i64, i64, Option<String>)>,
    emails: Vec<StoredValue>,
    phones: Vec<StoredValue>,
    organization: Option<String>,
    contact: Option<String>,
}

/// A tag: its folded label, by which tags are ordered, its id, its label and its colour.
pub type StoredTag = (String, TagId, String, String);
/// An address or number: its place, its label, itself, and whether it is the primary one.
type StoredValue = (i64, Option<String>, String, i64);

impl Beside {
    /// Its tags, in their order.
    pub fn take_tags(&mut self) -> Vec<StoredTag> {
        self.tags.sort_unstable();
        std::mem::take(&mut self.tags)
    }

    /// Its participants, in their order.
    pub fn take_participants(&mut self) -> Vec<Participant> {
        self.participants.sort_unstable();
        let participants = std::mem::take(&mut self.participants).into_iter();
        participants.map(|(_, id, name)| Participant { id: ContactId::from_i64(id), name }).collect()
    }

    /// Its e-mail addresses, in their order.
    pub fn take_emails(&mut self) -> LabeledValues {
        labeled(std::mem::take(&mut self.emails))
    }

    /// Its phone numbers, in their order.
    pub fn take_phones(&mut self) -> LabeledValues {
        labeled(std::mem::take(&mut self.phones))
    }

    /// The organization that it points at, which has this id.
    pub fn take_organization<I: RecordId>(&mut self, id: Option<I>) -> Option<Reference<I>> {
        Some(Reference { id: id?, name: self.organization.take()? })
    }

    /// The contact that it points at, which has this id.
    pub fn take_contact<I: RecordId>(&mut self, id: Option<I>) -> Option<Reference<I>> {
        Some(Reference { id: id?, name: self.contact.take()? })
    }
}

fn labeled(mut values: Vec<StoredValue>) -> LabeledValues {
    values.sort_unstable();
    let value = |(_, label, value, primary): StoredValue| LabeledValue { label, value, primary: primary != 0 };
    LabeledValues::stored(values.into_iter().map(value).collect())
}

/// The columns of a tag, of a participant, and of an address or number. Rows come in no order: to sort the few of them in
/// Rust is less than to have it done.
const TAG: [&str; 2] = ["t.label_folded, t.id, t.label, t.color", "t.label_folded, hex(t.id), t.label, t.color"];
const PARTICIPANT: [&str; 2] = ["b.position, b.contact_id, b.name"; 2];
const VALUE: [&str; 2] = ["b.position, b.label, b.value, CAST(b.is_primary AS integer)"; 2];

impl Around {
    fn text(&self, backend: BackendKind) -> &str {
        let [postgres, sqlite] = self.texts.get_or_init(|| [self.written(0), self.written(1)]);
        match backend {
            BackendKind::Postgres => postgres,
            BackendKind::Sqlite => sqlite,
        }
    }

    /// The text for PostgreSQL (0) or SQLite (1), which name the functions of JSON differently.
    fn written(&self, on: usize) -> String {
        let Self { table, record, tags, participants, addresses, shows, form: _, texts: _ } = self;
        let (object, array, group) =
            [("json_build_object", "json_build_array", "json_agg"), ("json_object", "json_array", "json_group_array")]
                [on];
        let (some, none) = [("coalesce((", "), '[]'::json)"), ("json((", "))")][on];
        let mut text = format!("{object}('tags', ");
        let rows = |text: &mut String, columns: &str, from: &str| {
            let _ = write!(
                text,
                "{some}SELECT {group}({array}({columns})) FROM {from} WHERE b.tenant_id = {table}.tenant_id \
                 AND b.{record} = {table}.id{none}"
            );
        };
        let linked =
            format!("{tags} AS b JOIN tags AS t ON t.tenant_id = b.tenant_id AND t.kind = b.kind AND t.id = b.tag_id");
        rows(&mut text, TAG[on], &linked);
        let lists = participants.iter().map(|from| ("participants", PARTICIPANT[on], *from));
        let addresses = addresses.iter();
        let addresses =
            addresses.flat_map(|(emails, phones)| [("emails", VALUE[on], *emails), ("phones", VALUE[on], *phones)]);
        for (name, columns, from) in lists.chain(addresses) {
            let _ = write!(text, ", '{name}', ");
            rows(&mut text, columns, &format!("{from} AS b"));
        }
        for name in *shows {
            let _ = write!(
                text,
                ", '{name}', (SELECT b.name FROM {name}s AS b WHERE b.tenant_id = {table}.tenant_id AND b.id = {table}.{name}_id)"
            );
        }
        text.push(')');
        text
    }
}

macro_rules! columns_around {
    ($($column:ident, $sql:ty;)*) => {
        $(
            impl<K> Clone for $column<K> {
                fn clone(&self) -> Self {
                    *self
                }
            }

            impl<K> Copy for $column<K> {}

            impl<K> Expression for $column<K> {
                type SqlType = $sql;
            }

            impl<K, Source> AppearsOnTable<Source> for $column<K> {}
            impl<K, Source> SelectableExpression<Source> for $column<K> {}

            impl<K, Group> ValidGrouping<Group> for $column<K> {
                type IsAggregate = is_aggregate::No;
            }

            impl<K: 'static> QueryId for $column<K> {
                type QueryId = Self;
                const HAS_STATIC_QUERY_ID: bool = true;
            }

            impl<K: HasAround> QueryFragment<Db> for $column<K> {
                fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
                    Db::walk_variant_ast(self, pass)
                }
            }
        )*
    };
}

columns_around! {
    BesideOf, JsonText;
    FormOf, Nullable<JsonText>;
}

macro_rules! written_on {
    ($($backend:ty, $kind:ident;)*) => {
        $(
            impl<K: HasAround> QueryFragment<$backend> for BesideOf<K> {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    pass.push_sql(K::around().text(BackendKind::$kind));
                    Ok(())
                }
            }

            impl<K: HasAround> QueryFragment<$backend> for FormOf<K> {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    pass.push_sql("(SELECT b.form FROM ");
                    pass.push_sql(K::around().form);
                    pass.push_sql(")");
                    Ok(())
                }
            }
        )*
    };
}

#[cfg(feature = "postgres")]
written_on! {
    Pg, Postgres;
}
#[cfg(feature = "sqlite")]
written_on! {
    Sqlite, Sqlite;
}

/// Declares `find_whole`, `find_whole_locked`, `remember` and `beside` for a kind with [`record_queries!`](crate::record_queries):
/// `whole_records!(leads, LeadId, LeadRow, StoredForm, LeadSort, LeadsAround { … })` with the orders of its lists, which say what
/// makes one long, a name for the tables around it, and these.
#[macro_export]
macro_rules! whole_records {
    ($table:ident, $id:ty, $row:ty, $form:ty, $sort:ty, $kind:ident { $($around:tt)* }) => {
        /// The tables around these records.
        pub(crate) struct $kind;

        impl $crate::records::HasAround for $kind {
            fn around() -> &'static $crate::records::Around {
                static AROUND: $crate::records::Around =
                    $crate::records::Around { table: stringify!($table), $($around)*, texts: ::std::sync::OnceLock::new() };
                &AROUND
            }
        }

        /// A record with all that other tables have of it, and the form that shows it, in one statement.
        pub(crate) fn find_whole(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            id: $id,
        ) -> ::diesel::QueryResult<Option<($row, $crate::records::Beside, Option<$form>)>> {
            use ::diesel::prelude::*;
            use $crate::sql::Json;
            let columns = (
                $crate::columns::<$row>(),
                $crate::records::beside_of::<$kind>(),
                $crate::records::form_of::<$kind>(),
            );
            type Whole = ($row, Json<$crate::records::Beside>, Option<Json<$form>>);
            let found: Option<Whole> =
                $table::table.find((scope.tenant(), id)).select(columns).first(connection).optional()?;
            Ok(found.map(|(row, Json(beside), form)| (row, beside, form.map(|Json(form)| form))))
        }

        /// A record that is locked by this, with all that other tables have of it: in two statements, and in none where a
        /// transaction of many changes [remembers](remember) it.
        pub(crate) fn find_whole_locked(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            id: $id,
        ) -> ::diesel::QueryResult<Option<($row, $crate::records::Beside)>> {
            if let Some(known) = $crate::records::Present::take(scope, id) {
                return Ok(Some(known));
            }
            let Some(row) = find_locked(connection, scope, id)? else { return Ok(None) };
            let beside = beside(connection, scope, &[id])?.remove(&id).unwrap_or_default();
            Ok(Some((row, beside)))
        }

        /// Reads records that are locked at once, for a transaction of many changes: but for heavy ones, which are too long to be
        /// in memory together. One statement.
        ///
        /// # Errors
        /// The database's.
        pub fn remember(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            ids: &[$id],
        ) -> ::diesel::QueryResult<()> {
            use ::diesel::prelude::*;
            use $crate::page::SortField as _;
            use $crate::sql::Json;
            if ids.is_empty() {
                return Ok(());
            }
            let columns = ($crate::columns::<$row>(), $crate::records::beside_of::<$kind>());
            let these = $table::table.filter($crate::sql::among(scope, $table::tenant_id, $table::id, ids));
            let found: Vec<($row, Json<$crate::records::Beside>)> =
                these.filter($crate::page::NotHeavy::of(<$sort>::WEIGHT)).select(columns).load(connection)?;
            $crate::records::Present::remember(scope, found.into_iter().map(|(row, Json(beside))| (row.id, row, beside)));
            Ok(())
        }

        /// What other tables have of these records, in one statement.
        pub(crate) fn beside(
            connection: &mut $crate::DbConnection,
            scope: &$crate::Scope,
            ids: &[$id],
        ) -> ::diesel::QueryResult<::std::collections::HashMap<$id, $crate::records::Beside>> {
            use ::diesel::prelude::*;
            use $crate::sql::Json;
            if ids.is_empty() {
                return Ok(::std::collections::HashMap::new());
            }
            let found: Vec<($id, Json<$crate::records::Beside>)> = $table::table
                .filter($crate::sql::among(scope, $table::tenant_id, $table::id, ids))
                .select(($table::id, $crate::records::beside_of::<$kind>()))
                .load(connection)?;
            Ok(found.into_iter().map(|(id, Json(beside))| (id, beside)).collect())
        }
    };
}
