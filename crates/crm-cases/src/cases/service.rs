use std::sync::Arc;

use crm_core::error::collision;
use crm_core::page::{Page, PageRequest};
use crm_core::records::{Beside, Present, ShowsNames};
use crm_core::search::{Candidates, Most};
use crm_core::sql::Json;
use crm_core::values::{HasReferences, HoldReferences, ShortText, unknown_reference};
use crm_core::{
    CaseId, CaseTypeId, Condition, DbConnection, FieldCode, FieldErrors, RecordKind, Scope, Timestamp, numbering,
    records,
};
use crm_forms::Form;
use crm_forms::search::{forget_and_index, index};
use crm_history::{Action, Deletion, Fields, Kind, NewChange, What};
use crm_tags::TagKind;
use diesel::QueryResult;
use diesel::result::Error as DieselError;

use crate::cases::check::{check_new, check_patch};
use crate::cases::filter::SEARCHED;
use crate::cases::queries::ResolvedFilter;
use crate::cases::restore::deleted;
use crate::cases::row::{CaseRow, CaseValues};
use crate::cases::status_filter::InStatus;
use crate::cases::told::ToldCase;
use crate::cases::{queries, walk};
use crate::types::KnownType;
use crate::{Case, CaseError, CaseFilter, CasePatch, CaseSort, CaseTypeError, NewCase, activities, types};

/// Makes a case, and has what it points at [held](HoldReferences). Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CaseError::Invalid`] with every problem of its references, type, form and tags, nothing written; the database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewCase,
    hold: impl HoldReferences,
) -> Result<Case, CaseError> {
    let mut errors = hold(connection, scope, &new.references())?;
    let case_type = match new.case_type_id {
        Some(id) => types::shared(connection, scope, &[id])?.pop(),
        None => types::default_shared(connection, scope)?,
    };
    let Some(case_type) = case_type else {
        note_missing_type(new.case_type_id, &mut errors);
        crm_tags::resolve(connection, scope, TagKind::Case, &new.tags, &mut errors)?;
        return Err(errors.into());
    };
    let custom_fields = check_new(new, &case_type.form, &mut errors);
    let tags = crm_tags::resolve(connection, scope, TagKind::Case, &new.tags, &mut errors)?;
    let status = walk::start(&case_type.workflow, new.status.as_ref().map(ShortText::as_str), &mut errors);
    let (Some(status), true) = (status, errors.is_empty()) else { return Err(errors.into()) };
    let values = CaseValues::of_new(new, case_type.id, status, custom_fields, scope);
    let creator = scope.creator(new.creator.as_ref(), new.owner.as_ref());
    queries::claim_external_id(connection, scope, new.external_id.as_ref(), None)?;
    let id = numbering::next(connection, scope)?;
    let stored = values.custom_fields.0.clone();
    let made = queries::insert(connection, scope, CaseRow::of_new(id, values, creator, scope))
        .map_err(|error| unknown_reference(error, "cases", new.organization_id, new.contact_id))?;
    index(connection, scope, &SEARCHED, id.as_i64(), &stored, &case_type.form)?;
    if !tags.is_empty() {
        crm_tags::give(connection, scope, id, &tags)?;
    }
    let change = NewChange::new(Kind::Case, Action::Created).by(new.last_updated_by.as_ref());
    let case = made.recorded(connection, scope, change, |row| {
        let case = row.into_case(scope, &case_type.form, tags);
        Ok((ToldCase::of(&case, &stored).whole()?, case))
    });
    Ok(named(connection, scope, case?)?)
}

/// One case.
///
/// # Errors
/// [`CaseError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> Result<Case, CaseError> {
    let (row, beside, form) = queries::find_whole(connection, scope, id)?.ok_or(CaseError::NotFound)?;
    let form = types::stored_form(scope.public_tenant(), form.ok_or(DieselError::NotFound)?);
    Ok(whole(scope, row, beside, &form))
}

/// A case that is locked until the end of the transaction, as it is, with what it is to be changed by: its type, and the
/// one that it is moved to, which nobody changes meanwhile.
struct LockedCase {
    row: CaseRow,
    beside: Beside,
    case_type: Arc<KnownType>,
    wanted_type: Option<Arc<KnownType>>,
}

