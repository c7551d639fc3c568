use crm_core::input::{At, FromBody, FromJson, JsonObject, ObjectReader};
use crm_core::values::LabeledValueKind;
use crm_core::{FieldCode, FieldErrors, NotATimestamp, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::resource::Resource;

/// What is done with the items of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Each is a new record.
    Create,
    /// Each changes the record that it matches.
    Update,
    /// Each changes the record that it matches, or is a new one.
    Upsert,
}

impl Mode {
    /// Each with its name.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("create", Self::Create), ("update", Self::Update), ("upsert", Self::Upsert)];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, mode)| *mode == self).map_or("create", |(name, _)| name)
    }

    /// By what items match: what was asked for, or else what the mode does by itself.
    ///
    /// # Errors
    /// What is wrong with what was asked for: nothing is matched, or the records do not match by it.
    pub fn matching_by(
        self,
        wanted: Option<MatchBy>,
        is_known: impl FnOnce(MatchBy) -> bool,
    ) -> Result<MatchBy, (FieldCode, &'static str)> {
        match wanted {
            Some(_) if self == Self::Create => {
                Err((FieldCode::Conflicting, "goes with `update` and `upsert`: what is created matches nothing"))
            }
            Some(wanted) if is_known(wanted) => Ok(wanted),
            Some(_) => Err((FieldCode::InvalidValue, "is nothing that these records match by")),
            None => Ok(self.matches_by()),
        }
    }

    /// By what items match where nothing is said of it.
    #[must_use]
    pub fn matches_by(self) -> MatchBy {
        if self == Self::Update { MatchBy::Id } else { MatchBy::ExternalId }
    }
}

/// By what an item matches a record that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum MatchBy {
    /// Its id.
    Id,
    /// The id that another system has for it.
    ExternalId,
    /// Any of its e-mail addresses, however they are written.
    Email,
    /// Its name, in any case.
    Name,
}

impl MatchBy {
    /// Each with its name.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("id", Self::Id), ("externalId", Self::ExternalId), ("email", Self::Email), ("name", Self::Name)];

    /// Its name, which is that of the member that items match by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, by)| *by == self).map_or("id", |(name, _)| name)
    }
}

/// Records of one kind to be made and changed: `{ mode, matchBy?, atomic?, items }`.
pub struct BatchRequest<R: Resource> {
    /// What is done with the items.
    pub mode: Mode,
    /// By what they match.
    pub match_by: MatchBy,
    /// Whether all are done or none.
    pub atomic: bool,
    /// The items, in their order.
    pub items: Vec<Item<R>>,
}

/// One of them: what it is read as is what the mode may do with it.
pub struct Item<R: Resource> {
    pub(super) new: Option<Result<R::New, FieldErrors>>,
    pub(super) patch: Option<Result<R::Patch, FieldErrors>>,
    pub(super) id: Option<Value>,
    pub(super) tenant: Option<String>,
    /// What it matches by, in the form in which that is compared.
    pub(super) keys: Vec<String>,
    /// The external id that its record is to have.
    external_id: Option<String>,
    /// Why it cannot be read at all.
    pub(super) refused: Option<FieldErrors>,
    /// When a new record was made, where it comes from another system.
    pub(super) made_on: Option<Timestamp>,
    /// What else the API only shows, where it comes from another system.
    pub(super) moved: JsonObject,
}

impl<R: Resource> BatchRequest<R> {
    /// The most items.
    pub const MOST_ITEMS: usize = 500;
}

impl<R: Resource> Item<R> {
    /// Reads an item as what the mode may do with it.
    #[must_use]
    pub fn read(mode: Mode, match_by: MatchBy, object: &JsonObject) -> Self {
        let tenant = match object.get("tenantId") {
            None | Some(Value::Null) => None,
            Some(Value::String(tenant)) => Some(tenant.clone()),
            Some(_) => return Self::refused(FieldErrors::of("tenantId", FieldCode::WrongType, "must be a string")),
        };
        Self {
            new: (mode != Mode::Update).then(|| R::New::from_body(object)),
            patch: (mode != Mode::Create).then(|| R::Patch::from_body(object)),
            id: object.get("id").filter(|id| !id.is_null()).cloned(),
            tenant,
            keys: keys(match_by, object),
            external_id: trimmed(object, "externalId").map(str::to_owned),
            made_on: None,
            moved: JsonObject::new(),
            refused: None,
        }
    }

