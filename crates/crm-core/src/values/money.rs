use std::str::FromStr;

use rust_decimal::Decimal;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The alphabetic code, such as `USD`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code()
    }
}

/// Why a text is no [`Currency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 4217 alphabetic code in upper case, such as USD")]
pub struct NotACurrency;

impl FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = iso_currency::Currency::from_code(text).ok_or(NotACurrency)?;
        if code.code() == text { Ok(Self(code)) } else { Err(NotACurrency) }
    }
}

/// Why a number is no amount of [`Money`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have at most 4 decimals and lie between -10^14 and 10^14")]
pub struct NotAnAmount;

/// An amount of money, exact: `{ "amount": 10.10, "code": "USD" }` (docs/compatibility.md, "Ids, times and money").
///
/// At most 4 decimals and |amount| < 10^14, kept as a whole number of ten-thousandths, so that it never
/// passes through binary floating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    units: i64,
    currency: Currency,
}

impl Money {
    /// How many units make 1.
    pub const SCALE: u32 = 4;
    /// The bound of |units|, exclusive: 10^14 in units.
    const BOUND: i64 = 10_i64.pow(14 + Self::SCALE);

    /// So much of this currency.
    ///
    /// # Errors
    /// [`NotAnAmount`], rather than something that was rounded.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, NotAnAmount> {
        Self::units_of(amount).and_then(|units| Self::from_units(units, currency)).ok_or(NotAnAmount)
    }

    /// The money of this many ten-thousandths; `None` at 10^14 and beyond.
    #[must_use]
    pub fn from_units(units: i64, currency: Currency) -> Option<Self> {
        (units > -Self::BOUND && units < Self::BOUND).then_some(Self { units, currency })
    }

    /// What a row holds: `None` for a code that is no currency, which the database's rules exclude.
    #[must_use]
    pub fn stored(units: i64, code: &str) -> Option<Self> {
        Self::from_units(units, code.parse().ok()?)
    }

    /// The amount in ten-thousandths.
    #[must_use]
    pub fn units(&self) -> i64 {
        self.units
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The amount.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        Decimal::new(self.units, Self::SCALE).normalize()
    }

    fn units_of(amount: Decimal) -> Option<i64> {
        let scaled = amount.checked_mul(Decimal::from(10_i64.pow(Self::SCALE)))?.normalize();
        if scaled.scale() > 0 { None } else { i64::try_from(scaled.mantissa()).ok() }
    }

    fn read_units(number: &serde_json::Number) -> Option<i64> {
        let text = number.to_string();
        let decimal = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()?;
        // A coefficient such as 1e-40 is rounded to nothing by the parser; that is not what was sent.
        if decimal.is_zero() && text.bytes().take_while(|b| !matches!(b, b'e' | b'E')).any(|b| matches!(b, b'1'..=b'9'))
        {
            return None;
        }
        Self::units_of(decimal)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let amount = serde_json::Number::from_str(&self.amount().to_string()).map_err(serde::ser::Error::custom)?;
        let mut money = serializer.serialize_struct("Money", 2)?;
        money.serialize_field("amount", &amount)?;
        money.serialize_field("code", self.currency.code())?;
        money.end()
    }
}

