use crm_core::values::{Decimal, Followers, LabeledValues, Money};
use serde::Serialize;
use serde_json::{Number, Value, json};

/// A value of a custom field as code has it. What a field takes its type says, and the form checks it when a record is
/// written: a text for texts, days (`2025-02-20`), times and web addresses, a number, [`Money`], [`Followers`] for a people
/// picker, [`LabeledValues`], and what the functions here make.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldValue(Value);

impl FieldValue {
    /// Options of a dropdown, by their ids.
    #[must_use]
    pub fn options<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self(ids.into_iter().collect())
    }

    /// Options of a tag picker, by their ids.
    #[must_use]
    pub fn picked<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self(ids.into_iter().map(|id| json!({ "id": id })).collect())
    }

    /// From one day, day and time, or time of day to another.
    #[must_use]
    pub fn range(start: &str, end: &str) -> Self {
        Self(json!({ "start": start, "end": end }))
    }

    /// As a body has it.
    pub(crate) fn into_json(self) -> Value {
        self.0
    }

    /// None of our types fails to serialise.
    fn of(value: &impl Serialize) -> Self {
        Self(serde_json::to_value(value).unwrap_or_default())
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<i64> for FieldValue {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl From<Decimal> for FieldValue {
    /// With all of its digits.
    fn from(number: Decimal) -> Self {
        let text = number.to_string();
        Self(text.parse::<Number>().map_or_else(|_| text.into(), Value::Number))
    }
}

impl From<Money> for FieldValue {
    fn from(money: Money) -> Self {
        Self::of(&money)
    }
}

impl From<Followers> for FieldValue {
    fn from(people: Followers) -> Self {
        Self::of(&people)
    }
}

impl From<LabeledValues> for FieldValue {
    fn from(values: LabeledValues) -> Self {
        Self::of(&values)
    }
}
