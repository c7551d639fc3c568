//! Cases with their references checked and named. Case types need nothing from here: [`crm_cases::types`].

use crm_cases::{Case, CaseFilter, CasePatch, CaseSort, NewCase};
use crm_core::page::{Page, PageRequest};
use crm_core::{CaseId, Condition, DbConnection, Scope};

use crate::{SuiteError, references};

/// Makes a case.
///
/// # Errors
/// Every problem of its fields, references, tags and custom fields; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewCase) -> Result<Case, SuiteError> {
    Ok(crm_cases::cases::create(connection, scope, new, references::hold)?)
}

/// One case.
///
/// # Errors
/// [`crm_cases::CaseError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> Result<Case, SuiteError> {
    Ok(crm_cases::cases::get(connection, scope, id)?)
}

/// A page of the cases that match.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &CaseFilter,
    request: &PageRequest<CaseSort>,
) -> Result<Page<Case>, SuiteError> {
    Ok(crm_cases::cases::list(connection, scope, filter, request)?)
}

/// Changes a case; a change of its status walks the workflow of its type.
///
/// # Errors
/// Every problem of the patch; [`CaseError`](crm_cases::CaseError) of the workflow, and [`Unmet`](crm_cases::CaseError::Unmet); the
/// database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseId,
    condition: &Condition<Case>,
    patch: &CasePatch,
) -> Result<Case, SuiteError> {
    Ok(crm_cases::cases::update(connection, scope, id, condition, patch, references::hold)?)
}

/// Deletes cases, if the condition is true of each, and returns those that existed.
///
/// # Errors
/// [`SuiteError::Unmet`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[CaseId],
    condition: &Condition<Case>,
) -> Result<Vec<CaseId>, SuiteError> {
    condition.check_each(|| {
        let ids = crm_cases::cases::lock(connection, scope, ids)?;
        ids.iter().map(|id| get(connection, scope, *id)).collect()
    })?;
    let deletion = crm_cases::cases::record_deletion(connection, scope, ids)?;
    Ok(crm_cases::cases::delete(connection, scope, deletion)?)
}
