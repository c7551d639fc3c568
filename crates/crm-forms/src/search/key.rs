//! What a value is compared by: a text whose bytes sort as the values do, of numbers and moments too.

use crm_core::text::{searchable, with_unicode_domains};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{FieldType, moments};

/// The longest key of a text that is not shortened: as many characters as most types hold.
const LONGEST: usize = 255;
/// How many characters of a longer one stand before its hash.
const BEFORE_HASH: usize = 190;

/// A text that is compared as a whole. A long one, such as a URL, is shortened, and told from others by a hash.
pub(super) fn of_text(text: &str) -> String {
    let key = searchable(text);
    match key.char_indices().nth(BEFORE_HASH) {
        Some((end, _)) if key.chars().nth(LONGEST).is_some() => {
            let hash = Sha256::digest(&key);
            let hash: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}#{hash}", &key[..end])
        }
        _ => key,
    }
}

fn of_address(text: &str) -> String {
    of_text(&with_unicode_domains(text))
}

/// Added to a decimal's exponent, so that it is never negative.
const EXPONENT_ZERO: i64 = 5_000_000;

/// A decimal number as JSON writes it, exact: a sign, an exponent, the digits. Of negative ones each digit is turned
/// around, so that the greater number sorts behind.
pub(super) fn of_number(text: &str) -> Option<String> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let of_exponent = exponent.trim_start_matches(['+', '-']);
    if whole.is_empty()
        || !is_digits(whole)
        || !is_digits(fraction)
        || of_exponent.is_empty()
        || !is_digits(of_exponent)
    {
        return None;
    }
    let most = EXPONENT_ZERO - 1_000;
    let beyond = if exponent.starts_with('-') { -most } else { most };
    let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap_or(beyond).clamp(-most, most);
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let zeros = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some("1".to_owned());
    }
    let places = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
    let exponent = places + exponent + EXPONENT_ZERO;
    if !negative {
        return Some(format!("2{exponent:07}{significant}"));
    }
    let turned: String = significant.bytes().map(|digit| char::from(b'9' - (digit - b'0'))).collect();
    Some(format!("0{:07}{turned}~", 9_999_999 - exponent))
}

/// Where a moment that a filter names begins or ends, where it names less than a second.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Begin,
    End,
}

fn of_time(text: &str, edge: Edge) -> Option<String> {
    moments::time(text)?;
    let seconds = if edge == Edge::Begin { ":00" } else { ":59" };
    Some(if text.len() == "09:28".len() { format!("{text}{seconds}") } else { text.to_owned() })
}

fn of_date_time(text: &str, edge: Edge) -> Option<String> {
    match text.split_once('T') {
        Some((day, time)) => {
            moments::date(day)?;
            Some(format!("{day}T{}", of_time(time, edge)?))
        }
        None => {
            moments::date(text)?;
            Some(format!("{text}T{}", if edge == Edge::Begin { "00:00:00" } else { "23:59:59" }))
        }
    }
}

/// What an entry of a filter is compared by in fields of this type; at the edge that it means of what it names.
pub(super) fn of_entry(field_type: FieldType, entry: &str, edge: Edge) -> Option<String> {
    use FieldType as Type;
    match field_type {
        Type::Number | Type::Monetary => of_number(entry),
        Type::Date | Type::DateRange => moments::date(entry).map(|_| entry.to_owned()),
        Type::DateTime | Type::DateTimeRange => of_date_time(entry, edge),
        Type::Time | Type::TimeRange => of_time(entry, edge),
        Type::Email | Type::EmailLabeled => Some(of_address(entry)),
        Type::Text | Type::TextArea | Type::Combobox | Type::Tel | Type::Url => Some(of_text(entry)),
        Type::Dropdown | Type::TagPicker | Type::PeoplePicker | Type::TelLabeled => Some(of_text(entry)),
    }
}

