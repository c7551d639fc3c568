use crm_core::records::run_again_where_taken;
use crm_core::{Condition, DbConnection, OrganizationId, Scope};
use crm_forms::FormKind;
use crm_forms::search::forget_and_index;
use crm_history::{MergeRequest, Merging, NewMerge, Parties};
use diesel::QueryResult;

use super::filter::SEARCHED;
use super::queries;
use super::restore::deleted;
use super::row::{OrganizationRow, OrganizationValues};
use super::service::complete;
use super::told::ToldOrganization;
use crate::labeled::{organization_emails, organization_phones};
use crate::{DirectoryError, Organization};

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
/// addresses or numbers or too long a note; [`DirectoryError::Unmet`] of the target; the database's.
/// Where the merge is refused, nothing was written.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: OrganizationId,
    condition: &Condition<Organization>,
    request: &MergeRequest<OrganizationId>,
) -> Result<Merging<OrganizationId>, DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Organizations)?;
    let all = request.all(target)?;
    let rows = queries::lock_rows(connection, scope, &all)?;
    let records = complete(connection, scope, rows.clone(), &form)?;
    condition.check_together(&records, |record| record.id == target)?;
    let found = records.into_iter().zip(rows).map(|(record, row)| (record.id, record, row));
    let parties = Parties::of(&all, found)?;
    let note = parties.joined_note(|row: &OrganizationRow| row.values.note.as_ref())?;
    let emails = organization_emails::merged(parties.records().map(|record| &record.email))?;
    let phones = organization_phones::merged(parties.records().map(|record| &record.phone))?;
    let tags = crm_tags::union(parties.records().map(|record| record.tags.as_slice()));
    let Parties { target: (present, row), sources } = parties;
    let fill = |target: OrganizationValues, (_, source): &(Organization, OrganizationRow)| {
        target.filled_from(source.values.clone())
    };
    let by = request.last_updated_by.as_ref();
    let values = sources.iter().fold(row.values.clone(), fill).merged(scope, note, by);
    let released: Vec<_> = sources.iter().map(|(source, _)| source.id).collect();
    queries::release_external_ids(connection, scope, &released)?;
    let changed = queries::update(connection, scope, target, &values).map_err(run_again_where_taken)?;
    forget_and_index(connection, scope, &SEARCHED, target.as_i64(), &values.custom_fields.0, &form)?;
    organization_emails::replace(connection, scope, target.as_i64(), &emails)?;
    organization_phones::replace(connection, scope, target.as_i64(), &phones)?;
    let sources = sources.into_iter().map(|(source, row)| Ok((source.id, deleted(&source, row)?)));
    let sources = sources.collect::<QueryResult<_>>()?;
    let merge = NewMerge { target, by, tags: tags.iter().map(|tag| tag.id).collect(), sources };
    let merging = changed.merged(connection, scope, merge, |changed| {
        let after = changed.into_organization(scope, &form, emails, phones, tags);
        ToldOrganization::of(&present, &row.values.custom_fields.0)
            .changed_to(&ToldOrganization::of(&after, &values.custom_fields.0))
    });
    Ok(merging?)
}
