//! What stands in a cell, and the value that it is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use crm_core::input::read_json;
use crm_core::text::folded;
use crm_core::values::LabeledValueKind;
use crm_forms::{Field, FieldOption};
use serde_json::{Number, Value, json};

use crate::list;
use crate::row::Lookup;

/// How a value is written into a cell and read from it. Reading refuses nothing: what is no value of the field goes on
/// as the text that it is, and the rules of the field say what is wrong with it.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// A text as it is.
    Text,
    /// A number with all its digits.
    Number,
    /// `true` or `false`, in any case.
    Boolean,
    /// Addresses or numbers, `Work: jane@work.com; jane@home.org`: the first is the primary one, or the one with a `*`.
    /// With a label only those that have it, without it.
    Labeled(LabeledValueKind, Option<String>),
    /// The labels of tags.
    Tags,
    /// Options by their ids; also read by their labels.
    Options(Options, Listed),
    /// JSON.
    Json,
    /// The name of another record.
    Name(Lookup, Names),
}

/// How the entries of a list of options stand in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// `["a"]`
    Strings,
    /// `[{ "id": "a" }]`
    Objects,
}

/// The names of records by their ids, where a record shows no more than the id of another.
pub(crate) type Names = HashMap<String, String>;

/// The ids of options by what a person calls them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    by_label: HashMap<String, String>,
}

impl Options {
    /// Those of all these fields, which have one id.
    pub(crate) fn of(fields: &[&Field]) -> Self {
        let mut by_label = HashMap::new();
        for option in fields.iter().flat_map(|field| field.options.iter().flatten()) {
            if let FieldOption::Labeled { id, label, .. } = option {
                by_label.entry(folded(label)).or_insert_with(|| id.clone());
            }
        }
        // An id is itself, whatever has it as its label.
        for option in fields.iter().flat_map(|field| field.options.iter().flatten()) {
            by_label.remove(option.id());
        }
        Self { by_label }
    }

    fn id<'a>(&'a self, text: &'a str) -> &'a str {
        self.by_label.get(&folded(text)).map_or(text, String::as_str)
    }
}

impl Cell {
    /// What stands in the cell for this value.
    pub(crate) fn write<'v>(&'v self, value: &'v Value) -> Cow<'v, str> {
        match (self, value) {
            (_, Value::Null) => Cow::Borrowed(""),
            (Self::Labeled(_, label), Value::Array(values)) => Cow::Owned(write_labeled(values, label.as_deref())),
            (Self::Tags, Value::Array(tags)) => write_list(tags.iter().filter_map(|tag| tag["label"].as_str())),
            (Self::Options(_, Listed::Strings), Value::Array(ids)) => write_list(ids.iter().filter_map(Value::as_str)),
            (Self::Options(_, Listed::Objects), Value::Array(options)) => {
                write_list(options.iter().filter_map(|option| option["id"].as_str()))
            }
            // A list without an entry says no more than an empty cell.
            (Self::Json, Value::Array(entries)) if entries.is_empty() => Cow::Borrowed(""),
            (Self::Name(_, names), Value::String(id)) => Cow::Borrowed(names.get(id).map_or("", String::as_str)),
            (Self::Name(..), Value::Object(record)) => {
                Cow::Borrowed(record.get("name").and_then(Value::as_str).unwrap_or(""))
            }
            (Self::Json, value) => Cow::Owned(value.to_string()),
            (_, Value::String(text)) => Cow::Borrowed(text),
            (_, value) => Cow::Owned(value.to_string()),
        }
    }

    /// The value of a cell that is not blank, with what other cells of its row gave the same member.
    pub(crate) fn read(&self, text: &str, present: Option<Value>) -> Value {
        let trimmed = text.trim();
        match self {
            Self::Text | Self::Name(..) => text.into(),
            Self::Number => Number::from_str(trimmed).map_or_else(|_| trimmed.into(), Value::Number),
            Self::Boolean if trimmed.eq_ignore_ascii_case("true") => true.into(),
            Self::Boolean if trimmed.eq_ignore_ascii_case("false") => false.into(),
            Self::Boolean => trimmed.into(),
            Self::Labeled(kind, label) => read_labeled(text, *kind, label.as_deref(), present),
            Self::Tags => list::entries(text).map(|tag| json!({ "label": list::unescaped(tag) })).collect(),
            Self::Options(options, listed) => list::entries(text)
                .map(|entry| {
                    let entry = list::unescaped(entry);
                    match (options.id(&entry), listed) {
                        (id, Listed::Strings) => id.into(),
                        (id, Listed::Objects) => json!({ "id": id }),
                    }
                })
                .collect(),
            Self::Json => read_json(trimmed.as_bytes()).unwrap_or_else(|_| text.into()),
        }
    }
}

fn write_list<'v>(entries: impl Iterator<Item = &'v str>) -> Cow<'v, str> {
    let mut cell = String::new();
    entries.for_each(|entry| list::push(&mut cell, false, None, entry));
    Cow::Owned(cell)
}

fn write_labeled(values: &[Value], label: Option<&str>) -> String {
    let mut cell = String::new();
    let wanted = label.map(folded);
    for (index, entry) in values.iter().enumerate() {
        let (own, value) = (entry["label"].as_str(), entry["value"].as_str().unwrap_or_default());
        match &wanted {
            None => list::push(&mut cell, index > 0 && entry["primary"] == true, own, value),
            Some(wanted) if own.map(folded).as_ref() == Some(wanted) => list::push(&mut cell, false, None, value),
            Some(_) => {}
        }
    }
    cell
}

/// The list with what a cell adds to it: each value once, whichever cell has it.
fn read_labeled(text: &str, kind: LabeledValueKind, label: Option<&str>, present: Option<Value>) -> Value {
    let mut values = match present {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    for entry in list::entries(text) {
        let marked = entry.strip_prefix('*');
        let (own, value) = match label {
            Some(label) => (Some(Cow::Borrowed(label)), marked.unwrap_or(entry)),
            None => {
                let (own, value) = list::labeled(marked.unwrap_or(entry));
                (own.map(list::unescaped), value)
            }
        };
        let value = list::unescaped(value);
        let folded = kind.folded(&value);
        let is_new = values
            .iter()
            .all(|known| known["value"].as_str().map(|known| kind.folded(known)).as_ref() != Some(&folded));
        if is_new || label.is_none() {
            let mut entry = json!({ "label": own, "value": value });
            if marked.is_some() {
                entry["primary"] = true.into();
            }
            values.push(entry);
        }
    }
    values.into()
}
