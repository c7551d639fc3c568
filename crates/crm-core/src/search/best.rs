//! The best matches of a text, and not a list of all: for a field in which people search for anything.

use diesel::sql_types::{BigInt, Text};
use diesel::{OptionalExtension, QueryResult, QueryableByName, RunQueryDsl};

use super::{RECORD_MASK, RECORD_SHIFT, SHORTEST, TENANT_SHIFT, TextIndex};
use crate::page::contains_pattern;
use crate::{BackendKind, DbConnection, PortableExt, Scope};

/// How many matches are compared with each other. Beyond them only those are found that a column in order finds first.
const COMPARED: usize = 200;

/// A searched column, and what is shown of a row that it finds.
#[derive(Debug, Clone, Copy)]
pub struct Sought {
    /// Where its texts are searched.
    pub index: TextIndex,
    /// The column with the text as it was written.
    pub shown: &'static str,
    /// A column of folded texts with an index of its own, where there is one: it finds what begins with a text, however
    /// many contain it.
    pub ordered: Option<&'static str>,
}

/// A text that was found.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Hit {
    /// The id of the record.
    #[diesel(sql_type = BigInt)]
    pub record: i64,
    /// The text as it is searched.
    #[diesel(sql_type = Text)]
    pub text: String,
    /// The text as it was written.
    #[diesel(sql_type = Text)]
    pub shown: String,
}

/// The last code point, behind every text that begins with another.
const LAST: char = '\u{10ffff}';

impl Sought {
    /// Texts of the scope's tenant that contain `text`, which is searchable already: all, or where they are more than are
    /// compared some of them, those that begin with `folded` among them. One statement, or two.
    ///
    /// # Errors
    /// The database's.
    pub fn hits(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        text: &str,
        folded: &str,
        most: usize,
    ) -> QueryResult<Vec<Hit>> {
        let mut hits = self.containing(connection, scope, text)?;
        if hits.len() > COMPARED {
            hits.extend(self.beginning(connection, scope, folded, most)?);
        }
        Ok(hits)
    }

    /// At most one more than are compared.
    fn containing(&self, connection: &mut DbConnection, scope: &Scope, text: &str) -> QueryResult<Vec<Hit>> {
        let Self { index: TextIndex { table, column, record, fts_column }, shown, .. } = self;
        let limit = COMPARED + 1;
        match connection.kind() {
            // As in `TextIndex::candidates`.
            BackendKind::Postgres => diesel::sql_query(format!(
                "WITH found AS MATERIALIZED (SELECT {record} AS record, {column} AS text, {shown} AS shown FROM {table} \
                 WHERE tenant_id = $1 AND {column} LIKE $2 ESCAPE '\\') SELECT record, text, shown FROM found LIMIT {limit}"
            ))
            .bind::<BigInt, _>(scope.tenant())
            .bind::<Text, _>(contains_pattern(text))
            .load(connection),
            BackendKind::Sqlite if text.chars().count() < SHORTEST => diesel::sql_query(format!(
                "SELECT {record} AS record, {column} AS text, {shown} AS shown FROM {table} \
                 WHERE tenant_id = ? AND {column} LIKE ? ESCAPE '\\' LIMIT {limit}"
            ))
            .bind::<BigInt, _>(scope.tenant())
            .bind::<Text, _>(contains_pattern(text))
            .portable()
            .load(connection),
            BackendKind::Sqlite => {
                let first = scope.tenant().as_i64() << TENANT_SHIFT;
                let position = if *record == "id" { "" } else { " AND r.position = (f.rowid & 1023)" };
                diesel::sql_query(format!(
                    "SELECT r.{record} AS record, r.{column} AS text, r.{shown} AS shown FROM \
                     (SELECT rowid FROM {table}_search WHERE {table}_search MATCH ? AND rowid BETWEEN ? AND ? LIMIT {limit}) f \
                     CROSS JOIN {table} r WHERE r.tenant_id = ? \
                     AND r.{record} = ((f.rowid >> {RECORD_SHIFT}) & {RECORD_MASK}){position}"
                ))
                .bind::<Text, _>(format!("{fts_column} : \"{}\"", text.replace('"', "\"\"")))
                .bind::<BigInt, _>(first)
                .bind::<BigInt, _>(first + (1 << TENANT_SHIFT) - 1)
                .bind::<BigInt, _>(scope.tenant())
                .portable()
                .load(connection)
            }
        }
    }

    /// Those that begin with a text, the text itself first.
    fn beginning(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        folded: &str,
        most: usize,
    ) -> QueryResult<Vec<Hit>> {
        let Self { index: TextIndex { table, column, record, .. }, shown, ordered } = self;
        let Some(ordered) = ordered else { return Ok(Vec::new()) };
        let (tenant, from, to) = match connection.kind() {
            BackendKind::Postgres => ("$1", "$2", "$3"),
            BackendKind::Sqlite => ("?", "?", "?"),
        };
        diesel::sql_query(format!(
            "SELECT {record} AS record, {column} AS text, {shown} AS shown FROM {table} \
             WHERE tenant_id = {tenant} AND {ordered} >= {from} AND {ordered} < {to} ORDER BY {ordered}, {record} LIMIT {most}"
        ))
        .bind::<BigInt, _>(scope.tenant())
        .bind::<Text, _>(folded)
        .bind::<Text, _>(format!("{folded}{LAST}"))
        .portable()
        .load(connection)
    }

    /// Records of the scope's tenant whose external id begins with a text, the text itself first, each with that id as the text.
    /// It is compared as it stands.
    ///
    /// # Errors
    /// The database's.
    pub fn by_external_id(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        text: &str,
        most: usize,
    ) -> QueryResult<Vec<Hit>> {
        let index = TextIndex { column: "external_id", ..self.index };
        Self { index, ordered: Some("external_id"), ..*self }.beginning(connection, scope, text, most)
    }

    /// The record of this id.
    ///
    /// # Errors
    /// The database's.
    pub fn by_id(&self, connection: &mut DbConnection, scope: &Scope, id: i64) -> QueryResult<Option<Hit>> {
        let Self { index: TextIndex { table, column, record, .. }, shown, .. } = self;
        let (tenant, wanted) = match connection.kind() {
            BackendKind::Postgres => ("$1", "$2"),
            BackendKind::Sqlite => ("?", "?"),
        };
        diesel::sql_query(format!(
            "SELECT {record} AS record, {column} AS text, {shown} AS shown FROM {table} \
             WHERE tenant_id = {tenant} AND {record} = {wanted}"
        ))
        .bind::<BigInt, _>(scope.tenant())
        .bind::<BigInt, _>(id)
        .portable()
        .get_result(connection)
        .optional()
    }
}
