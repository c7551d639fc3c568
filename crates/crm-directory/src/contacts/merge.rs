use crm_core::error::collision;
use crm_core::records::run_again_where_taken;
use crm_core::{Condition, ContactId, DbConnection, Scope};
use crm_forms::Form;
use crm_forms::search::forget_and_index;
use crm_history::{Action, Deletion, Kind, NewChange};
use crm_tags::TagKind;
use diesel::QueryResult;

use super::filter::SEARCHED;
use super::queries;
use super::restore::deleted;
use super::row::{ContactRow, ContactValues};
use super::service::complete;
use super::told::ToldContact;
use crate::labeled::{contact_emails, contact_phones};
use crate::merge::{Merging, in_order, joined_note, union_of_tags};
use crate::{Contact, DirectoryError, MergeRequest};

/// Puts what the sources have into the target, and leaves them (docs/compatibility.md, "Contacts and organizations"): the target keeps
/// every value it has, an empty field, the external id too, takes the first value in the order of the sources; addresses and numbers
/// become the union, custom fields are filled by key, notes are joined. The creator never changes.
///
/// All records are locked until the end of the transaction, and what becomes of them is written down. The caller then points at the target whatever pointed
/// at a source, gives it the [tags](take_tags) of the sources, and [deletes](super::delete) them. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`DirectoryError::Invalid`] where the target is among the sources, or has more than 1 000 addresses or numbers
/// afterwards; [`DirectoryError::NotFound`] with all unknown ids; [`DirectoryError::Unmet`] of the target;
/// [`DirectoryError::NoteTooLong`]; the database's,
/// a serialization failure among them where another merge came in between: the transaction is to be run again.
/// Where the merge is refused, nothing was written.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: ContactId,
    condition: &Condition<Contact>,
    request: &MergeRequest<ContactId>,
    form: &Form,
) -> Result<Merging<ContactId>, DirectoryError> {
    let sources = request.sources(target)?;
    let all: Vec<ContactId> = std::iter::once(target).chain(sources.iter().copied()).collect();
    let held = queries::hold_organizations_of(connection, scope, &all)?;
    let rows = queries::lock_rows(connection, scope, &all)?;
    // Moved by a merge of organizations that was committed between the two statements: to lock its new one now, after
    // the contacts, could be a deadlock.
    if rows.iter().filter_map(|row| row.values.organization_id).any(|id| !held.contains(&id)) {
        return Err(collision("a contact was moved to another organization").into());
    }
    let records = complete(connection, scope, rows.clone(), form)?;
    if let Some(present) = records.iter().find(|record| record.id == target) {
        condition.check(|| Ok::<_, DirectoryError>(present.clone()))?;
    }
    let records = in_order(&all, records.into_iter().map(|record| (record.id, record)).collect())?;
    let rows = in_order(&all, rows.into_iter().map(|row| (row.id, row)).collect())?;
    let [present, merged @ ..] = records.as_slice() else { return Err(DirectoryError::not_found(&[target])) };
    let note = joined_note(rows.iter().map(|row| row.values.note.as_ref()))?;
    let [row, sources_rows @ ..] = rows.as_slice() else { return Err(DirectoryError::not_found(&[target])) };
    let stored = &row.values.custom_fields.0;
    let fill = |target: ContactValues, source: &ContactRow| target.filled_from(source.values.clone());
    let values = sources_rows.iter().fold(row.values.clone(), fill);
    let by = request.last_updated_by.as_ref();
    let values = values.merged(scope, note, by);
    let emails = contact_emails::merged(records.iter().map(|record| &record.email))?;
    let phones = contact_phones::merged(records.iter().map(|record| &record.phone))?;
    let tags = union_of_tags(records.iter().map(|record| record.tags.as_slice()));
    queries::release_external_ids(connection, scope, &sources)?;
    let changed = queries::update(connection, scope, target, &values).map_err(run_again_where_taken)?;
    forget_and_index(connection, scope, &SEARCHED, target.as_i64(), &values.custom_fields.0, form)?;
    contact_emails::replace(connection, scope, target.as_i64(), &emails)?;
    contact_phones::replace(connection, scope, target.as_i64(), &phones)?;
    let tag_ids = tags.iter().map(|tag| tag.id).collect();
    let change = NewChange::new(Kind::Contact, Action::Merged).by(by);
    let (cause, ()) = changed.recorded_as(connection, scope, change, |row| {
        let after = row.into_contact(scope, form, emails, phones, None, tags);
        let before = ToldContact::of(present, stored);
        let what = before.changed_to(&ToldContact::of(&after, &values.custom_fields.0))?;
        Ok((what.merged_with(&sources), ()))
    })?;
    let change = NewChange::new(Kind::Contact, Action::MergedInto).by(by).following(cause);
    let told = merged.iter().zip(sources_rows);
    let told = told.map(|(one, row)| Ok((one.id, deleted(one, row.clone())?.merged_with(&[target]))));
    let deletion = Deletion::of_nothing().record(connection, scope, change, told.collect::<QueryResult<_>>()?)?;
    Ok(Merging::new(deletion, tag_ids))
}

/// Puts the tags of the sources of a merge on its target too. Tags are locked after all records, so that this comes
/// when whatever pointed at a source points at the target. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's, a serialization failure among them where a tag was deleted in between: the transaction is to be run
/// again.
pub fn take_tags(
    connection: &mut DbConnection,
    scope: &Scope,
    target: ContactId,
    merging: &Merging<ContactId>,
) -> Result<(), DirectoryError> {
    Ok(crm_tags::add(connection, scope, TagKind::Contact, target.as_i64(), merging.tags())?)
}
