//! The changes of records that other records' deletion or merge changed, written by the database itself: one statement,
//! however many they are. Who did it, when and by which request they take from the change that they follow from.

use crm_core::sql::Instant;
use crm_core::{BackendKind, ContactId, DbConnection, PortableExt, RecordId, RecordKind, Scope, each_backend};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::{Fields, Kind};

/// Where the databases differ in the words of these statements.
struct Words {
    place_columns: &'static str,
    places: &'static str,
    json: &'static str,
    quoted: &'static str,
    ids: &'static str,
}

/// `$1` is the tenant, `$2` the kind of the records that are changed, `$3` the target of a merge, `$4` the ids of those that
/// vanish, or what else `touched` is read from, `$5` the fields of all where they are alike, `$6` the time for what follows from nothing; `v` is the list of changed records.
const POSTGRES: Words = Words {
    place_columns: "turn",
    places: "greatest(pg_current_xact_id()::text::bigint \
             + coalesce((SELECT h.base FROM change_horizons h WHERE h.tenant_id = $1), 0), \
             (SELECT t.turn FROM changes t WHERE t.tenant_id = $1 AND t.kind = $2 AND t.record_id = CAST(v.id AS TEXT) \
             ORDER BY t.seq DESC LIMIT 1))",
    json: "::json",
    quoted: "to_json",
    ids: "(SELECT value::bigint AS id FROM json_array_elements_text($4::json))",
};
const SQLITE: Words = Words {
    place_columns: "turn, seq",
    places: "0, v.place + max(coalesce((SELECT h.seq FROM change_horizons h WHERE h.tenant_id = $1), 0), \
             coalesce((SELECT t.seq FROM changes t WHERE t.tenant_id = $1 ORDER BY t.seq DESC LIMIT 1), 0))",
    json: "",
    quoted: "json_quote",
    ids: "(SELECT value AS id FROM json_each($4))",
};

fn words(connection: &DbConnection) -> &'static Words {
    match connection.kind() {
        BackendKind::Postgres => &POSTGRES,
        BackendKind::Sqlite => &SQLITE,
    }
}

/// Writes down the changes that `touched` selects: their `id`, the record that `vanishes`, their `place` in an order of
/// ids, their `fields` as an array, and what is `kept` for a restore.
fn record(
    connection: &mut DbConnection,
    scope: &Scope,
    (of, other): (RecordKind, RecordKind),
    (from, to): (&str, Option<i64>),
    touched: &str,
    fields: Option<&str>,
) -> QueryResult<()> {
    let Words { place_columns, places, json, .. } = words(connection);
    let other = Kind::from(other);
    let sql = format!(
        "INSERT INTO changes (tenant_id, kind, action, created_on, author, key_id, key_name, request_id, cause, erased, \
         record_id, fields, kept, {place_columns}) \
         SELECT $1, $2, 'updated', coalesce(c.created_on, $6), c.author, c.key_id, c.key_name, c.request_id, c.seq, FALSE, \
         CAST(v.id AS TEXT), (coalesce(v.fields, $5)){json}, (v.kept){json}, {places} \
         FROM ({touched}) AS v \
         LEFT JOIN changes c ON c.tenant_id = $1 AND c.seq = (SELECT d.seq FROM changes d WHERE d.tenant_id = $1 \
         AND d.kind = '{other}' AND d.record_id = coalesce($3, CAST(v.vanishes AS TEXT)) ORDER BY d.seq DESC LIMIT 1) \
         ORDER BY v.place"
    );
    // SQLite would number them as they come.
    let sql = if connection.kind() == BackendKind::Sqlite { sql.replace('$', "?") } else { sql };
    let insert = diesel::sql_query(sql)
        .bind::<BigInt, _>(scope.tenant())
        .bind::<Text, _>(Kind::from(of).as_str())
        .bind::<Nullable<Text>, _>(to.map(|id| id.to_string()))
        .bind::<Text, _>(from)
        .bind::<Nullable<Text>, _>(fields)
        .bind::<Instant, _>(scope.now());
    each_backend!(connection, connection => insert.execute(connection))?;
    Ok(())
}

/// Ids as one JSON value.
fn numbers<I: RecordId>(ids: &[I]) -> String {
    serde_json::json!(ids.iter().map(|id| id.as_i64()).collect::<Vec<_>>()).to_string()
}

