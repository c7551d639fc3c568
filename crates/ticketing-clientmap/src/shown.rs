use crm_core::values::members;
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::masking::{MASK, is_secret};

/// The text of a configuration, or of a part of it, on its way out: written piece by piece as it stands, with a mask for
/// each secret.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_bytes().first() {
            Some(b'{') => {
                let members = members(self.0).map_err(S::Error::custom)?;
                let mut object = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    match is_secret(&name) {
                        true => object.serialize_entry(&name, MASK)?,
                        false => object.serialize_entry(&name, &Shown(value.get()))?,
                    }
                }
                object.end()
            }
            Some(b'[') => {
                let entries: Vec<&RawValue> = serde_json::from_str(self.0).map_err(S::Error::custom)?;
                serializer.collect_seq(entries.into_iter().map(|entry| Shown(entry.get())))
            }
            _ => serde_json::from_str::<&RawValue>(self.0).map_err(S::Error::custom)?.serialize(serializer),
        }
    }
}
