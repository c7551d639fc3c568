use crm_core::page::{Page, PageRequest};
use crm_core::records::{Beside, Present, ShowsNames};
use crm_core::sql::Json;
use crm_core::values::{HasReferences, HoldReferences, User, unknown_reference};
use crm_core::{Condition, DbConnection, LeadId, Scope, numbering, records};
use crm_forms::search::{forget_and_index, index};
use crm_forms::{Form, FormKind};
use crm_history::{Action, Deletion, Fields, Kind, NewChange, What};
use crm_tags::TagKind;
use diesel::QueryResult;

use crate::check::{check_new, check_patch};
use crate::filter::SEARCHED;
use crate::restore::deleted;
use crate::row::{LeadRow, LeadValues};
use crate::told::ToldLead;
use crate::{Lead, LeadError, LeadFilter, LeadPatch, LeadSort, NewLead, participants, queries};

/// Makes a lead, and has what it points at [held](HoldReferences). Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::Invalid`] with every problem of its references, form and tags, nothing written; the database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewLead,
    hold: impl HoldReferences,
) -> Result<Lead, LeadError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let mut errors = hold(connection, scope, &new.references())?;
    let custom_fields = check_new(new, &form, &mut errors);
    let tags = crm_tags::resolve(connection, scope, TagKind::Lead, &new.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    let values = LeadValues::of_new(new, custom_fields, scope);
    let creator = scope.creator(new.creator.as_ref(), new.owner.as_ref());
    queries::claim_external_id(connection, scope, new.external_id.as_ref(), None)?;
    let id = numbering::next(connection, scope)?;
    let stored = values.custom_fields.0.clone();
    let made = queries::insert(connection, scope, LeadRow::of_new(id, values, creator, scope))
        .map_err(|error| unknown_reference(error, "leads", new.organization_id, new.contact_id))?;
    index(connection, scope, &SEARCHED, id.as_i64(), &stored, &form)?;
    participants::add(connection, scope, id, &new.participants)?;
    if !tags.is_empty() {
        crm_tags::give(connection, scope, id, &tags)?;
    }
    let change = NewChange::new(Kind::Lead, Action::Created).by(new.last_updated_by.as_ref());
    let lead = made.recorded(connection, scope, change, |row| {
        let lead = row.into_lead(scope, &form, new.participants.as_slice().to_vec(), tags);
        Ok((ToldLead::of(&lead, &stored).whole()?, lead))
    });
    Ok(named(connection, scope, lead?)?)
}

/// One lead, with the form that the tenant has: one statement.
///
/// # Errors
/// [`LeadError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: LeadId) -> Result<Lead, LeadError> {
    let (row, beside, form) = queries::find_whole(connection, scope, id)?.ok_or(LeadError::NotFound)?;
    Ok(whole(scope, row, beside, &crm_forms::of_stored(scope, FormKind::Pipeline, form)))
}

/// Locks a lead until the end of the transaction.
pub(crate) fn lock_one(connection: &mut DbConnection, scope: &Scope, id: LeadId) -> Result<LeadRow, LeadError> {
    queries::find_locked(connection, scope, id)?.ok_or(LeadError::NotFound)
}

/// A page of the leads that match. It takes three statements however many leads it has (form, rows, what other tables have of them), one more for a filter by title and two for one by tags, one before them for how many are few, and one more to count all matches where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &LeadFilter,
    request: &PageRequest<LeadSort>,
) -> Result<Page<Lead>, LeadError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let resolved = queries::resolve(connection, scope, filter, &form)?;
    let page = request.load_with_total(
        connection,
        scope,
        || queries::matching(scope, filter, &resolved),
        LeadRow::place,
        |connection| {
            crm_tags::total(connection, scope, TagKind::Lead, filter.is_by_tags_alone(), resolved.tags.as_ref())
        },
    )?;
    Ok(page.try_map(|rows| complete(connection, scope, rows, &form))?)
}

/// Changes a lead, and has what the patch points at [held](HoldReferences). What the patch has as it stands already is no change,
/// and a patch without any leaves the lead as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::NotFound`], [`LeadError::Unmet`], [`LeadError::Invalid`] with every problem of its references, form and tags,
/// nothing written; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    patch: &LeadPatch,
    hold: impl HoldReferences,
) -> Result<Lead, LeadError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let mut errors = hold(connection, scope, &patch.references())?;
    let (row, beside) = queries::find_whole_locked(connection, scope, id)?.ok_or(LeadError::NotFound)?;
    let present = whole(scope, row.clone(), beside, &form);
    condition.check(|| Ok::<_, LeadError>(present.clone()))?;
    let renames_who = patch.renames_who(scope, &present);
    let patch = patch.changes(&present, &mut errors);
    let Json(stored) = row.values.custom_fields.clone();
    let custom_fields = check_patch(&patch, &stored, &form, &mut errors);
    let tags = crm_tags::resolve_patch(connection, scope, TagKind::Lead, &patch.tags, &present.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    if !renames_who && patch.is_nothing() && tags.is_none() && custom_fields == stored {
        return Ok(present);
    }
    let has_other_values = custom_fields != stored;
    let values = row.values.patched(&patch, custom_fields, scope);
    let (organization, contact) = (patch.organization_id.value().copied(), patch.contact_id.value().copied());
    queries::claim_external_id(connection, scope, patch.external_id.value(), Some(id))?;
    let changed = queries::update(connection, scope, id, &values)
        .map_err(|error| unknown_reference(error, "leads", organization, contact))?;
    if has_other_values {
        forget_and_index(connection, scope, &SEARCHED, id.as_i64(), &values.custom_fields.0, &form)?;
    }
    if let Some(tags) = &tags {
        crm_tags::set(connection, scope, id, &present.tags, tags)?;
    }
    participants::patch(connection, scope, id, &patch.participants)?;
    let participants = patch.participants.applied_to_list(present.participants.clone()).into_vec();
    let tags = tags.unwrap_or_else(|| present.tags.clone());
    let change = NewChange::new(Kind::Lead, Action::Updated).by(patch.last_updated_by.value());
    let lead = changed.recorded(connection, scope, change, |row| {
        let lead = row.into_lead(scope, &form, participants, tags);
        let lead = lead.with_names_seen(&present);
        let before = ToldLead::of(&present, &stored);
        Ok((before.changed_to(&ToldLead::of(&lead, &values.custom_fields.0))?, lead))
    });
    Ok(named(connection, scope, lead?)?)
}

