//! How a patch changes the status of a case (docs/compatibility.md, "Cases and case types").

use crm_core::{FieldCode, FieldErrors, Scope};

use crate::cases::row::CaseRow;
use crate::cases::step::Step;
use crate::types::KnownType;
use crate::workflow::{Listed, Refusal, Roles, Status, Workflow};
use crate::{CaseError, CasePatch};

/// The step that a patch takes a case, if any. `case_type` is the type that the case has after it; with another type
/// than before there is nothing to walk, for no transition leads from one workflow to another.
///
/// # Errors
/// That the step is not allowed. What is wrong with the patch itself is noted in `errors`.
pub(crate) fn step(
    scope: &Scope,
    row: &CaseRow,
    patch: &CasePatch,
    case_type: &KnownType,
    errors: &mut FieldErrors,
) -> Result<Option<Step>, CaseError> {
    let workflow = &case_type.workflow;
    let moves = case_type.id != row.values.case_type_id;
    let wanted = match &patch.status {
        Some(name) => {
            let status = workflow.status(name.as_str());
            if status.is_none() {
                unknown_status(workflow, errors);
                return Ok(None);
            }
            status
        }
        None if moves => workflow.status(&row.values.status).or_else(|| workflow.statuses().first()),
        None => None,
    };
    let Some(status) = wanted.filter(|status| status.label != row.values.status) else {
        if patch.comment.is_some() {
            let message = "goes with a change of the status; the case's activities take other comments";
            errors.push("comment", FieldCode::Conflicting, message);
        }
        return Ok(None);
    };
    if moves {
        return Ok(Some(Step { status: status.clone(), transition: None }));
    }
    let actor = actor(scope, row, patch);
    match workflow.allowed(&row.values.status, &status.label, actor, patch.comment.is_some()) {
        Ok(transition) => {
            let transition = transition.and_then(|transition| transition.label.clone());
            Ok(Some(Step { status: status.clone(), transition }))
        }
        Err(Refusal::CommentRequired) => {
            errors.push("comment", FieldCode::Required, "is required by the transition");
            Ok(None)
        }
        Err(Refusal::NotAuthorized(roles)) => Err(CaseError::NotAuthorized { authorized: roles.names() }),
        Err(Refusal::NoTransition(allowed)) => {
            Err(CaseError::TransitionNotAllowed { from: row.values.status.clone(), to: status.label.clone(), allowed })
        }
    }
}

/// What who makes this patch is to the case: as it stood before, or the assignee that the patch sets.
fn actor(scope: &Scope, row: &CaseRow, patch: &CasePatch) -> Roles {
    let Some(user) = scope.author(patch.last_updated_by.value()) else { return Roles::default() };
    let is_new_assignee = patch.assignee.value().is_some_and(|assignee| assignee.id() == user.id());
    let before = row.roles_of(user.id());
    Roles { assignee: before.assignee || is_new_assignee, ..before }
}

/// The status that a new case starts in; `None` after a problem was noted.
pub(crate) fn start<'a>(workflow: &'a Workflow, name: Option<&str>, errors: &mut FieldErrors) -> Option<&'a Status> {
    let status = match name {
        None => workflow.statuses().first(),
        Some(name) => workflow.status(name),
    };
    if status.is_none() {
        unknown_status(workflow, errors);
    }
    status
}

fn unknown_status(workflow: &Workflow, errors: &mut FieldErrors) {
    let known = Listed::first(workflow.statuses().iter().map(|status| status.label.as_str()));
    errors.push("status", FieldCode::InvalidValue, format_args!("must be one of {known}"));
}
