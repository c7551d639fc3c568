use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The id of a change, unique in its tenant. On the wire an opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(i64);

impl ChangeId {
    /// The id with this number, which came from the database. Any number is taken: one that no change has finds none.
    #[must_use]
    pub fn from_i64(seq: i64) -> Self {
        Self(seq)
    }

    /// The number.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChangeId {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text).map(Self)
    }
}

impl Serialize for ChangeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for ChangeId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("The id of a change: any text, to be compared and kept, not to be read."))
            .examples([serde_json::Value::from("1234")])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for ChangeId {}

/// A place in the feed of a tenant. The changes behind it are those that somebody who stands there has not seen.
///
/// As a text it is what a client keeps, without saying what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The turn of the last change before it: all of SQLite's are in one.
    pub turn: i64,
    /// The number of that change.
    pub seq: i64,
}

impl Position {
    /// Before every change.
    pub const START: Self = Self { turn: 0, seq: 0 };
}

/// Why a text is no [`Position`] or [`ChangeId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a text that the feed of changes gave")]
pub struct NotAPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.turn, self.seq)
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (turn, seq) = text.split_once('-').ok_or(NotAPosition)?;
        Ok(Self { turn: number(turn)?, seq: number(seq)? })
    }
}

/// The one spelling of a number from 0.
fn number(text: &str) -> Result<i64, NotAPosition> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().map_err(|_| NotAPosition) } else { Err(NotAPosition) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_one_spelling() {
        let position = Position { turn: 7, seq: i64::MAX };
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!("0-0".parse(), Ok(Position::START));
        for (text, why) in [
            ("", "nothing"),
            ("-", "two nothings"),
            ("1", "one number"),
            ("1-", "the other is missing"),
            ("-1-1", "a sign"),
            ("+1-1", "Rust's parser takes it"),
            ("01-1", "a second spelling"),
            ("1-1-1", "three numbers"),
            ("1-9223372036854775808", "beyond 64 bits"),
            ("1 -1", "white space"),
        ] {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text:?}: {why}");
        }
    }
}
