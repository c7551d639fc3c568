//! Reading a request's JSON object into typed values, reporting all problems together.
//!
//! Serde's derive stops at the first problem; the contract wants every one of them with its path.

#[cfg(feature = "openapi")]
mod description;
mod json;

use std::{fmt, io};

use serde_json::{Map, Value};

use crate::Uuid;
use crate::error::{FieldCode, FieldErrors};
use crate::ids::{PipelineId, RecordId, TagId};
use crate::patch::Patch;

#[cfg(feature = "openapi")]
pub use description::describe;
pub use json::{MOST_VALUES, read_json};

/// A JSON object, as parsed.
pub type JsonObject = Map<String, Value>;

/// Where a value stands in a body; written `email[0].value`.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    /// A member of the body itself.
    #[must_use]
    pub fn field(name: &'a str) -> Self {
        Self { parent: None, step: Step::Key(name) }
    }

    /// A member of the object that stands here.
    #[must_use]
    pub fn key(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Key(name) }
    }

    /// An entry of the list that stands here, counted from 0.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (self.step, self.parent) {
            (Step::Key(name), None) => f.write_str(name),
            (Step::Key(name), Some(_)) => write!(f, ".{name}"),
            (Step::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}

/// A value type that a field of a body can hold.
pub trait FromJson: Sized {
    /// Reads the value that stands `at`; says what is wrong with it in `errors` and returns `None`.
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self>;

    /// As [`from_json`](Self::from_json), in a merge patch: a list that a merge made longer than its limit can be sent
    /// back, and whoever knows what is stored checks that it does not grow.
    fn from_patch_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        Self::from_json(value, at, errors)
    }

    /// Whether an optional field with this value is empty: `null`, and for texts a blank string.
    fn means_nothing(value: &Value) -> bool {
        value.is_null()
    }
}

/// Makes a value in code, by the rules of a body's field of this name.
///
/// # Errors
/// What is wrong with it, under the name of the field; a blank one is missing.
pub fn checked<T: FromJson>(field: &str, value: impl Into<Value>) -> Result<T, FieldErrors> {
    let (value, at, mut errors) = (value.into(), At::field(field), FieldErrors::new());
    let read = T::from_json(&value, &at, &mut errors);
    if read.is_some() && T::means_nothing(&value) {
        errors.push(at, FieldCode::Required, "is required");
    }
    read.filter(|_| errors.is_empty()).ok_or(errors)
}

/// A whole body: what a service function takes. Its fields are declared once, by reading them:
/// `describe` (feature `openapi`) runs the same code to collect them for the API document.
pub trait FromBody: Sized {
    /// Members that a client may send back as it read them and that are ignored (docs/compatibility.md, "Bodies").
    const READ_ONLY: &'static [&'static str];

    /// The most bytes that it has as JSON.
    const MOST_BYTES: usize = 1024 * 1024;

    /// Reads the members one by one; `None` after a problem was noted in the reader.
    fn read(reader: &mut ObjectReader<'_>) -> Option<Self>;

    /// Reads it from the body's object.
    ///
    /// # Errors
    /// Every problem of the body, an unknown member included.
    fn from_body(body: &JsonObject) -> Result<Self, FieldErrors> {
        let mut reader = ObjectReader::new(body);
        let read = Self::read(&mut reader);
        reader.finish(Self::READ_ONLY, read)
    }
}

/// What a type must tell of itself to be a field of a body: with the feature `openapi` its schema.
#[cfg(feature = "openapi")]
pub trait Described: utoipa::ToSchema {}

#[cfg(feature = "openapi")]
impl<T: utoipa::ToSchema> Described for T {}

/// What a type must tell of itself to be a field of a body: with the feature `openapi` its schema.
#[cfg(not(feature = "openapi"))]
pub trait Described {}

#[cfg(not(feature = "openapi"))]
impl<T> Described for T {}

