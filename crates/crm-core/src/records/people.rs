use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::sql::{Json, JsonText};
use crate::values::User;
use crate::{DbConnection, Scope};

/// Whom the records of a kind name as what, with an index of tenant, id, `created_on` and record.
#[derive(Debug, Clone, Copy)]
pub struct People {
    /// The records.
    pub table: &'static str,
    /// The column with the person.
    pub person: &'static str,
    /// The column with the person's id.
    pub id: &'static str,
}

#[derive(QueryableByName)]
struct PersonRow {
    #[diesel(sql_type = Nullable<JsonText>)]
    person: Option<Json<User>>,
}

impl People {
    /// The first people by their ids, as many as `most`: each as the latest of the records has them. One statement, which
    /// reads two entries of the index for each of them, however many records they have.
    ///
    /// # Errors
    /// The database's.
    pub fn first(&self, connection: &mut DbConnection, scope: &Scope, most: i64) -> QueryResult<Vec<User>> {
        let Self { table, id, .. } = self;
        let sql = format!(
            "WITH RECURSIVE seen AS (SELECT * FROM (SELECT {id} AS id, 1 AS number FROM {table} \
             WHERE tenant_id = $1 AND {id} IS NOT NULL ORDER BY tenant_id, {id} LIMIT 1) AS least UNION ALL \
             SELECT (SELECT {id} FROM {table} WHERE tenant_id = $1 AND {id} > seen.id ORDER BY tenant_id, {id} LIMIT 1), \
             number + 1 FROM seen WHERE seen.id IS NOT NULL AND number < $2) \
             SELECT {} AS person FROM seen WHERE seen.id IS NOT NULL",
            self.latest("seen.id")
        );
        let rows: Vec<PersonRow> = by_backend!(
            connection,
            Postgres(postgres) => diesel::sql_query(sql)
                .bind::<BigInt, _>(scope.tenant())
                .bind::<BigInt, _>(most)
                .load(postgres)?,
            Sqlite(sqlite) => diesel::sql_query(sql.replace('$', "?"))
                .bind::<BigInt, _>(scope.tenant())
                .bind::<BigInt, _>(most)
                .load(sqlite)?,
        );
        Ok(users(rows))
    }

    /// Those of these ids, each as the latest of the records has them. One statement at most.
    ///
    /// # Errors
    /// The database's.
    pub fn of_ids(&self, connection: &mut DbConnection, scope: &Scope, ids: &[String]) -> QueryResult<Vec<User>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = |ids: &str| format!("SELECT {} AS person FROM {ids} AS wanted", self.latest("wanted.value"));
        let rows: Vec<PersonRow> = by_backend!(
            connection,
            Postgres(postgres) => diesel::sql_query(sql("(SELECT value FROM unnest(CAST($2 AS TEXT[])) AS given (value))"))
                .bind::<BigInt, _>(scope.tenant())
                .bind::<diesel::sql_types::Array<Text>, _>(ids)
                .load(postgres)?,
            Sqlite(sqlite) => diesel::sql_query(sql("json_each($2)").replace('$', "?"))
                .bind::<BigInt, _>(scope.tenant())
                .bind::<Text, _>(serde_json::Value::from(ids).to_string())
                .load(sqlite)?,
        );
        Ok(users(rows))
    }

    /// Whom the latest record has that names this id.
    fn latest(&self, id: &str) -> String {
        let Self { table, person, id: column } = self;
        format!(
            "(SELECT {person} FROM {table} WHERE tenant_id = $1 AND {column} = {id} \
             ORDER BY tenant_id DESC, {column} DESC, created_on DESC, {table}.id DESC LIMIT 1)"
        )
    }
}

fn users(rows: Vec<PersonRow>) -> Vec<User> {
    rows.into_iter().filter_map(|row| row.person).map(|Json(user)| user).collect()
}
