//! Several records of a kind become one: what that is of every kind.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crm_core::input::{Described, FromBody, ObjectReader};
use crm_core::values::{IdList, LongText, User};
use crm_core::{DbConnection, FieldCode, FieldErrors, RecordId, RecordKind, Scope, TagId};
use diesel::prelude::*;

use crate::schema::changes;
use crate::{Action, ChangeId, Deletion, Kind, NewChange, What, Written};

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

/// Why records cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// No record of this kind in the tenant has any of these ids.
    #[error("no such {}: {}", .0.name(), joined(.1))]
    NotFound(RecordKind, Vec<i64>),
    /// The notes of merged records are longer together than a note may be.
    #[error("the notes of the merged records are longer together than a note may be")]
    NoteTooLong,
    /// The request breaks a rule.
    #[error("{0}")]
    Invalid(FieldErrors),
}

fn joined(ids: &[i64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl MergeError {
    /// Where a list would be longer than `most` by merging.
    ///
    /// # Errors
    /// That it would be.
    pub fn check_length(field: &str, length: usize, most: usize) -> Result<(), Self> {
        if length > most {
            let message = format!("the merged records have more than {most} values in {field}");
            return Err(Self::Invalid(FieldErrors::of(SOURCES, FieldCode::TooMany, message)));
        }
        Ok(())
    }
}

impl<I: RecordId + PartialEq + Described> FromBody for MergeRequest<I> {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let sources: Option<IdList<I, LIMIT>> = reader.required(SOURCES);
        let last_updated_by = reader.optional("lastUpdatedBy");
        sources.map(|sources| Self { source_ids: sources.as_slice().to_vec(), last_updated_by })
    }
}

impl<I: RecordId + PartialEq> MergeRequest<I> {
    /// The target, and behind it the sources, each once, in the order that was given.
    ///
    /// # Errors
    /// [`MergeError::Invalid`] where the target is among the sources.
    pub fn all(&self, target: I) -> Result<Vec<I>, MergeError> {
        if self.source_ids.contains(&target) {
            let message = format!("{target} is the target of the merge");
            return Err(MergeError::Invalid(FieldErrors::of(SOURCES, FieldCode::Conflicting, message)));
        }
        let mut seen = HashSet::with_capacity(self.source_ids.len());
        let sources = self.source_ids.iter().filter(|id| seen.insert(id.as_i64())).copied();
        Ok(std::iter::once(target).chain(sources).collect())
    }
}

/// The records of a merge, which are locked: each as it is shown, and its row.
#[derive(Debug)]
pub struct Parties<T, R> {
    /// The one that is left.
    pub target: (T, R),
    /// Those that it is filled up from, in the order of the request.
    pub sources: Vec<(T, R)>,
}

impl<T, R> Parties<T, R> {
    /// All of these records, the first of which is the target.
    ///
    /// # Errors
    /// [`MergeError::NotFound`] with all that are not there.
    pub fn of<I: RecordId + Eq + Hash>(
        all: &[I],
        found: impl IntoIterator<Item = (I, T, R)>,
    ) -> Result<Self, MergeError> {
        let mut found: HashMap<I, (T, R)> = found.into_iter().map(|(id, record, row)| (id, (record, row))).collect();
        let unknown: Vec<i64> = all.iter().filter(|id| !found.contains_key(id)).map(|id| id.as_i64()).collect();
        let mut parties = all.iter().filter_map(|id| found.remove(id));
        match (parties.next(), unknown.is_empty()) {
            (Some(target), true) => Ok(Self { target, sources: parties.collect() }),
            _ => Err(MergeError::NotFound(I::KIND, unknown)),
        }
    }

    fn all(&self) -> impl Iterator<Item = &(T, R)> {
        std::iter::once(&self.target).chain(&self.sources)
    }

    /// The records, the target first.
    pub fn records(&self) -> impl Iterator<Item = &T> {
        self.all().map(|(record, _)| record)
    }

    /// Their notes one below the other, separated by a blank line.
    ///
    /// # Errors
    /// [`MergeError::NoteTooLong`].
    pub fn joined_note(&self, note: impl Fn(&R) -> Option<&String>) -> Result<Option<String>, MergeError> {
        let notes: Vec<&str> = self.all().filter_map(|(_, row)| note(row)).map(String::as_str).collect();
        let joined = notes.join("\n\n");
        if joined.chars().nth(LongText::LIMIT).is_some() {
            return Err(MergeError::NoteTooLong);
        }
        Ok((!notes.is_empty()).then_some(joined))
    }
}

/// A merge that is about to be written down.
#[derive(Debug)]
pub struct NewMerge<'a, I> {
    /// The record that is left.
    pub target: I,
    /// Who is named as the one who merges.
    pub by: Option<&'a User>,
    /// The tags that the target has afterwards.
    pub tags: Vec<TagId>,
    /// The others, with what is kept of each.
    pub sources: Vec<(I, What)>,
}