/// Whether values of this type have an order that a filter can ask for a part of.
pub(super) fn has_order(field_type: FieldType) -> bool {
    use FieldType::{Date, DateRange, DateTime, DateTimeRange, Monetary, Number, Time, TimeRange};
    matches!(field_type, Number | Monetary | Date | DateRange | DateTime | DateTimeRange | Time | TimeRange)
}

/// Whether values of this type are searched for a part of them.
pub(super) fn is_searched(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::Text | FieldType::TextArea)
}

/// The keys of a stored value: one for each entry of a list. Of a text that is searched there is none.
pub(super) fn of_value(field_type: FieldType, value: &Value) -> Vec<String> {
    use FieldType as Type;
    let spelled = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let entry = |value: &Value| {
        let spelled = match field_type {
            Type::Monetary => spelled(&value["amount"]),
            Type::DateRange | Type::DateTimeRange | Type::TimeRange => spelled(&value["start"]),
            Type::TagPicker | Type::PeoplePicker => spelled(&value["id"]),
            Type::EmailLabeled | Type::TelLabeled => spelled(&value["value"]),
            _ => spelled(value),
        };
        of_entry(field_type, &spelled?, Edge::Begin)
    };
    match value {
        _ if is_searched(field_type) => Vec::new(),
        Value::Array(entries) => entries.iter().filter_map(entry).collect(),
        value => entry(value).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_sort_as_they_count() {
        let ascending = [
            "-1e300",
            "-123456789012345678901.5",
            "-100",
            "-99.9",
            "-12.30",
            "-12.3000001e-1",
            "-0.5",
            "-0.05",
            "-1e-300",
            "0",
            "1e-300",
            "0.05",
            "0.5",
            "1.0000000000000000001",
            "9",
            "10",
            "12.3",
            "100",
            "1e300",
        ];
        for pair in ascending.windows(2) {
            assert!(of_number(pair[0]) < of_number(pair[1]), "{pair:?}");
        }
        for same in [["12.50", "12.5"], ["1.25e1", "12.5"], ["0.0", "-0"], ["100", "1E+2"], ["0012", "12"]] {
            assert_eq!(of_number(same[0]), of_number(same[1]), "{same:?}");
        }
        for wrong in ["", "-", "x", "1.2.3", "1e", "0x10", "--1", "1 2", ".5", "NaN"] {
            assert_eq!(of_number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_long_text_is_told_from_another() {
        let url = |end: &str| format!("https://example.com/{}{end}", "a".repeat(400));
        assert_ne!(of_text(&url("x")), of_text(&url("y")));
        assert_eq!(of_text(&url("X")), of_text(&url("x")));
        assert!(of_text(&url("x")).chars().count() <= LONGEST);
        assert_eq!(of_text("Größe"), of_text("GRÖSSE"));
    }

    #[test]
    fn a_day_has_a_begin_and_an_end() {
        let of = |entry: &str, edge| of_entry(FieldType::DateTime, entry, edge);
        assert_eq!(of("2025-02-20", Edge::Begin).as_deref(), Some("2025-02-20T00:00:00"));
        assert_eq!(of("2025-02-20", Edge::End).as_deref(), Some("2025-02-20T23:59:59"));
        assert_eq!(of("2025-02-20T09:27", Edge::End).as_deref(), Some("2025-02-20T09:27:59"));
        assert_eq!(of("2025-02-30", Edge::End), None);
        assert_eq!(of_value(FieldType::TimeRange, &json!({ "start": "09:28", "end": "10:00" })), ["09:28:00"]);
        assert_eq!(of_value(FieldType::PeoplePicker, &json!([{ "id": "A" }, { "id": "b" }])), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn keys_of_numbers_sort_as_the_numbers(one in any::<i64>(), other in any::<i64>(), places in 0u32..12) {
            let spelled = |number: i64| format!("{number}e-{places}");
            prop_assert_eq!(of_number(&spelled(one)).cmp(&of_number(&spelled(other))), one.cmp(&other));
        }
    }
}
