use serde_json::{Value, json};

use crate::document::JsonObject;
use crate::kinds::Kind;

/// What went wrong, as the API tells of it: `code`, `detail`, `errors` and what else belongs to the code.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) JsonObject);

impl Refusal {
    /// A problem that is none of the API's.
    pub(crate) fn new(code: &str, detail: impl Into<String>) -> Self {
        let mut members = JsonObject::new();
        members.insert("code".to_owned(), code.into());
        members.insert("detail".to_owned(), detail.into().into());
        Self(members)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Whether the API found something wrong with this field.
    pub(crate) fn names(&self, field: &str) -> bool {
        let errors = self.0.get("errors").and_then(Value::as_array).into_iter().flatten();
        errors.into_iter().any(|error| error.get("field").and_then(Value::as_str) == Some(field))
    }
}

/// The arguments of a call, taken one by one; what is wrong with them is told together.
pub(crate) struct Arguments {
    members: JsonObject,
    errors: Vec<Value>,
}

/// The most problems that are told of.
const MOST_ERRORS: usize = 20;
/// The most characters of a name that is told of.
const LONGEST_NAME: usize = 200;
/// The most bytes of what becomes a header.
const LONGEST_HEADER: usize = 255;

impl Arguments {
    pub(crate) fn new(members: JsonObject) -> Self {
        Self { members, errors: Vec::new() }
    }

    pub(crate) fn refuse(&mut self, field: &str, code: &str, message: impl Into<String>) {
        if self.errors.len() < MOST_ERRORS {
            let field: String = field.chars().take(LONGEST_NAME).collect();
            self.errors.push(json!({ "field": field, "code": code, "message": message.into() }));
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        // In place of those that come after it stay in order.
        self.members.shift_remove(name).filter(|value| !value.is_null())
    }

    fn wrong_type(&mut self, name: &str, wanted: &str) {
        self.refuse(name, "wrong_type", format!("must be {wanted}"));
    }

    /// Notes that one is missing that must be there.
    pub(crate) fn required<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.errors.iter().any(|error| error["field"] == name) {
            self.refuse(name, "required", "is required");
        }
        value
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.wrong_type(name, "a string");
                None
            }
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            _ => {
                self.wrong_type(name, "true or false");
                None
            }
        }
    }

    /// How many; what is no such number the API would refuse too.
    pub(crate) fn size(&mut self, most: usize) -> Option<usize> {
        let value = self.take("size")?;
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| (1..=most).contains(size));
        if size.is_none() {
            self.refuse("size", "out_of_range", format!("must be a number from 1 to {most}"));
        }
        size
    }

    /// An id, as a string or a number.
    pub(crate) fn id(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.wrong_type(name, "an id, such as \"42\"");
                None
            }
        }
    }

    pub(crate) fn object(&mut self, name: &str) -> Option<JsonObject> {
        match self.take(name)? {
            Value::Object(members) => Some(members),
            _ => {
                self.wrong_type(name, "an object");
                None
            }
        }
    }

    /// Texts of which each is one of these, where there are any.
    pub(crate) fn texts(&mut self, name: &str, known: &[&str]) -> Option<Vec<String>> {
        let value = self.take(name)?;
        let texts: Option<Vec<String>> =
            value.as_array().and_then(|list| list.iter().map(|text| text.as_str().map(str::to_owned)).collect());
        let Some(texts) = texts else {
            self.wrong_type(name, "a list of strings");
            return None;
        };
        if !known.is_empty() && texts.iter().any(|text| !known.contains(&text.as_str())) {
            self.refuse(name, "invalid_value", format!("must be of {}", known.join(", ")));
        }
        Some(texts)
    }

    /// The kind of records, which must be one of these.
    pub(crate) fn kind(&mut self, kinds: &[Kind]) -> Option<Kind> {
        let name = self.text("kind");
        let name = self.required("kind", name)?;
        let kind = Kind::named(&name).filter(|kind| kinds.contains(kind));
        if kind.is_none() {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            self.refuse("kind", "invalid_value", format!("must be one of {}", names.join(", ")));
        }
        kind
    }

    /// What becomes the header `Idempotency-Key`.
    pub(crate) fn idempotency_key(&mut self) -> Option<String> {
        let key = self.text("idempotencyKey")?;
        let is_right = (1..=LONGEST_HEADER).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if is_right {
            Some(key)
        } else {
            self.refuse("idempotencyKey", "invalid_characters", "must be 1 to 255 visible ASCII characters");
            None
        }
    }

    /// What becomes the header `If-Match`: an ETag, whose quotes may be left out.
    pub(crate) fn if_match(&mut self) -> Option<String> {
        let etag = self.text("ifMatch")?;
        let is_right = (1..=LONGEST_HEADER).contains(&etag.len()) && etag.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_right {
            self.refuse("ifMatch", "invalid_characters", "must be an ETag as a result has it");
            return None;
        }
        let is_quoted = etag.contains('"') || etag == "*";
        Some(if is_quoted { etag } else { format!("\"{etag}\"") })
    }

    /// Everything that was not taken, for the API to judge.
    pub(crate) fn rest(&mut self) -> JsonObject {
        std::mem::take(&mut self.members)
    }

    /// Tells what is wrong, what nobody knows included.
    pub(crate) fn finish(mut self) -> Result<(), Refusal> {
        for name in std::mem::take(&mut self.members).keys() {
            self.refuse(name, "unknown_field", "is no argument of this tool");
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        let detail = "The arguments of the tool are not valid: change those that `errors` names.";
        Err(Refusal::new("validation_failed", detail).with("errors", self.errors))
    }
}

/// What is known to be there once [`Arguments::finish`] found nothing wrong.
pub(crate) fn given<T>(value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::new("validation_failed", "An argument is missing."))
}
