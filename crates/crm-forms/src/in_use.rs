use std::collections::HashSet;

use crm_core::{DbConnection, by_backend};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

#[derive(QueryableByName)]
struct Used {
    #[diesel(sql_type = Text)]
    key: String,
}

/// Which of these custom fields any record has a value in: the question of [`replace`](crate::replace), asked once for
/// all fields. It reads the documents of the records, so that its cost grows with them and not with the fields too;
/// forms change seldom.
///
/// `records` is the table, with the column `custom_fields`; `owner` are the columns that narrow it, `tenant_id` first,
/// and their values. Both are put into the statement as they are.
///
/// # Errors
/// The database's.
pub fn custom_fields_in_use(
    connection: &mut DbConnection,
    records: &'static str,
    owner: &[(&'static str, i64)],
    fields: &[&str],
) -> QueryResult<HashSet<String>> {
    let used: Vec<Used> = by_backend!(
        connection,
        Postgres(postgres) => {
            let owned = (1..).zip(owner).map(|(index, (column, _))| format!("{column} = ${index} AND "));
            let (owned, last) = (owned.collect::<String>(), owner.len() + 1);
            let sql = format!(
                "SELECT DISTINCT used.key FROM {records}, json_object_keys(custom_fields) AS used (key) \
                 WHERE {owned}used.key = ANY (${last})"
            );
            let query = diesel::sql_query(sql).into_boxed::<diesel::pg::Pg>();
            let query = owner.iter().fold(query, |query, (_, id)| query.bind::<BigInt, _>(*id));
            query.bind::<diesel::sql_types::Array<Text>, _>(fields).load(postgres)?
        },
        Sqlite(sqlite) => {
            let owned: String = owner.iter().map(|(column, _)| format!("{column} = ? AND ")).collect();
            // With the limit it ends once each field was found.
            let sql = format!(
                "SELECT DISTINCT used.key AS key FROM {records}, json_each({records}.custom_fields) AS used \
                 WHERE {owned}used.key IN (SELECT value FROM json_each(?)) LIMIT ?"
            );
            let query = diesel::sql_query(sql).into_boxed::<diesel::sqlite::Sqlite>();
            let query = owner.iter().fold(query, |query, (_, id)| query.bind::<BigInt, _>(*id));
            let most = i32::try_from(fields.len()).unwrap_or(i32::MAX);
            query.bind::<Text, _>(serde_json::json!(fields).to_string()).bind::<diesel::sql_types::Integer, _>(most).load(sqlite)?
        }
    );
    Ok(used.into_iter().map(|used| used.key).collect())
}

/// Declares `custom_fields_in_use` for a kind of records, see [`custom_fields_in_use`]:
/// `custom_fields_in_use!(leads)`, for a table with the column `custom_fields`.
#[macro_export]
macro_rules! custom_fields_in_use {
    ($table:ident) => {
        /// Which of these custom fields any of these records has a value in, so that their types cannot change.
        ///
        /// # Errors
        /// The database's.
        pub fn custom_fields_in_use(
            connection: &mut ::crm_core::DbConnection,
            scope: &::crm_core::Scope,
            fields: &[&str],
        ) -> ::diesel::QueryResult<::std::collections::HashSet<String>> {
            let owner = [("tenant_id", scope.tenant().as_i64())];
            $crate::custom_fields_in_use(connection, stringify!($table), &owner, fields)
        }
    };
}
