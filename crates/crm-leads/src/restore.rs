//! Leads in the trash: what their deletion or merge keeps, and how they come back.

use crm_core::records::{Stored, run_again_where_taken};
use crm_core::values::{Participant, Participants, ReferencedRecords, User, Vanished};
use crm_core::{DbConnection, LeadId, OpportunityId, Scope, TagId};
use crm_forms::FormKind;
use crm_forms::search::index;
use crm_history::{Action, ChangeId, Kind, NewChange, What};
use crm_tags::TagKind;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

use crate::filter::SEARCHED;
use crate::row::LeadRow;
use crate::told::ToldLead;
use crate::{Lead, LeadError, participants, queries};

/// What the deletion or merge of a lead keeps of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptLead {
    row: LeadRow,
    participants: Vec<Participant>,
    tags: Vec<TagId>,
}

/// A lead that is deleted, for the change.
pub(crate) fn deleted(lead: &Lead, row: LeadRow) -> QueryResult<What> {
    let told = ToldLead::of(lead, &row.values.custom_fields.0).whole()?;
    let participants = lead.participants.as_slice().to_vec();
    told.keeping(Some(&KeptLead { row, participants, tags: lead.tags.iter().map(|tag| tag.id).collect() }))
}

impl KeptLead {
    /// What it pointed at.
    #[must_use]
    pub fn references(&self) -> ReferencedRecords {
        self.row.references(&Participants::stored(self.participants.clone()))
    }

    /// The opportunity that it was converted into.
    #[must_use]
    pub fn opportunity(&self) -> Option<OpportunityId> {
        self.row.opportunity_id
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> &[TagId] {
        &self.tags
    }

    /// The lead as it was, with those of its tags that are still there.
    ///
    /// # Errors
    /// The database's.
    pub fn show(self, connection: &mut DbConnection, scope: &Scope) -> Result<Lead, LeadError> {
        let form = crm_forms::get(connection, scope, FormKind::Pipeline)?;
        let tags = crm_tags::existing(connection, scope, TagKind::Lead, &self.tags)?;
        Ok(self.row.into_lead(scope, &form, self.participants, tags))
    }
}

/// Makes a lead again that was deleted or merged into `target`, and gives the change that says so, and the tags that are still there,
/// which whoever calls puts on it when all records are locked. `hold` holds what it points at, and gives what of that vanished,
/// without which the lead comes back, and the opportunity that is still there. Call it in a [`DbConnection::write`].
///
/// What the target of its merge took over stays there.
///
/// # Errors
/// [`LeadError::ExternalIdTaken`], nothing written; the database's.
pub fn restore(
    connection: &mut DbConnection,
    scope: &Scope,
    kept: KeptLead,
    target: Option<LeadId>,
    by: Option<&User>,
    hold: impl FnOnce(&mut DbConnection, &Scope, &KeptLead) -> QueryResult<(Vanished, Option<OpportunityId>)>,
) -> Result<(ChangeId, Vec<TagId>), LeadError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    let (vanished, opportunity) = hold(connection, scope, &kept)?;
    let KeptLead { mut row, participants, tags } = kept;
    row.values.external_id = queries::external_id_again(connection, scope, row.values.external_id.take(), target)?;
    let row = row.restored(scope, by, &vanished, opportunity);
    let tags = crm_tags::existing(connection, scope, TagKind::Lead, &tags)?;
    let tag_ids = tags.iter().map(|tag| tag.id).collect();
    let left = vanished.participants(participants);
    let made = queries::insert(connection, scope, row.clone()).map_err(run_again_where_taken)?;
    index(connection, scope, &SEARCHED, row.id.as_i64(), &row.values.custom_fields.0, &form)?;
    participants::add(connection, scope, row.id, &left)?;
    let change = NewChange::new(Kind::Lead, Action::Restored).by(by);
    let (change, ()) = made.recorded_as(connection, scope, change, |made| {
        let lead = made.into_lead(scope, &form, left.into_vec(), tags);
        Ok((ToldLead::of(&lead, &row.values.custom_fields.0).whole()?, ()))
    })?;
    Ok((change, tag_ids))
}
