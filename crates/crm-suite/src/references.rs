//! Whether the records exist that another one is about to point at.

use crm_core::values::{ReferencedRecords, Vanished};
use crm_core::{ContactId, DbConnection, FieldCode, FieldErrors, OrganizationId, RecordId, Scope, records};
use crm_directory::{contacts, organizations};
use diesel::QueryResult;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Keeps the records that another one is about to point at from being deleted before the end of the transaction. Gives the problems
/// with those that do not exist, which whoever writes the record tells together with everything else that is wrong.
pub(crate) fn hold(
    connection: &mut DbConnection,
    scope: &Scope,
    references: &ReferencedRecords,
) -> QueryResult<FieldErrors> {
    let mut errors = FieldErrors::new();
    let of_organization: Vec<OrganizationId> = references.organization.into_iter().collect();
    for id in missing(connection, scope, &of_organization, organizations::lock_missing)? {
        blame(&mut errors, ReferencedRecords::ORGANIZATION_FIELD, id);
    }
    let ids: Vec<ContactId> = references.contacts.iter().map(|(_, id)| *id).collect();
    let missing: HashSet<ContactId> = missing(connection, scope, &ids, contacts::lock_missing)?.into_iter().collect();
    for (field, id) in references.contacts.iter().filter(|(_, id)| missing.contains(id)) {
        blame(&mut errors, field, *id);
    }
    Ok(errors)
}

/// As [`hold`], of many inputs at once, whose problems each of them is told when it is written.
pub(crate) fn hold_each(connection: &mut DbConnection, scope: &Scope, all: &[ReferencedRecords]) -> QueryResult<()> {
    let organizations: Vec<OrganizationId> = all.iter().filter_map(|references| references.organization).collect();
    missing(connection, scope, &organizations, organizations::lock_missing)?;
    let contacts: Vec<ContactId> = all.iter().flat_map(|all| &all.contacts).map(|(_, id)| *id).collect();
    missing(connection, scope, &contacts, contacts::lock_missing)?;
    Ok(())
}

/// These were made in this transaction of many changes: nobody else knows of them.
pub(crate) fn know<I: RecordId + Eq + Hash>(scope: &Scope, made: &[I]) {
    if let Some(memory) = scope.memory() {
        memory.with(|known: &mut Held<I>| known.exists.extend(made.iter().map(|id| (*id, true))));
    }
}

/// Which of these do not exist; the others are held. A transaction of many changes asks for each once.
fn missing<I: RecordId + Eq + Hash>(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[I],
    lock_missing: impl FnOnce(&mut DbConnection, &Scope, &[I]) -> QueryResult<Vec<I>>,
) -> QueryResult<Vec<I>> {
    let Some(memory) = scope.memory() else {
        return if ids.is_empty() { Ok(Vec::new()) } else { lock_missing(connection, scope, ids) };
    };
    let mut unknown: Vec<I> =
        memory.with(|known: &mut Held<I>| ids.iter().filter(|id| !known.exists.contains_key(id)).copied().collect());
    unknown.sort_unstable_by_key(|id| id.as_i64());
    unknown.dedup();
    let mut missing = Vec::new();
    if !unknown.is_empty() {
        // One of them may have been made just now.
        records::settle(connection, scope)?;
        missing = lock_missing(connection, scope, &unknown)?;
    }
    let missing: HashSet<I> = missing.into_iter().collect();
    Ok(memory.with(|known: &mut Held<I>| {
        known.exists.extend(unknown.into_iter().map(|id| (id, !missing.contains(&id))));
        ids.iter().filter(|id| known.exists.get(id) == Some(&false)).copied().collect()
    }))
}

/// Which records of a kind a transaction of many changes has found and holds, or not found.
struct Held<I> {
    exists: HashMap<I, bool>,
}

impl<I> Default for Held<I> {
    fn default() -> Self {
        Self { exists: HashMap::new() }
    }
}

/// As [`hold`], of what a record that comes back pointed at. Gives what is not there any more.
pub(crate) fn hold_left(
    connection: &mut DbConnection,
    scope: &Scope,
    references: &ReferencedRecords,
) -> QueryResult<Vanished> {
    let organizations: Vec<OrganizationId> = references.organization.into_iter().collect();
    let contacts: Vec<ContactId> = references.contacts.iter().map(|(_, id)| *id).collect();
    Ok(Vanished {
        organizations: missing(connection, scope, &organizations, organizations::lock_missing)?,
        contacts: missing(connection, scope, &contacts, contacts::lock_missing)?,
    })
}

fn blame<I: RecordId>(errors: &mut FieldErrors, field: &str, id: I) {
    errors.push(field, FieldCode::UnknownReference, format_args!("no {} has the id {id}", I::KIND.name()));
}
