//! What merging contacts and merging organizations have in common.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crm_core::input::{Described, FromBody, ObjectReader};
use crm_core::text::folded;
use crm_core::values::{IdList, LongText, User};
use crm_core::{FieldCode, FieldErrors, RecordId, Uuid};
use crm_history::Deletion;
use crm_tags::TagOption;

use crate::DirectoryError;

/// Which records are merged into a target: `{ sourceId: ["2", "3"], lastUpdatedBy? }` (docs/compatibility.md, "Contacts and organizations").
#[derive(Debug, Clone, PartialEq)]
pub struct MergeRequest<I> {
    /// 1 to 100 ids; the order in which empty fields are filled.
    pub source_ids: Vec<I>,
    /// Who merges; left out, the target keeps who changed it before.
    pub last_updated_by: Option<User>,
}

/// The most records that are merged at once.
const LIMIT: usize = 100;

const SOURCES: &str = "sourceId";

impl<I: RecordId + PartialEq + Described> FromBody for MergeRequest<I> {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let sources: Option<IdList<I, LIMIT>> = reader.required(SOURCES);
        let last_updated_by = reader.optional("lastUpdatedBy");
        sources.map(|sources| Self { source_ids: sources.as_slice().to_vec(), last_updated_by })
    }
}

impl<I: RecordId + PartialEq> MergeRequest<I> {
    /// The sources, each once, in the order that was given.
    pub(crate) fn sources(&self, target: I) -> Result<Vec<I>, DirectoryError> {
        if self.source_ids.contains(&target) {
            let message = format!("{target} is the target of the merge");
            return Err(FieldErrors::of(SOURCES, FieldCode::Conflicting, message).into());
        }
        let mut seen = HashSet::with_capacity(self.source_ids.len());
        Ok(self.source_ids.iter().filter(|id| seen.insert(id.number())).copied().collect())
    }
}

/// A merge whose target is written, until what points at the sources points at it, and they are deleted.
#[derive(Debug)]
#[must_use = "the sources are to be deleted"]
pub struct Merging<I> {
    deletion: Deletion<I>,
    tags: Vec<Uuid>,
}

impl<I> Merging<I> {
    pub(crate) fn new(deletion: Deletion<I>, tags: Vec<Uuid>) -> Self {
        Self { deletion, tags }
    }

    /// The tags that the target has afterwards.
    pub(crate) fn tags(&self) -> &[Uuid] {
        &self.tags
    }

    /// The sources.
    #[must_use]
    pub fn sources(&self) -> &[I] {
        self.deletion.ids()
    }

    /// The deletion of the sources, which is written down.
    pub fn into_deletion(self) -> Deletion<I> {
        self.deletion
    }
}

/// The tags of all these lists, each once, ordered by label.
pub(crate) fn union_of_tags<'a>(lists: impl IntoIterator<Item = &'a [TagOption]>) -> Vec<TagOption> {
    let mut seen = HashSet::new();
    let all = lists.into_iter().flatten().filter(|tag| seen.insert(tag.id));
    let mut all: Vec<TagOption> = all.cloned().collect();
    all.sort_by_cached_key(|tag| folded(&tag.label));
    all
}

/// The most addresses or numbers that a record has after merging: far more than anybody has, and as many as the
/// index of their texts has positions for on SQLite (migration 00000000000004).
pub(crate) const MOST_VALUES: usize = 1_000;

/// Refuses a list that grew beyond bounds by merging.
pub(crate) fn check_length(field: &str, length: usize) -> Result<(), FieldErrors> {
    if length > MOST_VALUES {
        let message = format!("the merged records have more than {MOST_VALUES} values in {field}");
        return Err(FieldErrors::of(SOURCES, FieldCode::TooMany, message));
    }
    Ok(())
}

/// The rows of all these records, in this order.
pub(crate) fn in_order<I: RecordId + Eq + Hash, R>(all: &[I], rows: Vec<(I, R)>) -> Result<Vec<R>, DirectoryError> {
    let mut rows: HashMap<I, R> = rows.into_iter().collect();
    let unknown: Vec<I> = all.iter().filter(|id| !rows.contains_key(id)).copied().collect();
    if !unknown.is_empty() {
        return Err(DirectoryError::not_found(&unknown));
    }
    Ok(all.iter().filter_map(|id| rows.remove(id)).collect())
}

/// The notes one below the other, separated by a blank line.
pub(crate) fn joined_note<'a>(
    notes: impl IntoIterator<Item = Option<&'a String>>,
) -> Result<Option<String>, DirectoryError> {
    let notes: Vec<&str> = notes.into_iter().flatten().map(String::as_str).collect();
    let joined = notes.join("\n\n");
    if joined.chars().nth(LongText::LIMIT).is_some() {
        return Err(DirectoryError::NoteTooLong);
    }
    Ok((!notes.is_empty()).then_some(joined))
}
