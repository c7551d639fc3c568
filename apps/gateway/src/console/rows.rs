//! What a form says in a table of rows, `stages[0].label`.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::endpoint::Form;

/// A row of a list.
pub(super) struct Row<'f> {
    form: &'f Form,
    name: String,
}

impl Row<'_> {
    /// What was typed, as it was.
    pub(super) fn raw(&self, member: &str) -> &str {
        let name = format!("{}.{member}", self.name);
        let found = self.form.fields().iter().find(|(given, _)| *given == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// A text without blanks around it; nothing where there is none.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        Some(self.raw(member).trim()).filter(|text| !text.is_empty())
    }

    /// Whether a box was ticked.
    pub(super) fn is_ticked(&self, member: &str) -> bool {
        self.text(member).is_some()
    }

    /// A number, or what was typed in its place.
    pub(super) fn number(&self, member: &str) -> Value {
        let Some(text) = self.text(member) else { return Value::Null };
        text.parse::<Number>().map_or_else(|_| text.into(), Value::Number)
    }

    /// The lines of a text that say something.
    pub(super) fn lines(&self, member: &str) -> impl Iterator<Item = &str> {
        self.raw(member).lines().map(str::trim).filter(|line| !line.is_empty())
    }

    fn place(&self) -> f64 {
        self.text("place").and_then(|place| place.parse().ok()).unwrap_or(f64::MAX)
    }
}

/// The rows of a list in the order of their places, without those that are to go or are `blank`.
pub(super) fn rows<'f>(form: &'f Form, list: &str, is_blank: impl Fn(&Row<'f>) -> bool) -> Vec<Row<'f>> {
    let prefix = format!("{list}[");
    let index = |name: &str| name.strip_prefix(&prefix)?.split_once("].")?.0.parse::<usize>().ok();
    let mut indexes: Vec<usize> = form.fields().iter().filter_map(|(name, _)| index(name)).collect();
    indexes.sort_unstable();
    indexes.dedup();
    let row = |index| Row { form, name: format!("{list}[{index}]") };
    let mut rows: Vec<Row<'f>> = indexes.into_iter().map(row).collect();
    rows.retain(|row| !row.is_ticked("remove") && !is_blank(row));
    rows.sort_by(|one, other| one.place().partial_cmp(&other.place()).unwrap_or(Ordering::Equal));
    rows
}
