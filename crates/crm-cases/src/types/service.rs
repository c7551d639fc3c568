use crm_core::error::is_unique_violation;
use crm_core::page::{Page, PageRequest};
use crm_core::records::Stored;
use crm_core::values::Title;
use crm_core::{CaseTypeId, Condition, DbConnection, Scope, numbering, wait_for_turn};
use crm_forms::Form;
use crm_history::{Action, Deletion, Kind, NewChange};

use crate::types::row::{CaseTypeRow, CaseTypeValues, stored_form, stored_graph};
use crate::types::told::ToldCaseType;
use crate::types::{general, queries, statuses};
use crate::workflow::WorkflowDocument;
use crate::{CaseType, CaseTypeError, CaseTypePatch, CaseTypeSort, NewCaseType};

/// The most case types that a tenant has.
pub const MOST_CASE_TYPES: i64 = 500;

/// Gives a new tenant its default case type, "General", unless it has a default type. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`CaseTypeError::LabelTaken`] where another type is called so; the database's.
pub fn provision(connection: &mut DbConnection, scope: &Scope) -> Result<CaseType, CaseTypeError> {
    if let Some(row) = queries::find_default(connection, scope)? {
        return Ok(row.into_case_type(scope));
    }
    let new = NewCaseType::new(Title::stored(general::LABEL.to_owned()));
    let form = general::form(scope.public_tenant());
    insert(connection, scope, &new, &form, general::workflow()?, true)
}

/// Makes a case type. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CaseTypeError::Invalid`] with every problem of its form; [`CaseTypeError::LabelTaken`];
/// [`CaseTypeError::LimitReached`], after which the transaction can only be rolled back; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewCaseType) -> Result<CaseType, CaseTypeError> {
    let default = match (&new.form, &new.workflow) {
        (Some(_), Some(_)) => None,
        _ => queries::find_default(connection, scope)?,
    };
    let general = || general::form(scope.public_tenant());
    let form = match (&new.form, &default) {
        (Some(fields), _) => general().replaced(fields, |_| Ok([].into()))?,
        (None, Some(row)) => stored_form(scope.public_tenant(), row.values.form.0.clone()),
        (None, None) => general(),
    };
    let workflow = match (&new.workflow, default) {
        (Some(workflow), _) => workflow.clone(),
        (None, Some(row)) => row.values.workflow.0.0,
        (None, None) => general::workflow()?,
    };
    insert(connection, scope, new, &form, workflow, false)
}

fn insert(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewCaseType,
    form: &Form,
    workflow: WorkflowDocument,
    is_default: bool,
) -> Result<CaseType, CaseTypeError> {
    let graph = workflow.graph()?;
    let values = CaseTypeValues::of_new(new, form, workflow, scope);
    let creator = scope.creator(new.creator.as_ref(), new.owner.as_ref());
    let id = numbering::next(connection, scope)?;
    let made = queries::insert_unless_taken(connection, scope, id, creator, is_default, &values)?
        .ok_or(CaseTypeError::LabelTaken)?;
    statuses::insert(connection, scope, id, &graph)?;
    wait_for_turn(connection, scope, "case types")?;
    if queries::count(connection, scope)? > MOST_CASE_TYPES {
        return Err(CaseTypeError::LimitReached);
    }
    let change = NewChange::new(Kind::CaseType, Action::Created).by(new.last_updated_by.as_ref());
    let case_type = made.recorded(connection, scope, change, |row| {
        let case_type = row.into_case_type(scope);
        Ok((ToldCaseType::of(&case_type).whole()?, case_type))
    });
    Ok(case_type?)
}

/// One case type.
///
/// # Errors
/// [`CaseTypeError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: CaseTypeId) -> Result<CaseType, CaseTypeError> {
    let row = queries::find(connection, scope, id)?.ok_or(CaseTypeError::NotFound)?;
    Ok(row.into_case_type(scope))
}

