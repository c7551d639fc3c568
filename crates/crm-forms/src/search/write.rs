use crm_core::text::searchable;
use crm_core::{BackendKind, DbConnection, PortableExt, Scope};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryResult, RunQueryDsl};
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
    let Searched { values: table, record: column, .. } = searched;
    let into = format!("INSERT INTO {table} (tenant_id, {column}, position, field, value, search)");
    let sql = match connection.kind() {
        BackendKind::Postgres => format!(
            "{into} SELECT $1, $2, CAST(made ->> 0 AS integer), made ->> 1, made ->> 2, made ->> 3 \
             FROM json_array_elements($3::json) AS rows (made)"
        ),
        BackendKind::Sqlite => format!(
            "{into} SELECT ?, ?, made.value ->> 0, made.value ->> 1, made.value ->> 2, made.value ->> 3 \
             FROM json_each(?) AS made"
        ),
    };
    let insert = diesel::sql_query(sql)
        .bind::<BigInt, _>(scope.tenant())
        .bind::<BigInt, _>(record)
        .bind::<Text, _>(Value::Array(rows).to_string());
    insert.portable().execute(connection)?;
    Ok(())
}

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
    let Searched { values: table, record: column, .. } = searched;
    let sql = match connection.kind() {
        BackendKind::Postgres => format!("DELETE FROM {table} WHERE tenant_id = $1 AND {column} = $2"),
        BackendKind::Sqlite => format!("DELETE FROM {table} WHERE tenant_id = ? AND {column} = ?"),
    };
    let forget = diesel::sql_query(sql).bind::<BigInt, _>(scope.tenant()).bind::<BigInt, _>(record);
    forget.portable().execute(connection)?;
    index(connection, scope, searched, record, values, form)
}

/// `[position, field, value, search]` of each value. Texts that are searched come first: the rowid of their index on SQLite
/// has room for 1 024 positions, and no form has so many fields.
fn rows(values: &CustomFields, form: &Form) -> Vec<Value> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut rows: Vec<(String, Option<String>, Option<String>)> = Vec::new();
    for (id, value) in values.to_object() {
        let retired = || form.retired.get(&id).copied();
        let Some(field_type) = form.custom(&id).map(|field| field.field_type).or_else(retired) else { continue };
        if key::is_searched(field_type) {
            rows.push((id, None, value.as_str().map(searchable)));
        } else {
            let mut keys = key::of_value(field_type, &value);
            keys.sort_unstable();
            keys.dedup();
            rows.extend(keys.into_iter().map(|key| (id.clone(), Some(key), None)));
        }
    }
    rows.sort_by_key(|(.., search)| search.is_none());
    let rows = rows.into_iter().enumerate();
    rows.map(|(position, (field, value, search))| json!([position, field, value, search])).collect()
}