/// Writes down that these records, which are locked, are all changed in the same way, which follows from the last change of
/// another one.
///
/// # Errors
/// The database's.
pub fn record_alike<I: RecordId, O: RecordId>(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[I],
    cause: O,
    fields: Fields,
) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let touched = format!(
        "SELECT r.id, CAST(NULL AS BIGINT) AS vanishes, row_number() OVER (ORDER BY r.id) AS place, \
         CAST(NULL AS TEXT) AS fields, CAST(NULL AS TEXT) AS kept FROM {} AS r",
        words(connection).ids
    );
    let fields = fields.into_json().map_err(|error| DieselError::SerializationError(Box::new(error)))?;
    let (kinds, these) = ((I::KIND, O::KIND), (numbers(ids), Some(cause.as_i64())));
    record(connection, scope, kinds, (&these.0, these.1), &touched, Some(fields.get()))
}

/// A column that points at records of another kind, as [`reference_column!`](crate::reference_column) has it.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceColumn {
    table: &'static str,
    column: &'static str,
    of: RecordKind,
    other: RecordKind,
}

impl ReferenceColumn {
    /// The column of records with ids `I` that holds ids `O`.
    #[must_use]
    pub fn of<I: RecordId, O: RecordId>(table: &'static str, column: &'static str) -> Self {
        Self { table, column, of: I::KIND, other: O::KIND }
    }

    /// Its table and name, whose they are, and what they point at.
    pub(crate) fn parts(self) -> (&'static str, &'static str, RecordKind, RecordKind) {
        (self.table, self.column, self.of, self.other)
    }

    /// Writes down that all records that point at one of `from` will point at `to`, or at nothing. They are locked, and
    /// still point there.
    ///
    /// # Errors
    /// The database's.
    pub fn record<O: RecordId>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        from: &[O],
        to: Option<O>,
    ) -> QueryResult<()> {
        let Self { table, column, of, other } = self;
        let (field, ids) = (format!("{}Id", Kind::from(other)), words(connection).ids);
        let touched = format!(
            "SELECT r.id, r.{column} AS vanishes, row_number() OVER (ORDER BY r.id) AS place, \
             '[{{\"field\":\"{field}\",\"from\":\"' || CAST(r.{column} AS TEXT) || '\",\"to\":' \
             || coalesce('\"' || $3 || '\"', 'null') || '}}]' AS fields, CAST(NULL AS TEXT) AS kept \
             FROM {table} r WHERE r.tenant_id = $1 AND r.{column} IN {ids}"
        );
        record(connection, scope, (of, other), (&numbers(from), to.map(RecordId::as_i64)), &touched, None)
    }
}

/// A column of texts that records have of another one that they belong to, with its folded twin: the status of a case, which
/// its type has.
#[derive(Debug, Clone, Copy)]
pub struct LentColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name; that of its twin ends in `_folded`.
    pub column: &'static str,
    /// The column that says what the record belongs to.
    pub owner: &'static str,
}

/// A text that has another spelling, or is another, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// What it was, folded.
    pub from_folded: String,
    /// What it is.
    pub to: String,
    /// The same, folded.
    pub to_folded: String,
}

