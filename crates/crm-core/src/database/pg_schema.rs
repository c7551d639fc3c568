use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::str::FromStr;

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Text;

use crate::{DbConnection, with_pg};

/// A schema of a PostgreSQL database that the tables of these crates are in, where a program has its own tables, and its own
/// Diesel migrations, beside them: neither's `contacts` is in the other's way.
///
/// [`migrate_in`](crate::migrate::migrate_in) makes the tables, and [`lend`](Self::lend) lends a connection whose statements find
/// them. A connection for these crates alone can have it for good: `postgres://…?options=-csearch_path%3Dcrm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgSchema(String);

/// Why a text is no name of a [`PgSchema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 63 characters of a-z, 0-9 and '_', not a digit first, and not begin with pg_")]
pub struct NotASchema;

impl FromStr for PgSchema {
    type Err = NotASchema;

    /// Names that are written without quotes, whoever writes them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sane = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit()) && !text.starts_with("pg_");
        if begins && text.len() <= 63 && text.bytes().all(sane) { Ok(Self(text.to_owned())) } else { Err(NotASchema) }
    }
}

impl fmt::Display for PgSchema {
    /// As SQL has it: some of these names are words of the language.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl PgSchema {
    /// Lends a connection of the program as [`with_pg`] does, with this schema before those that it looks into by itself, which
    /// it looks into alone again afterwards.
    ///
    /// # Errors
    /// What `work` returns; the database's.
    pub fn lend<T, E: From<DieselError>>(
        &self,
        connection: &mut PgConnection,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        with_pg(connection, |connection| self.visit(connection, work))
    }

    /// Does some work in this schema.
    pub(crate) fn visit<T, E: From<DieselError>>(
        &self,
        connection: &mut DbConnection,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        // Set in the transaction that is open, so that a rollback takes it back as well.
        let enter = "SELECT current_setting('search_path') AS path, \
                     set_config('search_path', concat_ws(', ', $1, nullif(current_setting('search_path'), '')), false)";
        let before: Path = load(connection, enter, &self.to_string())?;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)));
        let left: QueryResult<Path> =
            load(connection, "SELECT set_config('search_path', $1, false) AS path", &before.path);
        match outcome {
            Ok(Ok(done)) => left.map(|_| done).map_err(E::from),
            // In a transaction that failed nothing can be set, and the rollback does it.
            Ok(Err(error)) => Err(error),
            Err(panic) => resume_unwind(panic),
        }
    }
}

#[derive(QueryableByName)]
struct Path {
    #[diesel(sql_type = Text)]
    path: String,
}

fn load(connection: &mut DbConnection, query: &str, value: &str) -> QueryResult<Path> {
    diesel::sql_query(query).bind::<Text, _>(value).get_result(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_quotes() {
        let longest = "a".repeat(63);
        for text in ["crm", "_crm_2", "user", longest.as_str()] {
            assert!(text.parse::<PgSchema>().is_ok(), "{text}");
        }
        for text in ["", "Crm", "2crm", "pg_crm", "a b", "a\"b", "a;b", "é", &format!("{longest}a")] {
            assert_eq!(text.parse::<PgSchema>(), Err(NotASchema), "{text}");
        }
    }
}
