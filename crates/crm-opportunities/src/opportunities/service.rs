use crm_core::error::is_unique_violation;
use crm_core::page::{Page, PageRequest};
use crm_core::values::unknown_reference;
use crm_core::{DbConnection, FieldErrors, LeadId, OpportunityId, Scope, numbering, records};
use crm_forms::{CustomFields, Form};
use crm_tags::{TagKind, TagOption};
use diesel::QueryResult;

use super::check::{check_new, check_patch};
use super::row::{OpportunityRow, OpportunityValues};
use super::{
    ConvertedLead, NewOpportunity, Opportunity, OpportunityFilter, OpportunityPatch, OpportunitySort,
    OpportunityStatus, participants, queries,
};
use crate::OpportunityError;
use crate::pipelines::{self, Place};

/// Makes an opportunity. The caller has checked its [references](crm_core::values::Referring), and gives the problems
/// that it found, to be told with all others. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::Invalid`] with every problem of its references, form, tags, pipeline and stage, nothing written;
/// the database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewOpportunity,
    mut errors: FieldErrors,
    form: &Form,
) -> Result<Opportunity, OpportunityError> {
    let custom_fields = check_new(new, form, &mut errors);
    let tags = crm_tags::resolve(connection, scope, TagKind::Opportunity, &new.tags, &mut errors)?;
    insert(connection, scope, Made { lead: None, new, custom_fields, tags, errors }, form)
}

/// Makes the opportunity that a lead is converted into. The form is not asked again: what it requires may be newer
/// than the lead. The caller holds the lead locked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::AlreadyConverted`] where the lead has an opportunity; [`OpportunityError::Invalid`] for a
/// pipeline or stage that does not exist; the database's.
pub fn create_from_lead(
    connection: &mut DbConnection,
    scope: &Scope,
    lead: &ConvertedLead,
    form: &Form,
) -> Result<Opportunity, OpportunityError> {
    let ConvertedLead { id, fields, custom_fields, tags } = lead;
    let made = Made {
        lead: Some(*id),
        new: fields,
        custom_fields: custom_fields.clone(),
        tags: tags.clone(),
        errors: FieldErrors::new(),
    };
    insert(connection, scope, made, form)
}

/// An opportunity whose form and tags were looked at, with the problems that were found.
struct Made<'a> {
    lead: Option<LeadId>,
    new: &'a NewOpportunity,
    custom_fields: CustomFields,
    tags: Vec<TagOption>,
    errors: FieldErrors,
}

fn insert(
    connection: &mut DbConnection,
    scope: &Scope,
    made: Made<'_>,
    form: &Form,
) -> Result<Opportunity, OpportunityError> {
    let Made { lead, new, custom_fields, tags, mut errors } = made;
    let place = pipelines::place(connection, scope, new.pipeline_id, new.stage.as_ref(), &mut errors)?;
    let Some(place) = place else { return Err(errors.into()) };
    errors.into_result(())?;
    let values = OpportunityValues::of_new(new, custom_fields, place, scope.now());
    let creator = new.creator.clone().or_else(|| new.owner.clone());
    let id = numbering::next(connection, scope)?;
    let row =
        queries::insert(connection, scope, id, creator, &values, OpportunityStatus::Open, lead).map_err(|error| {
            match lead {
                Some(lead) if is_unique_violation(&error) => OpportunityError::AlreadyConverted(lead),
                _ => unknown_reference(error, "opportunities", new.organization_id, new.contact_id).into(),
            }
        })?;
    participants::add(connection, scope, id, &new.participants)?;
    if !tags.is_empty() {
        crm_tags::set(connection, scope, TagKind::Opportunity, id.as_i64(), &tags)?;
    }
    Ok(row.into_opportunity(scope, form, new.participants.as_slice().to_vec(), tags))
}

/// One opportunity.
///
/// # Errors
/// [`OpportunityError::NotFound`]; the database's.
pub fn get(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    form: &Form,
) -> Result<Opportunity, OpportunityError> {
    let row = queries::find(connection, scope, id)?.ok_or(OpportunityError::NotFound)?;
    complete_one(connection, scope, row, form)
}

/// An opportunity that is locked until the end of the transaction, as it is: what a change of it begins with.
#[derive(Debug)]
pub struct LockedOpportunity(pub(super) OpportunityRow);

impl LockedOpportunity {
    /// The opportunity, in two statements.
    ///
    /// # Errors
    /// The database's.
    pub fn read(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        form: &Form,
    ) -> Result<Opportunity, OpportunityError> {
        complete_one(connection, scope, self.0.clone(), form)
    }
}

/// Locks an opportunity until the end of the transaction. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::NotFound`]; the database's.
pub fn lock_one(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
) -> Result<LockedOpportunity, OpportunityError> {
    queries::find_locked(connection, scope, id)?.map(LockedOpportunity).ok_or(OpportunityError::NotFound)
}

