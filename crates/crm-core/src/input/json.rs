//! JSON as clients send it, read strictly.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::JsonObject;

/// How deep it may nest.
const DEEPEST: usize = 64;
/// How many values it may have. An object or list counts as nine more, for what it takes in memory beside what is in it, so
/// that nothing takes more than 64 MiB. The largest form has half as many.
pub const MOST_VALUES: usize = 250_000;
/// How many values an object or list counts as beside itself.
const HEAVY: usize = 9;

/// Reads one JSON value: a key that stands twice in an object, deep nesting, too many values and trailing data are errors.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read_json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let room = Cell::new(MOST_VALUES);
    let value = Strict { depth: 0, room: &room }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a JSON value, refusing what serde_json's own `Value` lets pass.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    /// How many values there may still be.
    room: &'a Cell<usize>,
}

/// The key under which serde_json hands an exact number (feature `arbitrary_precision`) to a visitor.
const EXACT_NUMBER: &str = "$serde_json::private::Number";

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count(1)?;
        deserializer.deserialize_any(self)
    }
}

impl Strict<'_> {
    fn count<E: serde::de::Error>(self, values: usize) -> Result<(), E> {
        let left = self.room.get().checked_sub(values);
        self.room.set(left.ok_or_else(|| E::custom("it has too many values"))?);
        Ok(())
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        self.count(HEAVY)?;
        if self.depth == DEEPEST {
            Err(E::custom("it nests deeper than 64 levels"))
        } else {
            Ok(Self { depth: self.depth + 1, ..self })
        }
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(inner)? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = JsonObject::new();
        while let Some(key) = members.next_key::<String>()? {
            if key == EXACT_NUMBER && object.is_empty() {
                let digits: String = members.next_value()?;
                return digits.parse::<Number>().map(Value::Number).map_err(A::Error::custom);
            }
            if object.contains_key(&key) {
                let key = Value::String(key);
                return Err(A::Error::custom(format_args!("the key {key} stands twice in one object")));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