impl LentColumn {
    /// Renames all of these texts at once in the records that belong to `owner` and are locked, whose changes follow from its last
    /// one: two statements, however many texts and records there are. Call it in a [`DbConnection::write`].
    ///
    /// # Errors
    /// The database's.
    pub fn rename<I: RecordId, O: RecordId>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        owner: O,
        renamed: &[Renamed],
    ) -> QueryResult<()> {
        if renamed.is_empty() {
            return Ok(());
        }
        let Self { table, column, owner: owner_column } = self;
        let each = match connection.kind() {
            BackendKind::Postgres => ("json_array_elements(", "::json)"),
            BackendKind::Sqlite => ("json_each(", ")"),
        };
        let list = |place: &str| {
            format!(
                "(SELECT value ->> 0 AS from_folded, value ->> 1 AS label, value ->> 2 AS label_folded FROM {}{place}{}) AS m",
                each.0, each.1
            )
        };
        let quoted = words(connection).quoted;
        let touched = format!(
            "SELECT r.id, CAST(NULL AS BIGINT) AS vanishes, row_number() OVER (ORDER BY r.id) AS place, \
             '[{{\"field\":\"{column}\",\"from\":' || CAST({quoted}(r.{column}) AS TEXT) || ',\"to\":' \
             || CAST({quoted}(m.label) AS TEXT) || '}}]' AS fields, CAST(NULL AS TEXT) AS kept \
             FROM {} CROSS JOIN {table} r WHERE r.tenant_id = $1 AND r.{owner_column} = CAST($3 AS BIGINT) \
             AND r.{column}_folded = m.from_folded",
            list("$4")
        );
        let texts = renamed.iter().map(|Renamed { from_folded, to, to_folded }| [from_folded, to, to_folded]);
        let texts = serde_json::json!(texts.collect::<Vec<_>>()).to_string();
        record(connection, scope, (I::KIND, O::KIND), (&texts, Some(owner.as_i64())), &touched, None)?;
        let sql = format!(
            "UPDATE {table} SET {column} = m.label, {column}_folded = m.label_folded FROM {} \
             WHERE {table}.tenant_id = $2 AND {table}.{owner_column} = $3 AND {table}.{column}_folded = m.from_folded",
            list("$1")
        );
        let update = diesel::sql_query(sql)
            .bind::<Text, _>(texts)
            .bind::<BigInt, _>(scope.tenant())
            .bind::<BigInt, _>(owner.as_i64());
        update.portable().execute(connection).map(drop)
    }
}

/// The two places in which records of a kind have contacts, as [`participants!`](crate::participants) has them.
#[derive(Debug, Clone, Copy)]
pub struct ContactColumns {
    table: &'static str,
    participants: &'static str,
    of: RecordKind,
}

impl ContactColumns {
    /// Those of records with ids `I`.
    #[must_use]
    pub fn of<I: RecordId>(table: &'static str, participants: &'static str) -> Self {
        Self { table, participants, of: I::KIND }
    }

    /// The table of the records, and what they are.
    pub(crate) fn parts(self) -> (&'static str, RecordKind) {
        (self.table, self.of)
    }

    /// Writes down that all records with one of `from`, as their contact or among their participants, will have `to` in its
    /// place, or nobody. They are locked, and still have them.
    ///
    /// Of a merge a record has one change. Of a deletion it has one for each contact that it loses, as if these were deleted
    /// one after the other: so that each can be brought back by itself.
    ///
    /// # Errors
    /// The database's.
    pub fn record(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        from: &[ContactId],
        to: Option<ContactId>,
    ) -> QueryResult<()> {
        let words = words(connection);
        let touched = if to.is_some() { self.repointed(words) } else { self.unlinked(words) };
        let kinds = (self.of, RecordKind::Contact);
        record(connection, scope, kinds, (&numbers(from), to.map(RecordId::as_i64)), &touched, None)
    }

    fn unlinked(self, words: &Words) -> String {
        let Self { table, participants, of } = self;
        let (record_id, Words { ids, quoted, .. }) = (format!("{}_id", of.name()), words);
        let pair = format!("p.tenant_id = $1 AND p.{record_id} = r.id AND p.contact_id = r.contact_id");
        let list = |gone: &str| {
            format!(
                "coalesce((SELECT string_agg('{{\"id\":\"' || CAST(q.contact_id AS TEXT) || '\"}}', ',' \
                 ORDER BY q.position, q.contact_id) FROM {participants} q WHERE q.tenant_id = $1 AND q.{record_id} = r.id \
                 AND NOT (q.contact_id {gone} r.contact_id AND q.contact_id IN {ids})), '')"
            )
        };
        let (before, after) = (list("<"), list("<="));
        let contact = format!(
            "(SELECT '{{\"field\":\"contactId\",\"from\":\"' || CAST(l.contact_id AS TEXT) || '\",\"to\":null}}' \
             FROM {table} l WHERE l.tenant_id = $1 AND l.id = r.id AND l.contact_id = r.contact_id)"
        );
        let taking_part = format!(
            "(SELECT '{{\"field\":\"participants\",\"from\":[' || {before} || '],\"to\":[' || {after} || ']}}' \
             FROM {participants} p WHERE {pair})"
        );
        let kept = format!(
            "(SELECT '{{\"position\":' || CAST(p.position AS TEXT) || ',\"name\":' \
             || coalesce(CAST({quoted}(p.name) AS TEXT), 'null') || '}}' FROM {participants} p WHERE {pair})"
        );
        format!(
            "SELECT r.id, r.contact_id AS vanishes, row_number() OVER (ORDER BY r.id, r.contact_id) AS place, {} AS fields, \
             {kept} AS kept FROM ({}) AS r",
            joined(&contact, &taking_part),
            self.touched(ids)
        )
    }

