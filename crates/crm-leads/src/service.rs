use crm_core::page::{Page, PageRequest};
use crm_core::values::{User, unknown_reference};
use crm_core::{DbConnection, FieldErrors, LeadId, OpportunityId, Scope, numbering, records};
use crm_forms::Form;
use crm_tags::TagKind;
use diesel::QueryResult;

use crate::check::{check_new, check_patch};
use crate::row::{LeadRow, LeadValues};
use crate::{Lead, LeadError, LeadFilter, LeadPatch, LeadSort, NewLead, participants, queries};

/// Makes a lead. The caller has checked its [references](crm_core::values::Referring), and gives the problems that it
/// found, to be told with all others. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::Invalid`] with every problem of its references, form and tags, nothing written; the database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewLead,
    mut errors: FieldErrors,
    form: &Form,
) -> Result<Lead, LeadError> {
    let custom_fields = check_new(new, form, &mut errors);
    let tags = crm_tags::resolve(connection, scope, TagKind::Lead, &new.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    let values = LeadValues::of_new(new, custom_fields, scope);
    let creator = scope.creator(new.creator.as_ref(), new.owner.as_ref());
    let id = numbering::next(connection, scope)?;
    let is_archived = false;
    let row = queries::insert(connection, scope, id, creator, &values, is_archived)
        .map_err(|error| unknown_reference(error, "leads", new.organization_id, new.contact_id))?;
    participants::add(connection, scope, id, &new.participants)?;
    if !tags.is_empty() {
        crm_tags::set(connection, scope, TagKind::Lead, id.as_i64(), &tags)?;
    }
    Ok(row.into_lead(scope, form, new.participants.as_slice().to_vec(), tags))
}

/// One lead.
///
/// # Errors
/// [`LeadError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: LeadId, form: &Form) -> Result<Lead, LeadError> {
    let row = queries::find(connection, scope, id)?.ok_or(LeadError::NotFound)?;
    complete_one(connection, scope, row, form)
}

/// A lead that is locked until the end of the transaction, as it is: what a change of it begins with.
#[derive(Debug)]
pub struct LockedLead(LeadRow);

impl LockedLead {
    /// The lead, in two statements.
    ///
    /// # Errors
    /// The database's.
    pub fn read(&self, connection: &mut DbConnection, scope: &Scope, form: &Form) -> Result<Lead, LeadError> {
        complete_one(connection, scope, self.0.clone(), form)
    }
}

/// Locks a lead until the end of the transaction. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::NotFound`]; the database's.
pub fn lock_one(connection: &mut DbConnection, scope: &Scope, id: LeadId) -> Result<LockedLead, LeadError> {
    queries::find_locked(connection, scope, id)?.map(LockedLead).ok_or(LeadError::NotFound)
}

/// A page of the leads that match. It takes three statements however many leads it has (rows, participants,
/// tags), one more for a filter by title or by tags, and one more to count all matches where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &LeadFilter,
    request: &PageRequest<LeadSort>,
    form: &Form,
) -> Result<Page<Lead>, LeadError> {
    let narrowed = queries::narrow(connection, scope, filter)?;
    let page = request.load(connection, scope, || queries::matching(scope, filter, &narrowed), LeadRow::place)?;
    Ok(page.try_map(|rows| complete(connection, scope, rows, form))?)
}

