use std::fmt;
use std::str::FromStr;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::{Deserialize, Serialize};

/// A UUID (RFC 9562), written in lower case with hyphens.
///
/// A newtype because Diesel has no UUID for SQLite and Rust's orphan rule keeps us from adding one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, AsExpression, FromSqlRow,
)]
#[diesel(sql_type = crate::sql::Uid)]
#[serde(transparent)]
pub struct Uuid(uuid::Uuid);

impl Uuid {
    /// A new random UUID (version 4).
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// The UUID of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Why a text is no [`Uuid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID such as c4d5e6f7-8901-2345-6789-abcdef012345")]
pub struct NotAUuid;

impl FromStr for Uuid {
    type Err = NotAUuid;

    /// The hyphenated form only, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 36 {
            return Err(NotAUuid);
        }
        uuid::Uuid::try_parse(text).map(Self).map_err(|_| NotAUuid)
    }
}