/// A page of the tenant's case types, in one statement, and one more to count all where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    request: &PageRequest<CaseTypeSort>,
) -> Result<Page<CaseType>, CaseTypeError> {
    let page = request.load(connection, scope, || queries::all(scope), CaseTypeRow::place)?;
    page.try_map(|rows| Ok(rows.into_iter().map(|row| row.into_case_type(scope)).collect()))
}

/// The label and the form of every case type of the tenant, of which it has at most [`MOST_CASE_TYPES`].
///
/// # Errors
/// The database's.
pub fn forms(connection: &mut DbConnection, scope: &Scope) -> Result<Vec<(CaseTypeId, String, Form)>, CaseTypeError> {
    Ok(queries::forms(connection, scope)?)
}

/// Changes a case type. A patch that changes nothing leaves it as it is, who made it included. Cases in a status that gets another label (its id stays)
/// take that label. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CaseTypeError::NotFound`]; [`CaseTypeError::Unmet`]; [`CaseTypeError::Invalid`] with every problem of the form;
/// [`CaseTypeError::FieldInUse`]; [`CaseTypeError::StatusInUse`]; [`CaseTypeError::LabelTaken`], after which the
/// transaction can only be rolled back; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseTypeId,
    condition: &Condition<CaseType>,
    patch: &CaseTypePatch,
) -> Result<CaseType, CaseTypeError> {
    let row = queries::find_locked(connection, scope, id)?.ok_or(CaseTypeError::NotFound)?;
    let present = row.clone().into_case_type(scope);
    condition.check(|| Ok::<_, CaseTypeError>(present.clone()))?;
    let form = match &patch.form {
        None => None,
        Some(fields) => {
            let present = stored_form(scope.public_tenant(), row.values.form.0.clone());
            Some(present.replaced(fields, |ids| queries::custom_fields_in_use(connection, scope, id, ids))?)
        }
    };
    let replacement = match patch.workflow.as_ref().filter(|workflow| **workflow != row.values.workflow.0.0) {
        None => None,
        Some(workflow) => {
            let before = stored_graph(&row.values.workflow.0.0)?;
            Some(statuses::Replacement::of(connection, scope, id, &before, &workflow.graph()?)?)
        }
    };
    let values = row.values.clone().patched(patch, form.as_ref(), scope);
    if values.differs_in_nothing_from(&row.values) && !patch.renames_who(scope, row.values.author()) {
        return Ok(row.into_case_type(scope));
    }
    let changed = queries::update(connection, scope, id, &values)
        .map_err(|error| if is_unique_violation(&error) { CaseTypeError::LabelTaken } else { error.into() })?;
    let change = NewChange::new(Kind::CaseType, Action::Updated).by(patch.last_updated_by.value());
    let case_type = changed.recorded(connection, scope, change, |row| {
        let case_type = row.into_case_type(scope);
        Ok((ToldCaseType::of(&present).changed_to(&ToldCaseType::of(&case_type))?, case_type))
    })?;
    if let Some(replacement) = replacement {
        replacement.apply(connection, scope, id)?;
    }
    Ok(case_type)
}

/// Deletes a case type that no case has. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CaseTypeError::NotFound`]; [`CaseTypeError::Unmet`]; [`CaseTypeError::Default`]; [`CaseTypeError::InUse`]; the
/// database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseTypeId,
    condition: &Condition<CaseType>,
) -> Result<(), CaseTypeError> {
    let row = queries::find_locked(connection, scope, id)?.ok_or(CaseTypeError::NotFound)?;
    let is_default = row.is_default;
    let present = row.into_case_type(scope);
    condition.check(|| Ok::<_, CaseTypeError>(present.clone()))?;
    if is_default {
        return Err(CaseTypeError::Default);
    }
    match queries::count_cases(connection, scope, id)? {
        0 => {
            let change = NewChange::new(Kind::CaseType, Action::Deleted);
            let deletion = Deletion::of_nothing().record(
                connection,
                scope,
                change,
                vec![(id, ToldCaseType::of(&present).whole()?)],
            )?;
            Ok(queries::delete(connection, scope, &deletion)?)
        }
        cases => Err(CaseTypeError::InUse(cases)),
    }
}