/// Changes a lead that is locked. What the patch has as it stands already is no change, and a patch without any leaves it as
/// it is. The caller has checked the patch's [references](crm_core::values::Referring), and gives the problems that it
/// found, to be told with all others.
///
/// # Errors
/// [`LeadError::Invalid`] with every problem of its references, form and tags, nothing written; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    LockedLead(row): LockedLead,
    patch: &LeadPatch,
    mut errors: FieldErrors,
    form: &Form,
) -> Result<Lead, LeadError> {
    let id = row.id;
    let present = complete_one(connection, scope, row.clone(), form)?;
    let renames_who = patch.renames_who(scope, &present);
    let patch = patch.changes(&present, &mut errors);
    let stored = &row.values.custom_fields.0;
    let custom_fields = check_patch(&patch, stored, form, &mut errors);
    let tags = crm_tags::resolve_patch(connection, scope, TagKind::Lead, &patch.tags, &present.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    if !renames_who && patch.is_nothing() && tags.is_none() && custom_fields == *stored {
        return Ok(present);
    }
    let values = row.values.patched(&patch, custom_fields, scope);
    let (organization, contact) = (patch.organization_id.value().copied(), patch.contact_id.value().copied());
    let row = queries::update(connection, scope, id, &values)
        .map_err(|error| unknown_reference(error, "leads", organization, contact))?;
    if let Some(tags) = &tags {
        crm_tags::set(connection, scope, TagKind::Lead, id.as_i64(), tags)?;
    }
    participants::patch(connection, scope, id, &patch.participants)?;
    let participants = patch.participants.applied_to_list(present.participants);
    Ok(row.into_lead(scope, form, participants.into_vec(), tags.unwrap_or(present.tags)))
}

/// Puts a lead aside. One that is archived already stays as it is.
///
/// # Errors
/// [`LeadError::NotFound`]; the database's.
pub fn archive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    by: Option<&User>,
    form: &Form,
) -> Result<Lead, LeadError> {
    let row = queries::set_archived(connection, scope, id, true, by)?;
    changed_or_as_it_is(connection, scope, id, row, form)
}

/// Takes a lead up again. One that is not archived stays as it is.
///
/// # Errors
/// [`LeadError::NotFound`]; the database's.
pub fn unarchive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    by: Option<&User>,
    form: &Form,
) -> Result<Lead, LeadError> {
    let row = queries::set_archived(connection, scope, id, false, by)?;
    changed_or_as_it_is(connection, scope, id, row, form)
}

fn changed_or_as_it_is(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    changed: Option<LeadRow>,
    form: &Form,
) -> Result<Lead, LeadError> {
    match changed {
        Some(row) => complete_one(connection, scope, row, form),
        None => get(connection, scope, id, form),
    }
}

/// Deletes leads with their participants and the links to their tags, and returns those that existed, in
/// ascending order. Whatever points at them must have been unlinked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn delete(connection: &mut DbConnection, scope: &Scope, ids: &[LeadId]) -> Result<Vec<LeadId>, LeadError> {
    let found = queries::lock(connection, scope, ids)?;
    let numbers: Vec<i64> = found.iter().map(|id| id.as_i64()).collect();
    crm_tags::lock_links(connection, scope, TagKind::Lead, &numbers)?;
    queries::delete(connection, scope, &found)?;
    Ok(found)
}

/// Marks a lead as converted into an opportunity. Of any number of callers at once one succeeds.
///
/// # Errors
/// [`LeadError::AlreadyConverted`], [`LeadError::Archived`], [`LeadError::NotFound`]; the database's.
pub fn mark_converted(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    opportunity: OpportunityId,
    by: Option<&User>,
) -> Result<(), LeadError> {
    if queries::set_converted(connection, scope, id, opportunity, by)? {
        return Ok(());
    }
    let row = queries::find(connection, scope, id)?.ok_or(LeadError::NotFound)?;
    Err(if row.converted_on.is_some() { LeadError::AlreadyConverted(row.opportunity_id) } else { LeadError::Archived })
}

/// The leads of these rows with their participants and tags, in two statements.
fn complete(connection: &mut DbConnection, scope: &Scope, rows: Vec<LeadRow>, form: &Form) -> QueryResult<Vec<Lead>> {
    let ids: Vec<LeadId> = rows.iter().map(|row| row.id).collect();
    let numbers: Vec<i64> = ids.iter().map(|id| id.as_i64()).collect();
    let mut participants = participants::of(connection, scope, &ids)?;
    let mut tags = crm_tags::of(connection, scope, TagKind::Lead, &numbers)?;
    let lead = |row: LeadRow| {
        let id = row.id;
        let participants = participants.remove(&id).unwrap_or_default();
        row.into_lead(scope, form, participants, tags.remove(&id.as_i64()).unwrap_or_default())
    };
    Ok(rows.into_iter().map(lead).collect())
}

fn complete_one(connection: &mut DbConnection, scope: &Scope, row: LeadRow, form: &Form) -> Result<Lead, LeadError> {
    Ok(records::only(complete(connection, scope, vec![row], form)?)?)
}
