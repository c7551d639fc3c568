//! Cases with their references checked and named. Case types need nothing from here: [`crm_cases::types`].

use crm_cases::{Case, CaseFilter, CasePatch, CaseSort, NewCase};
use crm_core::page::{Page, PageRequest};
use crm_core::{CaseId, DbConnection, Scope};

use crate::{SuiteError, names, references};

/// Makes a case.
///
/// # Errors
/// Every problem of its fields, references, tags and custom fields; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewCase) -> Result<Case, SuiteError> {
    let case = references::checked(connection, scope, new, |connection, new| {
        crm_cases::cases::create(connection, scope, new)
    })?;
    names::of(connection, scope, case)
}

/// One case.
///
/// # Errors
/// [`crm_cases::CaseError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> Result<Case, SuiteError> {
    let case = crm_cases::cases::get(connection, scope, id)?;
    names::of(connection, scope, case)
}

/// One case, locked until the end of the transaction.
///
/// # Errors
/// [`crm_cases::CaseError::NotFound`]; the database's.
pub fn get_locked(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> Result<Case, SuiteError> {
    let case = crm_cases::cases::get_locked(connection, scope, id)?;
    names::of(connection, scope, case)
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
    let mut page = crm_cases::cases::list(connection, scope, filter, request)?;
    names::fill(connection, scope, &mut page.items)?;
    Ok(page)
}

/// Changes a case; a change of its status walks the workflow of its type.
///
/// # Errors
/// Every problem of the patch; [`crm_cases::CaseError`] of the workflow; the database's.
pub fn update(connection: &mut DbConnection, scope: &Scope, id: CaseId, patch: &CasePatch) -> Result<Case, SuiteError> {
    let case = references::checked(connection, scope, patch, |connection, patch| {
        crm_cases::cases::update(connection, scope, id, patch)
    })?;
    names::of(connection, scope, case)
}

/// Deletes cases and returns those that existed.
///
/// # Errors
/// The database's.
pub fn delete(connection: &mut DbConnection, scope: &Scope, ids: &[CaseId]) -> Result<Vec<CaseId>, SuiteError> {
    Ok(crm_cases::cases::delete(connection, scope, ids)?)
}
