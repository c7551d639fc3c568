//! The values of custom fields, by the type of the field (docs/compatibility.md, "Forms and custom fields").

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use crm_core::input::{At, FromJson, read_list, refuse_unknown};
use crm_core::values::{Color, Followers, LabeledValueKind, LabeledValues, Money, Url, is_blank, read_text};
use crm_core::{FieldCode, FieldErrors};
use serde::Serialize;
use serde_json::{Number, Value};

use crate::{Field, FieldOption, FieldType, moments};

/// What was read.
pub(crate) enum Reading {
    /// The value to store.
    Value(Value),
    /// No value: `null`, a blank text, an empty list.
    Nothing,
    /// What is wrong has been noted.
    Wrong,
}

/// Reads the value of a field that stands `at`.
pub(crate) fn read_value(field: &Field, value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Reading {
    if means_nothing(field.field_type, value) {
        return Reading::Nothing;
    }
    let options = field.options.as_deref().unwrap_or_default();
    let read = match field.field_type {
        FieldType::Text => text(value, at, 1_000, false, errors),
        FieldType::TextArea => text(value, at, 10_000, false, errors),
        FieldType::Combobox => text(value, at, 255, true, errors),
        FieldType::Tel => text(value, at, 64, true, errors),
        FieldType::Email => email(value, at, errors),
        FieldType::Url => Url::from_json(value, at, errors).and_then(|url| as_json(&url)),
        FieldType::Number => number(value, at, errors),
        FieldType::Monetary => Money::from_json(value, at, errors).and_then(|money| as_json(&money)),
        FieldType::Date => moment(value, at, DATE, errors, moments::date).and_then(|_| as_json(value)),
        FieldType::DateTime => moment(value, at, DATE_TIME, errors, moments::date_time).and_then(|_| as_json(value)),
        FieldType::Time => moment(value, at, TIME, errors, moments::time).and_then(|_| as_json(value)),
        FieldType::DateRange => range(value, at, DATE, errors, moments::date),
        FieldType::DateTimeRange => range(value, at, DATE_TIME, errors, moments::date_time),
        FieldType::TimeRange => range(value, at, TIME, errors, moments::time),
        FieldType::Dropdown => chosen::<Choice>(value, options, at, errors),
        FieldType::TagPicker => chosen::<PickedTag>(value, options, at, errors),
        FieldType::PeoplePicker => Followers::from_json(value, at, errors).and_then(|users| as_json(&users)),
        FieldType::EmailLabeled => labeled(value, LabeledValueKind::Email, at, errors),
        FieldType::TelLabeled => labeled(value, LabeledValueKind::Phone, at, errors),
    };
    read.map_or(Reading::Wrong, Reading::Value)
}

/// Whether a value says that there is none: what forms on a page send for a field that was left alone.
pub(crate) fn means_nothing(field_type: FieldType, value: &Value) -> bool {
    use FieldType::{Combobox, Email, Tel, Text, TextArea, Url};
    match value {
        Value::String(_) => is_blank(value) && matches!(field_type, Text | TextArea | Combobox | Email | Tel | Url),
        Value::Null => true,
        Value::Array(entries) => entries.is_empty() && is_list(field_type),
        _ => false,
    }
}

fn is_list(field_type: FieldType) -> bool {
    use FieldType::{Dropdown, EmailLabeled, PeoplePicker, TagPicker, TelLabeled};
    matches!(field_type, Dropdown | TagPicker | PeoplePicker | EmailLabeled | TelLabeled)
}

/// A checked value as JSON. None of our types fails to serialise, so that `None` does not happen.
fn as_json(value: &impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok()
}

fn text(value: &Value, at: &At<'_>, limit: usize, trim: bool, errors: &mut FieldErrors) -> Option<Value> {
    read_text(value, at, limit, trim, errors).map(Value::from)
}

fn email(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Value> {
    let text = read_text(value, at, 254, true, errors)?;
    let before = errors.as_slice().len();
    LabeledValueKind::Email.check(text, at, errors);
    (errors.as_slice().len() == before).then(|| text.into())
}

/// The most characters of a number: more than any quantity has, and short enough to calculate with.
const LONGEST_NUMBER: usize = 100;

/// A number, or a string that is one by JSON's rules. It is kept as it was written: it never becomes binary.
fn number(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Value> {
    let (spelled, kept) = match value {
        Value::Number(number) => (number.to_string(), value.clone()),
        Value::String(_) => {
            let text = read_text(value, at, usize::MAX, true, errors)?;
            (text.to_owned(), text.into())
        }
        _ => {
            errors.push(at, FieldCode::WrongType, "must be a number, or a string that is one");
            return None;
        }
    };
    if Number::from_str(&spelled).is_err() {
        errors.push(at, FieldCode::InvalidValue, "must be a number such as 12.5");
        return None;
    }
    // The parse says only whether other programs can read it as a number at all.
    let is_finite = spelled.parse::<f64>().is_ok_and(f64::is_finite);
    if spelled.len() > LONGEST_NUMBER || !is_finite {
        errors.push(at, FieldCode::OutOfRange, "must be below 10^308 and have at most 100 characters");
        return None;
    }
    Some(kept)
}

const DATE: &str = "must be a day such as 2025-02-20";
const DATE_TIME: &str = "must be a day and time without a zone, such as 2025-02-20T09:27 or 2025-02-20T09:27:30";
const TIME: &str = "must be a time of day such as 09:28 or 09:28:30";

fn moment<T>(
    value: &Value,
    at: &At<'_>,
    message: &str,
    errors: &mut FieldErrors,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let Value::String(text) = value else {
        errors.push(at, FieldCode::WrongType, "must be a string");
        return None;
    };
    let parsed = parse(text);
    if parsed.is_none() {
        errors.push(at, FieldCode::InvalidDate, message);
    }
    parsed
}

/// `{ start, end }`, start not after end.
fn range<T: PartialOrd>(
    value: &Value,
    at: &At<'_>,
    message: &str,
    errors: &mut FieldErrors,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Value> {
    let Value::Object(members) = value else {
        errors.push(at, FieldCode::WrongType, "must be an object { start, end }");
        return None;
    };
    let before = errors.as_slice().len();
    refuse_unknown(members, &["start", "end"], at, "a range has the members start and end", errors);
    let mut read = |name: &str| match members.get(name) {
        None | Some(Value::Null) => {
            errors.push(at.key(name), FieldCode::Required, "is required");
            None
        }
        Some(value) => moment(value, &at.key(name), message, errors, &parse),
    };
    let (start, end) = (read("start"), read("end"));
    if start? > end? {
        errors.push(at, FieldCode::Conflicting, "start must not be after end");
    }
    (errors.as_slice().len() == before).then(|| value.clone())
}

fn labeled(value: &Value, kind: LabeledValueKind, at: &At<'_>, errors: &mut FieldErrors) -> Option<Value> {
    LabeledValues::read(value, kind, at, errors).and_then(|values| as_json(&values))
}

/// An entry of a list whose entries name options.
trait Chosen: FromJson {
    /// The option that it names.
    fn id(&self) -> &str;

    /// What to store, once that is known to be an option.
    fn into_json(self, option: &FieldOption) -> Value;
}

/// The most entries of a dropdown or tag picker, as many as it has options at most.
const MOST_CHOSEN: usize = 500;

/// A list of options, each once and each one of the field.
fn chosen<T: Chosen>(value: &Value, options: &[FieldOption], at: &At<'_>, errors: &mut FieldErrors) -> Option<Value> {
    let entries: Vec<T> = read_list(value, at, MOST_CHOSEN, errors)?;
    let before = errors.as_slice().len();
    let known: HashMap<&str, &FieldOption> = options.iter().map(|option| (option.id(), option)).collect();
    let mut seen = HashSet::new();
    let mut stored = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        match known.get(entry.id()) {
            None => errors.push(at.index(index), FieldCode::InvalidValue, "is no option of the field"),
            Some(option) if seen.insert(option.id()) => stored.push(entry.into_json(option)),
            Some(_) => errors.push(at.index(index), FieldCode::Duplicate, "stands in the list twice"),
        }
    }
    (errors.as_slice().len() == before).then_some(Value::Array(stored))
}

/// What is shown of a stored value: an option of a tag picker with the label and the colour that it has now, one that
/// the field no longer has with those that it had.
pub(crate) fn shown(field: &Field, stored: &Value) -> Value {
    let (FieldType::TagPicker, Value::Array(entries)) = (field.field_type, stored) else { return stored.clone() };
    let options = field.options.as_deref().unwrap_or_default();
    let present = |entry: &Value| {
        let option = options.iter().find(|option| Some(option.id()) == entry["id"].as_str());
        option.and_then(as_json).unwrap_or_else(|| entry.clone())
    };
    entries.iter().map(present).collect()
}

/// An entry of a dropdown: the id of an option.
struct Choice(String);

impl FromJson for Choice {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        read_text(value, at, usize::MAX, true, errors).map(|text| Self(text.to_owned()))
    }
}

impl Chosen for Choice {
    fn id(&self) -> &str {
        &self.0
    }

    fn into_json(self, _: &FieldOption) -> Value {
        self.0.into()
    }
}

/// An entry of a tag picker: `{ id, label?, color? }`. The label and the colour are those of the option, whatever is sent.
struct PickedTag(String);

impl FromJson for PickedTag {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { id, label, color }");
            return None;
        };
        let before = errors.as_slice().len();
        let mut id = None;
        for (name, value) in members {
            let at = at.key(name);
            match name.as_str() {
                "id" => id = read_text(value, &at, usize::MAX, true, errors),
                "label" | "color" if value.is_null() => {}
                "label" => drop(read_text(value, &at, 255, true, errors)),
                "color" => drop(Color::from_json(value, &at, errors)),
                _ => errors.push(at, FieldCode::UnknownField, "a tag has the members id, label and color"),
            }
        }
        if !members.contains_key("id") {
            errors.push(at.key("id"), FieldCode::Required, "is required");
        }
        id.filter(|_| errors.as_slice().len() == before).map(|id| Self(id.to_owned()))
    }
}

impl Chosen for PickedTag {
    fn id(&self) -> &str {
        &self.0
    }

    fn into_json(self, option: &FieldOption) -> Value {
        as_json(option).unwrap_or_default()
    }
}
