use std::fmt;
use std::sync::OnceLock;

use crm_core::input::{At, FromJson, JsonObject, longer_than, read_list, refuse_unknown};
use crm_core::secrets::SecretsError;
use crm_core::values::{Document, contains_control, read_text};
use crm_core::{ClientMapId, FieldCode, FieldErrors, Scope};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::ClientMapError;
use crate::masking::unmask;
use crate::sealing::{Seal, sealed};
use crate::shown::Shown;

/// The settings of an integration: any JSON object of at most 64 KiB (docs/compatibility.md, "Ticketing client maps"). The server keeps
/// them and never opens a URL that stands in them.
///
/// What is printed of it, by `Serialize` and `Debug` alike, has a mask for each member whose name contains
/// `password`, `secret`, `token` or `apiKey`; [`reveal`](Self::reveal) gives the secrets.
#[derive(Clone)]
pub struct Configuration {
    text: Document,
    /// How the secrets in the text are sealed, where they are.
    seal: Option<Seal>,
    /// All of it in clear, made when it is first asked for: a list of client maps never does.
    object: OnceLock<Result<JsonObject, SecretsError>>,
}

/// How one field of a record is called on the other side, an entry of a configuration's `fieldMappings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FieldMapping {
    /// The member of the record in the source system.
    pub source_field: String,
    /// The member of the record in the target system.
    pub target_field: String,
    /// What its value is turned by, where it differs.
    pub transform: Option<String>,
}

impl Configuration {
    /// The most bytes of its JSON.
    pub const MOST_BYTES: usize = 64 * 1024;
    const MOST_MAPPINGS: usize = 1000;
    const FIELD: &'static str = "configuration";

    /// A configuration that came from the database, where only checked ones are.
    #[must_use]
    pub(crate) fn stored(text: Document, seal: Option<Seal>) -> Self {
        Self { text, seal, object: OnceLock::new() }
    }

    /// The settings with their secrets, for the code that talks to the other system.
    ///
    /// # Errors
    /// Where the secrets are sealed, and the scope in which the client map was read had no key for them.
    pub fn reveal(&self) -> Result<&JsonObject, SecretsError> {
        let open = || {
            let object = self.text.to_object();
            match &self.seal {
                Some(seal) => seal.open(object),
                None => Ok(object),
            }
        };
        self.object.get_or_init(open).as_ref().map_err(Clone::clone)
    }

    /// How fields are called on the other side; empty where the configuration says nothing of it.
    #[must_use]
    pub fn field_mappings(&self) -> Vec<FieldMapping> {
        let members = self.text.members();
        let entries = members.iter().find(|(name, _)| name == "fieldMappings").map(|(_, entries)| entries.get());
        // They were checked when they were stored.
        entries.and_then(|entries| serde_json::from_str(entries).ok()).unwrap_or_default()
    }

    /// This configuration with the stored secrets wherever it has masks.
    ///
    /// # Errors
    /// `invalid_value` for a mask where nothing is stored; `too_long`.
    pub(crate) fn unmasked(&self, stored: Option<&Self>) -> Result<Self, ClientMapError> {
        let mut object = self.reveal()?.clone();
        let mut errors = FieldErrors::new();
        let at = At::field(Self::FIELD);
        unmask(&mut object, stored.map(Self::reveal).transpose()?, &at, &mut errors);
        check_size(&object, &at, &mut errors);
        Ok(errors.into_result(Self::stored(object.into(), None))?)
    }

    /// What a row keeps of it, and the id of the key that its secrets are sealed with.
    pub(crate) fn to_row(
        &self,
        scope: &Scope,
        record: ClientMapId,
    ) -> Result<(Document, Option<String>), SecretsError> {
        let Some(secrets) = scope.secrets() else { return Ok((self.reveal()?.clone().into(), None)) };
        let sealed = sealed(self.reveal()?.clone(), secrets, scope.tenant(), record)?;
        Ok((sealed.into(), Some(secrets.key_id().to_owned())))
    }
}

impl PartialEq for Configuration {
    /// Whatever the order of its members.
    fn eq(&self, other: &Self) -> bool {
        match (self.reveal(), other.reveal()) {
            (Ok(own), Ok(others)) => own == others,
            _ => self.text == other.text,
        }
    }
}

impl Serialize for Configuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown(self.text.as_str()).serialize(serializer)
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromJson for Configuration {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(object) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object");
            return None;
        };
        let mut problems = FieldErrors::new();
        check_size(object, at, &mut problems);
        check_characters(value, at, &mut problems);
        if let Some(mappings) = object.get("fieldMappings") {
            read_list::<FieldMapping>(mappings, &at.key("fieldMappings"), Self::MOST_MAPPINGS, &mut problems);
        }
        let is_sane = problems.is_empty();
        errors.append(problems);
        Document::of(value).filter(|_| is_sane).map(|text| Self::stored(text, None))
    }
}

impl FromJson for FieldMapping {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { sourceField, targetField, transform }");
            return None;
        };
        let known = ["sourceField", "targetField", "transform"];
        refuse_unknown(members, &known, at, "is no member of a field mapping", errors);
        let mut name = |member: &str| read_name(members.get(member), &at.key(member), errors);
        let (source_field, target_field) = (name("sourceField"), name("targetField"));
        let transform = match members.get("transform") {
            None | Some(Value::Null) => None,
            Some(_) => Some(name("transform")?),
        };
        Some(Self { source_field: source_field?, target_field: target_field?, transform })
    }
}

fn read_name(value: Option<&Value>, at: &At<'_>, errors: &mut FieldErrors) -> Option<String> {
    let text = match value {
        None | Some(Value::Null) => "",
        Some(value) => read_text(value, at, 255, false, errors)?,
    };
    if text.is_empty() {
        errors.push(at, FieldCode::Required, "must have 1 to 255 characters");
        return None;
    }
    Some(text.to_owned())
}

fn check_size(object: &JsonObject, at: &At<'_>, errors: &mut FieldErrors) {
    if longer_than(object, Configuration::MOST_BYTES) {
        errors.push(at, FieldCode::TooLong, "must have at most 64 KiB as JSON");
    }
}

/// NUL and other control characters stand in no text of ours (docs/compatibility.md, "Bodies").
fn check_characters(value: &Value, at: &At<'_>, errors: &mut FieldErrors) {
    let refused = "must not contain control characters other than tab, CR and LF";
    match value {
        Value::String(text) if contains_control(text) => {
            errors.push(at, FieldCode::InvalidCharacters, refused);
        }
        Value::Array(entries) => {
            errors.each(entries.iter().enumerate(), |(index, entry), errors| {
                check_characters(entry, &at.index(index), errors);
            });
        }
        Value::Object(members) => {
            errors.each(members, |(name, member), errors| {
                if contains_control(name) {
                    errors.push(at, FieldCode::InvalidCharacters, "has a member whose name has control characters");
                } else {
                    check_characters(member, &at.key(name), errors);
                }
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Configuration {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{AdditionalProperties, Array, ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "Any JSON object of at most 64 KiB. Members whose name contains `password`, `secret`, `token` or \
                 `apiKey` come back as `********`; sending that mask back keeps the stored value.",
            ))
            .property("fieldMappings", Array::new(FieldMapping::schema()))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Configuration {}
