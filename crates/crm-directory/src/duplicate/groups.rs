//! The records of a tenant that look like one, in groups: by the forms of their addresses, numbers and names that are stored to
//! be told from others by, each with an index.

use std::collections::HashMap;

use crm_core::page::{Page, next_page, read_token, write_token};
use crm_core::params::{FromParams, ParamReader};
use crm_core::sql::Instant;
use crm_core::{DbConnection, FieldCode, Scope, Timestamp, by_backend};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde::{Deserialize, Serialize};

use super::DuplicateBy;
use super::holders::{Shared, Told};

/// Records that look like one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Duplicates {
    /// By what: `email`, `phone` or `name`.
    #[cfg_attr(feature = "openapi", schema(examples("email")))]
    pub by: &'static str,
    /// What they have in common, as it is compared.
    #[cfg_attr(feature = "openapi", schema(examples("jane.doe@work.com")))]
    pub value: String,
    /// How many records they are.
    #[cfg_attr(feature = "openapi", schema(examples(2)))]
    pub count: i64,
    /// The first of them, at most 20, the lowest id first.
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub items: Vec<Duplicate>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Duplicate {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(examples("42")))]
    pub id: String,
    /// What it is called.
    #[cfg_attr(feature = "openapi", schema(examples("Jane Doe")))]
    pub name: String,
    /// Its primary e-mail address.
    #[cfg_attr(feature = "openapi", schema(examples("jane.doe@work.com")))]
    pub email: Option<String>,
    /// Its primary phone number.
    #[cfg_attr(feature = "openapi", schema(examples("+1 555 123 4567")))]
    pub phone: Option<String>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed.
    pub last_updated_on: Timestamp,
}

/// How many records of a group are shown.
const SHOWN: usize = 20;

/// Which page of groups is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicatesRequest {
    by: Vec<DuplicateBy>,
    size: i64,
    page: i64,
    after: Option<(DuplicateBy, String)>,
    given: Vec<(String, String)>,
}

/// The continuation token: the last group of the page before. Opaque to clients, versioned by its first member's name.
#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(rename = "v1")]
    by: String,
    #[serde(rename = "k")]
    value: String,
    #[serde(rename = "p")]
    page: i64,
}

impl Token {
    fn read(text: &str) -> Option<(DuplicateBy, String, i64)> {
        let Self { by, value, page } = read_token(text)?;
        let (_, by) = DuplicateBy::NAMES.iter().find(|(name, _)| *name == by)?;
        (!value.contains('\0') && (1..i64::MAX).contains(&page)).then_some((*by, value, page))
    }
}

impl FromParams for DuplicatesRequest {
    fn from_params(params: &mut ParamReader) -> Self {
        let wanted = params.words(
            "by",
            DuplicateBy::NAMES,
            "By what they look like one: by an e-mail address in any case, by the last nine digits of a phone number that \
             has seven or more, by the name in any case and with any blanks. By each of them unless given.",
        );
        let size = params.integer("size", 1, 200, "The most groups of a page.").unwrap_or(10);
        let token = params.token("continuationToken", "The token of the page before, with the same `by`.");
        let known = DuplicateBy::NAMES.iter().map(|(_, by)| *by);
        let by: Vec<DuplicateBy> =
            known.filter(|by| wanted.as_ref().is_none_or(|wanted| wanted.contains(by))).collect();
        let given = params.given_except(&["continuationToken"]).cloned().collect();
        let mut request = Self { by, size, page: 1, after: None, given };
        if let Some(token) = token {
            match Token::read(&token).filter(|(by, _, _)| request.by.contains(by)) {
                Some((by, value, page)) => (request.after, request.page) = (Some((by, value)), page),
                None => params.errors().push(
                    "continuationToken",
                    FieldCode::InvalidToken,
                    "is malformed or was made for another list: start again without it",
                ),
            }
        }
        request
    }
}

/// The tables of a kind of records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) records: &'static str,
    pub(crate) emails: &'static str,
    pub(crate) phones: &'static str,
    /// The column with the record's id in the last two.
    pub(crate) record: &'static str,
}

impl Tables {
    /// Its addresses.
    pub(crate) const fn emails(self) -> Told {
        Told { table: self.emails, column: "value_folded", record: self.record }
    }

    /// Its names, with their blanks.
    pub(crate) const fn names(self) -> Told {
        Told { table: self.records, column: "name_folded", record: "id" }
    }

    const fn told(self, by: DuplicateBy) -> Told {
        match by {
            DuplicateBy::Email => self.emails(),
            DuplicateBy::Phone => Told { table: self.phones, column: "last_digits", record: self.record },
            DuplicateBy::Name => Told { table: self.records, column: "name_key", record: "id" },
        }
    }
}

