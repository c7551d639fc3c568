use std::collections::HashSet;

use crm_core::{BackendKind, DbConnection, PortableExt, Scope};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::search::Searched;

#[derive(QueryableByName)]
struct Used {
    #[diesel(sql_type = Text)]
    key: String,
}

/// Which of these custom fields any record has a value in: the question of [`replace`](crate::replace), asked once for
/// all fields. The rows of the values answer it, one look for each field: every value has at least one, also one that nothing finds.
///
/// `owner` is a column of the records that narrows them, and its value. It is put into the statement as it is.
///
/// # Errors
/// The database's.
pub fn custom_fields_in_use(
    connection: &mut DbConnection,
    scope: &Scope,
    searched: &Searched,
    owner: Option<(&'static str, i64)>,
    fields: &[&str],
) -> QueryResult<HashSet<String>> {
    let Searched { table, values, record, .. } = searched;
    let each = match connection.kind() {
        BackendKind::Postgres => "json_array_elements_text($1::json) AS f (value)",
        BackendKind::Sqlite => "json_each($1) AS f",
    };
    let of_owner = owner.map_or_else(String::new, |(column, _)| {
        format!(
            " AND EXISTS (SELECT 1 FROM {table} r WHERE r.tenant_id = v.tenant_id AND r.id = v.{record} AND r.{column} = $3)"
        )
    });
    // A scalar, which is looked up for each field: as a join, a database could read the values of all.
    let sql = format!(
        "SELECT f.value AS key FROM {each} WHERE (SELECT 1 FROM {values} v WHERE v.tenant_id = $2 AND v.field = f.value{of_owner} \
         LIMIT 1) IS NOT NULL"
    );
    let query = diesel::sql_query(sql)
        .bind::<Text, _>(serde_json::json!(fields).to_string())
        .bind::<BigInt, _>(scope.tenant().as_i64());
    let used: Vec<Used> = match owner {
        Some((_, id)) => query.bind::<BigInt, _>(id).portable().load(connection)?,
        None => query.portable().load(connection)?,
    };
    Ok(used.into_iter().map(|used| used.key).collect())
}

/// Declares `custom_fields_in_use` for a kind of records, see [`custom_fields_in_use`]:
/// `custom_fields_in_use!(SEARCHED)`, with what its lists are filtered by.
#[macro_export]
macro_rules! custom_fields_in_use {
    ($searched:path) => {
        /// Which of these custom fields any of these records has a value in, so that their types cannot change.
        ///
        /// # Errors
        /// The database's.
        pub fn custom_fields_in_use(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            fields: &[&str],
        ) -> ::diesel::QueryResult<::std::collections::HashSet<String>> {
            $crate::custom_fields_in_use(connection, scope, &$searched, None, fields)
        }
    };
}
