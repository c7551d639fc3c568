//! Opportunities with their references checked and named.

use crm_core::page::{Page, PageRequest};
use crm_core::{Condition, DbConnection, OpportunityId, Scope};
use crm_forms::{Form, FormKind};
use crm_opportunities::{
    LockedOpportunity, NewOpportunity, Opportunity, OpportunityFilter, OpportunityPatch, OpportunitySort, StageChange,
    StageKey, StatusChange,
};

use crate::{SuiteError, references};

/// Makes an opportunity.
///
/// # Errors
/// Every problem of its fields, references, tags, custom fields, pipeline and stage; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewOpportunity) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let problems = references::checked(connection, scope, new)?;
    Ok(crm_opportunities::create(connection, scope, new, problems, &form)?)
}

/// One opportunity.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: OpportunityId) -> Result<Opportunity, SuiteError> {
    Ok(crm_opportunities::get(connection, scope, id)?)
}

/// An opportunity that is locked, as clients see it.
fn shown(
    connection: &mut DbConnection,
    scope: &Scope,
    opportunity: &LockedOpportunity,
    form: &Form,
) -> Result<Opportunity, SuiteError> {
    Ok(opportunity.read(connection, scope, form)?)
}

/// A page of the opportunities that match.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
    request: &PageRequest<OpportunitySort>,
) -> Result<Page<Opportunity>, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    Ok(crm_opportunities::list(connection, scope, filter, request, &form)?)
}

/// The open opportunities that match in each of these stages, the last changed first, at most so many of each, and whether there
/// are more.
///
/// # Errors
/// The database's.
pub fn by_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
    stages: &[&StageKey],
    most: i64,
) -> Result<Vec<(Vec<Opportunity>, bool)>, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    Ok(crm_opportunities::by_stage(connection, scope, filter, stages, most, &form)?)
}

/// Changes an opportunity.
///
/// # Errors
/// Every problem of the patch; [`crm_opportunities::OpportunityError::NotFound`] and
/// [`Closed`](crm_opportunities::OpportunityError::Closed); [`SuiteError::Unmet`]; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    patch: &OpportunityPatch,
) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let problems = references::checked(connection, scope, patch)?;
    let (pipeline, stage) = (patch.pipeline_id, patch.stage.as_ref());
    let opportunity = crm_opportunities::lock_to_move(connection, scope, id, pipeline, stage)?;
    condition.check(|| shown(connection, scope, &opportunity, &form))?;
    Ok(crm_opportunities::update(connection, scope, opportunity, patch, problems, &form)?)
}

/// Wins, loses or reopens an opportunity.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`]; [`SuiteError::Unmet`]; the database's.
pub fn update_status(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    change: &StatusChange,
) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let opportunity = crm_opportunities::lock_one(connection, scope, id)?;
    condition.check(|| shown(connection, scope, &opportunity, &form))?;
    Ok(crm_opportunities::update_status(connection, scope, opportunity, change, &form)?)
}

/// Moves an open opportunity to another stage of its pipeline.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`] and [`Closed`](crm_opportunities::OpportunityError::Closed); an
/// unknown stage; [`SuiteError::Unmet`]; the database's.
pub fn update_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    change: &StageChange,
) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let opportunity = crm_opportunities::lock_to_move(connection, scope, id, None, Some(&change.stage))?;
    condition.check(|| shown(connection, scope, &opportunity, &form))?;
    Ok(crm_opportunities::update_stage(connection, scope, opportunity, change, &form)?)
}

/// Deletes opportunities, if the condition is true of each, and returns those that existed. Leads that they were made of
/// stay converted, without their opportunity.
///
/// # Errors
/// [`SuiteError::Unmet`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OpportunityId],
    condition: &Condition<Opportunity>,
) -> Result<Vec<OpportunityId>, SuiteError> {
    condition.check_each(|| {
        crm_leads::lock_converted_into(connection, scope, ids)?;
        let ids = crm_opportunities::lock(connection, scope, ids)?;
        ids.iter().map(|id| get(connection, scope, *id)).collect()
    })?;
    crm_leads::lock_converted_into(connection, scope, ids)?;
    let deletion = crm_opportunities::record_deletion(connection, scope, ids)?;
    crm_leads::unlink_opportunities(connection, scope, ids)?;
    Ok(crm_opportunities::delete(connection, scope, deletion)?)
}