/// A page of the groups: in the order of what they look like one by, and of the values. At most seven statements.
pub(crate) fn page(
    connection: &mut DbConnection,
    scope: &Scope,
    tables: Tables,
    request: &DuplicatesRequest,
) -> QueryResult<Page<Duplicates>> {
    let DuplicatesRequest { by, size, page, after, given } = request;
    let (size_of_page, mut groups) = (usize::try_from(*size).unwrap_or(usize::MAX), Vec::new());
    let first = after.as_ref().and_then(|(after, _)| by.iter().position(|by| by == after)).unwrap_or_default();
    for (place, by) in by.iter().enumerate().skip(first) {
        let left = size + 1 - i64::try_from(groups.len()).unwrap_or(*size);
        if left > 0 {
            let after = after.as_ref().filter(|_| place == first).map_or("", |(_, value)| value.as_str());
            let shared = tables.told(*by).shared(connection, scope, after, left)?;
            groups.extend(shared.into_iter().map(|shared| (*by, shared)));
        }
    }
    let has_more = groups.len() > size_of_page;
    groups.truncate(size_of_page);
    let last = groups.last().filter(|_| has_more);
    let token = last.map(|(by, Shared { value, .. })| {
        write_token(&Token { by: by.as_str().to_owned(), value: value.clone(), page: page + 1 })
    });
    let continuation_token = token.transpose()?;
    let next = continuation_token.as_deref().map(|token| next_page(given, token));
    let items = shown(connection, scope, tables, groups)?;
    Ok(Page { items, page: *page, size: *size, has_more, continuation_token, total: None, next })
}

/// The groups with their first records.
fn shown(
    connection: &mut DbConnection,
    scope: &Scope,
    tables: Tables,
    groups: Vec<(DuplicateBy, Shared)>,
) -> QueryResult<Vec<Duplicates>> {
    let mut members: HashMap<(&'static str, String), Vec<i64>> = HashMap::new();
    for (name, by) in DuplicateBy::NAMES {
        let values = groups.iter().filter(|(of, _)| of == by).map(|(_, shared)| shared.value.as_str());
        for (value, record) in tables.told(*by).holders(connection, scope, &values.collect::<Vec<_>>(), SHOWN)? {
            members.entry((name, value)).or_default().push(record);
        }
    }
    let ids: Vec<i64> = members.values().flatten().copied().collect();
    let records = records(connection, scope, tables, &ids)?;
    let groups = groups.into_iter().map(|(by, Shared { value, count })| {
        let by = by.as_str();
        let ids = members.remove(&(by, value.clone())).unwrap_or_default();
        Duplicates { by, count, items: ids.iter().filter_map(|id| records.get(id)).cloned().collect(), value }
    });
    Ok(groups.collect())
}

#[derive(QueryableByName)]
struct RecordRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    phone: Option<String>,
    #[diesel(sql_type = Instant)]
    created_on: Timestamp,
    #[diesel(sql_type = Instant)]
    last_updated_on: Timestamp,
}

fn records(
    connection: &mut DbConnection,
    scope: &Scope,
    tables: Tables,
    ids: &[i64],
) -> QueryResult<HashMap<i64, Duplicate>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let Tables { records, emails, phones, record } = tables;
    let primary = |table: &str| {
        format!(
            "(SELECT v.value FROM {table} v WHERE v.tenant_id = $1 AND v.{record} = r.id \
             ORDER BY v.is_primary DESC, v.position LIMIT 1)"
        )
    };
    let sql = |wanted: &str| {
        format!(
            "SELECT r.id, r.name, {} AS email, {} AS phone, r.created_on, r.last_updated_on FROM {records} r \
             WHERE r.tenant_id = $1 AND r.id {wanted}",
            primary(emails),
            primary(phones)
        )
    };
    let rows: Vec<RecordRow> = by_backend!(
        connection,
        Postgres(postgres) => diesel::sql_query(sql("= ANY($2)"))
            .bind::<BigInt, _>(scope.tenant())
            .bind::<diesel::sql_types::Array<BigInt>, _>(ids)
            .load(postgres)?,
        Sqlite(sqlite) => diesel::sql_query(sql("IN (SELECT value FROM json_each($2))").replace('$', "?"))
            .bind::<BigInt, _>(scope.tenant())
            .bind::<Text, _>(serde_json::Value::from(ids).to_string())
            .load(sqlite)?,
    );
    let record = |row: RecordRow| {
        let RecordRow { id, name, email, phone, created_on, last_updated_on } = row;
        (id, Duplicate { id: id.to_string(), name, email, phone, created_on, last_updated_on })
    };
    Ok(rows.into_iter().map(record).collect())
}