/// Reads an array of at most `limit` entries, reporting the problems of all of them.
pub fn read_list<T: FromJson>(value: &Value, at: &At<'_>, limit: usize, errors: &mut FieldErrors) -> Option<Vec<T>> {
    let Value::Array(entries) = value else {
        errors.push(at, FieldCode::WrongType, "must be an array");
        return None;
    };
    if entries.len() > limit {
        errors.push(at, FieldCode::TooMany, format_args!("must have at most {limit} entries"));
        return None;
    }
    let mut read = Vec::with_capacity(entries.len());
    errors.each(entries.iter().enumerate(), |(index, entry), errors| {
        read.extend(T::from_json(entry, &at.index(index), errors));
    });
    (read.len() == entries.len()).then_some(read)
}

/// Notes each member of the object that stands `at` whose name is none of `known`.
pub fn refuse_unknown(members: &JsonObject, known: &[&str], at: &At<'_>, message: &str, errors: &mut FieldErrors) {
    let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
    errors.each(unknown, |name, errors| errors.push(at.key(name), FieldCode::UnknownField, message));
}

/// Whether an object has more than so many bytes as JSON, which is not made for that.
#[must_use]
pub fn longer_than(object: &JsonObject, most: usize) -> bool {
    /// Takes bytes as long as it has room.
    struct Room(usize);

    impl io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    serde_json::to_writer(Room(most), object).is_err()
}

/// Reads the members of a body one by one and remembers which were asked for.
pub struct ObjectReader<'a> {
    body: &'a JsonObject,
    known: Vec<&'static str>,
    errors: FieldErrors,
    #[cfg(feature = "openapi")]
    description: Option<description::BodyDescription>,
}

impl<'a> ObjectReader<'a> {
    /// A reader of this body.
    #[must_use]
    pub fn new(body: &'a JsonObject) -> Self {
        Self {
            body,
            known: Vec::with_capacity(24),
            errors: FieldErrors::new(),
            #[cfg(feature = "openapi")]
            description: None,
        }
    }

    /// Reads `T` from nothing, to learn which members it has.
    #[cfg(feature = "openapi")]
    fn describe<T: FromBody>() -> description::BodyDescription {
        let nothing = JsonObject::new();
        let mut reader = ObjectReader::new(&nothing);
        reader.description = Some(description::BodyDescription::default());
        let _ = T::read(&mut reader);
        let mut description = reader.description.take().unwrap_or_default();
        description.add_read_only(T::READ_ONLY);
        description
    }

    #[cfg_attr(not(feature = "openapi"), expect(unused_variables, reason = "only the document asks"))]
    fn describe_member<T: Described + FromJson>(&mut self, name: &'static str, required: bool, nullable: bool) {
        #[cfg(feature = "openapi")]
        if let Some(description) = &mut self.description {
            description.add::<T>(name, required, nullable);
        }
    }

    /// A member that may be sent and is not read: one of [`FromBody::READ_ONLY`] for this body alone, such as
    /// `creator` after the creation.
    pub fn ignored(&mut self, name: &'static str) {
        self.known.push(name);
        #[cfg(feature = "openapi")]
        if let Some(description) = &mut self.description {
            description.add_read_only(&[name]);
        }
    }

