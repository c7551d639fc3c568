use crm_core::records::{Cell, Rows};
use crm_core::text::searchable;
use crm_core::{DbConnection, Scope};
use diesel::QueryResult;
use serde_json::{Value, json};

use super::{Searched, key};
use crate::{CustomFields, Form};

/// Writes down what a new record is found by: a row for each value of its custom fields, in one statement where it has any.
/// Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn index(
    connection: &mut DbConnection,
    scope: &Scope,
    searched: &Searched,
    record: i64,
    values: &CustomFields,
    form: &Form,
) -> QueryResult<()> {
    let rows = rows(values, form);
    if rows.is_empty() {
        return Ok(());
    }
    table_of(searched).insert(connection, scope, record, rows)
}

fn table_of(searched: &Searched) -> Rows {
    let Searched { values: table, record: of, .. } = searched;
    Rows { table, of, columns: COLUMNS, or_nothing: false }
}

const COLUMNS: &[(&str, Cell)] =
    &[("position", Cell::Number), ("field", Cell::Text), ("value", Cell::Text), ("search", Cell::Text)];

/// As [`index`], of a record whose custom fields have changed.
///
/// # Errors
/// The database's.
pub fn forget_and_index(
    connection: &mut DbConnection,
    scope: &Scope,
    searched: &Searched,
    record: i64,
    values: &CustomFields,
    form: &Form,
) -> QueryResult<()> {
    table_of(searched).replace(connection, scope, record, rows(values, form))
}

/// `[position, field, value, search]` of each value. One that nothing finds (of a field that the form does not know, or of another type
/// than it has now) has a row without either, by which it is known that there is one. Texts that are searched come first: the rowid of their index on SQLite
/// has room for 1 024 positions, and no form has so many fields.
fn rows(values: &CustomFields, form: &Form) -> Vec<Value> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut rows: Vec<(String, Option<String>, Option<String>)> = Vec::new();
    for (id, value) in values.to_object() {
        let retired = || form.retired.get(&id).copied();
        let field_type = form.custom(&id).map(|field| field.field_type).or_else(retired);
        if field_type.is_some_and(key::is_searched) {
            rows.push((id, None, value.as_str().map(searchable)));
            continue;
        }
        let mut keys = field_type.map(|field_type| key::of_value(field_type, &value)).unwrap_or_default();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            rows.push((id, None, None));
        } else {
            rows.extend(keys.into_iter().map(|key| (id.clone(), Some(key), None)));
        }
    }
    rows.sort_by_key(|(.., search)| search.is_none());
    let rows = rows.into_iter().enumerate();
    rows.map(|(position, (field, value, search))| json!([position, field, value, search])).collect()
}
