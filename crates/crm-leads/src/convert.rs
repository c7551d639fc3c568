//! A lead that becomes an opportunity.

use crm_core::error::collision;
use crm_core::values::{HoldReferences, References, User};
use crm_core::{Condition, DbConnection, LeadId, OpportunityId, Scope};
use crm_forms::{Form, FormKind};
use crm_history::{Action, Fields, Kind, NewChange, What};

use crate::service::{complete_one, get, lock_one};
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
    // Where the lead points elsewhere by then, what it points at now could only be held in the wrong order.
    let held = references_of(&get(connection, scope, id)?);
    hold(connection, scope, &held)?;
    let row = lock_one(connection, scope, id)?;
    let lead = complete_one(connection, scope, row, &form)?;
    if references_of(&lead) != held {
        return Err(collision("the lead was made to point at other records").into());
    }
    condition.check(|| Ok::<_, LeadError>(lead.clone()))?;
    if lead.is_converted {
        return Err(LeadError::AlreadyConverted(lead.opportunity_id));
    }
    if lead.is_archived {
        return Err(LeadError::Archived);
    }
    Ok(LeadToConvert { lead, form })
}

fn references_of(lead: &Lead) -> References {
    References::of(lead.organization_id, lead.contact_id, Some(&lead.participants))
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