/// A merge whose target is written, until what points at the sources points at it, and they are deleted.
#[derive(Debug)]
#[must_use = "the sources are to be deleted"]
pub struct Merging<I> {
    target: I,
    did: ChangeId,
    tags: Vec<TagId>,
    deletion: Deletion<I>,
}

impl<R> Written<R> {
    /// Writes down that others were merged into this record: what became of it, as `tell` makes it of the row, and, following
    /// from that, what the others were.
    ///
    /// # Errors
    /// Those of `tell`; the database's.
    pub fn merged<I: RecordId>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        merge: NewMerge<'_, I>,
        tell: impl FnOnce(R) -> QueryResult<What>,
    ) -> QueryResult<Merging<I>> {
        let NewMerge { target, by, tags, sources } = merge;
        let ids: Vec<I> = sources.iter().map(|(id, _)| *id).collect();
        let change = NewChange::new(Kind::from(I::KIND), Action::Merged).by(by);
        let (did, ()) = self.recorded_as(connection, scope, change, |row| Ok((tell(row)?.merged_with(&ids), ())))?;
        let change = NewChange::new(Kind::from(I::KIND), Action::MergedInto).by(by).following(did);
        let sources = sources.into_iter().map(|(id, what)| (id, what.merged_with(&[target])));
        let deletion = Deletion::of_nothing().record(connection, scope, change, sources.collect())?;
        Ok(Merging { target, did, tags, deletion })
    }
}

impl<I: RecordId> Merging<I> {
    /// The record that is left.
    #[must_use]
    pub fn target(&self) -> I {
        self.target
    }

    /// The others.
    #[must_use]
    pub fn sources(&self) -> &[I] {
        self.deletion.ids()
    }

    /// The tags that the target has afterwards, which it is given when all records are locked.
    #[must_use]
    pub fn tags(&self) -> &[TagId] {
        &self.tags
    }

    /// The change of the target.
    #[must_use]
    pub fn did(&self) -> ChangeId {
        self.did
    }

    /// The deletion of the others, which is written down.
    pub fn into_deletion(self) -> Deletion<I> {
        self.deletion
    }
}

/// How many records of each kind were changed because of a change, in one statement.
///
/// # Errors
/// The database's.
pub fn changed_by(connection: &mut DbConnection, scope: &Scope, cause: ChangeId) -> QueryResult<HashMap<Kind, i64>> {
    let following = changes::table
        .filter(changes::tenant_id.eq(scope.tenant()))
        .filter(changes::cause.eq(cause.as_i64()))
        .filter(changes::action.eq(Action::Updated.as_str()));
    let counted = following.group_by(changes::kind).select((changes::kind, diesel::dsl::count_star()));
    let counted: Vec<(String, i64)> = counted.load(connection)?;
    counted.into_iter().map(|(kind, count)| Ok((crate::change::kind(kind)?, count))).collect()
}
