use crm_core::{Condition, DbConnection, OrganizationId, Scope};
use crm_forms::Form;
use crm_tags::TagKind;

use super::queries;
use super::service::complete_one;
use crate::labeled::{organization_emails, organization_phones};
use crate::merge::{in_order, joined_note};
use crate::{DirectoryError, MergeRequest, Organization};

/// Puts what the sources have into the target, and leaves them (contract/directory, "Merge"): the target keeps
/// every value it has, an empty field takes the first value in the order of the sources; addresses and numbers
/// become the union, custom fields are filled by key, notes are joined. The creator never changes.
///
/// All records are locked until the end of the transaction. The caller then points at the target whatever pointed
/// at a source, gives it the [tags](take_tags) of the sources, and [deletes](super::delete) them. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`DirectoryError::Invalid`] where the target is among the sources, or has more than 1 000 addresses or numbers
/// afterwards; [`DirectoryError::NotFound`] with all unknown ids; [`DirectoryError::Unmet`] of the target;
/// [`DirectoryError::NoteTooLong`]; the database's.
/// Where the merge is refused, nothing was written.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: OrganizationId,
    condition: &Condition<Organization>,
    request: &MergeRequest<OrganizationId>,
    form: &Form,
) -> Result<(), DirectoryError> {
    let sources = request.sources(target)?;
    let all: Vec<OrganizationId> = std::iter::once(target).chain(sources.iter().copied()).collect();
    let rows = queries::lock_rows(connection, scope, &all)?;
    if let Some(row) = rows.iter().find(|row| row.id == target) {
        condition.check(|| complete_one(connection, scope, row.clone(), form))?;
    }
    let rows = in_order(&all, rows.into_iter().map(|row| (row.id, row.values)).collect())?;
    let note = joined_note(rows.iter().map(|values| values.note.as_ref()))?;
    let Some(values) = rows.into_iter().reduce(|target, source| target.filled_from(source)) else { return Ok(()) };
    let values = values.merged(scope, note, request.last_updated_by.as_ref());
    let numbers: Vec<i64> = all.iter().map(|id| id.as_i64()).collect();
    let emails = organization_emails::merged(connection, scope, &numbers)?;
    let phones = organization_phones::merged(connection, scope, &numbers)?;
    queries::update(connection, scope, target, &values)?;
    organization_emails::replace(connection, scope, target.as_i64(), &emails)?;
    organization_phones::replace(connection, scope, target.as_i64(), &phones)?;
    Ok(())
}

/// Puts the tags of the sources of a merge on its target too. Tags are locked after all records, so that this comes
/// when whatever pointed at a source points at the target. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn take_tags(
    connection: &mut DbConnection,
    scope: &Scope,
    target: OrganizationId,
    sources: &[OrganizationId],
) -> Result<(), DirectoryError> {
    let sources: Vec<i64> = sources.iter().map(|id| id.as_i64()).collect();
    Ok(crm_tags::add_union(connection, scope, TagKind::Organization, target.as_i64(), &sources)?)
}
