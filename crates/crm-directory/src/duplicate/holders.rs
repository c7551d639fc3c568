//! Which records have a value that they are told from others by.

use crm_core::records::in_statements;
use crm_core::{BackendKind, DbConnection, Scope, by_backend};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

/// A column of such values, and the one beside it with the record: they have an index together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) record: &'static str,
}

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = Text)]
    value: String,
    #[diesel(sql_type = BigInt)]
    record: i64,
}

/// A value that several records have.
#[derive(QueryableByName)]
pub(super) struct Shared {
    #[diesel(sql_type = Text)]
    pub(super) value: String,
    #[diesel(sql_type = BigInt)]
    pub(super) count: i64,
}

impl Told {
    /// The records with each of these values, at most so many of one value, both ascending. One statement for some thousands.
    pub(crate) fn holders(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        values: &[&str],
        most: usize,
    ) -> QueryResult<Vec<(String, i64)>> {
        let Self { table, column, record } = self;
        let mut found = Vec::with_capacity(values.len());
        for values in in_statements(values) {
            let wanted = match connection.kind() {
                BackendKind::Postgres => "= ANY($2)",
                BackendKind::Sqlite => "IN (SELECT value FROM json_each(?2))",
            };
            // A record may have a value twice, as two spellings of one number.
            let sql = format!(
                "SELECT DISTINCT value, record FROM (SELECT {column} AS value, {record} AS record, \
                 dense_rank() OVER (PARTITION BY {column} ORDER BY {record}) AS place FROM {table} \
                 WHERE tenant_id = $1 AND {column} {wanted}) AS found WHERE place <= {most} ORDER BY value, record"
            );
            let holders: Vec<Holder> = by_backend!(
                connection,
                Postgres(postgres) => diesel::sql_query(sql)
                    .bind::<BigInt, _>(scope.tenant())
                    .bind::<diesel::sql_types::Array<Text>, _>(values)
                    .load(postgres)?,
                Sqlite(sqlite) => diesel::sql_query(sql.replace('$', "?"))
                    .bind::<BigInt, _>(scope.tenant())
                    .bind::<Text, _>(serde_json::Value::from(values).to_string())
                    .load(sqlite)?,
            );
            found.extend(holders.into_iter().map(|Holder { value, record }| (value, record)));
        }
        Ok(found)
    }

    /// The first values behind `after` that more than one record has, in their order, each with how many have it: the index is
    /// read from there on, and only of those that are found the records are counted. One statement.
    pub(super) fn shared(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        after: &str,
        most: i64,
    ) -> QueryResult<Vec<Shared>> {
        let Self { table, column, record } = self;
        let sql = format!(
            "SELECT s.value AS value, (SELECT count(DISTINCT r.{record}) FROM {table} r \
             WHERE r.tenant_id = $1 AND r.{column} = s.value) AS count \
             FROM (SELECT {column} AS value FROM {table} WHERE tenant_id = $1 AND {column} > $2 GROUP BY {column} \
             HAVING min({record}) < max({record}) ORDER BY {column} LIMIT {most}) AS s ORDER BY s.value"
        );
        let sql = if connection.kind() == BackendKind::Sqlite { sql.replace('$', "?") } else { sql };
        let query = diesel::sql_query(sql).bind::<BigInt, _>(scope.tenant()).bind::<Text, _>(after);
        crm_core::each_backend!(connection, connection => query.load(connection))
    }
}
