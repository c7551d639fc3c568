use std::collections::BTreeMap;
use std::fmt;

use crm_core::input::JsonObject;
use crm_core::secrets::SecretsError;
use serde_json::Value;

use crate::Configuration;

/// Which way a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the source system's fields to the target system's.
    ToTarget,
    /// Back again.
    ToSource,
}

/// Why a record could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Neither the configuration nor the registry has a transform of this name.
    #[error("the field {field} names the unknown transform {transform}")]
    UnknownTransform {
        /// The name.
        transform: String,
        /// The source field whose mapping names it.
        field: String,
    },
    /// The secrets of the configuration cannot be opened.
    #[error("{0}")]
    Secrets(SecretsError),
    /// The transform cannot turn this value.
    #[error("the transform {transform} refuses the field {field}: {reason}")]
    Refused {
        /// The name of the transform.
        transform: String,
        /// The field of the record.
        field: String,
        /// Why.
        reason: String,
    },
}

/// Turns the values of a field, in both directions. A pair of functions is one.
pub trait Transform: Send + Sync {
    /// From the source system's value to the target system's.
    ///
    /// # Errors
    /// Why this value cannot be turned, for a person.
    fn to_target(&self, value: &Value) -> Result<Value, String>;

    /// Back again.
    ///
    /// # Errors
    /// Why this value cannot be turned, for a person.
    fn to_source(&self, value: &Value) -> Result<Value, String>;
}

impl<T, S> Transform for (T, S)
where
    T: Fn(&Value) -> Result<Value, String> + Send + Sync,
    S: Fn(&Value) -> Result<Value, String> + Send + Sync,
{
    fn to_target(&self, value: &Value) -> Result<Value, String> {
        self.0(value)
    }

    fn to_source(&self, value: &Value) -> Result<Value, String> {
        self.1(value)
    }
}

/// Transforms by name, beside those that a configuration brings in its `transforms`.
#[derive(Default)]
pub struct Transforms(BTreeMap<String, Box<dyn Transform>>);

impl Transforms {
    /// None at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a transform, or puts it in the place of the one that has this name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, transform: impl Transform + 'static) -> Self {
        self.0.insert(name.into(), Box::new(transform));
        self
    }
}

impl fmt::Debug for Transforms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Maps a record by the `fieldMappings` of a configuration.
///
/// The result has the mapped fields and no others. A field that the record lacks is left out, and a `null`
/// stays `null` without a transform being asked. Where two mappings lead to the same field, the first whose
/// field is present wins. A transform is looked up in the configuration's own `transforms` first, where each is
/// an object from source values to target values, then in `registered`.
///
/// # Errors
/// See [`ApplyError`]. An unknown transform is one even where the record lacks the field.
pub fn apply(
    configuration: &Configuration,
    registered: &Transforms,
    direction: Direction,
    record: &JsonObject,
) -> Result<JsonObject, ApplyError> {
    let mut mapped = JsonObject::new();
    for mapping in configuration.field_mappings() {
        let transform = match &mapping.transform {
            None => None,
            Some(name) => Some((name, find(configuration, registered, name, &mapping.source_field)?)),
        };
        let (from, to) = match direction {
            Direction::ToTarget => (mapping.source_field, mapping.target_field),
            Direction::ToSource => (mapping.target_field, mapping.source_field),
        };
        let Some(value) = record.get(&from).filter(|_| !mapped.contains_key(&to)) else { continue };
        let turned = match transform {
            Some((name, transform)) if !value.is_null() => {
                let turned = match direction {
                    Direction::ToTarget => transform.to_target(value),
                    Direction::ToSource => transform.to_source(value),
                };
                turned.map_err(|reason| ApplyError::Refused { transform: name.clone(), field: from, reason })?
            }
            _ => value.clone(),
        };
        mapped.insert(to, turned);
    }
    Ok(mapped)
}

fn find<'a>(
    configuration: &'a Configuration,
    registered: &'a Transforms,
    name: &str,
    field: &str,
) -> Result<Found<'a>, ApplyError> {
    let own = configuration
        .reveal()
        .map_err(ApplyError::Secrets)?
        .get("transforms")
        .and_then(|transforms| transforms.get(name));
    match (own, registered.0.get(name)) {
        (Some(table), _) => Ok(Found::Own(table)),
        (None, Some(transform)) => Ok(Found::Registered(&**transform)),
        (None, None) => Err(ApplyError::UnknownTransform { transform: name.to_owned(), field: field.to_owned() }),
    }
}

enum Found<'a> {
    /// An object of the configuration, from source values to target values.
    Own(&'a Value),
    Registered(&'a dyn Transform),
}

impl Found<'_> {
    fn to_target(&self, value: &Value) -> Result<Value, String> {
        match self {
            Self::Own(table) => {
                let key = key_of(value)?;
                entries(table)?
                    .get(&key)
                    .cloned()
                    .ok_or_else(|| format!("it has nothing for {}", Value::from(key.as_str())))
            }
            Self::Registered(transform) => transform.to_target(value),
        }
    }

    /// The first entry with this value: several source values may share a target value.
    fn to_source(&self, value: &Value) -> Result<Value, String> {
        match self {
            Self::Own(table) => {
                let key = key_of(value)?;
                let is_it = |target: &&Value| key_of(target).is_ok_and(|target| target == key);
                let found = entries(table)?.iter().find(|(_, target)| is_it(target));
                found
                    .map(|(source, _)| Value::from(source.as_str()))
                    .ok_or_else(|| format!("it has nothing for {}", Value::from(key.as_str())))
            }
            Self::Registered(transform) => transform.to_source(value),
        }
    }
}

fn entries(table: &Value) -> Result<&JsonObject, String> {
    table.as_object().ok_or_else(|| "it is no object in the configuration's transforms".to_owned())
}

/// `6` and `"6"` are the same to a table, whose keys can only be texts.
fn key_of(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err("it takes texts, numbers and booleans only".to_owned()),
    }
}
