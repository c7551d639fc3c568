use std::cmp::Reverse;

use crm_core::error::{collision, is_unique_violation};
use crm_core::page::{Direction, Page, PageRequest};
use crm_core::records::{Beside, Present, ShowsNames};
use crm_core::sql::Json;
use crm_core::values::{HasReferences, HoldReferences, unknown_reference};
use crm_core::{Condition, DbConnection, FieldErrors, LeadId, OpportunityId, PipelineId, Scope, numbering, records};
use crm_forms::search::{forget_and_index, index};
use crm_forms::{CustomFields, Form, FormKind};
use crm_history::{Action, Deletion, Kind, NewChange};
use crm_tags::{TagKind, TagOption};
use diesel::QueryResult;

use super::check::{check_new, check_patch};
use super::filter::SEARCHED;
use super::restore::deleted;
use super::row::{OpportunityRow, OpportunityValues};
use super::target::Target;
use super::told::ToldOpportunity;
use super::{
    ConvertedLead, NewOpportunity, Opportunity, OpportunityFilter, OpportunityPatch, OpportunitySort,
    OpportunityStatus, participants, queries,
};
use crate::OpportunityError;
use crate::pipelines::{self, StageKey};

/// Makes an opportunity, and has what it points at [held](HoldReferences). Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::Invalid`] with every problem of its references, form, tags, pipeline and stage, nothing written;
/// the database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewOpportunity,
    hold: impl HoldReferences,
) -> Result<Opportunity, OpportunityError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let mut errors = hold(connection, scope, &new.references())?;
    let custom_fields = check_new(new, &form, &mut errors);
    let tags = crm_tags::resolve(connection, scope, TagKind::Opportunity, &new.tags, &mut errors)?;
    insert(connection, scope, Made { lead: None, new, custom_fields, tags, errors }, &form)
}

/// Makes the opportunity that a lead is converted into. The form is not asked again: what it requires may be newer
/// than the lead. The caller holds the lead and its form. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::AlreadyConverted`] where the lead has an opportunity; [`OpportunityError::Invalid`] for a
/// pipeline or stage that does not exist; the database's.
pub fn create_from_lead(
    connection: &mut DbConnection,
    scope: &Scope,
    lead: &ConvertedLead,
) -> Result<Opportunity, OpportunityError> {
    let ConvertedLead { id, fields, custom_fields, tags, form } = lead;
    let made = Made {
        lead: Some(*id),
        new: fields,
        custom_fields: custom_fields.clone(),
        tags: tags.clone(),
        errors: FieldErrors::new(),
    };
    insert(connection, scope, made, form)
}

/// An opportunity whose form was looked at, with the problems that were found. Its tags are its lead's where it has one.
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
    let Made { lead, new, custom_fields, mut tags, mut errors } = made;
    let place = pipelines::place(connection, scope, new.pipeline_id, new.stage.as_ref(), &mut errors)?;
    let Some(place) = place else { return Err(errors.into()) };
    errors.into_result(())?;
    let values = OpportunityValues::of_new(new, custom_fields, place, scope);
    let creator = scope.creator(new.creator.as_ref(), new.owner.as_ref());
    queries::claim_external_id(connection, scope, new.external_id.as_ref(), None)?;
    let id = numbering::next(connection, scope)?;
    let stored = values.custom_fields.0.clone();
    let row = OpportunityRow::of_new(id, values, creator, lead, scope);
    let made = queries::insert(connection, scope, row).map_err(|error| match lead {
        Some(lead) if is_unique_violation(&error) => OpportunityError::AlreadyConverted(lead),
        _ => unknown_reference(error, "opportunities", new.organization_id, new.contact_id).into(),
    })?;
    index(connection, scope, &SEARCHED, id.as_i64(), &stored, form)?;
    participants::add(connection, scope, id, &new.participants)?;
    if lead.is_some() {
        // After everything else, as everybody locks tags.
        tags = crm_tags::ensure(connection, scope, TagKind::Opportunity, &tags)?;
    }
    if !tags.is_empty() {
        crm_tags::give(connection, scope, id, &tags)?;
    }
    let change = NewChange::new(Kind::Opportunity, Action::Created).by(new.last_updated_by.as_ref());
    let opportunity = made.recorded(connection, scope, change, |row| {
        let counted = row.counted();
        let opportunity = row.into_opportunity(scope, form, new.participants.as_slice().to_vec(), tags);
        Ok((ToldOpportunity::of(&opportunity, &stored).whole()?.counted(counted), opportunity))
    });
    Ok(named(connection, scope, opportunity?)?)
}