    /// A record that is made, as of this moment.
    #[must_use]
    pub fn made(mut new: R::New, on: Timestamp) -> Self {
        let external_id = R::external_id_of_new(&mut new).as_ref().map(ToString::to_string);
        Self {
            new: Some(Ok(new)),
            patch: None,
            id: None,
            tenant: None,
            keys: Vec::new(),
            external_id,
            made_on: Some(on),
            moved: JsonObject::new(),
            refused: None,
        }
    }

    /// What it makes, where it may and can.
    #[must_use]
    pub fn into_new(self) -> Option<R::New> {
        self.new?.ok()
    }

    /// The same, of a record that comes from another system, with what the API shows and does not take: `createdOn`,
    /// `isArchived`, of opportunities `status`, `lostReason` and `closedOn`, and of cases when they were resolved.
    #[must_use]
    pub fn moved(mut self, members: &JsonObject) -> Self {
        let mut moved = members.clone();
        match moved.remove("createdOn") {
            None | Some(Value::Null) => {}
            Some(moment) => match moment.as_str().and_then(|text| text.parse().ok()) {
                Some(moment) => self.made_on = Some(moment),
                None => return Self::refused(FieldErrors::of("createdOn", FieldCode::InvalidDate, NotATimestamp)),
            },
        }
        Self { moved, ..self }
    }

    /// Whether it can turn out to be wrong after something of it was written: with what is moved in, unless that is nothing.
    pub(super) fn is_refused_late(&self) -> bool {
        !self.moved.values().all(Value::is_null)
    }

    /// The external id that its record is to have, where it is one.
    pub(super) fn external_id(&self) -> Option<&str> {
        let is_read = self.as_new().is_some() || self.as_patch().is_some();
        self.external_id.as_deref().filter(|_| is_read)
    }

    /// The record that it makes, where it may and can.
    pub(super) fn as_new(&self) -> Option<&R::New> {
        self.new.as_ref()?.as_ref().ok()
    }

    /// What it changes, where it may and can.
    pub(super) fn as_patch(&self) -> Option<&R::Patch> {
        self.patch.as_ref()?.as_ref().ok()
    }

    /// What is wrong with it, where that is something of this member.
    pub(super) fn errors_of(&self, member: &str) -> Option<&FieldErrors> {
        let errors = self.patch.as_ref()?.as_ref().err()?;
        let is_of_it = |rest: &str| rest.is_empty() || rest.starts_with(['[', '.']);
        let mut fields = errors.as_slice().iter().map(|error| error.field.as_str());
        fields.any(|field| field.strip_prefix(member).is_some_and(is_of_it)).then_some(errors)
    }

    /// An item that cannot be read.
    #[must_use]
    pub fn refused(errors: FieldErrors) -> Self {
        Self {
            new: Some(Err(errors.clone())),
            patch: Some(Err(errors.clone())),
            id: None,
            tenant: None,
            keys: Vec::new(),
            external_id: None,
            made_on: None,
            moved: JsonObject::new(),
            refused: Some(errors),
        }
    }
}

/// A text without the blanks around it, where there is more to it.
fn trimmed<'o>(object: &'o JsonObject, name: &str) -> Option<&'o str> {
    object.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// What an item matches by.
fn keys(match_by: MatchBy, object: &JsonObject) -> Vec<String> {
    match match_by {
        MatchBy::Id => Vec::new(),
        MatchBy::ExternalId => trimmed(object, "externalId").map(str::to_owned).into_iter().collect(),
        MatchBy::Name => trimmed(object, "name").map(crm_core::text::folded).into_iter().collect(),
        MatchBy::Email => {
            let addresses = object.get("email").and_then(Value::as_array).into_iter().flatten();
            let addresses = addresses.filter_map(|entry| entry["value"].as_str());
            addresses.map(|address| LabeledValueKind::Email.folded(address.trim())).collect()
        }
    }
}

