use std::collections::{HashMap, HashSet};

use crm_core::input::{At, FromJson, checked, refuse_unknown};
use crm_core::sql::one_of;
use crm_core::text::folded;
use crm_core::values::{contains_control, is_blank, read_text};
use crm_core::{DbConnection, FieldCode, FieldErrors, Patch, Scope, TagId, check_growth, columns};
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::schema::tags;
use crate::service::TagRow;
use crate::{TagKind, TagOption, links};

/// The tags that a record is to have, as a body spells them (docs/compatibility.md, "Tags"): one string
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
    Id(TagId),
    /// `{ label }`.
    Label(Label),
    /// A string: the tag of this id, or else of this label.
    Either(Label),
}

/// A label as it was sent, for the message that no tag has it, and folded, as labels are compared.
#[derive(Debug, Clone)]
struct Label {
    sent: String,
    folded: String,
}

impl Label {
    fn new(text: &str) -> Self {
        Self { sent: text.to_owned(), folded: folded(text) }
    }
}

/// Two spellings of one label are one.
impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Label {}

impl TagRefs {
    /// The most tags of a record.
    pub const LIMIT: usize = 50;

    /// The tags with these labels, in whatever case.
    ///
    /// # Errors
    /// Where they are too many, or one is none.
    pub fn labeled<'a>(labels: impl IntoIterator<Item = &'a str>) -> Result<Self, FieldErrors> {
        checked("tags", labels.into_iter().map(|label| json!({ "label": label })).collect::<Vec<Value>>())
    }

    /// These tags and no others, whatever they are called.
    ///
    /// # Errors
    /// Where they are too many.
    pub fn of(tags: impl IntoIterator<Item = TagId>) -> Result<Self, FieldErrors> {
        checked("tags", tags.into_iter().map(|id| json!({ "id": id })).collect::<Vec<Value>>())
    }

    /// Whether the record is to have none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The most tags that a patch names: more than merges give a record.
const MOST_IN_PATCH: usize = 1_000;

impl FromJson for TagRefs {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        Self::up_to(Self::LIMIT, value, at, errors)
    }

    fn from_patch_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        Self::up_to(MOST_IN_PATCH, value, at, errors)
    }
}

impl TagRefs {
    /// What a patch changes of a record with these tags: nothing where it takes all tags off one that has none.
    #[must_use]
    pub fn changing(patch: &Patch<Self>, present: &[TagOption]) -> Patch<Self> {
        if present.is_empty() && patch.is_clear_or(Self::is_empty) { Patch::Keep } else { patch.clone() }
    }

    fn up_to(limit: usize, value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let refs: Vec<Option<TagRef>> = match value {
            Value::String(_) if is_blank(value) => Vec::new(),
            // One more than the limit is enough to know, and a body can hold half a million.
            Value::String(text) => {
                let spelled = text.split(',').take(limit + 1);
                spelled.map(|spelled| TagRef::spelled(spelled, at, errors)).collect()
            }
            Value::Array(entries) => entries
                .iter()
                .enumerate()
                .take(limit + 1)
                .map(|(index, entry)| TagRef::entry(entry, &at.index(index), errors))
                .collect(),
            _ => {
                errors.push(at, FieldCode::WrongType, "must be a string with commas, or an array");
                return None;
            }
        };
        if refs.len() > limit {
            errors.push(at, FieldCode::TooMany, format_args!("must have at most {} entries", Self::LIMIT));
            return None;
        }
        refs.into_iter().collect::<Option<_>>().map(Self)
    }
}