/// One opportunity, with the form that the tenant has: one statement.
///
/// # Errors
/// [`OpportunityError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: OpportunityId) -> Result<Opportunity, OpportunityError> {
    let (row, beside, form) = queries::find_whole(connection, scope, id)?.ok_or(OpportunityError::NotFound)?;
    Ok(whole(scope, row, beside, &crm_forms::of_stored(scope, FormKind::Pipeline, form)))
}

/// Locks an opportunity until the end of the transaction.
pub(super) fn lock_one(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
) -> Result<OpportunityRow, OpportunityError> {
    queries::find_locked(connection, scope, id)?.ok_or(OpportunityError::NotFound)
}

/// As [`lock_one`], for a change that moves it to this stage of this pipeline: the one that it is in, and the first stage of
/// another, where the change does not say. The stage is locked first, as by a change of its pipeline, which then writes its
/// opportunities. Where the opportunity was moved in between, that is a [collision].
pub(super) fn lock_to_move(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    pipeline: Option<PipelineId>,
    stage: Option<&StageKey>,
) -> Result<(OpportunityRow, Target), OpportunityError> {
    if pipeline.is_none() && stage.is_none() {
        return Ok((lock_one(connection, scope, id)?, Target::Stays));
    }
    let seen = queries::place_of(connection, scope, id)?.ok_or(OpportunityError::NotFound)?;
    let target = Target::of(connection, scope, &seen, pipeline, stage)?;
    let row = lock_one(connection, scope, id)?;
    if row.values.place() != seen {
        return Err(collision("the opportunity was moved to another stage").into());
    }
    Ok((row, target))
}

/// As [`lock_to_move`], with what other tables have of it. A transaction of many changes has locked it by then.
fn lock_whole_to_move(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    patch: &OpportunityPatch,
) -> Result<(OpportunityRow, Beside, Target), OpportunityError> {
    let (pipeline, stage) = (patch.pipeline_id, patch.stage.as_ref());
    if let Some((row, beside)) = Present::<OpportunityRow>::take(scope, id) {
        let target = Target::of(connection, scope, &row.values.place(), pipeline, stage)?;
        return Ok((row, beside, target));
    }
    let (row, target) = lock_to_move(connection, scope, id, pipeline, stage)?;
    let beside = queries::beside(connection, scope, &[id])?.remove(&id).unwrap_or_default();
    Ok((row, beside, target))
}

/// A page of the opportunities that match. It takes three statements however many opportunities it has (form, rows, what other tables have of them), one more for a filter by title and two for one by tags, one before them for how many are few, and one more to count all matches where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
    request: &PageRequest<OpportunitySort>,
) -> Result<Page<Opportunity>, OpportunityError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let resolved = queries::resolve(connection, scope, filter, &form)?;
    let page = request.load_with_total(
        connection,
        scope,
        || queries::matching(scope, filter, &resolved),
        OpportunityRow::place,
        |connection| {
            crm_tags::total(connection, scope, TagKind::Opportunity, filter.is_by_tags_alone(), resolved.tags.as_ref())
        },
    )?;
    Ok(page.try_map(|rows| complete(connection, scope, rows, &form))?)
}