/// Locks a case until the end of the transaction, for a change that moves it to the type `wanted`, if to any. The types
/// are locked first, as by a change of a type, which then writes its cases. Where the case was moved to another type in between,
/// that is a [collision].
fn lock_one(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseId,
    wanted: Option<CaseTypeId>,
) -> Result<LockedCase, CaseError> {
    // In a transaction of many changes it is locked by then, and with it its type.
    let known = Present::<CaseRow>::take(scope, id);
    let seen = match &known {
        Some((row, _)) => row.values.case_type_id,
        None => queries::type_of(connection, scope, id)?.ok_or(CaseError::NotFound)?,
    };
    let both = [Some(seen), wanted.filter(|wanted| *wanted != seen)];
    let types = types::shared(connection, scope, &both.into_iter().flatten().collect::<Vec<_>>())?;
    let (of_case, mut others): (Vec<_>, Vec<_>) = types.into_iter().partition(|known| known.id == seen);
    let locked = match known {
        Some(known) => Some(known),
        None => queries::find_whole_locked(connection, scope, id)?,
    };
    let (row, beside) = locked.ok_or(CaseError::NotFound)?;
    match of_case.into_iter().next() {
        Some(case_type) if row.values.case_type_id == seen => {
            Ok(LockedCase { row, beside, case_type, wanted_type: others.pop() })
        }
        _ => Err(collision("the case was moved to another type").into()),
    }
}

/// Locks these types as a change of a case locks its own, `None` being the default one, and those of these cases: for many that
/// are written at once, none of which waits for a type then.
///
/// # Errors
/// The database's.
pub fn hold_types(
    connection: &mut DbConnection,
    scope: &Scope,
    wanted: &[Option<CaseTypeId>],
    of: &[CaseId],
) -> QueryResult<()> {
    let mut types: Vec<CaseTypeId> = wanted.iter().copied().flatten().collect();
    if !of.is_empty() {
        types.extend(queries::types_of(connection, scope, of)?);
    }
    if wanted.contains(&None) {
        types.extend(types::default_id(connection, scope)?);
    }
    if !types.is_empty() {
        types::hold(connection, scope, &types)?;
    }
    Ok(())
}

/// A page of the cases that match. It takes three statements however many cases it has (rows, the forms of their
/// types, what other tables have of them), one more for a filter by title and two for one by tags, one before them for how many are few, one for the statuses of a filter, and one more to count all matches
/// where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &CaseFilter,
    request: &PageRequest<CaseSort>,
) -> Result<Page<Case>, CaseError> {
    let most = &mut Most::of(RecordKind::Case);
    let titled = filter
        .title
        .as_ref()
        .map_or(Ok(Candidates::Many), |text| queries::TITLE.candidates(connection, scope, most, text))?;
    let (tagged, tags) = crm_tags::resolve_filter(connection, scope, TagKind::Case, most, filter.tags.as_ref())?;
    let status = filter.status.as_ref().map(|names| InStatus::named(connection, scope, names)).transpose()?;
    let forms = if filter.fields.asks_custom_fields() { all_forms(connection, scope)? } else { Vec::new() };
    let fields = filter.fields.resolve(connection, scope, &SEARCHED, most, &forms.iter().collect::<Vec<_>>())?;
    let resolved =
        ResolvedFilter { candidates: titled.and(tagged).and(fields.candidates.clone()), tags, status, fields };
    let page = request.load_with_total(
        connection,
        scope,
        || queries::matching(scope, filter, &resolved),
        CaseRow::place,
        |connection| {
            crm_tags::total(connection, scope, TagKind::Case, filter.is_by_tags_alone(), resolved.tags.as_ref())
        },
    )?;
    Ok(page.try_map(|rows| complete(connection, scope, rows))?)
}

