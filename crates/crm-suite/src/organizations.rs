//! Organizations with everything that points at them.

use crm_core::page::{Page, PageRequest};
use crm_core::{Condition, DbConnection, OrganizationId, Scope};
use crm_directory::{
    Duplicates, DuplicatesRequest, IfNoDuplicate, NewOrganization, Organization, OrganizationFilter, OrganizationPatch,
    OrganizationSort, contacts, organizations,
};
use crm_history::MergeRequest;

use crate::SuiteError;
use crate::merge::{self, Merged};

/// Makes an organization.
///
/// # Errors
/// Every problem of its fields, tags and custom fields; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewOrganization) -> Result<Organization, SuiteError> {
    create_unless(connection, scope, new, &IfNoDuplicate::default())
}

/// As [`create`], unless it looks like one that there is.
///
/// # Errors
/// As [`create`]; [`crm_directory::DirectoryError::Duplicate`].
pub fn create_unless(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewOrganization,
    unless: &IfNoDuplicate,
) -> Result<Organization, SuiteError> {
    Ok(organizations::create_unless(connection, scope, new, unless)?)
}

/// One organization.
///
/// # Errors
/// That it does not exist; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: OrganizationId) -> Result<Organization, SuiteError> {
    Ok(organizations::get(connection, scope, id)?)
}

/// A page of the organizations that match.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OrganizationFilter,
    request: &PageRequest<OrganizationSort>,
) -> Result<Page<Organization>, SuiteError> {
    Ok(organizations::list(connection, scope, filter, request)?)
}

/// A page of the organizations that look like one, in groups.
///
/// # Errors
/// The database's.
pub fn duplicates(
    connection: &mut DbConnection,
    scope: &Scope,
    request: &DuplicatesRequest,
) -> Result<Page<Duplicates>, SuiteError> {
    Ok(organizations::duplicates(connection, scope, request)?)
}

/// Changes an organization.
///
/// # Errors
/// Every problem of the patch; that it does not exist, or is not as expected; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OrganizationId,
    condition: &Condition<Organization>,
    patch: &OrganizationPatch,
) -> Result<Organization, SuiteError> {
    Ok(organizations::update(connection, scope, id, condition, patch)?)
}

/// Deletes organizations, if the condition is true of each, takes every reference to them away, and returns those that existed.
///
/// # Errors
/// That one is not as expected; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OrganizationId],
    condition: &Condition<Organization>,
) -> Result<Vec<OrganizationId>, SuiteError> {
    // Locked first: nobody can point at them from here on.
    let ids = organizations::lock(connection, scope, ids)?;
    condition.check_each(|| ids.iter().map(|id| get(connection, scope, *id)).collect())?;
    let deletion = organizations::record_deletion(connection, scope, &ids)?;
    contacts::unlink_organizations(connection, scope, &ids)?;
    crm_leads::unlink_organizations(connection, scope, &ids)?;
    crm_opportunities::unlink_organizations(connection, scope, &ids)?;
    crm_cases::cases::unlink_organizations(connection, scope, &ids)?;
    Ok(organizations::delete(connection, scope, deletion)?)
}

/// Merges organizations into one: it is filled up from them, everything that pointed at them points at it,
/// and they are deleted.
///
/// # Errors
/// Unknown ids, a target that is not as expected or is among the sources, notes that are too long: nothing is changed once the
/// transaction is rolled back. The database's.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: OrganizationId,
    condition: &Condition<Organization>,
    request: &MergeRequest<OrganizationId>,
) -> Result<Merged<Organization>, SuiteError> {
    let merging = organizations::merge(connection, scope, target, condition, request)?;
    let sources = merging.sources();
    contacts::repoint_organizations(connection, scope, sources, target)?;
    crm_leads::repoint_organizations(connection, scope, sources, target)?;
    crm_opportunities::repoint_organizations(connection, scope, sources, target)?;
    crm_cases::cases::repoint_organizations(connection, scope, sources, target)?;
    let moved = merge::take_over(connection, scope, &merging)?;
    organizations::delete(connection, scope, merging.into_deletion())?;
    Ok(moved.with(organizations::get(connection, scope, target)?))
}
