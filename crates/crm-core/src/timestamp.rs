use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, SecondsFormat, SubsecRound, Utc};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};

/// A moment in UTC to the millisecond, written `2025-07-10T12:34:56.789Z` (RFC 3339; docs/compatibility.md, "Ids, times and money").
///
/// Stored with the precision that is shown, so that a client that filters by a moment it has read finds
/// the record. Years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = crate::sql::Instant)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// `0001-01-01T00:00:00.000Z`, before everything that happens.
    pub const FIRST: Self = Self(DateTime::from_timestamp_millis(-62_135_596_800_000).expect("a date of the calendar"));
    /// `9999-12-31T23:59:59.999Z`, after everything that happens.
    pub const LAST: Self = Self(DateTime::from_timestamp_millis(253_402_300_799_999).expect("a date of the calendar"));

    /// The clock's time. Only programs call this; libraries get their time from [`Scope`](crate::Scope).
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one door to the clock")]
    pub fn now() -> Self {
        Self::from_datetime(Utc::now())
    }

    /// Drops what is finer than a millisecond.
    #[must_use]
    pub fn from_datetime(moment: DateTime<Utc>) -> Self {
        Self(moment.trunc_subsecs(3))
    }

    /// The moment as a chrono value.
    #[must_use]
    pub fn as_datetime(&self) -> DateTime<Utc> {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Why a text is no [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 date and time such as 2025-07-10T12:34:56.789Z, in the years 1 to 9999")]
pub struct NotATimestamp;

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    /// Any RFC 3339 date and time; an offset is turned into UTC.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = DateTime::parse_from_rfc3339(text).map_err(|_| NotATimestamp)?.with_timezone(&Utc);
        if (1..=9999).contains(&moment.year()) { Ok(Self::from_datetime(moment)) } else { Err(NotATimestamp) }
    }
}

impl FromJson for Timestamp {
    fn from_json(value: &serde_json::Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        if parsed.is_none() {
            errors.push(at, FieldCode::InvalidDate, NotATimestamp);
        }
        parsed
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_moment_are_those_of_the_years_1_and_9999() {
        assert_eq!(Timestamp::FIRST.to_string(), "0001-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::LAST.to_string(), "9999-12-31T23:59:59.999Z");
    }
}