/// Puts a lead aside. One that is archived already stays as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::NotFound`], [`LeadError::Unmet`], nothing written; the database's.
pub fn archive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    by: Option<&User>,
) -> Result<Lead, LeadError> {
    set_archived(connection, scope, id, condition, (true, Action::Archived), by)
}

/// Takes a lead up again. One that is not archived stays as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::NotFound`], [`LeadError::Unmet`], nothing written; the database's.
pub fn unarchive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    by: Option<&User>,
) -> Result<Lead, LeadError> {
    set_archived(connection, scope, id, condition, (false, Action::Unarchived), by)
}

fn set_archived(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    (is_archived, action): (bool, Action),
    by: Option<&User>,
) -> Result<Lead, LeadError> {
    // Nothing of the form is written, so that it need not stay as it is.
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    // A transaction of many changes has locked it.
    let known = Present::<LeadRow>::take(scope, id);
    condition.check(|| match &known {
        Some((row, beside)) => Ok(whole(scope, row.clone(), beside.clone(), &form)),
        None => {
            let row = lock_one(connection, scope, id)?;
            complete_one(connection, scope, row, &form)
        }
    })?;
    let Some(changed) = queries::set_archived(connection, scope, id, is_archived, by)? else {
        return get(connection, scope, id);
    };
    let row = changed.recorded(connection, scope, NewChange::new(Kind::Lead, action).by(by), |row| {
        let fields = Fields::none().changed("isArchived", &!row.is_archived, &row.is_archived);
        Ok((What::changed(id, fields)?, row))
    });
    match known {
        Some((_, beside)) => Ok(whole(scope, row?, beside, &form)),
        None => complete_one(connection, scope, row?, &form),
    }
}

/// How many records are read at once that are about to be deleted.
const READ_AT_ONCE: usize = 200;

/// Locks those of these leads that exist and writes down that they are deleted. Whatever points at them is to be unlinked
/// before they are [deleted](delete). Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn record_deletion(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[LeadId],
) -> Result<Deletion<LeadId>, LeadError> {
    let form = Form::default_of(crm_forms::PIPELINE, scope.public_tenant());
    let change = NewChange::new(Kind::Lead, Action::Deleted);
    let mut deletion = Deletion::of_nothing();
    for ids in queries::lock(connection, scope, ids)?.chunks(READ_AT_ONCE) {
        let rows = queries::lock_rows(connection, scope, ids)?;
        let leads = complete(connection, scope, rows.clone(), &form)?;
        let told = leads.iter().zip(rows).map(|(lead, row)| Ok((lead.id, deleted(lead, row)?)));
        deletion = deletion.record(connection, scope, change, told.collect::<QueryResult<_>>()?)?;
    }
    Ok(deletion)
}

/// Deletes leads with their participants and the links to their tags, and returns them in ascending order. Whatever points
/// at them must have been unlinked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    deletion: Deletion<LeadId>,
) -> Result<Vec<LeadId>, LeadError> {
    crm_tags::lock_links(connection, scope, deletion.ids())?;
    queries::delete(connection, scope, &deletion)?;
    Ok(deletion.into_ids())
}

/// The leads of these rows with what other tables have of them, in one statement.
pub(crate) fn complete(
    connection: &mut DbConnection,
    scope: &Scope,
    rows: Vec<LeadRow>,
    form: &Form,
) -> QueryResult<Vec<Lead>> {
    let ids: Vec<LeadId> = rows.iter().map(|row| row.id).collect();
    let mut beside = queries::beside(connection, scope, &ids)?;
    let lead = |row: LeadRow| {
        let beside = beside.remove(&row.id).unwrap_or_default();
        whole(scope, row, beside, form)
    };
    Ok(rows.into_iter().map(lead).collect())
}

/// A lead that was written, with the names that it shows: one statement where they are not known yet.
fn named(connection: &mut DbConnection, scope: &Scope, lead: Lead) -> QueryResult<Lead> {
    records::named(scope, lead, |lead| Ok(queries::beside(connection, scope, &[lead.id])?.remove(&lead.id)))
}

/// The lead of a row with what other tables have of it.
pub(crate) fn whole(scope: &Scope, row: LeadRow, mut beside: Beside, form: &Form) -> Lead {
    let tags = crm_tags::stored(scope, beside.take_tags());
    let lead = row.into_lead(scope, form, beside.take_participants(), tags);
    lead.with_names_of(&mut beside)
}

pub(crate) fn complete_one(
    connection: &mut DbConnection,
    scope: &Scope,
    row: LeadRow,
    form: &Form,
) -> Result<Lead, LeadError> {
    Ok(records::only(complete(connection, scope, vec![row], form)?)?)
}
