use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{self, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::input::JsonObject;

/// A JSON object that is kept as its text: what is only stored and shown again costs its length, where a tree of
/// values costs more than ten times that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document(Box<str>);

impl Document {
    /// The text of a value, where that is an object.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        value.is_object().then(|| Self(value.to_string().into()))
    }

    /// The text, without space around its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The object, for whoever has to look into all of it.
    #[must_use]
    pub fn to_object(&self) -> JsonObject {
        // It was an object when it was made.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// Its members, as [`members`] gives them.
    #[must_use]
    pub fn members(&self) -> Vec<(Cow<'_, str>, &RawValue)> {
        members(&self.0).unwrap_or_default()
    }
}

/// The members of an object in their order, each value as the text that it is.
///
/// # Errors
/// When the text is no JSON object.
pub fn members(text: &str) -> serde_json::Result<Vec<(Cow<'_, str>, &RawValue)>> {
    serde_json::from_str(text).map(|Members(members)| members)
}

impl Default for Document {
    fn default() -> Self {
        Self("{}".into())
    }
}

impl From<JsonObject> for Document {
    fn from(object: JsonObject) -> Self {
        Self(Value::Object(object).to_string().into())
    }
}

impl<'a, K: AsRef<str>> FromIterator<(K, &'a RawValue)> for Document {
    fn from_iter<I: IntoIterator<Item = (K, &'a RawValue)>>(members: I) -> Self {
        let mut text = String::from("{");
        for (name, value) in members {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&Value::from(name.as_ref()).to_string());
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        Self(text.into())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Box<str> = Box::<RawValue>::deserialize(deserializer)?.into();
        if text.starts_with('{') { Ok(Self(text)) } else { Err(de::Error::custom("no JSON object")) }
    }
}

/// What [`members`] reads.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The name of a member: a piece of the text unless something in it is escaped.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Numbers keep their digits, members their order, and what is escaped stays so.
    const TEXT: &str = r#"{"b":1.0,"a":1e+3,"\"\n":[{"x":12345678901234567890.10}],"é":"\u0001"}"#;

    #[test]
    fn a_document_goes_out_in_the_words_that_it_came_in() {
        let document: Document = serde_json::from_str(TEXT).unwrap();
        assert_eq!(serde_json::to_string(&json!({ "shown": document })).unwrap(), format!(r#"{{"shown":{TEXT}}}"#));
        assert_eq!(Document::from(document.to_object()), document, "its tree has the same words");
        assert_eq!(Document::of(&serde_json::from_str(TEXT).unwrap()), Some(document.clone()));
        let members = document.members();
        let names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["b", "a", "\"\n", "é"]);
        assert_eq!(members.into_iter().collect::<Document>(), document);
        assert_eq!(Document::from_iter(Document::default().members()).as_str(), "{}");
    }

    #[test]
    fn only_an_object_is_a_document() {
        for text in ["[]", "1", "null", "\"{\"", "{", "{\"a\":}", ""] {
            assert!(serde_json::from_str::<Document>(text).is_err(), "{text}");
        }
        assert_eq!(Document::of(&json!([1])), None);
    }
}
