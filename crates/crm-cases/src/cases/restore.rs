//! Cases in the trash: what their deletion keeps, and how they come back. Their activities stay where they are until they are
//! gone for good.

use std::sync::Arc;

use crm_core::records::{Stored, run_again_where_taken};
use crm_core::text::folded;
use crm_core::values::{ExternalId, ReferencedRecords, User, Vanished};
use crm_core::{DbConnection, FieldCode, FieldErrors, Scope, TagId};
use crm_forms::Form;
use crm_forms::search::index;
use crm_history::{Action, ChangeId, Kind, NewChange, What};
use crm_tags::TagKind;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

use crate::cases::filter::SEARCHED;
use crate::cases::queries;
use crate::cases::row::CaseRow;
use crate::cases::service::note_missing_type;
use crate::cases::told::ToldCase;
use crate::types::KnownType;
use crate::{Case, CaseError, types};

/// What the deletion of a case keeps of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptCase {
    row: CaseRow,
    tags: Vec<TagId>,
}

/// A case that is deleted, for the change.
pub(crate) fn deleted(case: &Case, row: CaseRow) -> QueryResult<What> {
    let told = ToldCase::of(case, &row.values.custom_fields.0).whole()?;
    told.keeping(Some(&KeptCase { row, tags: case.tags.iter().map(|tag| tag.id).collect() }))
}

impl KeptCase {
    /// What it pointed at.
    fn references(&self) -> ReferencedRecords {
        self.row.references()
    }

    /// The case as it was, with those of its tags that are still there. Where its type is gone, without its custom fields, which
    /// no form shows.
    ///
    /// # Errors
    /// The database's.
    pub fn show(self, connection: &mut DbConnection, scope: &Scope) -> Result<Case, CaseError> {
        let of_type = self.row.values.case_type_id;
        let mut forms = types::forms_of(connection, scope, vec![of_type])?;
        let form =
            forms.remove(&of_type).unwrap_or_else(|| Form::default_of(crm_forms::PIPELINE, scope.public_tenant()));
        let tags = crm_tags::existing(connection, scope, TagKind::Case, &self.tags)?;
        Ok(self.row.into_case(scope, &form, tags))
    }
}

/// Makes a case again that was deleted, and gives the change that says so, and the tags that are still there, which whoever calls
/// puts on it when all records are locked. `hold` holds what it points at, and gives what of that vanished, without which the case
/// comes back. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CaseError::Invalid`] where its type or its status is gone, [`CaseError::ExternalIdTaken`], nothing written; the database's.
pub fn restore(
    connection: &mut DbConnection,
    scope: &Scope,
    kept: KeptCase,
    by: Option<&User>,
    hold: impl FnOnce(&mut DbConnection, &Scope, &ReferencedRecords) -> QueryResult<Vanished>,
) -> Result<(ChangeId, Vec<TagId>), CaseError> {
    let vanished = hold(connection, scope, &kept.references())?;
    let KeptCase { mut row, tags } = kept;
    let of_type = row.values.case_type_id;
    let case_type = types::shared(connection, scope, &[of_type])?.pop();
    let case_type = status_in(case_type, &mut row)?;
    let external_id = row.values.external_id.clone().map(ExternalId::stored);
    queries::claim_external_id(connection, scope, external_id.as_ref(), None)?;
    let row = row.restored(scope, by, &vanished);
    let tags = crm_tags::existing(connection, scope, TagKind::Case, &tags)?;
    let tag_ids = tags.iter().map(|tag| tag.id).collect();
    let made = queries::insert(connection, scope, row.clone()).map_err(run_again_where_taken)?;
    index(connection, scope, &SEARCHED, row.id.as_i64(), &row.values.custom_fields.0, &case_type.form)?;
    let change = NewChange::new(Kind::Case, Action::Restored).by(by);
    let (change, ()) = made.recorded_as(connection, scope, change, |made| {
        let case = made.into_case(scope, &case_type.form, tags);
        Ok((ToldCase::of(&case, &row.values.custom_fields.0).whole()?, ()))
    })?;
    Ok((change, tag_ids))
}

/// The type of a case, where it is there and has the status of the case, which is spelled as there.
fn status_in(case_type: Option<Arc<KnownType>>, row: &mut CaseRow) -> Result<Arc<KnownType>, FieldErrors> {
    let mut errors = FieldErrors::new();
    let Some(case_type) = case_type else {
        note_missing_type(Some(row.values.case_type_id), &mut errors);
        return Err(errors);
    };
    let status = folded(&row.values.status);
    match case_type.workflow.statuses().iter().find(|known| folded(&known.label) == status) {
        Some(known) => row.values.status.clone_from(&known.label),
        None => {
            let message = format_args!("the case type has no status {}", row.values.status);
            errors.push("status", FieldCode::InvalidValue, message);
            return Err(errors);
        }
    }
    Ok(case_type)
}
