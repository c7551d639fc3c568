use std::str::FromStr;

use rust_decimal::Decimal;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::values::{Currency, Money};

/// A sum of amounts in one currency, exact: `{ "amount": 128000.5, "code": "USD" }`. It may lie beyond the bound of a
/// single [`Money`], and a share of it has up to 6 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyTotal {
    amount: Decimal,
    currency: Currency,
}

impl MoneyTotal {
    /// The total of this many ten-thousandths; `None` beyond 28 digits, to which no table of amounts adds up.
    #[must_use]
    pub fn from_units(units: i128, currency: Currency) -> Option<Self> {
        let amount = Decimal::try_from_i128_with_scale(units, Money::SCALE).ok()?;
        Some(Self { amount: amount.normalize(), currency })
    }

    /// This many whole percents of the total; `None` as in [`from_units`](Self::from_units).
    #[must_use]
    pub fn percent(&self, percent: i16) -> Option<Self> {
        let hundredths = self.amount.mantissa().checked_mul(i128::from(percent))?;
        let amount = Decimal::try_from_i128_with_scale(hundredths, self.amount.scale() + 2).ok()?;
        Some(Self { amount: amount.normalize(), currency: self.currency })
    }

    /// The amount.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }
}

impl Serialize for MoneyTotal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let amount = serde_json::Number::from_str(&self.amount.to_string()).map_err(serde::ser::Error::custom)?;
        let mut total = serializer.serialize_struct("MoneyTotal", 2)?;
        total.serialize_field("amount", &amount)?;
        total.serialize_field("code", self.currency.code())?;
        total.end()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for MoneyTotal {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("An exact sum of amounts in one currency."))
            .property("amount", ObjectBuilder::new().schema_type(Type::Number).description(Some("At most 6 decimals.")))
            .property(
                "code",
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some("An ISO 4217 alphabetic code."))
                    .pattern(Some("^[A-Z]{3}$")),
            )
            .required("amount")
            .required("code")
            .examples([serde_json::json!({ "amount": 128_000.5, "code": "USD" })])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for MoneyTotal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_and_its_share_are_exact() {
        let usd = "USD".parse().unwrap();
        for (units, percent, total, share) in [
            (0, 50, "0", "0"),
            (1, 1, "0.0001", "0.000001"),
            (1, 0, "0.0001", "0"),
            (-25_000, 10, "-2.5", "-0.25"),
            (9_999_999_999_999_999_999_999, 99, "999999999999999999.9999", "989999999999999999.999901"),
            (1_000_000 * 999_999_999_999_999_999, 100, "99999999999999999900", "99999999999999999900"),
        ] {
            let sum = MoneyTotal::from_units(units, usd).unwrap();
            assert_eq!(sum.amount().to_string(), total);
            assert_eq!(sum.percent(percent).unwrap().amount().to_string(), share, "{percent} % of {total}");
        }
        assert!(MoneyTotal::from_units(i128::MAX, usd).is_none(), "more digits than a decimal has");
    }
}