    /// The raw member, now known.
    fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.body.get(name)
    }

    /// Where problems that span members are reported.
    pub fn errors(&mut self) -> &mut FieldErrors {
        &mut self.errors
    }

    /// A member that must be there; `None` after a problem was noted.
    pub fn required<T: FromJson + Described>(&mut self, name: &'static str) -> Option<T> {
        self.describe_member::<T>(name, true, false);
        match self.raw(name) {
            None | Some(Value::Null) => {
                self.errors.push(name, FieldCode::Required, "is required");
                None
            }
            Some(value) => T::from_json(value, &At::field(name), &mut self.errors),
        }
    }

    /// A member that may be absent, `null` or blank.
    pub fn optional<T: FromJson + Described>(&mut self, name: &'static str) -> Option<T> {
        self.describe_member::<T>(name, false, true);
        let value = self.raw(name)?;
        if T::means_nothing(value) { None } else { T::from_json(value, &At::field(name), &mut self.errors) }
    }

    /// A member of a merge patch.
    pub fn patch<T: FromJson + Described>(&mut self, name: &'static str) -> Patch<T> {
        self.describe_member::<T>(name, false, true);
        match self.raw(name) {
            None => Patch::Keep,
            Some(value) if T::means_nothing(value) => Patch::Clear,
            Some(value) => {
                T::from_patch_json(value, &At::field(name), &mut self.errors).map_or(Patch::Keep, Patch::Set)
            }
        }
    }

    /// A member of a merge patch that cannot be cleared.
    pub fn patch_required<T: FromJson + Described>(&mut self, name: &'static str) -> Option<T> {
        self.describe_member::<T>(name, false, false);
        match self.raw(name)? {
            Value::Null => {
                self.errors.push(name, FieldCode::NotNullable, "is required and cannot be cleared");
                None
            }
            value => T::from_json(value, &At::field(name), &mut self.errors),
        }
    }

    /// A reference that may be sent as an id (`organizationId`) or as an object with an id (`organization`),
    /// as the source does both; when both are sent they must agree.
    pub fn reference<I: RecordId + Described>(&mut self, id_name: &'static str, object_name: &'static str) -> Patch<I> {
        let (wish, seen) = self.patch_reference(id_name, object_name);
        if !seen.is_keep() {
            self.errors.push(object_name, FieldCode::Conflicting, format!("names another record than {id_name}"));
        }
        wish
    }

    /// As [`reference`](Self::reference), of a merge patch: where the object names another record than the id, the id is
    /// the wish, and the object, given second, is right if it is what the record has. So a record that was read can be
    /// sent back with another id.
    pub fn patch_reference<I: RecordId + Described>(
        &mut self,
        id_name: &'static str,
        object_name: &'static str,
    ) -> (Patch<I>, Patch<I>) {
        let by_id: Patch<I> = self.patch(id_name);
        #[cfg(feature = "openapi")]
        if let Some(description) = &mut self.description {
            description.add_reference::<I>(object_name);
        }
        let by_object = match self.raw(object_name) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(Value::Object(members)) => {
                let at = At::field(object_name);
                let id = members.get("id").unwrap_or(&Value::Null);
                I::from_json(id, &at.key("id"), &mut self.errors).map_or(Patch::Keep, Patch::Set)
            }
            Some(_) => {
                self.errors.push(object_name, FieldCode::WrongType, "must be an object { id }");
                Patch::Keep
            }
        };
        match (by_id, by_object) {
            (given, Patch::Keep) | (Patch::Keep, given) => (given, Patch::Keep),
            (Patch::Clear, Patch::Clear) => (Patch::Clear, Patch::Keep),
            (Patch::Set(id), Patch::Set(same)) if id.as_i64() == same.as_i64() => (Patch::Set(id), Patch::Keep),
            (wish, seen) => (wish, seen),
        }
    }

    /// Ends the reading: a member that nobody asked for is an error unless it is one of `read_only`.
    fn finish<T>(mut self, read_only: &[&str], value: Option<T>) -> Result<T, FieldErrors> {
        let known = &self.known;
        let unknown =
            self.body.keys().filter(|name| !known.contains(&name.as_str()) && !read_only.contains(&name.as_str()));
        self.errors.each(unknown, |name, errors| {
            errors.push(name, FieldCode::UnknownField, "is no field of this resource");
        });
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }
}

impl fmt::Debug for ObjectReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").field("known", &self.known).field("errors", &self.errors).finish_non_exhaustive()
    }
}

impl FromJson for bool {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        if value.as_bool().is_none() {
            errors.push(at, FieldCode::WrongType, "must be true or false");
        }
        value.as_bool()
    }
}

macro_rules! uuid_from_json {
    ($($uuid:ty),+) => {
        $(impl FromJson for $uuid {
            fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
                let parsed = value.as_str().and_then(|text| text.parse().ok());
                if parsed.is_none() {
                    errors.push(at, FieldCode::InvalidId, crate::uuid::NotAUuid);
                }
                parsed
            }
        })+
    };
}

uuid_from_json!(Uuid, PipelineId, TagId);

impl<T: RecordId> FromJson for T {
    /// A string of decimal digits; a JSON number is accepted as well (docs/compatibility.md, "Ids, times and money").
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let parsed = match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        };
        if parsed.is_none() {
            errors.push(at, FieldCode::InvalidId, crate::ids::NotAnId);
        }
        parsed
    }
}
