use std::fmt;

use crm_core::counts::{Counted, Difference};
use crm_core::sql::Json;
use crm_core::values::User;
use crm_core::{DbConnection, RecordId, Scope, Timestamp};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::insert::InsertChanges;
use crate::{Action, ChangeId, Fields, Kind};

/// What a write does, to however many records of one kind.
#[derive(Debug, Clone, Copy)]
pub struct NewChange<'a> {
    /// What the records are.
    pub kind: Kind,
    /// What is done.
    pub action: Action,
    /// Who is named as the one who does it; the person of the scope's token where nobody is.
    pub by: Option<&'a User>,
    /// The change that this one follows from.
    pub cause: Option<ChangeId>,
}

impl<'a> NewChange<'a> {
    /// Done by whoever the scope says, and following from nothing.
    #[must_use]
    pub fn new(kind: Kind, action: Action) -> Self {
        Self { kind, action, by: None, cause: None }
    }

    /// The same, done by somebody whom the input names.
    #[must_use]
    pub fn by(self, user: Option<&'a User>) -> Self {
        Self { by: user, ..self }
    }

    /// The same, following from another change.
    #[must_use]
    pub fn following(self, cause: ChangeId) -> Self {
        Self { cause: Some(cause), ..self }
    }
}

/// A record that a write touches, and what becomes of it.
#[derive(Debug, Clone)]
pub struct What {
    pub(crate) record_id: String,
    pub(crate) fields: Json<Box<RawValue>>,
    pub(crate) record: Option<Json<Box<RawValue>>>,
    pub(crate) kept: Option<Json<Box<RawValue>>>,
    pub(crate) others: Option<Json<Vec<String>>>,
    /// When, where that is another moment than that of whoever writes it down.
    pub(crate) on: Option<Timestamp>,
    /// What it was counted as, and is: told where it is in a group, or moves.
    counted: (Option<Counted>, Option<Counted>),
}

fn unwritable(error: serde_json::Error) -> DieselError {
    DieselError::SerializationError(Box::new(error))
}

impl What {
    /// The record of this id, with these members changed.
    ///
    /// # Errors
    /// Where the members are no JSON, which would be a bug.
    pub fn changed(id: impl fmt::Display, fields: Fields) -> QueryResult<Self> {
        let fields = Json(fields.into_json().map_err(unwritable)?);
        let record_id = id.to_string();
        Ok(Self { record_id, fields, record: None, kept: None, others: None, on: None, counted: (None, None) })
    }

    /// The record of this id, as it was made or was before it is deleted: its members by their names, with other records
    /// by their ids and nobody's name.
    ///
    /// # Errors
    /// Where the members are no JSON, which would be a bug.
    pub fn whole(id: impl fmt::Display, record: &impl Serialize) -> QueryResult<Self> {
        let record = Json(to_raw_value(record).map_err(unwritable)?);
        Ok(Self { record: Some(record), ..Self::changed(id, Fields::none())? })
    }

    /// The same, with what only a restore needs and nobody is shown.
    ///
    /// # Errors
    /// Where that is no JSON, which would be a bug.
    pub fn keeping(self, kept: Option<&impl Serialize>) -> QueryResult<Self> {
        let kept = kept.map(to_raw_value).transpose().map_err(unwritable)?;
        Ok(Self { kept: kept.map(Json), ..self })
    }

    /// The same, of a record that is made or deleted and counted in a group.
    #[must_use]
    pub fn counted(self, counted: Counted) -> Self {
        Self { counted: (None, Some(counted)), ..self }
    }

    /// The same, of a record that may be counted in another group now, or with another amount.
    #[must_use]
    pub fn recounted(self, before: Counted, after: Counted) -> Self {
        Self { counted: (Some(before), Some(after)), ..self }
    }

    /// Adds to the counts what becomes of the record by this.
    fn count(&self, action: Action, difference: &mut Difference) {
        let (before, after) = &self.counted;
        let in_no_group = Counted::in_no_group();
        match action {
            Action::Created | Action::Restored => difference.add(after.as_ref().unwrap_or(&in_no_group)),
            Action::Deleted | Action::MergedInto => difference.take(after.as_ref().unwrap_or(&in_no_group)),
            _ => {
                before.iter().for_each(|before| difference.take(before));
                after.iter().for_each(|after| difference.add(after));
            }
        }
    }

    /// The same, of a merge: the records that were merged into this one, or the one that this was merged into.
    #[must_use]
    pub fn merged_with<I: RecordId>(self, others: &[I]) -> Self {
        Self { others: Some(Json(others.iter().map(ToString::to_string).collect())), ..self }
    }
}

