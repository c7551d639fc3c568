//! Contacts with their organization checked, and everything that points at them.

use crm_core::page::{Page, PageRequest};
use crm_core::{Condition, ContactId, DbConnection, Scope};
use crm_directory::{
    Contact, ContactFilter, ContactPatch, ContactSort, Duplicates, DuplicatesRequest, IfNoDuplicate, NewContact,
    contacts,
};
use crm_history::MergeRequest;

use crate::merge::{self, Merged};
use crate::{SuiteError, references};

/// Makes a contact.
///
/// # Errors
/// Every problem of its fields, organization, tags and custom fields; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewContact) -> Result<Contact, SuiteError> {
    create_unless(connection, scope, new, &IfNoDuplicate::default())
}

/// As [`create`], unless it looks like one that there is.
///
/// # Errors
/// As [`create`]; [`crm_directory::DirectoryError::Duplicate`].
pub fn create_unless(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewContact,
    unless: &IfNoDuplicate,
) -> Result<Contact, SuiteError> {
    Ok(contacts::create_unless(connection, scope, new, unless, references::hold)?)
}

/// One contact.
///
/// # Errors
/// That it does not exist; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: ContactId) -> Result<Contact, SuiteError> {
    Ok(contacts::get(connection, scope, id)?)
}

/// A page of the contacts that match.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &ContactFilter,
    request: &PageRequest<ContactSort>,
) -> Result<Page<Contact>, SuiteError> {
    Ok(contacts::list(connection, scope, filter, request)?)
}

/// A page of the contacts that look like one, in groups.
///
/// # Errors
/// The database's.
pub fn duplicates(
    connection: &mut DbConnection,
    scope: &Scope,
    request: &DuplicatesRequest,
) -> Result<Page<Duplicates>, SuiteError> {
    Ok(contacts::duplicates(connection, scope, request)?)
}

/// Changes a contact.
///
/// # Errors
/// Every problem of the patch; that it does not exist, or is not as expected; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ContactId,
    condition: &Condition<Contact>,
    patch: &ContactPatch,
) -> Result<Contact, SuiteError> {
    Ok(contacts::update(connection, scope, id, condition, patch, references::hold)?)
}

/// Deletes contacts, if the condition is true of each, takes every reference to them away, and returns those that existed.
///
/// # Errors
/// That one is not as expected; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[ContactId],
    condition: &Condition<Contact>,
) -> Result<Vec<ContactId>, SuiteError> {
    // Locked first: nobody can point at them from here on.
    let ids = contacts::lock(connection, scope, ids)?;
    condition.check_each(|| ids.iter().map(|id| get(connection, scope, *id)).collect())?;
    let deletion = contacts::record_deletion(connection, scope, &ids)?;
    crm_leads::unlink_contacts(connection, scope, &ids)?;
    crm_opportunities::unlink_contacts(connection, scope, &ids)?;
    crm_cases::cases::unlink_contacts(connection, scope, &ids)?;
    Ok(contacts::delete(connection, scope, deletion)?)
}

/// Merges contacts into one: it is filled up from them, everything that pointed at them points at it, and they
/// are deleted.
///
/// # Errors
/// Unknown ids, a target that is not as expected or is among the sources, notes that are too long: nothing is changed once the transaction
/// is rolled back. The database's.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: ContactId,
    condition: &Condition<Contact>,
    request: &MergeRequest<ContactId>,
) -> Result<Merged<Contact>, SuiteError> {
    let merging = contacts::merge(connection, scope, target, condition, request)?;
    let sources = merging.sources();
    crm_leads::repoint_contacts(connection, scope, sources, target)?;
    crm_opportunities::repoint_contacts(connection, scope, sources, target)?;
    crm_cases::cases::repoint_contacts(connection, scope, sources, target)?;
    let moved = merge::take_over(connection, scope, &merging)?;
    contacts::delete(connection, scope, merging.into_deletion())?;
    Ok(moved.with(contacts::get(connection, scope, target)?))
}
