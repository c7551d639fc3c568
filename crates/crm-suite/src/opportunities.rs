//! Opportunities with their references checked and named.

use crm_core::page::{Page, PageRequest};
use crm_core::{Condition, DbConnection, OpportunityId, Scope};
use crm_opportunities::{
    NewOpportunity, Opportunity, OpportunityFilter, OpportunityPatch, OpportunitySort, StageChange, StageKey,
    StatusChange,
};

use crate::{SuiteError, references};

/// Makes an opportunity.
///
/// # Errors
/// Every problem of its fields, references, tags, custom fields, pipeline and stage; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewOpportunity) -> Result<Opportunity, SuiteError> {
    Ok(crm_opportunities::create(connection, scope, new, references::hold)?)
}

/// One opportunity.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: OpportunityId) -> Result<Opportunity, SuiteError> {
    Ok(crm_opportunities::get(connection, scope, id)?)
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
    Ok(crm_opportunities::list(connection, scope, filter, request)?)
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
    Ok(crm_opportunities::by_stage(connection, scope, filter, stages, most)?)
}

/// Changes an opportunity.
///
/// # Errors
/// Every problem of the patch; [`OpportunityError::NotFound`](crm_opportunities::OpportunityError::NotFound),
/// [`Unmet`](crm_opportunities::OpportunityError::Unmet) and [`Closed`](crm_opportunities::OpportunityError::Closed); the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    patch: &OpportunityPatch,
) -> Result<Opportunity, SuiteError> {
    Ok(crm_opportunities::update(connection, scope, id, condition, patch, references::hold)?)
}

/// Wins, loses or reopens an opportunity.
///
/// # Errors
/// [`OpportunityError::NotFound`](crm_opportunities::OpportunityError::NotFound) and
/// [`Unmet`](crm_opportunities::OpportunityError::Unmet); the database's.
pub fn update_status(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    change: &StatusChange,
) -> Result<Opportunity, SuiteError> {
    Ok(crm_opportunities::update_status(connection, scope, id, condition, change)?)
}

/// Moves an open opportunity to another stage of its pipeline.
///
/// # Errors
/// [`OpportunityError::NotFound`](crm_opportunities::OpportunityError::NotFound),
/// [`Unmet`](crm_opportunities::OpportunityError::Unmet) and [`Closed`](crm_opportunities::OpportunityError::Closed); an
/// unknown stage; the database's.
pub fn update_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    condition: &Condition<Opportunity>,
    change: &StageChange,
) -> Result<Opportunity, SuiteError> {
    Ok(crm_opportunities::update_stage(connection, scope, id, condition, change)?)
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
