use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
#[cfg(feature = "postgres")]
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
#[cfg(feature = "postgres")]
use diesel::sql_types::Array;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;
use diesel::{Column, QueryResult};

use super::Uid;
use crate::{Db, OnEach, Scope, TenantId, Uuid};

/// A value that a column is looked for by, one of several.
pub trait Listed {
    /// What it is in the database.
    type Sql;

    /// All of them as one value.
    fn list(values: impl Iterator<Item = Self>) -> List
    where
        Self: Sized;
}

/// A column of the type `Sql`, or one of it that can be empty.
pub trait Holds<Sql> {}

impl<Sql> Holds<Sql> for Sql {}
impl<Sql> Holds<Sql> for Nullable<Sql> {}

/// Values that are sent as one: as an array to PostgreSQL, and as a JSON text to SQLite, which has no arrays.
#[derive(Debug, Clone)]
pub struct List {
    of: Values,
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "PostgreSQL takes arrays"))]
    json: String,
}

#[derive(Debug, Clone)]
enum Values {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
    Uuids(Vec<Uuid>),
}

impl List {
    /// A list of numbers.
    pub(crate) fn of_numbers(numbers: impl Iterator<Item = i64>) -> Self {
        let numbers: Vec<i64> = numbers.collect();
        let json = joined(numbers.iter().map(ToString::to_string));
        Self { of: Values::Numbers(numbers), json }
    }

    /// A list of texts.
    pub(crate) fn of_texts(texts: impl Iterator<Item = String>) -> Self {
        let texts: Vec<String> = texts.collect();
        let json = joined(texts.iter().map(|text| serde_json::Value::from(text.as_str()).to_string()));
        Self { of: Values::Texts(texts), json }
    }

    /// A list of UUIDs.
    pub(crate) fn of_uuids(uuids: impl Iterator<Item = Uuid>) -> Self {
        let uuids: Vec<Uuid> = uuids.collect();
        // Without hyphens, as `unhex` reads it.
        let hex = |uuid: &Uuid| format!("\"{:032x}\"", u128::from_be_bytes(*uuid.as_bytes()));
        let json = joined(uuids.iter().map(hex));
        Self { of: Values::Uuids(uuids), json }
    }

    #[cfg(feature = "postgres")]
    fn push_array<'b>(&'b self, pass: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match &self.of {
            Values::Numbers(numbers) => pass.push_bind_param::<Array<BigInt>, _>(numbers),
            Values::Texts(texts) => pass.push_bind_param::<Array<Text>, _>(texts),
            Values::Uuids(uuids) => pass.push_bind_param::<Array<Uid>, _>(uuids),
        }
    }

    /// `value FROM json_each(?)`, which stands behind a SELECT.
    #[cfg(feature = "sqlite")]
    fn push_rows<'b>(&'b self, pass: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.push_sql(match &self.of {
            Values::Numbers(_) | Values::Texts(_) => "value FROM json_each(",
            Values::Uuids(_) => "unhex(value) FROM json_each(",
        });
        pass.push_bind_param::<Text, _>(&self.json)?;
        pass.push_sql(")");
        Ok(())
    }
}

fn joined(values: impl Iterator<Item = String>) -> String {
    let mut json = String::from("[");
    for (index, value) in values.enumerate() {
        json.push_str(if index > 0 { "," } else { "" });
        json.push_str(&value);
    }
    json.push(']');
    json
}

macro_rules! listed {
    ($($of_rust:ty: $sql:ty, $list:ident, $of:expr;)*) => {
        $(impl Listed for $of_rust {
            type Sql = $sql;

            fn list(values: impl Iterator<Item = Self>) -> List {
                List::$list(values.map($of))
            }
        })*
    };
}

listed! {
    i64: BigInt, of_numbers, |number| number;
    String: Text, of_texts, |text| text;
    &str: Text, of_texts, str::to_owned;
    Uuid: Uid, of_uuids, |uuid| uuid;
}

impl<T: Listed + Clone> Listed for &T {
    type Sql = T::Sql;

    fn list(values: impl Iterator<Item = Self>) -> List {
        T::list(values.cloned())
    }
}

