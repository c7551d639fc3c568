use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Bool, Text};

use super::{Direction, RowId, SortKey};
use crate::{Db, sql_fragment};

/// `ORDER BY expression, id`, both in one direction.
#[derive(Debug, Clone, Copy)]
pub struct SortOrder {
    pub(super) column: &'static str,
    pub(super) id_column: &'static str,
    pub(super) direction: Direction,
}

/// The rows after one row of an order: `expression >= key AND (expression > key OR id > its id)`.
///
/// Written so and not as a row comparison or a plain OR, because both databases turn the first half into the
/// start of an index range.
#[derive(Debug, Clone)]
pub struct AfterRow {
    pub(super) column: &'static str,
    pub(super) id_column: &'static str,
    pub(super) direction: Direction,
    pub(super) key: SortKey,
    pub(super) id: RowId,
}

/// A text column that contains a text: `LIKE` with the wildcards of the text taken literally. Both must be
/// [`searchable`](crate::text::searchable) already.
#[derive(Debug, Clone)]
pub struct Contains {
    column: &'static str,
    pattern: String,
}

impl Contains {
    /// Matches rows whose `column` (a trusted SQL expression) contains `text`.
    #[must_use]
    pub fn new(column: &'static str, text: &str) -> Self {
        Self { column, pattern: contains_pattern(text) }
    }
}

/// The pattern of `LIKE … ESCAPE '\'` for texts that contain `text`, whatever wildcards it has.
#[must_use]
pub fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

sql_fragment!(SortOrder, diesel::expression::expression_types::Untyped);
sql_fragment!(AfterRow, Bool);
sql_fragment!(Contains, Bool);

impl QueryFragment<Db> for SortOrder {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        let direction = if self.direction == Direction::Asc { " ASC" } else { " DESC" };
        pass.push_sql(self.column);
        pass.push_sql(direction);
        if self.column != self.id_column {
            pass.push_sql(", ");
            pass.push_sql(self.id_column);
            pass.push_sql(direction);
        }
        Ok(())
    }
}

impl QueryFragment<Db> for AfterRow {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        let beyond = if self.direction == Direction::Asc { " > " } else { " < " };
        let reaching = if self.direction == Direction::Asc { " >= " } else { " <= " };
        pass.push_sql("(");
        pass.push_sql(self.column);
        pass.push_sql(reaching);
        self.key.push_bind(&mut pass)?;
        pass.push_sql(" AND (");
        pass.push_sql(self.column);
        pass.push_sql(beyond);
        self.key.push_bind(&mut pass)?;
        pass.push_sql(" OR ");
        pass.push_sql(self.id_column);
        pass.push_sql(beyond);
        self.id.push_bind(&mut pass)?;
        pass.push_sql("))");
        Ok(())
    }
}

/// For each backend by itself too: inside `EXISTS (…)` Diesel renders a query for the one that runs it.
macro_rules! contains_on {
    ($($backend:ty),*) => {
        $(impl QueryFragment<$backend> for Contains {
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                pass.push_sql(self.column);
                pass.push_sql(" LIKE ");
                pass.push_bind_param::<Text, _>(&self.pattern)?;
                pass.push_sql(" ESCAPE '\\'");
                Ok(())
            }
        })*
    };
}

contains_on!(Db);
#[cfg(feature = "postgres")]
contains_on!(diesel::pg::Pg);
#[cfg(feature = "sqlite")]
contains_on!(diesel::sqlite::Sqlite);

/// Filters a boxed query by a list of entries: `any_of!(query, leads::owner_id, owner_id)` leaves the rows whose column
/// is one of them, where the `Option` has any. One entry is compared with `=`, which an index in the order of the
/// list answers without sorting; PostgreSQL cannot do so for the `= ANY` of several.
#[macro_export]
macro_rules! any_of {
    ($query:ident, $column:expr, $entries:expr) => {
        if let Some(entries) = $entries.clone() {
            $query = match <[_; 1]>::try_from(entries) {
                Ok([entry]) => $query.filter($column.eq(entry)),
                Err(entries) => $query.filter($crate::sql::one_of($column, entries)),
            };
        }
    };
}

/// Filters a boxed query by when its rows were made: `created_within!(query, leads, created_after, created_before)` with
/// two `Option`s, both of which name a moment that still counts.
#[macro_export]
macro_rules! created_within {
    ($query:ident, $table:ident, $after:expr, $before:expr) => {
        if let Some(moment) = $after {
            $query = $query.filter($table::created_on.ge(*moment));
        }
        if let Some(moment) = $before {
            $query = $query.filter($table::created_on.le(*moment));
        }
    };
}
