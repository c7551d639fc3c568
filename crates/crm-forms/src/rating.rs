use crm_core::input::{At, FromJson};
use crm_core::sql::{List, Listed};
use crm_core::{FieldCode, FieldErrors};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How promising a lead or opportunity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[diesel(sql_type = Text)]
pub enum LeadRating {
    /// `1_cold`
    #[serde(rename = "1_cold")]
    Cold,
    /// `2_warm`
    #[serde(rename = "2_warm")]
    Warm,
    /// `3_hot`
    #[serde(rename = "3_hot")]
    Hot,
}

impl LeadRating {
    /// Every rating with its name on the wire, which is how it is stored too.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("1_cold", Self::Cold), ("2_warm", Self::Warm), ("3_hot", Self::Hot)];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "1_cold",
            Self::Warm => "2_warm",
            Self::Hot => "3_hot",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, rating)| *rating)
    }
}

impl FromJson for LeadRating {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let rating = value.as_str().and_then(Self::of_name);
        if rating.is_none() {
            errors.push(at, FieldCode::InvalidValue, "must be one of 1_cold, 2_warm, 3_hot");
        }
        rating
    }

    fn means_nothing(value: &Value) -> bool {
        value.is_null() || value.as_str() == Some("")
    }
}

impl<B> FromSql<Text, B> for LeadRating
where
    B: Backend,
    String: FromSql<Text, B>,
{
    fn from_sql(value: B::RawValue<'_>) -> deserialize::Result<Self> {
        let name = String::from_sql(value)?;
        Self::of_name(&name).ok_or_else(|| format!("{name:?} is no lead rating").into())
    }
}

impl<B> ToSql<Text, B> for LeadRating
where
    B: Backend,
    str: ToSql<Text, B>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, B>) -> serialize::Result {
        self.as_str().to_sql(out)
    }
}

impl Listed for LeadRating {
    type Sql = Text;

    fn list(values: impl Iterator<Item = Self>) -> List {
        <&str>::list(values.map(Self::as_str))
    }
}