impl<R: Resource> FromBody for BatchRequest<R> {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    const MOST_BYTES: usize = 8 * 1024 * 1024;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let mode: Option<Word<Mode>> = reader.required("mode");
        let match_by: Option<Word<MatchBy>> = reader.optional("matchBy");
        let atomic = reader.optional("atomic").unwrap_or(false);
        let items: Option<Items<R>> = reader.required("items");
        let Word(mode) = mode?;
        let wanted = match_by.map(|Word(match_by)| match_by);
        let match_by = mode.matching_by(wanted, |by| R::MATCHES.contains(&by));
        let match_by = match_by.map_err(|(code, why)| reader.errors().push("matchBy", code, why)).ok()?;
        let Items { items, .. } = items?;
        let items = items.iter().enumerate().map(|(index, item)| match item {
            Value::Object(object) => Item::read(mode, match_by, object),
            _ => {
                let at = At::field("items");
                Item::refused(FieldErrors::of(at.index(index), FieldCode::WrongType, "must be an object"))
            }
        });
        Some(Self { mode, match_by, atomic, items: items.collect() })
    }
}

/// A word of a table.
struct Word<T>(T);

trait Words: Copy + 'static {
    const NAMES: &'static [(&'static str, Self)];
}

impl Words for Mode {
    const NAMES: &'static [(&'static str, Self)] = Self::NAMES;
}

impl Words for MatchBy {
    const NAMES: &'static [(&'static str, Self)] = Self::NAMES;
}

impl<T: Words> FromJson for Word<T> {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let found = T::NAMES.iter().find(|(name, _)| value.as_str() == Some(name));
        if found.is_none() {
            let names: Vec<&str> = T::NAMES.iter().map(|(name, _)| *name).collect();
            errors.push(at, FieldCode::InvalidValue, format_args!("must be one of {}", names.join(", ")));
        }
        found.map(|(_, word)| Self(*word))
    }
}

/// The items as they were sent: what is wrong with one is told in its place of the answer.
struct Items<R> {
    items: Vec<Value>,
    kind: std::marker::PhantomData<R>,
}

impl<R: Resource> FromJson for Items<R> {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let most = BatchRequest::<R>::MOST_ITEMS;
        match value {
            Value::Array(items) if items.is_empty() => errors.push(at, FieldCode::Required, "must have an entry"),
            Value::Array(items) if items.len() > most => {
                errors.push(at, FieldCode::TooMany, format_args!("must have at most {most} entries"));
            }
            Value::Array(items) => return Some(Self { items: items.clone(), kind: std::marker::PhantomData }),
            _ => errors.push(at, FieldCode::WrongType, "must be an array"),
        }
        None
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use crm_core::input::describe;
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
    use utoipa::{PartialSchema, ToSchema};

    use super::{BatchRequest, Items, Word, Words};
    use crate::resource::Resource;

    impl<T: Words> PartialSchema for Word<T> {
        fn schema() -> RefOr<Schema> {
            let names: Vec<&str> = T::NAMES.iter().map(|(name, _)| *name).collect();
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
        }
    }

    impl<T: Words> ToSchema for Word<T> {}

    impl<R: Resource> PartialSchema for Items<R> {
        /// Of each item, as of what is changed: nothing is required of that.
        fn schema() -> RefOr<Schema> {
            let (item, _) = describe::<R::Patch>();
            let items = ArrayBuilder::new()
                .items(RefOr::T(item))
                .min_items(Some(1))
                .max_items(Some(BatchRequest::<R>::MOST_ITEMS));
            items.into()
        }
    }

    impl<R: Resource> ToSchema for Items<R> {
        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.extend(describe::<R::Patch>().1);
        }
    }
}
