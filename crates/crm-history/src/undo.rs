//! What a deletion or a merge did to other records, done back when its record is restored.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crm_core::values::Participant;
use crm_core::{BackendKind, ContactId, DbConnection, RecordId, RecordKind, Scope, each_backend};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde::Deserialize;

use crate::{Action, ChangeId, ContactColumns, Fields, Kind, NewChange, ReferenceColumn, What, linked, record_each};

/// A deletion or merge that is undone.
#[derive(Debug, Clone, Copy)]
pub struct Undone<I> {
    /// The record that is there again.
    pub id: I,
    /// The change that the changes elsewhere followed from.
    pub did: ChangeId,
    /// The change that brought the record back.
    pub restored: ChangeId,
    /// The record that it was merged into.
    pub target: Option<I>,
}

impl<I: RecordId> Undone<I> {
    /// What a record that is pointed back tells of that.
    #[must_use]
    pub fn fields(&self) -> Fields {
        let to = self.target.map(|target| target.to_string());
        Fields::none().changed(&field::<I>(), &to, &Some(self.id.to_string()))
    }

    /// The text in the changes of records that pointed at it.
    fn pattern(&self) -> String {
        let to = self.target.map_or("null".to_owned(), |target| format!("\"{target}\""));
        format!("%{{\"field\":\"{}\",\"from\":\"{}\",\"to\":{to}}}%", field::<I>(), self.id)
    }
}

fn field<I: RecordId>() -> String {
    format!("{}Id", Kind::from(I::KIND))
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The records of a table that pointed at an undone record and now point at what the deletion or merge left them. In the
/// order of their ids, locked where that is asked for.
fn pointing<I: RecordId>(
    connection: &mut DbConnection,
    scope: &Scope,
    (table, column, of): (&str, &str, RecordKind),
    undone: &Undone<I>,
    locked: bool,
) -> QueryResult<Vec<i64>> {
    let postgres = connection.kind() == BackendKind::Postgres;
    let lock = if locked && postgres { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT r.id FROM {table} r WHERE r.tenant_id = $1 AND r.{column} IS NOT DISTINCT FROM $5 AND r.id IN \
         (SELECT CAST(c.record_id AS BIGINT) FROM changes c WHERE c.tenant_id = $1 AND c.cause = $2 AND c.kind = $3 \
         AND CAST(c.fields AS TEXT) LIKE $4) ORDER BY r.id{lock}"
    );
    let sql = if postgres { sql } else { sql.replace('$', "?") };
    let query = diesel::sql_query(sql)
        .bind::<BigInt, _>(scope.tenant())
        .bind::<BigInt, _>(undone.did.as_i64())
        .bind::<Text, _>(Kind::from(of).as_str())
        .bind::<Text, _>(undone.pattern())
        .bind::<Nullable<BigInt>, _>(undone.target.map(RecordId::as_i64));
    let found: Vec<Found> = each_backend!(connection, connection => query.load(connection))?;
    Ok(found.into_iter().map(|Found { id }| id).collect())
}

impl ReferenceColumn {
    /// The records that pointed at an undone record, and can do so again: locked in ascending order.
    ///
    /// # Errors
    /// The database's.
    pub fn pointing<I: RecordId, O: RecordId>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        undone: &Undone<O>,
    ) -> QueryResult<Vec<I>> {
        let (table, column, of, _) = self.parts();
        let found = pointing(connection, scope, (table, column, of), undone, true)?;
        Ok(found.into_iter().map(I::from_i64).collect())
    }
}

/// What was kept of participants that a deletion or merge took out of lists.
#[derive(Deserialize)]
#[serde(untagged)]
enum KeptPlaces {
    /// Of a merge: those whose place the target took, and whether it took part itself.
    Merged { had: bool, gone: Vec<GonePlace> },
    /// Of the deletion of a contact: its own.
    Deleted { position: i16, name: Option<String> },
}

#[derive(Deserialize)]
struct GonePlace {
    id: ContactId,
    position: i16,
    name: Option<String>,
}

/// The participants of records.
type Lists<I> = HashMap<I, Vec<Participant>>;

/// A place among the participants of a record that a restored contact can have again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The record.
    pub record: i64,
    /// Where in its list.
    pub position: i16,
    /// The name that came with the participant.
    pub name: Option<String>,
    /// Of a merge: those who must take part for the target to leave, which it does where it has the place only from them.
    pub held_for: Option<Vec<ContactId>>,
}

/// Where a restored contact can be again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The records whose contact it was.
    pub own: Vec<i64>,
    /// Its places in lists of participants.
    pub listed: Vec<Place>,
}

impl Places {
    /// All of these records.
    #[must_use]
    pub fn records<I: RecordId>(&self) -> Vec<I> {
        self.own.iter().copied().chain(self.listed.iter().map(|place| place.record)).map(I::from_i64).collect()
    }

