use crm_core::error::collision;
use crm_core::records::run_again_where_taken;
use crm_core::{Condition, ContactId, DbConnection, Scope};
use crm_forms::FormKind;
use crm_forms::search::forget_and_index;
use crm_history::{MergeRequest, Merging, NewMerge, Parties};
use diesel::QueryResult;

use super::filter::SEARCHED;
use super::queries;
use super::restore::deleted;
use super::row::{ContactRow, ContactValues};
use super::service::complete;
use super::told::ToldContact;
use crate::labeled::{contact_emails, contact_phones};
use crate::{Contact, DirectoryError};

/// Puts what the sources have into the target, and leaves them (docs/compatibility.md, "Contacts and organizations"): the target keeps
/// every value it has, an empty field, the external id too, takes the first value in the order of the sources; addresses and numbers
/// become the union, custom fields are filled by key, notes are joined. The creator never changes.
///
/// All records are locked until the end of the transaction, and what becomes of them is written down. The caller then points at the target whatever pointed
/// at a source, gives it the [tags](Merging::tags) of all, and [deletes](super::delete) the sources. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`DirectoryError::Merge`] where the target is among the sources, one of them does not exist, or the target would have more than 1 000
/// addresses or numbers or too long a note; [`DirectoryError::Unmet`] of the target; the database's,
/// a serialization failure among them where another merge came in between: the transaction is to be run again.
/// Where the merge is refused, nothing was written.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: ContactId,
    condition: &Condition<Contact>,
    request: &MergeRequest<ContactId>,
) -> Result<Merging<ContactId>, DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Contacts)?;
    let all = request.all(target)?;
    let held = queries::hold_organizations_of(connection, scope, &all)?;
    let rows = queries::lock_rows(connection, scope, &all)?;
    // Moved by a merge of organizations that was committed between the two statements: to lock its new one now, after
    // the contacts, could be a deadlock.
    if rows.iter().filter_map(|row| row.values.organization_id).any(|id| !held.contains(&id)) {
        return Err(collision("a contact was moved to another organization").into());
    }
    let records = complete(connection, scope, rows.clone(), &form)?;
    condition.check_together(&records, |record| record.id == target)?;
    let found = records.into_iter().zip(rows).map(|(record, row)| (record.id, record, row));
    let parties = Parties::of(&all, found)?;
    let note = parties.joined_note(|row: &ContactRow| row.values.note.as_ref())?;
    let emails = contact_emails::merged(parties.records().map(|record| &record.email))?;
    let phones = contact_phones::merged(parties.records().map(|record| &record.phone))?;
    let tags = crm_tags::union(parties.records().map(|record| record.tags.as_slice()));
    let Parties { target: (present, row), sources } = parties;
    let fill = |target: ContactValues, (_, source): &(Contact, ContactRow)| target.filled_from(source.values.clone());
    let by = request.last_updated_by.as_ref();
    let values = sources.iter().fold(row.values.clone(), fill).merged(scope, note, by);
    let released: Vec<_> = sources.iter().map(|(source, _)| source.id).collect();
    queries::release_external_ids(connection, scope, &released)?;
    let changed = queries::update(connection, scope, target, &values).map_err(run_again_where_taken)?;
    forget_and_index(connection, scope, &SEARCHED, target.as_i64(), &values.custom_fields.0, &form)?;
    contact_emails::replace(connection, scope, target.as_i64(), &emails)?;
    contact_phones::replace(connection, scope, target.as_i64(), &phones)?;
    let sources = sources.into_iter().map(|(source, row)| Ok((source.id, deleted(&source, row)?)));
    let sources = sources.collect::<QueryResult<_>>()?;
    let merge = NewMerge { target, by, tags: tags.iter().map(|tag| tag.id).collect(), sources };
    let merging = changed.merged(connection, scope, merge, |changed| {
        let after = changed.into_contact(scope, &form, emails, phones, None, tags);
        ToldContact::of(&present, &row.values.custom_fields.0)
            .changed_to(&ToldContact::of(&after, &values.custom_fields.0))
    });
    Ok(merging?)
}