impl FromJson for Money {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { amount, code }");
            return None;
        };
        let stranger = members.keys().find(|name| !matches!(name.as_str(), "amount" | "code"));
        if let Some(name) = stranger {
            errors.push(at.key(name), FieldCode::UnknownField, "money has the members amount and code");
        }
        let amount = match members.get("amount") {
            None | Some(Value::Null) => {
                errors.push(at.key("amount"), FieldCode::Required, "is required: a number");
                None
            }
            Some(Value::Number(number)) => {
                let units = Self::read_units(number).filter(|units| units.abs() < Self::BOUND);
                if units.is_none() {
                    errors.push(at.key("amount"), FieldCode::InvalidAmount, NotAnAmount);
                }
                units
            }
            Some(_) => {
                errors.push(at.key("amount"), FieldCode::WrongType, "must be a number");
                None
            }
        };
        let currency = match members.get("code") {
            None | Some(Value::Null) => {
                errors.push(at.key("code"), FieldCode::Required, "is required: a currency such as USD");
                None
            }
            Some(Value::String(code)) => match code.parse() {
                Ok(currency) => Some(currency),
                Err(NotACurrency) => {
                    errors.push(at.key("code"), FieldCode::InvalidCurrency, NotACurrency);
                    None
                }
            },
            Some(_) => {
                errors.push(at.key("code"), FieldCode::WrongType, "must be a string");
                None
            }
        };
        if stranger.is_some() { None } else { Self::from_units(amount?, currency?) }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("An exact amount of money."))
            .property(
                "amount",
                ObjectBuilder::new()
                    .schema_type(Type::Number)
                    .description(Some("At most 4 decimals."))
                    .exclusive_minimum(Some(-100_000_000_000_000_i64))
                    .exclusive_maximum(Some(100_000_000_000_000_i64)),
            )
            .property(
                "code",
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some("An ISO 4217 alphabetic code."))
                    .pattern(Some("^[A-Z]{3}$")),
            )
            .required("amount")
            .required("code")
            .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)))
            .examples([serde_json::json!({ "amount": 25000, "code": "USD" })])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Money {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Money, FieldErrors> {
        let value: Value = serde_json::from_str(text).unwrap();
        let mut errors = FieldErrors::new();
        Money::from_json(&value, &At::field("value"), &mut errors).ok_or(errors)
    }

    #[test]
    fn an_amount_comes_back_in_value_as_it_was_sent() {
        for (sent, back) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("10.10", "10.1"),
            ("25000", "25000"),
            ("1e3", "1000"),
            ("1.5E-3", "0.0015"),
            ("99999999999999.9999", "99999999999999.9999"),
            ("-99999999999999.9999", "-99999999999999.9999"),
            ("0.30000", "0.3"),
        ] {
            let money = read(&format!(r#"{{"amount": {sent}, "code": "EUR"}}"#)).unwrap();
            assert_eq!(
                serde_json::to_string(&money).unwrap(),
                format!(r#"{{"amount":{back},"code":"EUR"}}"#),
                "{sent}"
            );
        }
    }

    #[test]
    fn an_amount_in_code_is_held_to_the_same_bounds() {
        let euro = "EUR".parse().unwrap();
        for (amount, units) in [
            ("10.10", Ok(101_000)),
            ("0.00010", Ok(1)),
            ("-99999999999999.9999", Ok(-999_999_999_999_999_999)),
            ("0.00001", Err(NotAnAmount)),
            ("100000000000000", Err(NotAnAmount)),
            ("-100000000000000", Err(NotAnAmount)),
            ("79228162514264337593543950335", Err(NotAnAmount)),
        ] {
            let amount: Decimal = amount.parse().unwrap();
            assert_eq!(Money::new(amount, euro).map(|money| money.units()), units, "{amount}");
        }
    }

    #[test]
    fn what_is_no_amount_or_currency_is_refused_under_its_name() {
        for (text, field, code) in [
            (r#"{"amount": 1e14, "code": "EUR"}"#, "value.amount", FieldCode::InvalidAmount),
            (r#"{"amount": 1e400, "code": "EUR"}"#, "value.amount", FieldCode::InvalidAmount),
            (r#"{"amount": 1e-400, "code": "EUR"}"#, "value.amount", FieldCode::InvalidAmount),
            (r#"{"amount": 0.00001, "code": "EUR"}"#, "value.amount", FieldCode::InvalidAmount),
            (
                r#"{"amount": 0.00000000000000000000000000000000000001, "code": "EUR"}"#,
                "value.amount",
                FieldCode::InvalidAmount,
            ),
            (
                r#"{"amount": 1.00000000000000000000000000000000000001, "code": "EUR"}"#,
                "value.amount",
                FieldCode::InvalidAmount,
            ),
            (r#"{"amount": "1", "code": "EUR"}"#, "value.amount", FieldCode::WrongType),
            (r#"{"code": "EUR"}"#, "value.amount", FieldCode::Required),
            (r#"{"amount": 1}"#, "value.code", FieldCode::Required),
            (r#"{"amount": 1, "code": "eur"}"#, "value.code", FieldCode::InvalidCurrency),
            (r#"{"amount": 1, "code": "ZZZ"}"#, "value.code", FieldCode::InvalidCurrency),
            (r#"{"amount": 1, "code": 978}"#, "value.code", FieldCode::WrongType),
            (r#"{"amount": 1, "code": "EUR", "rate": 2}"#, "value.rate", FieldCode::UnknownField),
            ("12", "value", FieldCode::WrongType),
        ] {
            let errors = read(text).expect_err(text);
            let error = &errors.as_slice()[0];
            assert_eq!((error.field.as_str(), error.code), (field, code), "{text}");
        }
    }
}
