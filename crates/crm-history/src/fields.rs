use std::borrow::Cow;
use std::collections::HashMap;

use crm_core::values::Document;
use serde::Serialize;
use serde_json::value::RawValue;

/// What a write changes of a record: `[ { field, from, to } ]`, as the text that is stored. Whoever writes a record
/// compares each member of the row before with the row after; those that are the same leave nothing.
#[derive(Debug, Clone, Default)]
pub struct Fields(String);

#[derive(Serialize)]
struct Entry<'a, T: ?Sized> {
    field: &'a str,
    from: &'a T,
    to: &'a T,
}

impl Fields {
    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes the member of this name, as the resource spells it, where its values differ.
    #[must_use]
    pub fn compare<T: Serialize + PartialEq + ?Sized>(self, field: &str, from: &T, to: &T) -> Self {
        if from == to { self } else { self.changed(field, from, to) }
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        if self.0.is_empty() {
            return others;
        }
        if let Some(others) = others.0.strip_prefix('[') {
            self.0.push(',');
            self.0.push_str(others);
        }
        self
    }

    /// Notes each member of an object whose values differ, as `customFields.region`. One that is not there is null.
    #[must_use]
    pub fn compare_members(mut self, field: &str, from: &Document, to: &Document) -> Self {
        if from == to {
            return self;
        }
        let (from, to) = (from.members(), to.members());
        let after: HashMap<&str, &RawValue> = to.iter().map(|(name, value)| (&**name, *value)).collect();
        let before: HashMap<&str, &RawValue> = from.iter().map(|(name, value)| (&**name, *value)).collect();
        let gone_or_there = from.iter().map(|(name, _)| name);
        let new = to.iter().map(|(name, _)| name).filter(|name| !before.contains_key(&***name));
        for name in gone_or_there.chain(new).map(Cow::as_ref) {
            let (from, to) = (before.get(name), after.get(name));
            if from.map(|value| value.get()) != to.map(|value| value.get()) {
                self = self.changed(&format!("{field}.{name}"), &from, &to);
            }
        }
        self
    }

    /// Notes a member that is known to have changed.
    #[must_use]
    pub fn changed<T: Serialize + ?Sized>(mut self, field: &str, from: &T, to: &T) -> Self {
        // Nothing that a row holds fails to be JSON: no map has keys that are no texts.
        if let Ok(entry) = serde_json::to_string(&Entry { field, from, to }) {
            self.0.push(if self.0.is_empty() { '[' } else { ',' });
            self.0.push_str(&entry);
        }
        self
    }

    /// Notes that a secret changed, and nothing of it.
    #[must_use]
    pub fn secret(self, field: &str, is_changed: bool) -> Self {
        if is_changed { self.changed::<Option<()>>(field, &None, &None) } else { self }
    }

    pub(crate) fn into_json(mut self) -> Result<Box<RawValue>, serde_json::Error> {
        self.0.push_str(if self.0.is_empty() { "[]" } else { "]" });
        RawValue::from_string(self.0)
    }
}
