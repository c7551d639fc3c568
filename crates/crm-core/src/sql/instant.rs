use chrono::{DateTime, Utc};
use diesel::deserialize::{self, FromSql};
#[cfg(feature = "postgres")]
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;

use super::{known_to_both_backends, through_both_backends};
use crate::Timestamp;

/// A moment in UTC to the millisecond: `timestamptz` on PostgreSQL, on SQLite text of fixed width, so that
/// the order of the text is the order of time.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Text"))]
pub struct Instant;

known_to_both_backends!(Instant);
through_both_backends!(Instant, Instant, Timestamp);

/// Microseconds from the Unix epoch to 2000-01-01, from which PostgreSQL counts.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

#[cfg(feature = "postgres")]
impl FromSql<Instant, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(value.as_bytes().try_into()?);
        let moment = micros
            .checked_add(POSTGRES_EPOCH)
            .and_then(DateTime::<Utc>::from_timestamp_micros)
            .ok_or("a timestamp outside the calendar")?;
        Ok(Self::from_datetime(moment))
    }
}

#[cfg(feature = "sqlite")]
impl FromSql<Instant, Sqlite> for Timestamp {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text: String = FromSql::<diesel::sql_types::Text, Sqlite>::from_sql(value)?;
        Ok(text.parse()?)
    }
}

#[cfg(feature = "postgres")]
impl ToSql<Instant, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let micros = self.as_datetime().timestamp_micros() - POSTGRES_EPOCH;
        std::io::Write::write_all(out, &micros.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

#[cfg(feature = "sqlite")]
impl ToSql<Instant, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.to_string());
        Ok(IsNull::No)
    }
}
