//! Opportunities in the trash: what their deletion keeps, and how they come back.

use crm_core::records::{Stored, run_again_where_taken};
use crm_core::values::{ExternalId, Participant, Participants, ReferencedRecords, User, Vanished};
use crm_core::{DbConnection, FieldErrors, LeadId, Scope, TagId};
use crm_forms::FormKind;
use crm_forms::search::index;
use crm_history::{Action, ChangeId, Kind, NewChange, What};
use crm_tags::TagKind;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

use super::filter::SEARCHED;
use super::row::OpportunityRow;
use super::told::ToldOpportunity;
use super::{Opportunity, participants, queries};
use crate::OpportunityError;
use crate::pipelines::{self, StageKey};

/// What the deletion of an opportunity keeps of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptOpportunity {
    row: OpportunityRow,
    participants: Vec<Participant>,
    tags: Vec<TagId>,
}

/// An opportunity that is deleted, for the change.
pub(super) fn deleted(opportunity: &Opportunity, row: OpportunityRow) -> QueryResult<What> {
    let told = ToldOpportunity::of(opportunity, &row.values.custom_fields.0).whole()?.counted(row.counted());
    let participants = opportunity.participants.as_slice().to_vec();
    let tags = opportunity.tags.iter().map(|tag| tag.id).collect();
    told.keeping(Some(&KeptOpportunity { row, participants, tags }))
}

impl KeptOpportunity {
    /// What it pointed at.
    #[must_use]
    pub fn references(&self) -> ReferencedRecords {
        self.row.references(&Participants::stored(self.participants.clone()))
    }

    /// The lead that it was made of.
    #[must_use]
    pub fn lead(&self) -> Option<LeadId> {
        self.row.lead_id
    }

    /// The opportunity as it was, with those of its tags that are still there.
    ///
    /// # Errors
    /// The database's.
    pub fn show(self, connection: &mut DbConnection, scope: &Scope) -> Result<Opportunity, OpportunityError> {
        let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
        let tags = crm_tags::existing(connection, scope, TagKind::Opportunity, &self.tags)?;
        Ok(self.row.into_opportunity(scope, &form, self.participants, tags))
    }
}

/// Makes an opportunity again that was deleted, and gives the change that says so, and the tags that are still there, which whoever
/// calls puts on it when all records are locked. `hold` holds what it points at, and gives what of that vanished, without which the
/// opportunity comes back, and the lead that is still there. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`OpportunityError::Invalid`] where its stage is gone, [`OpportunityError::ExternalIdTaken`], nothing written; the database's.
pub fn restore(
    connection: &mut DbConnection,
    scope: &Scope,
    kept: KeptOpportunity,
    by: Option<&User>,
    hold: impl FnOnce(&mut DbConnection, &Scope, &KeptOpportunity) -> QueryResult<(Vanished, Option<LeadId>)>,
) -> Result<(ChangeId, Vec<TagId>), OpportunityError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let (vanished, lead) = hold(connection, scope, &kept)?;
    let KeptOpportunity { row, participants, tags } = kept;
    let external_id = row.values.external_id.clone().map(ExternalId::stored);
    queries::claim_external_id(connection, scope, external_id.as_ref(), None)?;
    let mut errors = FieldErrors::new();
    let (pipeline, stage) = row.values.place();
    let place = pipelines::place(connection, scope, Some(pipeline), Some(&StageKey::stored(stage)), &mut errors)?;
    let Some(place) = place else { return Err(errors.into()) };
    let row = row.restored(scope, by, &vanished, place, lead);
    let tags = crm_tags::existing(connection, scope, TagKind::Opportunity, &tags)?;
    let tag_ids = tags.iter().map(|tag| tag.id).collect();
    let left = vanished.participants(participants);
    let made = queries::insert(connection, scope, row.clone()).map_err(run_again_where_taken)?;
    index(connection, scope, &SEARCHED, row.id.as_i64(), &row.values.custom_fields.0, &form)?;
    participants::add(connection, scope, row.id, &left)?;
    let change = NewChange::new(Kind::Opportunity, Action::Restored).by(by);
    let (change, ()) = made.recorded_as(connection, scope, change, |made| {
        let counted = made.counted();
        let opportunity = made.into_opportunity(scope, &form, left.into_vec(), tags);
        Ok((ToldOpportunity::of(&opportunity, &row.values.custom_fields.0).whole()?.counted(counted), ()))
    })?;
    Ok((change, tag_ids))
}