/// The rows of a tenant in which a column is one of some values; see [`among`].
#[derive(Debug, Clone)]
pub struct Among<T, C> {
    tenant: TenantId,
    tenant_column: T,
    column: C,
    values: List,
}

/// The rows of the scope's tenant in which `column` is one of these values: `among(scope, leads::tenant_id, leads::id, ids)`,
/// in the place of two filters. Diesel's `eq_any` writes another statement for each number of values on SQLite, and keeps
/// none of them prepared; this is one statement for any number.
///
/// SQLite would take any index on the tenant to be better than a list of unknown length, because it believes that a
/// tenant has ten rows; it is given tenant and value as one, which only an index of both finds.
pub fn among<T, C, I>(scope: &Scope, tenant_column: T, column: C, values: I) -> Among<T, C>
where
    T: Column<SqlType = BigInt>,
    C: Expression,
    I: IntoIterator,
    I::Item: Listed,
    C::SqlType: Holds<<I::Item as Listed>::Sql>,
{
    Among { tenant: scope.tenant(), tenant_column, column, values: I::Item::list(values.into_iter()) }
}

/// A column that is one of some values; see [`one_of`].
#[derive(Debug, Clone)]
pub struct OneOf<C> {
    column: C,
    values: List,
}

/// `column` is one of these values, for what no index needs to find: as [`among`] otherwise.
pub fn one_of<C, I>(column: C, values: I) -> OneOf<C>
where
    C: Expression,
    I: IntoIterator,
    I::Item: Listed,
    C::SqlType: Holds<<I::Item as Listed>::Sql>,
{
    OneOf { column, values: I::Item::list(values.into_iter()) }
}

#[cfg(feature = "postgres")]
impl<T: QueryFragment<Pg>, C: QueryFragment<Pg>> QueryFragment<Pg> for Among<T, C> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("(");
        self.tenant_column.walk_ast(pass.reborrow())?;
        pass.push_sql(" = ");
        pass.push_bind_param::<BigInt, _>(&self.tenant)?;
        pass.push_sql(" AND ");
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" = ANY(");
        self.values.push_array(&mut pass)?;
        pass.push_sql("))");
        Ok(())
    }
}

#[cfg(feature = "sqlite")]
impl<T: QueryFragment<Sqlite>, C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Among<T, C> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.push_sql("((");
        self.tenant_column.walk_ast(pass.reborrow())?;
        pass.push_sql(", ");
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(") IN (SELECT ");
        pass.push_bind_param::<BigInt, _>(&self.tenant)?;
        pass.push_sql(", ");
        self.values.push_rows(&mut pass)?;
        pass.push_sql("))");
        Ok(())
    }
}

#[cfg(feature = "postgres")]
impl<C: QueryFragment<Pg>> QueryFragment<Pg> for OneOf<C> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" = ANY(");
        self.values.push_array(&mut pass)?;
        pass.push_sql(")");
        Ok(())
    }
}

#[cfg(feature = "sqlite")]
impl<C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for OneOf<C> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" IN (SELECT ");
        self.values.push_rows(&mut pass)?;
        pass.push_sql(")");
        Ok(())
    }
}

/// What makes a condition on columns an expression, wherever these are.
macro_rules! condition {
    ($condition:ident<$($column:ident),+>) => {
        impl<$($column),+> QueryFragment<Db> for $condition<$($column),+>
        where
            Self: OnEach,
        {
            fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
                Db::walk_variant_ast(self, pass)
            }
        }

        impl<$($column),+> Expression for $condition<$($column),+> {
            type SqlType = Bool;
        }

        impl<Source, $($column: AppearsOnTable<Source>),+> AppearsOnTable<Source> for $condition<$($column),+> {}
        impl<Source, $($column: SelectableExpression<Source>),+> SelectableExpression<Source>
            for $condition<$($column),+> {}

        impl<Group, $($column),+> ValidGrouping<Group> for $condition<$($column),+> {
            type IsAggregate = is_aggregate::No;
        }

        impl<$($column: QueryId),+> QueryId for $condition<$($column),+> {
            type QueryId = $condition<$($column::QueryId),+>;
            const HAS_STATIC_QUERY_ID: bool = true $(&& $column::HAS_STATIC_QUERY_ID)+;
        }
    };
}

condition!(Among<T, C>);
condition!(OneOf<C>);