/// The open opportunities that match in each of these stages, the last changed first, at most so many of each (1 to 200), and
/// whether there are more. It takes three statements however many stages there are, and those that narrow a filter; of a tenant
/// with very long opportunities, some for each stage.
///
/// # Errors
/// The database's.
pub fn by_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
    stages: &[&StageKey],
    most: i64,
) -> Result<Vec<(Vec<Opportunity>, bool)>, OpportunityError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let mut request = PageRequest::first(most);
    (request.order_by, request.direction) = (OpportunitySort::LastUpdatedOn, Direction::Desc);
    let resolved = queries::resolve(connection, scope, filter, &form)?;
    let of_stage = |stage: &&StageKey| OpportunityFilter {
        stage: Some(vec![stage.to_string()]),
        status: Some(vec![OpportunityStatus::Open]),
        ..filter.clone()
    };
    let filters: Vec<OpportunityFilter> = stages.iter().map(of_stage).collect();
    let lists: Vec<_> = filters.iter().map(|filter| || queries::matching(scope, filter, &resolved)).collect();
    let stage_of = |row: &OpportunityRow| stages.iter().position(|stage| row.values.is_in(stage));
    let mut columns = request.load_each(connection, scope, &lists, stage_of)?;
    let size = usize::try_from(request.size).unwrap_or(usize::MAX);
    for (rows, _) in &mut columns {
        rows.sort_unstable_by_key(|row: &OpportunityRow| Reverse((row.values.last_updated_on, row.id)));
        rows.truncate(size);
    }
    let (rows, more): (Vec<Vec<OpportunityRow>>, Vec<bool>) = columns.into_iter().unzip();
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    let mut all = complete(connection, scope, rows.into_iter().flatten().collect(), &form)?.into_iter();
    let column = |(length, has_more)| (all.by_ref().take(length).collect(), has_more);
    Ok(lengths.into_iter().zip(more).map(column).collect())
}

/// Changes an opportunity, and has what the patch points at [held](HoldReferences). What the patch has as it stands already is no
/// change, and a patch without any leaves the opportunity as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::NotFound`], [`OpportunityError::Unmet`], [`OpportunityError::Invalid`] with every problem of its references, form,
/// tags, pipeline and stage, [`OpportunityError::Closed`], nothing written; the database's, a
/// [collision](crm_core::error::Fault::Collision) among them where the opportunity was moved in between.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    patch: &OpportunityPatch,
    hold: impl HoldReferences,
) -> Result<Opportunity, OpportunityError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let mut errors = hold(connection, scope, &patch.references())?;
    let (row, beside, target) = lock_whole_to_move(connection, scope, id, patch)?;
    let present = whole(scope, row.clone(), beside, &form);
    condition.check(|| Ok::<_, OpportunityError>(present.clone()))?;
    let renames_who = patch.renames_who(scope, &present);
    let patch = patch.changes(&present, &mut errors);
    let Json(stored) = row.values.custom_fields.clone();
    let custom_fields = check_patch(&patch, &stored, &form, &mut errors);
    let tags =
        crm_tags::resolve_patch(connection, scope, TagKind::Opportunity, &patch.tags, &present.tags, &mut errors)?;
    let place = target.place_for(&row.values, patch.pipeline_id, patch.stage.as_ref(), &mut errors);
    let (custom_fields, place) = errors.into_result((custom_fields, place))?;
    if place.is_some() && row.status != OpportunityStatus::Open {
        return Err(OpportunityError::Closed);
    }
    if !renames_who && patch.is_nothing() && tags.is_none() && place.is_none() && custom_fields == stored {
        return Ok(present);
    }
    let action = if place.is_some() { Action::StageChanged } else { Action::Updated };
    let has_other_values = custom_fields != stored;
    let counted = row.counted();
    let values = row.values.patched(&patch, custom_fields, place, scope);
    let (organization, contact) = (patch.organization_id.value().copied(), patch.contact_id.value().copied());
    queries::claim_external_id(connection, scope, patch.external_id.value(), Some(id))?;
    let changed = queries::update(connection, scope, id, &values)
        .map_err(|error| unknown_reference(error, "opportunities", organization, contact))?;
    if has_other_values {
        forget_and_index(connection, scope, &SEARCHED, id.as_i64(), &values.custom_fields.0, &form)?;
    }
    if let Some(tags) = &tags {
        crm_tags::set(connection, scope, id, &present.tags, tags)?;
    }
    participants::patch(connection, scope, id, &patch.participants)?;
    let participants = patch.participants.applied_to_list(present.participants.clone()).into_vec();
    let tags = tags.unwrap_or_else(|| present.tags.clone());
    let change = NewChange::new(Kind::Opportunity, action).by(patch.last_updated_by.value());
    let opportunity = changed.recorded(connection, scope, change, |row| {
        let counted_now = row.counted();
        let opportunity = row.into_opportunity(scope, &form, participants, tags);
        let opportunity = opportunity.with_names_seen(&present);
        let before = ToldOpportunity::of(&present, &stored);
        let what = before.changed_to(&ToldOpportunity::of(&opportunity, &values.custom_fields.0))?;
        Ok((what.recounted(counted, counted_now), opportunity))
    });
    Ok(named(connection, scope, opportunity?)?)
}