/// A page of the opportunities that match. It takes three statements however many opportunities it has (rows, participants,
/// tags), one more to find the tags of a filter, and one more to count all matches where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
    request: &PageRequest<OpportunitySort>,
    form: &Form,
) -> Result<Page<Opportunity>, OpportunityError> {
    let narrowed = queries::narrow(connection, scope, filter)?;
    let page =
        request.load(connection, scope, || queries::matching(scope, filter, &narrowed), OpportunityRow::place)?;
    Ok(page.try_map(|rows| complete(connection, scope, rows, form))?)
}

/// Changes an opportunity that is locked. What the patch has as it stands already is no change, and a patch without any leaves it as
/// it is. The caller has checked the patch's [references](crm_core::values::Referring), and gives the problems that it
/// found, to be told with all others.
///
/// # Errors
/// [`OpportunityError::Invalid`] with every problem of its references, form, tags, pipeline and stage,
/// [`OpportunityError::Closed`], nothing written; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    LockedOpportunity(row): LockedOpportunity,
    patch: &OpportunityPatch,
    mut errors: FieldErrors,
    form: &Form,
) -> Result<Opportunity, OpportunityError> {
    let id = row.id;
    let present = complete_one(connection, scope, row.clone(), form)?;
    let renames_who = patch.renames_who(&present);
    let patch = patch.changes(&present, &mut errors);
    let stored = &row.values.custom_fields.0;
    let custom_fields = check_patch(&patch, stored, form, &mut errors);
    let tags =
        crm_tags::resolve_patch(connection, scope, TagKind::Opportunity, &patch.tags, &present.tags, &mut errors)?;
    let place = moved(connection, scope, &row, &patch, &mut errors)?;
    let (custom_fields, place) = errors.into_result((custom_fields, place))?;
    if place.is_some() && row.status != OpportunityStatus::Open {
        return Err(OpportunityError::Closed);
    }
    if !renames_who && patch.is_nothing() && tags.is_none() && place.is_none() && custom_fields == *stored {
        return Ok(present);
    }
    let values = row.values.patched(&patch, custom_fields, place, scope.now());
    let (organization, contact) = (patch.organization_id.value().copied(), patch.contact_id.value().copied());
    let row = queries::update(connection, scope, id, &values)
        .map_err(|error| unknown_reference(error, "opportunities", organization, contact))?;
    if let Some(tags) = &tags {
        crm_tags::set(connection, scope, TagKind::Opportunity, id.as_i64(), tags)?;
    }
    participants::patch(connection, scope, id, &patch.participants)?;
    let participants = patch.participants.applied_to_list(present.participants);
    Ok(row.into_opportunity(scope, form, participants.into_vec(), tags.unwrap_or(present.tags)))
}

/// Where a patch moves an opportunity; `None` where it stays, or after a problem was noted. The pipeline that it is
/// in, sent back without a stage, is no move.
fn moved(
    connection: &mut DbConnection,
    scope: &Scope,
    row: &OpportunityRow,
    patch: &OpportunityPatch,
    errors: &mut FieldErrors,
) -> QueryResult<Option<Place>> {
    let pipeline = patch.pipeline_id.unwrap_or(row.values.pipeline_id);
    let stays = patch.stage.as_ref().is_none_or(|stage| row.values.is_in(stage));
    if stays && pipeline == row.values.pipeline_id {
        return Ok(None);
    }
    pipelines::place(connection, scope, Some(pipeline), patch.stage.as_ref(), errors)
}

/// Deletes opportunities with their participants and the links to their tags, and returns those that existed, in
/// ascending order. Whatever points at them must have been unlinked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OpportunityId],
) -> Result<Vec<OpportunityId>, OpportunityError> {
    let found = queries::lock(connection, scope, ids)?;
    queries::delete(connection, scope, &found)?;
    Ok(found)
}

/// The opportunities of these rows with their participants and tags, in two statements.
fn complete(
    connection: &mut DbConnection,
    scope: &Scope,
    rows: Vec<OpportunityRow>,
    form: &Form,
) -> QueryResult<Vec<Opportunity>> {
    let ids: Vec<OpportunityId> = rows.iter().map(|row| row.id).collect();
    let numbers: Vec<i64> = ids.iter().map(|id| id.as_i64()).collect();
    let mut participants = participants::of(connection, scope, &ids)?;
    let mut tags = crm_tags::of(connection, scope, TagKind::Opportunity, &numbers)?;
    let opportunity = |row: OpportunityRow| {
        let id = row.id;
        let participants = participants.remove(&id).unwrap_or_default();
        row.into_opportunity(scope, form, participants, tags.remove(&id.as_i64()).unwrap_or_default())
    };
    Ok(rows.into_iter().map(opportunity).collect())
}

pub(super) fn complete_one(
    connection: &mut DbConnection,
    scope: &Scope,
    row: OpportunityRow,
    form: &Form,
) -> Result<Opportunity, OpportunityError> {
    Ok(records::only(complete(connection, scope, vec![row], form)?)?)
}
