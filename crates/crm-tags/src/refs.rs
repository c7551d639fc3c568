use crm_core::input::{At, FromJson, refuse_unknown};
use crm_core::values::{contains_control, lowercase, read_text};
use crm_core::{DbConnection, FieldCode, FieldErrors, Patch, Scope, Uuid, columns};
use diesel::prelude::*;
use serde_json::Value;

use crate::schema::tags;
use crate::service::TagRow;
use crate::{TagKind, TagOption};

/// The tags that a record is to have, as a body spells them (contract/tags-forms-bulk, "Tags"): one string
/// with commas, an array of strings, or an array of `{ id }` or `{ label }`. A string is a label or an id;
/// `""` and `[]` mean none. At most 50.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagRefs(Vec<TagRef>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct TagRef {
    /// Where the body has it, for the message that no such tag exists.
    place: String,
    name: TagName,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TagName {
    /// `{ id }`: the tag of this id and no other.
    Id(Uuid),
    /// `{ label }`: in lower case.
    Label(String),
    /// A string: the tag of this id, or else of this label.
    Either(String),
}

impl TagRefs {
    /// The most tags of a record.
    pub const LIMIT: usize = 50;

    /// Whether the record is to have none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromJson for TagRefs {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let refs: Vec<Option<TagRef>> = match value {
            Value::String(text) if text.trim().is_empty() => Vec::new(),
            // One more than the limit is enough to know, and a body can hold half a million.
            Value::String(text) => {
                let spelled = text.split(',').take(Self::LIMIT + 1);
                spelled.map(|spelled| TagRef::spelled(spelled, at, errors)).collect()
            }
            Value::Array(entries) => entries
                .iter()
                .enumerate()
                .take(Self::LIMIT + 1)
                .map(|(index, entry)| TagRef::entry(entry, &at.index(index), errors))
                .collect(),
            _ => {
                errors.push(at, FieldCode::WrongType, "must be a string with commas, or an array");
                return None;
            }
        };
        if refs.len() > Self::LIMIT {
            errors.push(at, FieldCode::TooMany, "must have at most 50 entries");
            return None;
        }
        refs.into_iter().collect::<Option<_>>().map(Self)
    }
}

impl TagRef {
    fn spelled(text: &str, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            errors.push(at, FieldCode::InvalidValue, "has an empty entry");
            return None;
        }
        if contains_control(text) {
            errors.push(at, FieldCode::InvalidCharacters, "must not contain control characters");
            return None;
        }
        Some(Self { place: at.to_string(), name: TagName::Either(lowercase(text)) })
    }

    fn entry(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        match value {
            Value::String(text) => Self::spelled(text, at, errors),
            Value::Object(members) => {
                let before = errors.as_slice().len();
                let known = ["id", "label", "color", "tenantId"];
                refuse_unknown(members, &known, at, "a tag is named by id or label", errors);
                let given = |name| members.get(name).filter(|value: &&Value| !value.is_null());
                let name = match (given("id"), given("label")) {
                    // The label of a tag that goes by its id is not compared with anything.
                    (Some(id), label) => {
                        let id = Uuid::from_json(id, &at.key("id"), errors);
                        label.map_or(Some(""), |label| read_label(label, at, errors))?;
                        TagName::Id(id?)
                    }
                    (None, Some(label)) => TagName::Label(lowercase(read_label(label, at, errors)?)),
                    (None, None) => {
                        errors.push(at, FieldCode::Required, "must have an id or a label");
                        return None;
                    }
                };
                (errors.as_slice().len() == before).then(|| Self { place: at.to_string(), name })
            }
            _ => {
                errors.push(at, FieldCode::WrongType, "must be a label, an id, or an object { id } or { label }");
                None
            }
        }
    }
}

fn read_label<'v>(label: &'v Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<&'v str> {
    read_text(label, &at.key("label"), usize::MAX, true, errors)
}

impl TagName {
    fn as_id(&self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Label(_) => None,
            Self::Either(text) => text.parse().ok(),
        }
    }

    fn as_label(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            // No label has a NUL, and PostgreSQL cannot even be asked for one.
            Self::Label(label) | Self::Either(label) => Some(label.as_str()).filter(|label| !label.contains('\0')),
        }
    }

    /// The tag that this names among the candidates; an id goes before a label that looks like it.
    fn find<'a>(&self, candidates: &'a [(String, TagOption)]) -> Option<&'a TagOption> {
        let by_id = self.as_id().and_then(|id| candidates.iter().find(|(_, tag)| tag.id == id));
        let by_label = || self.as_label().and_then(|label| candidates.iter().find(|(lower, _)| lower == label));
        by_id.or_else(by_label).map(|(_, tag)| tag)
    }
}

/// The tags that these references name, each once, ordered by label. Those that do not exist join the other problems of
/// the input, as `unknown_tag`. A tag that is deleted between this and [`set`](crate::set) makes `set` fail in the same
/// words.
///
/// # Errors
/// The database's.
pub fn resolve(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    refs: &TagRefs,
    errors: &mut FieldErrors,
) -> QueryResult<Vec<TagOption>> {
    let names: Vec<&TagName> = refs.0.iter().map(|tag| &tag.name).collect();
    let candidates = candidates(connection, scope, kind, &names)?;
    let mut found: Vec<&TagOption> = Vec::with_capacity(refs.0.len());
    for TagRef { place, name } in &refs.0 {
        match name.find(&candidates) {
            Some(tag) => found.push(tag),
            None => errors.push(place, FieldCode::UnknownTag, format_args!("no such tag: {name}")),
        }
    }
    let named = |tag: &TagOption| found.iter().any(|found| found.id == tag.id);
    Ok(candidates.iter().map(|(_, tag)| tag).filter(|tag| named(tag)).cloned().collect())
}

/// As [`resolve`], of a patch: `None` where it leaves the record's tags as they are.
///
/// # Errors
/// The database's.
pub fn resolve_patch(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    patch: &Patch<TagRefs>,
    errors: &mut FieldErrors,
) -> QueryResult<Option<Vec<TagOption>>> {
    match patch {
        Patch::Keep => Ok(None),
        Patch::Clear => Ok(Some(Vec::new())),
        Patch::Set(refs) => resolve(connection, scope, kind, refs, errors).map(Some),
    }
}

/// The ids of the tags that a list filter spells by label (in any case) or id; what names no tag is left out.
///
/// # Errors
/// The database's.
pub fn ids_for_filter(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    spelled: &[String],
) -> QueryResult<Vec<Uuid>> {
    let names: Vec<TagName> = spelled.iter().map(|text| TagName::Either(lowercase(text.trim()))).collect();
    let candidates = candidates(connection, scope, kind, &names.iter().collect::<Vec<_>>())?;
    let mut ids: Vec<Uuid> = names.iter().filter_map(|name| name.find(&candidates)).map(|tag| tag.id).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Every tag with one of these ids or labels, with its lower-case label, ordered by it.
fn candidates(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    names: &[&TagName],
) -> QueryResult<Vec<(String, TagOption)>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = names.iter().filter_map(|name| name.as_id()).collect();
    let labels: Vec<&str> = names.iter().filter_map(|name| name.as_label()).collect();
    let rows: Vec<(String, TagRow)> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .filter(tags::id.eq_any(ids).or(tags::label_lower.eq_any(labels)))
        .order(tags::label_lower)
        .select((tags::label_lower, columns::<TagRow>()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(lower, row)| (lower, row.into_tag(scope))).collect())
}

impl std::fmt::Display for TagName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Label(label) | Self::Either(label) => f.write_str(label),
        }
    }
}
