use diesel::QueryResult;
use diesel::query_builder::AstPass;
use diesel::sql_types::BigInt;
use serde::{Deserialize, Serialize};

use crate::{Db, Uuid, sql};

/// What breaks ties in a list: the column `id` of its rows, a number or a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowId {
    /// The id of a record.
    #[serde(rename = "n")]
    Number(i64),
    /// The id of a pipeline.
    #[serde(rename = "u")]
    Uuid(Uuid),
}

/// Which of the two the rows of a list have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowIdKind {
    /// [`RowId::Number`].
    Number,
    /// [`RowId::Uuid`].
    Uuid,
}

impl From<i64> for RowId {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Uuid> for RowId {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

impl RowId {
    pub(super) fn kind(self) -> RowIdKind {
        match self {
            Self::Number(_) => RowIdKind::Number,
            Self::Uuid(_) => RowIdKind::Uuid,
        }
    }

    pub(super) fn push_bind<'b>(&'b self, pass: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
        match self {
            Self::Number(number) => pass.push_bind_param::<BigInt, _>(number),
            Self::Uuid(uuid) => pass.push_bind_param::<sql::Uid, _>(uuid),
        }
    }
}
