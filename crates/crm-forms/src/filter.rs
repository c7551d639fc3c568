use crm_core::{Db, sql_fragment};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

/// Matches records that have a value in one custom field: an expression for `filter` on a record's table,
/// for the question of [`replace`](crate::replace) whether a field is in use. It reads the documents, so
/// that its cost grows with the tenant's records; forms change seldom.
#[derive(Debug, Clone)]
pub struct HasCustomValue {
    column: &'static str,
    field: String,
    /// The same for SQLite: `$."the-id"`.
    path: String,
}

impl HasCustomValue {
    /// Records whose JSON `column` (a trusted SQL expression) has a member `field`: the id of a field of a
    /// form, `[A-Za-z0-9_-]{1,64}`, which needs no escaping in a path.
    #[must_use]
    pub fn new(column: &'static str, field: &str) -> Self {
        Self { column, field: field.to_owned(), path: format!("$.\"{field}\"") }
    }
}

/// Declares `has_custom_value` for a kind of records: whether any of them has a value for a custom field, so that the
/// field's type cannot change. `has_custom_value!(leads)`, for a table with the column `custom_fields`.
#[macro_export]
macro_rules! has_custom_value {
    ($table:ident) => {
        /// Whether any of these records has a value for this custom field, so that its type cannot change.
        ///
        /// # Errors
        /// The database's.
        pub fn has_custom_value(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            field: &str,
        ) -> ::diesel::QueryResult<bool> {
            use ::diesel::prelude::*;
            let found: Option<i64> = $table::table
                .filter($table::tenant_id.eq(scope.tenant()))
                .filter($crate::HasCustomValue::new("custom_fields", field))
                .select($table::id)
                .first(connection)
                .optional()?;
            Ok(found.is_some())
        }
    };
}

sql_fragment!(HasCustomValue, Bool);

impl QueryFragment<Db> for HasCustomValue {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }
}

impl QueryFragment<Pg> for HasCustomValue {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("(");
        pass.push_sql(self.column);
        pass.push_sql(" -> ");
        pass.push_bind_param::<Text, _>(&self.field)?;
        pass.push_sql(") IS NOT NULL");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for HasCustomValue {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.push_sql("json_type(");
        pass.push_sql(self.column);
        pass.push_sql(", ");
        pass.push_bind_param::<Text, _>(&self.path)?;
        pass.push_sql(") IS NOT NULL");
        Ok(())
    }
}