impl TagRef {
    fn spelled(text: &str, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        // Before the ends are trimmed: some control characters are blanks, and refused all the same.
        if contains_control(text) {
            errors.push(at, FieldCode::InvalidCharacters, "must not contain control characters");
            return None;
        }
        let text = text.trim();
        if text.is_empty() {
            errors.push(at, FieldCode::InvalidValue, "has an empty entry");
            return None;
        }
        Some(Self { place: at.to_string(), name: TagName::Either(Label::new(text)) })
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
                        let id = TagId::from_json(id, &at.key("id"), errors);
                        label.map_or(Some(""), |label| read_label(label, at, errors))?;
                        TagName::Id(id?)
                    }
                    (None, Some(label)) => TagName::Label(Label::new(read_label(label, at, errors)?)),
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
    fn as_id(&self) -> Option<TagId> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Label(_) => None,
            Self::Either(label) => label.folded.parse().ok(),
        }
    }

    fn as_label(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            // No label has a NUL, and PostgreSQL cannot even be asked for one.
            Self::Label(label) | Self::Either(label) => {
                Some(label.folded.as_str()).filter(|label| !label.contains('\0'))
            }
        }
    }

    /// The tag that this names among the candidates; an id goes before a label that looks like it.
    fn find<'a>(&self, candidates: &'a [(String, TagOption)]) -> Option<&'a TagOption> {
        let by_id = self.as_id().and_then(|id| candidates.iter().find(|(_, tag)| tag.id == id));
        let by_label = || self.as_label().and_then(|label| candidates.iter().find(|(lower, _)| lower == label));
        by_id.or_else(by_label).map(|(_, tag)| tag)
    }

    /// Those of the candidates that have this id or label.
    fn among(&self, candidates: &[(String, TagOption)]) -> Vec<(String, TagOption)> {
        let (id, label) = (self.as_id(), self.as_label());
        let is_meant = |(lower, tag): &&(String, TagOption)| Some(tag.id) == id || Some(lower.as_str()) == label;
        candidates.iter().filter(is_meant).cloned().collect()
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
    let mut found: HashSet<TagId> = HashSet::with_capacity(refs.0.len());
    for TagRef { place, name } in &refs.0 {
        match name.find(&candidates) {
            Some(tag) => drop(found.insert(tag.id)),
            None => errors.push(place, FieldCode::UnknownTag, format_args!("no such tag: {name}")),
        }
    }
    Ok(candidates.into_iter().map(|(_, tag)| tag).filter(|tag| found.contains(&tag.id)).collect())
}

/// Keeps the tags that these references name from being deleted before the end of a transaction of many changes
/// ([`Scope::remembering`]), so that what [`resolve`] then finds of them stays true. One that nothing has the name of is asked
/// for again by who resolves it.
///
/// # Errors
/// The database's.
pub fn hold_each(connection: &mut DbConnection, scope: &Scope, kind: TagKind, all: &[&TagRefs]) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return Ok(()) };
    let names: HashMap<String, &TagName> =
        all.iter().flat_map(|refs| &refs.0).map(|tag| (tag.name.to_string(), &tag.name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut found = named(connection, scope, kind, &names.values().copied().collect::<Vec<_>>())?;
    let ids: Vec<TagId> = found.iter().map(|(_, tag)| tag.id).collect();
    let held: HashSet<TagId> = links::hold(connection, scope, kind, &ids)?.into_iter().collect();
    found.retain(|(_, tag)| held.contains(&tag.id));
    memory.with(|KnownTags(known): &mut KnownTags| {
        for (key, name) in names {
            let meant = name.among(&found);
            if !meant.is_empty() {
                known.insert((kind.number(), key), meant);
            }
        }
    });
    Ok(())
}

/// As [`resolve`], of a patch of a record with these tags: `None` where it leaves them as they are. More than
/// [`TagRefs::LIMIT`] are a problem unless a merge has given the record as many.
///
/// # Errors
/// The database's.
pub fn resolve_patch(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    patch: &Patch<TagRefs>,
    present: &[TagOption],
    errors: &mut FieldErrors,
) -> QueryResult<Option<Vec<TagOption>>> {
    let tags = match patch {
        Patch::Keep => return Ok(None),
        Patch::Clear => Vec::new(),
        Patch::Set(refs) => resolve(connection, scope, kind, refs, errors)?,
    };
    check_growth("tags", tags.len(), present.len(), TagRefs::LIMIT, errors);
    Ok((tags != present).then_some(tags))
}

/// The tags of all these lists, each once, ordered by label.
pub fn union<'a>(lists: impl IntoIterator<Item = &'a [TagOption]>) -> Vec<TagOption> {
    let mut seen = HashSet::new();
    let mut all: Vec<TagOption> = lists.into_iter().flatten().filter(|tag| seen.insert(tag.id)).cloned().collect();
    all.sort_by_cached_key(|tag| folded(&tag.label));
    all
}

