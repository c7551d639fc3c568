//! SQL types that mean the same on both databases, and the Rust types that are stored in them.
//!
//! | SQL type | PostgreSQL | SQLite | Rust |
//! | --- | --- | --- | --- |
//! | [`JsonText`] | `json` | `TEXT` | [`Json<T>`] |
//! | [`Instant`] | `timestamptz` | `TEXT`, `YYYY-MM-DDTHH:MM:SS.mmmZ` | [`Timestamp`](crate::Timestamp) |
//! | [`Uid`] | `uuid` | `BLOB`, 16 bytes | [`Uuid`](crate::Uuid) |

mod among;
mod fragment;
mod instant;
mod json;
mod uid;

pub use among::{Among, Holds, List, Listed, OneOf, among, one_of};
pub use instant::Instant;
pub use json::{Json, JsonText};
pub use uid::Uid;

/// The texts in the column `name` of a query without parameters: what catalogs are asked for.
pub(crate) fn names(connection: &mut crate::DbConnection, query: &str) -> diesel::QueryResult<Vec<String>> {
    use diesel::RunQueryDsl;

    #[derive(diesel::QueryableByName)]
    struct Named {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let found: Vec<Named> = diesel::sql_query(query).load(connection)?;
    Ok(found.into_iter().map(|Named { name }| name).collect())
}

/// Writes the glue that carries a Rust type through the derived backend for one of our SQL types.
macro_rules! through_both_backends {
    ($sql:ty, $value:expr, $rust:ty $(, $param:ident: $read:path, $written:path)*) => {
        impl<$($param: $read + std::fmt::Debug + Send + Sync + 'static),*> diesel::deserialize::FromSql<$sql, crate::Db> for $rust {
            fn from_sql(value: <crate::Db as diesel::backend::Backend>::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                value.from_sql::<Self, $sql>()
            }
        }

        impl<$($param: $written + std::fmt::Debug + Send + Sync + 'static),*> diesel::serialize::ToSql<$sql, crate::Db> for $rust {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, crate::Db>,
            ) -> diesel::serialize::Result {
                out.set_value(($value, self));
                Ok(diesel::serialize::IsNull::No)
            }
        }
    };
}

/// Makes one of our SQL types known to the derived backend.
macro_rules! known_to_both_backends {
    ($sql:ty) => {
        impl diesel::sql_types::HasSqlType<$sql> for crate::Db {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                crate::Db::lookup_sql_type::<$sql>(lookup)
            }
        }
    };
}

use {known_to_both_backends, through_both_backends};
