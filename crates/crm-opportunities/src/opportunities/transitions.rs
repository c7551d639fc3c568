//! Winning, losing, reopening, and moving to another stage.

use crm_core::input::{FromBody, ObjectReader};
use crm_core::records::Present;
use crm_core::values::User;
use crm_core::{Condition, DbConnection, FieldCode, FieldErrors, OpportunityId, Scope};
use crm_forms::FormKind;
use crm_history::{Action, Fields, Kind, NewChange, What};

use super::queries::{self, Closing};
use super::row::OpportunityRow;
use super::service::{complete_one, lock_one, lock_to_move, whole};
use super::{LostReason, Opportunity, OpportunityStatus};
use crate::OpportunityError;
use crate::pipelines::StageKey;

/// What `updateStatus` takes: `{ status, lostReason?, lastUpdatedBy? }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// The new status; the present one changes nothing.
    pub status: OpportunityStatus,
    /// Why it was lost. Only with that status; left out, a lost opportunity keeps the reason that it has.
    pub lost_reason: Option<LostReason>,
    /// Who makes this change; left out, the [author](crm_core::Scope::author) of the scope, and without one
    /// whoever changed it before.
    pub last_updated_by: Option<User>,
}

impl FromBody for StatusChange {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let status = reader.required("status");
        let lost_reason = reader.optional("lostReason");
        let last_updated_by = reader.optional("lastUpdatedBy");
        if lost_reason.is_some() && status.is_some_and(|status| status != OpportunityStatus::Lost) {
            reader.errors().push("lostReason", FieldCode::Conflicting, "goes with the status lost only");
        }
        status.map(|status| Self { status, lost_reason, last_updated_by })
    }
}

/// What `updateStage` takes: `{ stage, lastUpdatedBy? }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageChange {
    /// A stage of the pipeline that the opportunity is in.
    pub stage: StageKey,
    /// Who makes this change; left out, the [author](crm_core::Scope::author) of the scope, and without one
    /// whoever changed it before.
    pub last_updated_by: Option<User>,
}

impl FromBody for StageChange {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let stage = reader.required("stage");
        let last_updated_by = reader.optional("lastUpdatedBy");
        stage.map(|stage| Self { stage, last_updated_by })
    }
}

/// Wins, loses or reopens an opportunity. The same again changes nothing; another reason of a lost one is
/// kept with the moment at which it was lost. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::NotFound`], [`OpportunityError::Unmet`], [`OpportunityError::Invalid`] where a reason comes with another status than
/// lost, nothing written; the database's.
pub fn update_status(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    change: &StatusChange,
) -> Result<Opportunity, OpportunityError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    // A transaction of many changes has locked and read it.
    let (row, beside) = match Present::<OpportunityRow>::take(scope, id) {
        Some((row, beside)) => (row, Some(beside)),
        None => (lock_one(connection, scope, id)?, None),
    };
    let complete = |connection: &mut DbConnection, row| match &beside {
        Some(beside) => Ok(whole(scope, row, beside.clone(), &form)),
        None => complete_one(connection, scope, row, &form),
    };
    condition.check(|| complete(connection, row.clone()))?;
    let StatusChange { status, lost_reason, last_updated_by } = change;
    if lost_reason.is_some() && *status != OpportunityStatus::Lost {
        return Err(FieldErrors::of("lostReason", FieldCode::Conflicting, "goes with the status lost only").into());
    }
    let is_same = row.status == *status;
    if is_same && lost_reason.as_ref().is_none_or(|reason| row.lost_reason() == Some(reason)) {
        return complete(connection, row);
    }
    let closing = Closing {
        status: *status,
        lost_reason: lost_reason.as_ref(),
        closed_on: match status {
            OpportunityStatus::Open => None,
            OpportunityStatus::Won | OpportunityStatus::Lost if is_same => row.closed_on,
            OpportunityStatus::Won | OpportunityStatus::Lost => Some(scope.now()),
        },
    };
    let changed = queries::set_status(connection, scope, row.id, closing, last_updated_by.as_ref())?;
    let change = NewChange::new(Kind::Opportunity, Action::StatusChanged).by(last_updated_by.as_ref());
    let row = changed.recorded(connection, scope, change, |after| {
        let fields = Fields::none()
            .compare("status", &row.status, &after.status)
            .compare("lostReason", &row.lost_reason(), &after.lost_reason())
            .compare("closedOn", &row.closed_on, &after.closed_on);
        Ok((What::changed(row.id, fields)?.recounted(row.counted(), after.counted()), after))
    });
    complete(connection, row?)
}

/// Moves an open opportunity to another stage of its pipeline. The stage that it is in changes nothing. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::NotFound`], [`OpportunityError::Unmet`], [`OpportunityError::Closed`], [`OpportunityError::Invalid`] for a stage that
/// the pipeline does not have, nothing written; the database's, a [collision](crm_core::error::Fault::Collision) among them where the
/// opportunity was moved in between.
pub fn update_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    change: &StageChange,
) -> Result<Opportunity, OpportunityError> {
    let StageChange { stage, last_updated_by } = change;
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let (row, target) = lock_to_move(connection, scope, id, None, Some(stage))?;
    condition.check(|| complete_one(connection, scope, row.clone(), &form))?;
    if row.status != OpportunityStatus::Open {
        return Err(OpportunityError::Closed);
    }
    if row.values.is_in(stage) {
        return complete_one(connection, scope, row, &form);
    }
    let mut errors = FieldErrors::new();
    let place = target.place_for(&row.values, None, Some(stage), &mut errors);
    let Some(place) = place else { return Err(errors.into()) };
    let changed = queries::set_stage(connection, scope, row.id, &place, last_updated_by.as_ref())?;
    let change = NewChange::new(Kind::Opportunity, Action::StageChanged).by(last_updated_by.as_ref());
    let (_, before) = row.values.place();
    let row = changed.recorded(connection, scope, change, |after| {
        let fields = Fields::none().compare("stage", before.as_str(), stage.as_str());
        Ok((What::changed(row.id, fields)?.recounted(row.counted(), after.counted()), after))
    });
    complete_one(connection, scope, row?, &form)
}