/// The ids of the tags that a list filter spells by label (in any case) or id; what names no tag is left out.
///
/// # Errors
/// The database's.
pub(crate) fn ids_for_filter(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    spelled: &[String],
) -> QueryResult<Vec<TagId>> {
    let names: Vec<TagName> = spelled.iter().map(|text| TagName::Either(Label::new(text.trim()))).collect();
    let candidates = candidates(connection, scope, kind, &names.iter().collect::<Vec<_>>())?;
    let mut ids: Vec<TagId> = names.iter().filter_map(|name| name.find(&candidates)).map(|tag| tag.id).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Every tag with one of these ids or labels, with its folded label, ordered by it.
fn candidates(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    names: &[&TagName],
) -> QueryResult<Vec<(String, TagOption)>> {
    let Some(memory) = scope.memory() else { return named(connection, scope, kind, names) };
    let key = |name: &TagName| (kind.number(), name.to_string());
    let unknown: Vec<&TagName> = memory
        .with(|known: &mut KnownTags| names.iter().filter(|name| !known.0.contains_key(&key(name))).copied().collect());
    let found = named(connection, scope, kind, &unknown)?;
    memory.with(|known: &mut KnownTags| {
        for name in unknown {
            known.0.insert(key(name), name.among(&found));
        }
        let mut all: Vec<(String, TagOption)> =
            names.iter().filter_map(|name| known.0.get(&key(name))).flatten().cloned().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.dedup_by(|(_, one), (_, other)| one.id == other.id);
        Ok(all)
    })
}

/// What a transaction of many changes knows of tags: by kind and name those that the name may mean.
#[derive(Default)]
struct KnownTags(HashMap<(i16, String), Vec<(String, TagOption)>>);

/// The tags of a kind with these labels, ordered by them, where a transaction of many changes knows each.
pub(crate) fn known(scope: &Scope, kind: TagKind, labels: &[String]) -> Option<Vec<TagOption>> {
    scope.memory()?.with(|KnownTags(known): &mut KnownTags| {
        let tag = |label: &String| match known.get(&(kind.number(), label.clone()))?.as_slice() {
            [(folded, tag)] if folded == label => Some(tag.clone()),
            _ => None,
        };
        labels.iter().map(tag).collect()
    })
}

/// A transaction of many changes knows these tags of a kind from here on, by their folded labels: it holds them.
pub(crate) fn know(scope: &Scope, kind: TagKind, tags: &[TagOption]) {
    let Some(memory) = scope.memory() else { return };
    memory.with(|KnownTags(known): &mut KnownTags| {
        for tag in tags {
            let label = folded(&tag.label);
            known.insert((kind.number(), label.clone()), vec![(label, tag.clone())]);
        }
    });
}

fn named(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    names: &[&TagName],
) -> QueryResult<Vec<(String, TagOption)>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<TagId> = names.iter().filter_map(|name| name.as_id()).collect();
    let labels: Vec<&str> = names.iter().filter_map(|name| name.as_label()).collect();
    let rows: Vec<(String, TagRow)> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .filter(one_of(tags::id, ids).or(one_of(tags::label_folded, labels)))
        .order(tags::label_folded)
        .select((tags::label_folded, columns::<TagRow>()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(lower, row)| (lower, row.into_tag(scope))).collect())
}

impl std::fmt::Display for TagName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Label(label) | Self::Either(label) => f.write_str(&label.sent),
        }
    }
}