/// Changes a case, and has what the patch points at [held](HoldReferences). What the patch has as it stands already is no change, and
/// a patch without any leaves the case as it is. A change of the status walks the workflow and adds an activity. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`CaseError::NotFound`], [`CaseError::Unmet`], [`CaseError::Invalid`] with every problem of its references, type, form, status and tags,
/// [`CaseError::TransitionNotAllowed`] and [`CaseError::NotAuthorized`], nothing written; the database's, a
/// [collision](crm_core::error::Fault::Collision) among them where the case was moved to another type in between.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseId,
    condition: &Condition<Case>,
    patch: &CasePatch,
    hold: impl HoldReferences,
) -> Result<Case, CaseError> {
    let mut errors = hold(connection, scope, &patch.references())?;
    let locked = lock_one(connection, scope, id, patch.case_type_id)?;
    let LockedCase { row, beside, case_type: before, wanted_type } = locked;
    let present = whole(scope, row.clone(), beside, &before.form);
    condition.check(|| Ok::<_, CaseError>(present.clone()))?;
    let renames_who = patch.renames_who(scope, &present);
    let patch = patch.changes(&present, &mut errors);
    let moves = patch.case_type_id.filter(|wanted| *wanted != before.id);
    let other = wanted_type.filter(|known| moves == Some(known.id));
    if moves.is_some() && other.is_none() {
        note_missing_type(moves, &mut errors);
        crm_tags::resolve_patch(connection, scope, TagKind::Case, &patch.tags, &present.tags, &mut errors)?;
        return Err(errors.into());
    }
    let Json(stored) = row.values.custom_fields.clone();
    let (case_type, carried) = match &other {
        None => (&before, stored.clone()),
        Some(other) => (other, other.form.carried_over(&stored, &before.form)),
    };
    let custom_fields = check_patch(&patch, &carried, &case_type.form, &mut errors);
    let tags = crm_tags::resolve_patch(connection, scope, TagKind::Case, &patch.tags, &present.tags, &mut errors)?;
    let step = walk::step(scope, &row, &patch, case_type, &mut errors);
    let custom_fields = errors.into_result(custom_fields)?;
    let step = step?;
    let stays = other.is_none() && step.is_none() && tags.is_none() && custom_fields == stored;
    if stays && !renames_who && patch.is_nothing() {
        return Ok(present);
    }
    queries::claim_external_id(connection, scope, patch.external_id.value(), Some(id))?;
    let said = match &step {
        Some(step) => activities::record_step(connection, scope, id, &row.values.status, step, &patch)?,
        None => Fields::none(),
    };
    let action = if step.is_some() { Action::StatusChanged } else { Action::Updated };
    let has_other_values = other.is_some() || custom_fields != stored;
    let values = row.values.patched(&patch, step.as_ref(), custom_fields, scope);
    let (organization, contact) = (patch.organization_id.value().copied(), patch.contact_id.value().copied());
    let changed = queries::update(connection, scope, id, &values)
        .map_err(|error| unknown_reference(error, "cases", organization, contact))?;
    if has_other_values {
        forget_and_index(connection, scope, &SEARCHED, id.as_i64(), &values.custom_fields.0, &case_type.form)?;
    }
    if let Some(tags) = &tags {
        crm_tags::set(connection, scope, id, &present.tags, tags)?;
    }
    let tags = tags.unwrap_or_else(|| present.tags.clone());
    let change = NewChange::new(Kind::Case, action).by(patch.last_updated_by.value());
    let case = changed.recorded(connection, scope, change, |row| {
        let case = row.into_case(scope, &case_type.form, tags);
        let case = case.with_names_seen(&present);
        let told = ToldCase::of(&present, &stored);
        let fields = told.differences(&ToldCase::of(&case, &values.custom_fields.0)).and(said);
        Ok((What::changed(id, fields)?, case))
    });
    Ok(named(connection, scope, case?)?)
}

/// Writes down when a case was resolved first and last in the system that it comes from; the workflow has its own moments
/// otherwise. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CaseError::NotFound`]; [`CaseError::Invalid`] where one moment lacks the other, or they are not in the order in which a case is
/// made and resolved; the database's.
pub fn move_resolutions(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseId,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
) -> Result<Case, CaseError> {
    let LockedCase { row, beside, case_type, wanted_type: _ } = lock_one(connection, scope, id, None)?;
    let present = whole(scope, row.clone(), beside, &case_type.form);
    if (first, last) == (present.first_resolution_on, present.last_resolution_on) {
        return Ok(present);
    }
    check_resolutions(&present, first, last)?;
    let values = row.values.resolved(first, last, scope);
    let changed = queries::update(connection, scope, id, &values)?;
    let change = NewChange::new(Kind::Case, Action::Updated);
    let case = changed.recorded(connection, scope, change, |row| {
        let case = row.into_case(scope, &case_type.form, present.tags.clone()).with_names_seen(&present);
        let (before, after) =
            (ToldCase::of(&present, &values.custom_fields.0), ToldCase::of(&case, &values.custom_fields.0));
        Ok((What::changed(id, before.differences(&after))?, case))
    });
    Ok(named(connection, scope, case?)?)
}