/// How many records are read at once that are about to be deleted.
const READ_AT_ONCE: usize = 200;

/// Locks those of these opportunities that exist and writes down that they are deleted. Whatever points at them is to be
/// unlinked before they are [deleted](delete). Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn record_deletion(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OpportunityId],
) -> Result<Deletion<OpportunityId>, OpportunityError> {
    let form = Form::default_of(crm_forms::PIPELINE, scope.public_tenant());
    let change = NewChange::new(Kind::Opportunity, Action::Deleted);
    let mut deletion = Deletion::of_nothing();
    for ids in queries::lock(connection, scope, ids)?.chunks(READ_AT_ONCE) {
        let rows = queries::lock_rows(connection, scope, ids)?;
        let opportunities = complete(connection, scope, rows.clone(), &form)?;
        let told = opportunities.iter().zip(rows).map(|(one, row)| Ok((one.id, deleted(one, row)?)));
        deletion = deletion.record(connection, scope, change, told.collect::<QueryResult<_>>()?)?;
    }
    Ok(deletion)
}

/// Deletes opportunities with their participants and the links to their tags, and returns them in ascending order. Whatever
/// points at them must have been unlinked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    deletion: Deletion<OpportunityId>,
) -> Result<Vec<OpportunityId>, OpportunityError> {
    crm_tags::lock_links(connection, scope, deletion.ids())?;
    queries::delete(connection, scope, &deletion)?;
    Ok(deletion.into_ids())
}

/// The opportunities of these rows with what other tables have of them, in one statement.
fn complete(
    connection: &mut DbConnection,
    scope: &Scope,
    rows: Vec<OpportunityRow>,
    form: &Form,
) -> QueryResult<Vec<Opportunity>> {
    let ids: Vec<OpportunityId> = rows.iter().map(|row| row.id).collect();
    let mut beside = queries::beside(connection, scope, &ids)?;
    let opportunity = |row: OpportunityRow| {
        let beside = beside.remove(&row.id).unwrap_or_default();
        whole(scope, row, beside, form)
    };
    Ok(rows.into_iter().map(opportunity).collect())
}

/// An opportunity that was written, with the names that it shows: one statement where they are not known yet.
fn named(connection: &mut DbConnection, scope: &Scope, opportunity: Opportunity) -> QueryResult<Opportunity> {
    records::named(scope, opportunity, |opportunity| {
        Ok(queries::beside(connection, scope, &[opportunity.id])?.remove(&opportunity.id))
    })
}

/// The opportunity of a row with what other tables have of it.
pub(super) fn whole(scope: &Scope, row: OpportunityRow, mut beside: Beside, form: &Form) -> Opportunity {
    let tags = crm_tags::stored(scope, beside.take_tags());
    let opportunity = row.into_opportunity(scope, form, beside.take_participants(), tags);
    opportunity.with_names_of(&mut beside)
}

pub(super) fn complete_one(
    connection: &mut DbConnection,
    scope: &Scope,
    row: OpportunityRow,
    form: &Form,
) -> Result<Opportunity, OpportunityError> {
    Ok(records::only(complete(connection, scope, vec![row], form)?)?)
}
