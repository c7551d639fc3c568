//! Leads with their references checked and named.

use crm_core::page::{Page, PageRequest};
use crm_core::values::User;
use crm_core::{Condition, DbConnection, LeadId, Scope};
use crm_forms::{Form, FormKind};
use crm_history::MergeRequest;
use crm_leads::{Lead, LeadError, LeadFilter, LeadPatch, LeadSort, LockedLead, NewLead};
use crm_tags::TagKind;

use crate::merge::{self, Merged};
use crate::{SuiteError, references};

/// Makes a lead.
///
/// # Errors
/// Every problem of its fields, references, tags and custom fields; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewLead) -> Result<Lead, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let problems = references::checked(connection, scope, new)?;
    Ok(crm_leads::create(connection, scope, new, problems, &form)?)
}

/// One lead.
///
/// # Errors
/// [`crm_leads::LeadError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: LeadId) -> Result<Lead, SuiteError> {
    Ok(crm_leads::get(connection, scope, id)?)
}

/// A lead that is locked, as clients see it.
fn shown(connection: &mut DbConnection, scope: &Scope, lead: &LockedLead, form: &Form) -> Result<Lead, SuiteError> {
    Ok(lead.read(connection, scope, form)?)
}

/// A page of the leads that match.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &LeadFilter,
    request: &PageRequest<LeadSort>,
) -> Result<Page<Lead>, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    Ok(crm_leads::list(connection, scope, filter, request, &form)?)
}

/// Changes a lead.
///
/// # Errors
/// Every problem of the patch; [`crm_leads::LeadError::NotFound`]; [`SuiteError::Unmet`]; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    patch: &LeadPatch,
) -> Result<Lead, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let problems = references::checked(connection, scope, patch)?;
    let lead = crm_leads::lock_one(connection, scope, id)?;
    condition.check(|| shown(connection, scope, &lead, &form))?;
    Ok(crm_leads::update(connection, scope, lead, patch, problems, &form)?)
}

/// Puts a lead aside.
///
/// # Errors
/// [`crm_leads::LeadError::NotFound`]; [`SuiteError::Unmet`]; the database's.
pub fn archive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    by: Option<&User>,
) -> Result<Lead, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    condition.check(|| locked(connection, scope, id, &form))?;
    Ok(crm_leads::archive(connection, scope, id, by, &form)?)
}

/// Takes a lead up again.
///
/// # Errors
/// [`crm_leads::LeadError::NotFound`]; [`SuiteError::Unmet`]; the database's.
pub fn unarchive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    by: Option<&User>,
) -> Result<Lead, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    condition.check(|| locked(connection, scope, id, &form))?;
    Ok(crm_leads::unarchive(connection, scope, id, by, &form)?)
}

/// A lead as clients see it, locked: what a change that needs nothing of the lead compares with its condition.
fn locked(connection: &mut DbConnection, scope: &Scope, id: LeadId, form: &Form) -> Result<Lead, SuiteError> {
    let lead = crm_leads::lock_one(connection, scope, id)?;
    shown(connection, scope, &lead, form)
}

/// Deletes leads, if the condition is true of each, and returns those that existed. Opportunities that were made of them
/// stay, without their lead.
///
/// # Errors
/// [`SuiteError::Unmet`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[LeadId],
    condition: &Condition<Lead>,
) -> Result<Vec<LeadId>, SuiteError> {
    // Locked first: nobody can make an opportunity of them from here on.
    let ids = crm_leads::lock(connection, scope, ids)?;
    condition.check_each(|| ids.iter().map(|id| get(connection, scope, *id)).collect())?;
    let deletion = crm_leads::record_deletion(connection, scope, &ids)?;
    crm_opportunities::unlink_leads(connection, scope, &ids)?;
    Ok(crm_leads::delete(connection, scope, deletion)?)
}

/// Merges leads into one: it is filled up from them, and they are deleted.
///
/// # Errors
/// Unknown ids, a target that is not as expected or is among the sources, a source that was converted, notes that are too long, more
/// participants or followers than a lead may have: nothing is changed once the transaction is rolled back. The database's, a
/// [collision](crm_core::error::Fault::Collision) among them where a lead was made to point elsewhere in between.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: LeadId,
    condition: &Condition<Lead>,
    request: &MergeRequest<LeadId>,
) -> Result<Merged<Lead>, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let all = request.all(target).map_err(LeadError::from)?;
    // What the target will point at is held before the leads are locked, as everybody does.
    let held = crm_leads::references(connection, scope, &all)?;
    references::hold_each(connection, scope, &held)?;
    let leads = crm_leads::lock_to_merge(connection, scope, all, &held, &form)?;
    condition.check_together(leads.records(), |lead| lead.id == target)?;
    let merging = crm_leads::merge(connection, scope, leads, request, &form)?;
    let moved = merge::take_over(connection, scope, TagKind::Lead, &merging)?;
    crm_leads::delete(connection, scope, merging.into_deletion())?;
    let lead = crm_leads::get(connection, scope, target)?;
    Ok(moved.with(lead))
}