    fn repointed(self, words: &Words) -> String {
        let Self { table, participants, of } = self;
        let (record_id, Words { ids, quoted, .. }) = (format!("{}_id", of.name()), words);
        let contact = format!(
            "(SELECT '{{\"field\":\"contactId\",\"from\":\"' || CAST(l.contact_id AS TEXT) || '\",\"to\":\"' || $3 || '\"}}' \
             FROM {table} l WHERE l.tenant_id = $1 AND l.id = r.id AND l.contact_id IN {ids})"
        );
        let of_record = format!("FROM {participants} q WHERE q.tenant_id = $1 AND q.{record_id} = r.id");
        let entry = "string_agg('{\"id\":\"' || q.contact || '\"}', ',' ORDER BY q.place, q.contact_id)";
        let before = format!(
            "(SELECT {entry} FROM (SELECT CAST(q.contact_id AS TEXT) AS contact, q.contact_id, q.position AS place {of_record}) AS q)"
        );
        // At its own place where it takes part already, else at the first of those that it takes the place of.
        let after = format!(
            "(SELECT {entry} FROM (SELECT m.contact, min(m.contact_id) AS contact_id, \
             coalesce(min(CASE WHEN m.own = m.contact THEN m.position END), min(m.position)) AS place \
             FROM (SELECT CASE WHEN q.contact_id IN {ids} THEN $3 ELSE CAST(q.contact_id AS TEXT) END AS contact, \
             CAST(q.contact_id AS TEXT) AS own, q.contact_id, q.position {of_record}) AS m GROUP BY m.contact) AS q)"
        );
        let taking_part = format!(
            "(SELECT '{{\"field\":\"participants\",\"from\":[' || {before} || '],\"to\":[' || {after} || ']}}' \
             WHERE EXISTS (SELECT 1 {of_record} AND q.contact_id IN {ids}))"
        );
        let kept = format!(
            "(SELECT '{{\"had\":' || CASE WHEN EXISTS (SELECT 1 {of_record} AND CAST(q.contact_id AS TEXT) = $3) \
             THEN 'true' ELSE 'false' END || ',\"gone\":[' || {} || ']}}' {of_record} AND q.contact_id IN {ids} HAVING count(*) > 0)",
            format_args!(
                "string_agg('{{\"id\":\"' || CAST(q.contact_id AS TEXT) || '\",\"position\":' || CAST(q.position AS TEXT) \
                 || ',\"name\":' || coalesce(CAST({quoted}(q.name) AS TEXT), 'null') || '}}', ',' ORDER BY q.position, q.contact_id)"
            )
        );
        format!(
            "SELECT r.id, CAST(NULL AS BIGINT) AS vanishes, row_number() OVER (ORDER BY r.id) AS place, {} AS fields, \
             {kept} AS kept FROM (SELECT DISTINCT t.id FROM ({}) AS t) AS r",
            joined(&contact, &taking_part),
            self.touched(ids)
        )
    }

    /// The records that have one of the contacts, with each that they have.
    fn touched(self, ids: &str) -> String {
        let Self { table, participants, of } = self;
        let record_id = format!("{}_id", of.name());
        format!(
            "SELECT p.{record_id} AS id, p.contact_id FROM {participants} p WHERE p.tenant_id = $1 AND p.contact_id IN {ids} \
             UNION SELECT l.id, l.contact_id FROM {table} l WHERE l.tenant_id = $1 AND l.contact_id IN {ids}"
        )
    }
}

/// An array of those of two texts that are not NULL, of which one is.
fn joined(one: &str, other: &str) -> String {
    // Each once: the statement is long enough.
    format!("'[' || ltrim(coalesce(',' || {one}, '') || coalesce(',' || {other}, ''), ',') || ']'")
}
