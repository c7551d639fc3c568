use std::fmt::Debug;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
#[cfg(feature = "postgres")]
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{known_to_both_backends, through_both_backends};

/// A JSON document kept as the text that it came as: `json` on PostgreSQL, `TEXT` on SQLite.
///
/// Not `jsonb`: that sorts members and rewrites numbers (`1e3` becomes `1000`), so that the same document
/// would come back in different words from the two databases. Nothing queries inside these documents.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 114, array_oid = 199), sqlite_type(name = "Text"))]
pub struct JsonText;

/// A value stored as a JSON document. A NULL column is `Option<Json<T>>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = JsonText)]
#[serde(transparent)]
pub struct Json<T: Debug>(pub T);

known_to_both_backends!(JsonText);
through_both_backends!(JsonText, JsonText, Json<T>, T: DeserializeOwned, Serialize);

#[cfg(feature = "postgres")]
impl<T: DeserializeOwned + Debug> FromSql<JsonText, Pg> for Json<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_slice(value.as_bytes())?))
    }
}

#[cfg(feature = "sqlite")]
impl<T: DeserializeOwned + Debug> FromSql<JsonText, Sqlite> for Json<T> {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text: String = FromSql::<diesel::sql_types::Text, Sqlite>::from_sql(value)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}

#[cfg(feature = "postgres")]
impl<T: Serialize + Debug> ToSql<JsonText, Pg> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}

#[cfg(feature = "sqlite")]
impl<T: Serialize + Debug> ToSql<JsonText, Sqlite> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}
