//! Leads that become one.

use std::collections::HashSet;

use crm_core::error::collision;
use crm_core::records::{Stored, run_again_where_taken};
use crm_core::values::{Followers, Participants, ReferencedRecords};
use crm_core::{Condition, ContactId, DbConnection, LeadId, OrganizationId, Patch, Scope};
use crm_forms::search::forget_and_index;
use crm_forms::{Form, FormKind};
use crm_history::{MergeError, MergeRequest, Merging, NewMerge, Parties};
use diesel::QueryResult;

use crate::filter::SEARCHED;
use crate::restore::deleted;
use crate::row::{LeadRow, LeadValues};
use crate::service::complete;
use crate::told::ToldLead;
use crate::{Lead, LeadError, participants, queries};

/// What each of these leads points at, in two statements.
fn references(connection: &mut DbConnection, scope: &Scope, ids: &[LeadId]) -> QueryResult<Vec<ReferencedRecords>> {
    let rows = queries::rows(connection, scope, ids)?;
    let mut lists = participants::of(connection, scope, ids)?;
    let of_row = |row: LeadRow| row.references(&Participants::stored(lists.remove(&row.id).unwrap_or_default()));
    Ok(rows.into_iter().map(of_row).collect())
}

/// Locks those of these leads that exist, in ascending order of their ids. The caller holds what they pointed at before.
fn locked(
    connection: &mut DbConnection,
    scope: &Scope,
    all: &[LeadId],
    held: &[ReferencedRecords],
    form: &Form,
) -> Result<Vec<(Lead, LeadRow)>, LeadError> {
    let rows = queries::lock_rows(connection, scope, all)?;
    let leads = complete(connection, scope, rows.clone(), form)?;
    let organizations: HashSet<OrganizationId> = held.iter().filter_map(|held| held.organization).collect();
    let contacts: HashSet<ContactId> = held.iter().flat_map(|held| &held.contacts).map(|(_, id)| *id).collect();
    for (lead, row) in leads.iter().zip(&rows) {
        let ReferencedRecords { organization, contacts: of_lead } = row.references(&lead.participants);
        let is_held = organization.is_none_or(|id| organizations.contains(&id))
            && of_lead.iter().all(|(_, id)| contacts.contains(id));
        if !is_held {
            // To lock it now, after the leads, could be a deadlock.
            return Err(LeadError::Database(collision("a lead was made to point at another record")));
        }
    }
    Ok(leads.into_iter().zip(rows).collect())
}

/// Puts what the sources have into the target, and leaves them, as a merge of contacts does: the target keeps every value it has, an
/// empty field, the external id too, takes the first value in the order of the sources; participants and followers become the
/// union, custom fields are filled by key, notes are joined. The creator never changes.
///
/// All leads are locked until the end of the transaction, after `hold` has held what each of them points at, and what becomes of them
/// is written down. The caller then gives the target the [tags](Merging::tags) of all, and [deletes](crate::delete) the sources,
/// which no opportunity was made of. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::Merge`] where the target is among the sources, a lead does not exist, or the target would have more participants or followers
/// than a lead may, or too long a note; [`LeadError::Unmet`]; [`LeadError::ConvertedSource`]; the database's, a
/// [collision](crm_core::error::Fault::Collision) among them where one of them was made to point elsewhere in between. Where the merge
/// is refused, nothing was written.
pub fn merge(
    connection: &mut DbConnection,
    scope: &Scope,
    target: LeadId,
    condition: &Condition<Lead>,
    request: &MergeRequest<LeadId>,
    hold: impl FnOnce(&mut DbConnection, &Scope, &[ReferencedRecords]) -> QueryResult<()>,
) -> Result<Merging<LeadId>, LeadError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let all = request.all(target)?;
    let held = references(connection, scope, &all)?;
    hold(connection, scope, &held)?;
    let found = locked(connection, scope, &all, &held, &form)?;
    condition.check_together(found.iter().map(|(lead, _)| lead), |lead| lead.id == target)?;
    let parties = Parties::of(&all, found.into_iter().map(|(lead, row)| (lead.id, lead, row)))?;
    let converted = parties.sources.iter().map(|(_, row)| row).find(|row| row.converted_on.is_some());
    if let Some(row) = converted {
        return Err(LeadError::ConvertedSource { id: row.id, opportunity: row.opportunity_id });
    }
    let note = parties.joined_note(|row: &LeadRow| row.values.note.as_ref())?;
    let together = Participants::union(parties.records().map(|lead| &lead.participants));
    MergeError::check_length("participants", together.as_slice().len(), Participants::LIMIT)?;
    let followers = Followers::union(parties.records().map(|lead| &lead.followers));
    MergeError::check_length("followers", followers.as_slice().len(), Followers::LIMIT)?;
    let tags = crm_tags::union(parties.records().map(|lead| lead.tags.as_slice()));
    let Parties { target: (present, row), sources } = parties;
    let by = request.last_updated_by.as_ref();
    let fill = |target: LeadValues, (_, source): &(Lead, LeadRow)| target.filled_from(source.values.clone());
    let values = sources.iter().fold(row.values.clone(), fill).merged(scope, note, followers, by);
    let released: Vec<_> = sources.iter().map(|(source, _)| source.id).collect();
    queries::release_external_ids(connection, scope, &released)?;
    let changed = queries::update(connection, scope, target, &values).map_err(run_again_where_taken)?;
    forget_and_index(connection, scope, &SEARCHED, target.as_i64(), &values.custom_fields.0, &form)?;
    participants::patch(connection, scope, target, &Patch::Set(together.clone()))?;
    let sources = sources.into_iter().map(|(source, row)| Ok((source.id, deleted(&source, row)?)));
    let sources = sources.collect::<QueryResult<_>>()?;
    let merge = NewMerge { target, by, tags: tags.iter().map(|tag| tag.id).collect(), sources };
    let merging = changed.merged(connection, scope, merge, |changed| {
        let after = changed.into_lead(scope, &form, together.into_vec(), tags);
        ToldLead::of(&present, &row.values.custom_fields.0).changed_to(&ToldLead::of(&after, &values.custom_fields.0))
    });
    Ok(merging?)
}
