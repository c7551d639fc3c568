//! Leads with their references checked and named.

use crm_core::page::{Page, PageRequest};
use crm_core::values::User;
use crm_core::{Condition, DbConnection, LeadId, Scope};
use crm_history::MergeRequest;
use crm_leads::{Lead, LeadFilter, LeadPatch, LeadSort, NewLead};

use crate::merge::{self, Merged};
use crate::{SuiteError, references};

/// Makes a lead.
///
/// # Errors
/// Every problem of its fields, references, tags and custom fields; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewLead) -> Result<Lead, SuiteError> {
    Ok(crm_leads::create(connection, scope, new, references::hold)?)
}

/// One lead.
///
/// # Errors
/// [`crm_leads::LeadError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: LeadId) -> Result<Lead, SuiteError> {
    Ok(crm_leads::get(connection, scope, id)?)
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
    Ok(crm_leads::list(connection, scope, filter, request)?)
}

/// Changes a lead.
///
/// # Errors
/// Every problem of the patch; [`LeadError::NotFound`](crm_leads::LeadError::NotFound) and [`Unmet`](crm_leads::LeadError::Unmet); the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    patch: &LeadPatch,
) -> Result<Lead, SuiteError> {
    Ok(crm_leads::update(connection, scope, id, condition, patch, references::hold)?)
}

/// Puts a lead aside.
///
/// # Errors
/// [`LeadError::NotFound`](crm_leads::LeadError::NotFound) and [`Unmet`](crm_leads::LeadError::Unmet); the database's.
pub fn archive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    by: Option<&User>,
) -> Result<Lead, SuiteError> {
    Ok(crm_leads::archive(connection, scope, id, condition, by)?)
}

/// Takes a lead up again.
///
/// # Errors
/// [`LeadError::NotFound`](crm_leads::LeadError::NotFound) and [`Unmet`](crm_leads::LeadError::Unmet); the database's.
pub fn unarchive(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    by: Option<&User>,
) -> Result<Lead, SuiteError> {
    Ok(crm_leads::unarchive(connection, scope, id, condition, by)?)
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
    let merging = crm_leads::merge(connection, scope, target, condition, request, references::hold_each)?;
    let moved = merge::take_over(connection, scope, &merging)?;
    crm_leads::delete(connection, scope, merging.into_deletion())?;
    let lead = crm_leads::get(connection, scope, target)?;
    Ok(moved.with(lead))
}