fn check_resolutions(case: &Case, first: Option<Timestamp>, last: Option<Timestamp>) -> Result<(), CaseError> {
    let (field, message) = match (first, last) {
        (None, None) => return Ok(()),
        (Some(first), _) if first < case.created_on => ("firstResolutionOn", "must not be before createdOn"),
        (Some(first), Some(last)) if first <= last => return Ok(()),
        (Some(_), Some(_)) => ("lastResolutionOn", "must not be before firstResolutionOn"),
        (Some(_), None) => ("lastResolutionOn", "is needed beside firstResolutionOn"),
        (None, Some(_)) => ("firstResolutionOn", "is needed beside lastResolutionOn"),
    };
    Err(FieldErrors::of(field, FieldCode::Conflicting, message).into())
}

/// How many records are read at once that are about to be deleted.
const READ_AT_ONCE: usize = 200;

/// Locks those of these cases that exist and writes down that they are deleted, before they are [deleted](delete). Call it in
/// a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn record_deletion(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[CaseId],
) -> Result<Deletion<CaseId>, CaseError> {
    let change = NewChange::new(Kind::Case, Action::Deleted);
    let mut deletion = Deletion::of_nothing();
    for ids in queries::lock(connection, scope, ids)?.chunks(READ_AT_ONCE) {
        let rows = queries::lock_rows(connection, scope, ids)?;
        let cases = complete(connection, scope, rows.clone())?;
        let told = cases.iter().zip(rows).map(|(one, row)| Ok((one.id, deleted(one, row)?)));
        deletion = deletion.record(connection, scope, change, told.collect::<QueryResult<_>>()?)?;
    }
    Ok(deletion)
}

/// Deletes cases with the links to their tags, and returns them in ascending order. Their activities stay until they are
/// [forgotten](crate::activities::forget). Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    deletion: Deletion<CaseId>,
) -> Result<Vec<CaseId>, CaseError> {
    crm_tags::lock_links(connection, scope, deletion.ids())?;
    queries::delete(connection, scope, &deletion)?;
    Ok(deletion.into_ids())
}

/// The forms of all types of the tenant.
fn all_forms(connection: &mut DbConnection, scope: &Scope) -> Result<Vec<Form>, CaseError> {
    let forms = types::forms(connection, scope).map_err(|error| match error {
        CaseTypeError::Database(error) => CaseError::Database(error),
        // Reading them ends in nothing else.
        error => CaseError::Database(DieselError::QueryBuilderError(Box::new(error))),
    });
    Ok(forms?.into_iter().map(|(_, _, form)| form).collect())
}

/// The cases of these rows with the forms of their types and what other tables have of them, in two statements.
fn complete(connection: &mut DbConnection, scope: &Scope, rows: Vec<CaseRow>) -> QueryResult<Vec<Case>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<CaseId> = rows.iter().map(|row| row.id).collect();
    let forms = types::forms_of(connection, scope, rows.iter().map(|row| row.values.case_type_id).collect())?;
    let mut beside = queries::beside(connection, scope, &ids)?;
    let case = |row: CaseRow| {
        let beside = beside.remove(&row.id).unwrap_or_default();
        let form = forms.get(&row.values.case_type_id).ok_or(DieselError::NotFound)?;
        Ok(whole(scope, row, beside, form))
    };
    rows.into_iter().map(case).collect()
}

/// A case that was written, with the names that it shows: one statement where they are not known yet.
fn named(connection: &mut DbConnection, scope: &Scope, case: Case) -> QueryResult<Case> {
    records::named(scope, case, |case| Ok(queries::beside(connection, scope, &[case.id])?.remove(&case.id)))
}

/// The case of a row with what other tables have of it.
fn whole(scope: &Scope, row: CaseRow, mut beside: Beside, form: &Form) -> Case {
    let case = row.into_case(scope, form, crm_tags::stored(scope, beside.take_tags()));
    case.with_names_of(&mut beside)
}

/// The type that was named is missing, or else the default one.
pub(super) fn note_missing_type(named: Option<CaseTypeId>, errors: &mut FieldErrors) {
    let (code, message) = match named {
        Some(id) => (FieldCode::UnknownReference, format!("no case type has the id {id}")),
        None => (FieldCode::Required, "is required: this tenant has no default case type".to_owned()),
    };
    errors.push("caseTypeId", code, message);
}
