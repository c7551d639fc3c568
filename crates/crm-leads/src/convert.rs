//! A lead that becomes an opportunity.

use crm_core::error::collision;
use crm_core::records::Present;
use crm_core::values::{HoldReferences, ReferencedRecords, User};
use crm_core::{Condition, DbConnection, LeadId, OpportunityId, Scope};
use crm_forms::{Form, FormKind};
use crm_history::{Action, Fields, Kind, NewChange, What};
use diesel::QueryResult;

use crate::row::LeadRow;
use crate::service::{complete, complete_one, get, lock_one, whole};
use crate::{Lead, LeadError, queries};

/// A lead that can be converted, locked until the end of the transaction.
#[derive(Debug)]
pub struct LeadToConvert {
    /// The lead.
    pub lead: Lead,
    /// The form that the opportunity shares with it, which stays as it is.
    pub form: Form,
}

/// Locks a lead that is about to be [converted](mark_converted), and before it what it points at, which the opportunity will
/// point at too. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`LeadError::NotFound`], [`LeadError::Unmet`], [`LeadError::AlreadyConverted`], [`LeadError::Archived`]; the database's, a
/// [collision](crm_core::error::Fault::Collision) among them where a merge or a patch of the lead came in between.
pub fn lock_to_convert(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    hold: impl HoldReferences,
) -> Result<LeadToConvert, LeadError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let lead = match Present::<LeadRow>::take(scope, id) {
        // A transaction of many changes has locked it, and holds what it points at.
        Some((row, beside)) => {
            let lead = whole(scope, row, beside, &form);
            hold(connection, scope, &references_of(&lead))?;
            lead
        }
        None => {
            // Where the lead points elsewhere by then, what it points at now could only be held in the wrong order.
            let held = references_of(&get(connection, scope, id)?);
            hold(connection, scope, &held)?;
            let row = lock_one(connection, scope, id)?;
            let lead = complete_one(connection, scope, row, &form)?;
            if references_of(&lead) != held {
                return Err(collision("the lead was made to point at other records").into());
            }
            lead
        }
    };
    condition.check(|| Ok::<_, LeadError>(lead.clone()))?;
    if lead.is_converted {
        return Err(LeadError::AlreadyConverted(lead.opportunity_id));
    }
    if lead.is_archived {
        return Err(LeadError::Archived);
    }
    Ok(LeadToConvert { lead, form })
}

/// Locks leads that a transaction of many changes is about to [convert](lock_to_convert), and before them the form and, by
/// `hold_each`, what they point at. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock_each_to_convert(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[LeadId],
    hold_each: impl FnOnce(&mut DbConnection, &Scope, &[ReferencedRecords]) -> QueryResult<()>,
) -> QueryResult<()> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let rows = queries::rows(connection, scope, ids)?;
    let seen = complete(connection, scope, rows, &form)?;
    hold_each(connection, scope, &seen.iter().map(references_of).collect::<Vec<_>>())?;
    queries::lock(connection, scope, ids)?;
    queries::remember(connection, scope, ids)
}

fn references_of(lead: &Lead) -> ReferencedRecords {
    ReferencedRecords::of(lead.organization_id, lead.contact_id, Some(&lead.participants))
}

/// Marks a lead as converted into an opportunity. Of any number of callers at once one succeeds.
///
/// # Errors
/// [`LeadError::AlreadyConverted`], [`LeadError::Archived`], [`LeadError::NotFound`]; the database's.
pub fn mark_converted(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    opportunity: OpportunityId,
    by: Option<&User>,
) -> Result<(), LeadError> {
    if let Some(converted) = queries::set_converted(connection, scope, id, opportunity, by)? {
        let change = NewChange::new(Kind::Lead, Action::Converted).by(by);
        let recorded = converted.recorded(connection, scope, change, |row| {
            let fields = Fields::none()
                .compare("isConverted", &false, &row.converted_on.is_some())
                .compare("opportunityId", &None, &row.opportunity_id)
                .compare("convertedOn", &None, &row.converted_on);
            Ok((What::changed(id, fields)?, ()))
        });
        return Ok(recorded?);
    }
    let row = queries::find(connection, scope, id)?.ok_or(LeadError::NotFound)?;
    Err(if row.converted_on.is_some() { LeadError::AlreadyConverted(row.opportunity_id) } else { LeadError::Archived })
}
