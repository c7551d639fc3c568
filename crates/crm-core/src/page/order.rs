use diesel::QueryResult;
use diesel::query_builder::AstPass;
use diesel::sql_types::{BigInt, Text};
use serde::{Deserialize, Serialize};

use super::{RowIdKind, Weight};
use crate::{Db, Timestamp, sql};

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Largest first; the default.
    Desc,
}

/// What a list is ordered by, as SQL that is never NULL.
///
/// NULL sorts last in both directions. A nullable column is therefore ordered by `coalesce(column, …)` with
/// a stand-in beyond every value, one for each direction, and each has an index on just that expression; so
/// a page by keyset is one range of one index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    asc: &'static str,
    desc: &'static str,
    pub(super) kind: SortKind,
}

/// What a sort expression yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKind {
    /// Text, compared by code points.
    Text,
    /// A 64-bit whole number.
    Number,
    /// A moment.
    Moment,
}

impl SortColumn {
    /// A column that is never NULL.
    #[must_use]
    pub const fn plain(column: &'static str, kind: SortKind) -> Self {
        Self { asc: column, desc: column, kind }
    }

    /// A nullable column with an expression for each direction.
    #[must_use]
    pub const fn nullable(asc: &'static str, desc: &'static str, kind: SortKind) -> Self {
        Self { asc, desc, kind }
    }

    /// The expression for this direction.
    #[must_use]
    pub fn sql(self, direction: Direction) -> &'static str {
        match direction {
            Direction::Asc => self.asc,
            Direction::Desc => self.desc,
        }
    }
}

/// A nullable column with the stand-ins of its kind: `nullable_column!(Text, "lead_rating")`. [`SortKey`](crate::page::SortKey)
/// has the same ones for rows.
#[macro_export]
macro_rules! nullable_column {
    (Text, $column:literal) => {
        $crate::nullable_column!(@of Text, $column, "'\u{10ffff}'", "''")
    };
    (Number, $column:literal) => {
        $crate::nullable_column!(@of Number, $column, "9223372036854775807", "-9223372036854775807")
    };
    (Moment, $column:literal) => {
        $crate::nullable_column!(@of Moment, $column, "'9999-12-31T23:59:59.999Z'", "'0001-01-01T00:00:00.000Z'")
    };
    (@of $kind:ident, $column:literal, $last:literal, $first:literal) => {
        $crate::page::SortColumn::nullable(
            concat!("coalesce(", $column, ", ", $last, ")"),
            concat!("coalesce(", $column, ", ", $first, ")"),
            $crate::page::SortKind::$kind,
        )
    };
}

/// The value of a sort expression in one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// Text, compared by code points.
    #[serde(rename = "t")]
    Text(String),
    /// A whole number.
    #[serde(rename = "n")]
    Number(i64),
    /// A moment.
    #[serde(rename = "m")]
    Moment(Timestamp),
}

impl SortKey {
    /// The key of a nullable text; the stand-ins here are those of [`nullable_column!`](crate::nullable_column).
    #[must_use]
    pub fn nullable_text(value: Option<&str>, direction: Direction) -> Self {
        let stand_in = if direction == Direction::Asc { Self::LAST_TEXT } else { "" };
        Self::Text(value.unwrap_or(stand_in).to_owned())
    }

    /// The key of a nullable number.
    #[must_use]
    pub fn nullable_number(value: Option<i64>, direction: Direction) -> Self {
        let stand_in = if direction == Direction::Asc { i64::MAX } else { -i64::MAX };
        Self::Number(value.unwrap_or(stand_in))
    }

    /// The key of a nullable moment.
    #[must_use]
    pub fn nullable_moment(value: Option<Timestamp>, direction: Direction) -> Self {
        let stand_in = if direction == Direction::Asc { Timestamp::LAST } else { Timestamp::FIRST };
        Self::Moment(value.unwrap_or(stand_in))
    }

    pub(super) fn kind(&self) -> SortKind {
        match self {
            Self::Text(_) => SortKind::Text,
            Self::Number(_) => SortKind::Number,
            Self::Moment(_) => SortKind::Moment,
        }
    }

    /// Sorts after every text that a person writes.
    pub const LAST_TEXT: &'static str = "\u{10ffff}";
}

/// A field that a list can be ordered by.
pub trait SortField: Copy + PartialEq + 'static {
    /// The list, so that a token of one is refused by another.
    const LIST: &'static str;

    /// The names for `orderBy`, the default first. Two names may mean one field.
    const NAMES: &'static [(&'static str, Self)];

    /// What the rows have as their id.
    const ID: RowIdKind = RowIdKind::Number;

    /// The column of the id.
    const ID_COLUMN: &'static str = "id";

    /// What makes its records long; `None` where none can be.
    const WEIGHT: Option<Weight> = None;

    /// What it is in SQL.
    fn column(self) -> SortColumn;
}

impl SortKey {
    pub(super) fn push_bind<'b>(&'b self, pass: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
        match self {
            Self::Text(text) => pass.push_bind_param::<Text, _>(text),
            Self::Number(number) => pass.push_bind_param::<BigInt, _>(number),
            Self::Moment(moment) => pass.push_bind_param::<sql::Instant, _>(moment),
        }
    }
}
