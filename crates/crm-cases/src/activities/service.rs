use crm_core::page::{Page, PageRequest};
use crm_core::{CaseId, DbConnection, Scope};
use crm_history::{Action, Fields, Kind, NewChange, What};
use diesel::QueryResult;

use crate::activities::queries::{self, ActivityRow, Happening};
use crate::cases::queries::{lock, type_of};
use crate::cases::step::Step;
use crate::{Activity, ActivitySort, CaseError, CasePatch, NewComment};

/// Adds a comment to a case; the case itself stays as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CaseError::NotFound`]; the database's.
pub fn add(
    connection: &mut DbConnection,
    scope: &Scope,
    case: CaseId,
    new: &NewComment,
) -> Result<Activity, CaseError> {
    let NewComment { comment, user } = new;
    if lock(connection, scope, &[case])?.is_empty() {
        return Err(CaseError::NotFound);
    }
    let author = scope.author(user.as_ref());
    let happening = Happening { comment: Some(comment), actor: author.as_ref(), ..Happening::default() };
    let activity = queries::insert(connection, scope, case, &happening)?.into_activity();
    let change = NewChange::new(Kind::Case, Action::Commented).by(user.as_ref());
    crm_history::record(connection, scope, change, What::changed(case, said(&activity))?)?;
    Ok(activity)
}

/// What a change tells of the comment of an activity, where it has one.
fn said(activity: &Activity) -> Fields {
    Fields::none().compare(&format!("activities.{}", activity.id), &None, &activity.comment)
}

/// A page of what happened to a case, newest first unless asked otherwise.
///
/// # Errors
/// [`CaseError::NotFound`]; the database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    case: CaseId,
    request: &PageRequest<ActivitySort>,
) -> Result<Page<Activity>, CaseError> {
    type_of(connection, scope, case)?.ok_or(CaseError::NotFound)?;
    let page = request.load(connection, scope, || queries::of(scope, case), ActivityRow::place)?;
    page.try_map(|rows| Ok(rows.into_iter().map(ActivityRow::into_activity).collect()))
}

/// Deletes up to `most` activities of a case that is gone for good, and tells how many they were. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn forget(connection: &mut DbConnection, scope: &Scope, case: CaseId, most: i64) -> QueryResult<usize> {
    queries::delete(connection, scope, case, most)
}

/// Notes that a patch takes a case, which is locked, from one status to another, and gives what a change tells of what was
/// said about that.
pub(crate) fn record_step(
    connection: &mut DbConnection,
    scope: &Scope,
    case: CaseId,
    from: &str,
    step: &Step,
    patch: &CasePatch,
) -> QueryResult<Fields> {
    let author = scope.author(patch.last_updated_by.value());
    let happening = Happening {
        change: Some((from, &step.status.label)),
        transition: step.transition.as_deref(),
        comment: patch.comment.as_ref(),
        actor: author.as_ref(),
    };
    Ok(said(&queries::insert(connection, scope, case, &happening)?.into_activity()))
}
