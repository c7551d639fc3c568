//! Opportunities with their references checked and named.

use crm_core::page::{Page, PageRequest};
use crm_core::{DbConnection, OpportunityId, Scope};
use crm_forms::FormKind;
use crm_opportunities::{
    NewOpportunity, Opportunity, OpportunityFilter, OpportunityPatch, OpportunitySort, StageChange, StatusChange,
};

use crate::{SuiteError, names, references};

/// Makes an opportunity.
///
/// # Errors
/// Every problem of its fields, references, tags, custom fields, pipeline and stage; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewOpportunity) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let opportunity = references::checked(connection, scope, new, |connection, new| {
        crm_opportunities::create(connection, scope, new, &form)
    })?;
    names::of(connection, scope, opportunity)
}

/// One opportunity.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: OpportunityId) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let opportunity = crm_opportunities::get(connection, scope, id, &form)?;
    names::of(connection, scope, opportunity)
}

/// One opportunity, locked until the end of the transaction.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`]; the database's.
pub fn get_locked(connection: &mut DbConnection, scope: &Scope, id: OpportunityId) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let opportunity = crm_opportunities::get_locked(connection, scope, id, &form)?;
    names::of(connection, scope, opportunity)
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
    let mut page = crm_opportunities::list(connection, scope, filter, request, &form)?;
    names::fill(connection, scope, &mut page.items)?;
    Ok(page)
}

/// Changes an opportunity.
///
/// # Errors
/// Every problem of the patch; [`crm_opportunities::OpportunityError::NotFound`] and
/// [`Closed`](crm_opportunities::OpportunityError::Closed); the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    patch: &OpportunityPatch,
) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let opportunity = references::checked(connection, scope, patch, |connection, patch| {
        crm_opportunities::update(connection, scope, id, patch, &form)
    })?;
    names::of(connection, scope, opportunity)
}

/// Wins, loses or reopens an opportunity.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`]; the database's.
pub fn update_status(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    change: &StatusChange,
) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let opportunity = crm_opportunities::update_status(connection, scope, id, change, &form)?;
    names::of(connection, scope, opportunity)
}

/// Moves an open opportunity to another stage of its pipeline.
///
/// # Errors
/// [`crm_opportunities::OpportunityError::NotFound`] and [`Closed`](crm_opportunities::OpportunityError::Closed); an
/// unknown stage; the database's.
pub fn update_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    change: &StageChange,
) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
    let opportunity = crm_opportunities::update_stage(connection, scope, id, change, &form)?;
    names::of(connection, scope, opportunity)
}

/// Deletes opportunities and returns those that existed. Leads that they were made of stay converted, without their
/// opportunity.
///
/// # Errors
/// The database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OpportunityId],
) -> Result<Vec<OpportunityId>, SuiteError> {
    crm_leads::unlink_opportunities(connection, scope, ids)?;
    Ok(crm_opportunities::delete(connection, scope, ids)?)
}