/// Writes down what was done to one record, in the transaction that did it and after its statement: on PostgreSQL the order
/// of the feed counts on the record's lock being held. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn record(
    connection: &mut DbConnection,
    scope: &Scope,
    change: NewChange<'_>,
    what: What,
) -> QueryResult<ChangeId> {
    let recorded = record_each(connection, scope, change, &[what])?;
    crm_core::records::only(recorded)
}

/// SQLite takes at most 32 766 values in a statement, and a record has seven of them.
const RECORDS_OF_A_STATEMENT: usize = 4_000;

/// As [`record`], of any number of records: in one statement, unless there are more than four thousand, and one more where
/// the tenant has more or fewer records of a kind that is counted afterwards. What a transaction of many changes has
/// [kept](crate::settle) is written down before.
///
/// # Errors
/// The database's.
pub fn record_each(
    connection: &mut DbConnection,
    scope: &Scope,
    change: NewChange<'_>,
    whats: &[What],
) -> QueryResult<Vec<ChangeId>> {
    settle(connection, scope)?;
    tell(scope, whats.len());
    write(connection, scope, change, whats)
}

fn write(
    connection: &mut DbConnection,
    scope: &Scope,
    change: NewChange<'_>,
    whats: &[What],
) -> QueryResult<Vec<ChangeId>> {
    let mut recorded = Vec::with_capacity(whats.len());
    for whats in whats.chunks(RECORDS_OF_A_STATEMENT) {
        let mut seqs: Vec<i64> = InsertChanges::new(connection.kind(), scope, change, whats).get_results(connection)?;
        seqs.sort_unstable();
        recorded.extend(seqs.into_iter().map(ChangeId::from_i64));
    }
    if let Some(kind) = change.kind.counted() {
        let mut difference = Difference::default();
        whats.iter().for_each(|what| what.count(change.action, &mut difference));
        difference.write(connection, scope, kind)?;
    }
    Ok(recorded)
}

/// The changes that a transaction of many ([`Scope::remembering`]) has yet to write down, in their order.
#[derive(Default)]
struct Unwritten(Vec<(Alike, Vec<What>)>);

/// What changes have in common that are written by one statement.
#[derive(Debug, Clone, PartialEq)]
struct Alike {
    kind: Kind,
    action: Action,
    by: Option<User>,
    cause: Option<ChangeId>,
}

/// How many changes a transaction of many has told of, those included that are yet to be written down.
#[derive(Default)]
struct Told(usize);

fn tell(scope: &Scope, changes: usize) {
    if let Some(memory) = scope.memory() {
        memory.with(|Told(told): &mut Told| *told += changes);
    }
}

/// How many changes a transaction of many ([`Scope::remembering`]) has told of so far: what tells of none has changed nothing.
/// Of any other transaction nobody counts.
#[must_use]
pub fn changes_told(scope: &Scope) -> usize {
    scope.memory().map_or(0, |memory| memory.with(|Told(told): &mut Told| *told))
}

/// Keeps a change until it is [settled](settle), in a transaction of many; gives it back in any other.
pub(crate) fn keep(scope: &Scope, change: NewChange<'_>, what: What) -> Option<What> {
    let Some(memory) = scope.memory() else { return Some(what) };
    let NewChange { kind, action, by, cause } = change;
    let alike = Alike { kind, action, by: by.cloned(), cause };
    let what = What { on: Some(scope.now()), ..what };
    tell(scope, 1);
    memory.with(|Unwritten(kept): &mut Unwritten| match kept.last_mut() {
        Some((last, whats)) if *last == alike => whats.push(what),
        _ => kept.push((alike, vec![what])),
    });
    None
}

/// Writes down the changes that a transaction of many has kept, those in one statement that differ in their record and moment alone. The
/// locks of their records are held until then.
///
/// # Errors
/// The database's.
pub fn settle(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return Ok(()) };
    for (Alike { kind, action, by, cause }, whats) in
        memory.with(|Unwritten(kept): &mut Unwritten| std::mem::take(kept))
    {
        let change = NewChange { kind, action, by: by.as_ref(), cause };
        write(connection, scope, change, &whats)?;
    }
    Ok(())
}

/// Forgets the changes that a transaction of many has kept: what they tell of is rolled back.
pub fn forget_unwritten(scope: &Scope) {
    if let Some(memory) = scope.memory() {
        memory.with(|Unwritten(kept): &mut Unwritten| kept.clear());
    }
}