    /// Those in records that are locked, with these participants: a place that the target of a merge has given up since is
    /// not taken from whoever has it.
    #[must_use]
    pub fn still_free<I: RecordId + Eq + Hash>(
        self,
        locked: &[I],
        undone: &Undone<ContactId>,
        before: &Lists<I>,
    ) -> Self {
        let locked: HashSet<i64> = locked.iter().map(|id| id.as_i64()).collect();
        let Self { mut own, mut listed } = self;
        own.retain(|id| locked.contains(id));
        listed.retain(|place| {
            let has = |id: ContactId| takes_part(before, I::from_i64(place.record), id);
            locked.contains(&place.record) && !has(undone.id) && undone.target.is_none_or(has)
        });
        Self { own, listed }
    }

    /// The records whose list the target of a merge leaves: it has its place there only from others, who all have theirs again.
    #[must_use]
    pub fn left_by_target<I: RecordId + Eq + Hash>(&self, before: &Lists<I>) -> Vec<I> {
        let leaves = |place: &&Place| {
            let record = I::from_i64(place.record);
            place.held_for.as_ref().is_some_and(|others| others.iter().all(|id| takes_part(before, record, *id)))
        };
        self.listed.iter().filter(leaves).map(|place| I::from_i64(place.record)).collect()
    }

    /// Writes down what became of the records, with their participants before and after.
    ///
    /// # Errors
    /// The database's.
    pub fn record<I: RecordId + Eq + Hash>(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        undone: &Undone<ContactId>,
        (before, after): (&Lists<I>, &Lists<I>),
    ) -> QueryResult<()> {
        let own: HashSet<i64> = self.own.iter().copied().collect();
        let mut records: Vec<i64> = self.records::<I>().into_iter().map(RecordId::as_i64).collect();
        records.sort_unstable();
        records.dedup();
        let list =
            |lists: &Lists<I>, id: I| linked(lists.get(&id).into_iter().flatten().map(|participant| participant.id));
        let whats = records.into_iter().map(|number| {
            let id = I::from_i64(number);
            let fields = if own.contains(&number) { undone.fields() } else { Fields::none() };
            What::changed(id, fields.compare("participants", &list(before, id), &list(after, id)))
        });
        let whats: Vec<What> = whats.collect::<QueryResult<_>>()?;
        let change = NewChange::new(Kind::from(I::KIND), Action::Updated).following(undone.restored);
        record_each(connection, scope, change, &whats)?;
        Ok(())
    }
}

fn takes_part<I: RecordId + Eq + Hash>(lists: &Lists<I>, record: I, contact: ContactId) -> bool {
    lists.get(&record).is_some_and(|list| list.iter().any(|participant| participant.id == contact))
}

#[derive(QueryableByName)]
struct KeptRow {
    #[diesel(sql_type = BigInt)]
    record: i64,
    #[diesel(sql_type = Text)]
    kept: String,
}

impl ContactColumns {
    /// Where a restored contact was, as far as the records are still there; nothing is locked.
    ///
    /// # Errors
    /// The database's.
    pub fn places(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        undone: &Undone<ContactId>,
    ) -> QueryResult<Places> {
        let (table, of) = self.parts();
        let own = pointing(connection, scope, (table, "contact_id", of), undone, false)?;
        let sql = format!(
            "SELECT r.id AS record, CAST(c.kept AS TEXT) AS kept FROM changes c \
             JOIN {table} r ON r.tenant_id = $1 AND r.id = CAST(c.record_id AS BIGINT) \
             WHERE c.tenant_id = $1 AND c.cause = $2 AND c.kind = $3 AND c.kept IS NOT NULL ORDER BY r.id"
        );
        let sql = if connection.kind() == BackendKind::Postgres { sql } else { sql.replace('$', "?") };
        let query = diesel::sql_query(sql)
            .bind::<BigInt, _>(scope.tenant())
            .bind::<BigInt, _>(undone.did.as_i64())
            .bind::<Text, _>(Kind::from(of).as_str());
        let rows: Vec<KeptRow> = each_backend!(connection, connection => query.load(connection))?;
        let places = rows.into_iter().map(|KeptRow { record, kept }| {
            let kept: KeptPlaces = serde_json::from_str(&kept).map_err(unreadable)?;
            Ok(kept.of(record, undone.id))
        });
        Ok(Places { own, listed: places.filter_map(Result::transpose).collect::<QueryResult<_>>()? })
    }
}

impl KeptPlaces {
    fn of(self, record: i64, contact: ContactId) -> Option<Place> {
        match self {
            Self::Deleted { position, name } => Some(Place { record, position, name, held_for: None }),
            Self::Merged { had, mut gone } => {
                let own = gone.iter().position(|place| place.id == contact)?;
                let GonePlace { id: _, position, name } = gone.swap_remove(own);
                let others = gone.into_iter().map(|place| place.id).collect();
                Some(Place { record, position, name, held_for: (!had).then_some(others) })
            }
        }
    }
}

fn unreadable(error: serde_json::Error) -> DieselError {
    DieselError::DeserializationError(Box::new(error))
}
