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
