//! What an import made goes into the trash; what it changed becomes what it was, where nobody changed it since.

use crm_cases::Case;
use crm_core::error::collision;
use crm_core::input::JsonObject;
use crm_core::{Condition, DbConnection, ImportId, RecordId, Scope};
use crm_directory::{Contact, Organization};
use crm_history::{Change, FieldChange, Kind};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::SuiteError;
use crm_suite::batch::{self, BatchRequest, Item, MatchBy, Mode, Outcome};
use crm_suite::resource::Resource;
use crm_tags::TagError;
use diesel::prelude::*;
use serde_json::Value;

use super::row::ImportRow;
use super::schema::{import_records, imports};
use super::step::end;
use super::{ImportError, ImportState, TakenBack};
use crate::row::moved_members;

/// How many records are taken back in one transaction.
const RECORDS_AT_ONCE: i64 = 100;

/// Takes back some of what an import did; where nothing is left, that is done.
pub(super) fn step(connection: &mut DbConnection, scope: &Scope, row: &ImportRow) -> Result<(), ImportError> {
    let own = row.scope(scope);
    let record = Kind::from(row.kind()?.record());
    // The records first, then what was made because they name it. Of one sort in each transaction, as locks are taken.
    for (kind, is_new) in [(record, true), (record, false), (Kind::Organization, true), (Kind::Tag, true)] {
        let of_kind = import_records::table
            .filter(import_records::tenant_id.eq(scope.tenant()).and(import_records::import_id.eq(row.id)))
            .filter(import_records::kind.eq(kind.as_str()));
        let found: Vec<String> = of_kind
            .filter(import_records::is_new.eq(is_new))
            .order(import_records::record_id)
            .limit(RECORDS_AT_ONCE)
            .select(import_records::record_id)
            .load(connection)?;
        if found.is_empty() {
            continue;
        }
        let done = match kind {
            Kind::Lead => records::<Lead>(connection, &own, row, &found, is_new),
            Kind::Opportunity => records::<Opportunity>(connection, &own, row, &found, is_new),
            Kind::Contact => records::<Contact>(connection, &own, row, &found, is_new),
            Kind::Organization => records::<Organization>(connection, &own, row, &found, is_new),
            Kind::Case => records::<Case>(connection, &own, row, &found, is_new),
            _ => tags(connection, &own, row, &found),
        }?;
        let left_as_is = counted(found.len() - done);
        let (deleted, restored) = if is_new { (counted(done), 0) } else { (0, counted(done)) };
        diesel::delete(of_kind.filter(import_records::record_id.eq_any(found))).execute(connection)?;
        return count(connection, scope, row.id, TakenBack { deleted, restored, left_as_is });
    }
    end(connection, scope, row.id, ImportState::Undone)
}

fn count(connection: &mut DbConnection, scope: &Scope, id: ImportId, taken: TakenBack) -> Result<(), ImportError> {
    let TakenBack { deleted, restored, left_as_is } = taken;
    diesel::update(imports::table.find((scope.tenant(), id)))
        .set((
            imports::deleted.eq(imports::deleted + deleted),
            imports::restored.eq(imports::restored + restored),
            imports::left_as_is.eq(imports::left_as_is + left_as_is),
        ))
        .execute(connection)?;
    Ok(())
}

fn counted(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Deletes records, or makes them what they were; how many that was done to.
fn records<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    row: &ImportRow,
    found: &[String],
    is_new: bool,
) -> Result<usize, ImportError> {
    let ids: Vec<R::Id> = found.iter().filter_map(|id| id.parse().ok()).collect();
    if is_new { Ok(R::delete(connection, scope, &ids)?.len()) } else { restore::<R>(connection, scope, row, &ids) }
}

/// How many changes of a record are looked at.
const MOST_CHANGES: i64 = 50;

/// Makes records what they were before the import, unless somebody has changed them since; how many that was done to.
fn restore<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    row: &ImportRow,
    ids: &[R::Id],
) -> Result<usize, ImportError> {
    let (import, moved) = (row.id.to_string(), moved_members(row.kind()?));
    let is_own = |change: &Change| change.request_id.as_deref() == Some(import.as_str());
    let (mut items, mut seen) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
    for id in ids {
        let changes = latest::<R>(connection, scope, *id)?;
        let own: Vec<&Change> = changes.iter().take_while(|change| is_own(change)).collect();
        // Of one that many rows have changed the first of them may be among what was not read.
        let is_cut = counted(own.len()) == MOST_CHANGES;
        if let Some(last) = own.first().filter(|_| !is_cut) {
            let (mut body, moved) = before(&own, moved);
            body.insert("id".to_owned(), id.to_string().into());
            items.push(Item::read(Mode::Update, MatchBy::Id, &body).moved(&moved));
            seen.push((*id, last.id));
        }
    }
    let batch: BatchRequest<R> = BatchRequest { mode: Mode::Update, match_by: MatchBy::Id, atomic: false, items };
    let mut restored = 0;
    for (outcome, (id, last)) in batch::run(connection, scope, &batch)?.into_iter().zip(seen) {
        // What it was cannot be any more where somebody else has its external id, or a field was taken away.
        if matches!(outcome, Outcome::Failed(_)) {
            continue;
        }
        // Now that it is locked: what came behind what was seen is of this transaction.
        let since = latest::<R>(connection, scope, id)?;
        if !since.iter().take_while(|change| change.id != last).all(is_own) {
            return Err(collision("somebody changed a record that is taken back").into());
        }
        restored += 1;
    }
    Ok(restored)
}

fn latest<R: Resource>(connection: &mut DbConnection, scope: &Scope, id: R::Id) -> QueryResult<Vec<Change>> {
    crm_history::latest(connection, scope, Kind::from(R::Id::KIND), &id.to_string(), MOST_CHANGES)
}

/// What follows from others.
const FOLLOWING: &[&str] = &["lastUpdatedBy", "lastUpdatedOn"];

/// The members of a record as they were before these changes, the latest of which comes first: a patch, and those of `members`,
/// which no patch takes and which are moved in.
fn before(changes: &[&Change], members: &[&str]) -> (JsonObject, JsonObject) {
    let (mut body, mut moved, mut custom) = (JsonObject::new(), JsonObject::new(), JsonObject::new());
    for FieldChange { field, from, .. } in changes.iter().flat_map(|change| &change.changes) {
        match field.strip_prefix("customFields.") {
            Some(id) => drop(custom.insert(id.to_owned(), from.clone())),
            None if FOLLOWING.contains(&field.as_str()) => {}
            None if members.contains(&field.as_str()) => drop(moved.insert(field.clone(), from.clone())),
            None => drop(body.insert(field.clone(), from.clone())),
        }
    }
    if !custom.is_empty() {
        body.insert("customFields".to_owned(), Value::Object(custom));
    }
    (body, moved)
}

/// Tags go where nobody uses them, now that the records that the import made are gone; how many did.
fn tags(connection: &mut DbConnection, scope: &Scope, row: &ImportRow, found: &[String]) -> Result<usize, ImportError> {
    let (kind, mut deleted) = (row.kind()?.tags(), 0);
    for id in found.iter().filter_map(|id| id.parse().ok()) {
        if crm_tags::is_used(connection, scope, kind, id)? {
            continue;
        }
        match crm_tags::delete(connection, scope, kind, id, &Condition::none()) {
            Ok(()) => deleted += 1,
            Err(TagError::NotFound) => {}
            Err(error) => return Err(SuiteError::from(error).into()),
        }
    }
    Ok(deleted)
}
