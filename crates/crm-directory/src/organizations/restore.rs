//! Organizations in the trash: what their deletion or merge keeps, and how they come back.

use crm_core::records::{Stored, run_again_where_taken};
use crm_core::values::{LabeledValue, LabeledValues, User};
use crm_core::{DbConnection, OrganizationId, Scope, TagId};
use crm_forms::FormKind;
use crm_forms::search::index;
use crm_history::{Action, ChangeId, Kind, NewChange, What};
use crm_tags::TagKind;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

use super::filter::SEARCHED;
use super::row::OrganizationRow;
use super::told::ToldOrganization;
use super::{Organization, queries};
use crate::DirectoryError;
use crate::labeled::{organization_emails, organization_phones};

/// What the deletion or merge of an organization keeps of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptOrganization {
    row: OrganizationRow,
    email: Vec<LabeledValue>,
    phone: Vec<LabeledValue>,
    tags: Vec<TagId>,
}

/// An organization that is deleted, for the change.
pub(super) fn deleted(organization: &Organization, row: OrganizationRow) -> QueryResult<What> {
    let told = ToldOrganization::of(organization, &row.values.custom_fields.0).whole()?;
    let (email, phone) = (organization.email.clone().into_vec(), organization.phone.clone().into_vec());
    let tags = organization.tags.iter().map(|tag| tag.id).collect();
    told.keeping(Some(&KeptOrganization { row, email, phone, tags }))
}

impl KeptOrganization {
    /// The organization as it was, with those of its tags that are still there.
    ///
    /// # Errors
    /// The database's.
    pub fn show(self, connection: &mut DbConnection, scope: &Scope) -> Result<Organization, DirectoryError> {
        let form = crm_forms::get(connection, scope, FormKind::Organizations)?;
        let tags = crm_tags::existing(connection, scope, TagKind::Organization, &self.tags)?;
        Ok(self.row.into_organization(
            scope,
            &form,
            LabeledValues::stored(self.email),
            LabeledValues::stored(self.phone),
            tags,
        ))
    }
}

/// Makes an organization again that was deleted or merged, and gives the change that says so, and the tags
/// that are still there, which whoever calls puts on it when all records are locked. Call it in a [`DbConnection::write`].
///
/// What the target of its merge took over stays there.
///
/// # Errors
/// [`DirectoryError::ExternalIdTaken`], nothing written; the database's.
pub fn restore(
    connection: &mut DbConnection,
    scope: &Scope,
    kept: KeptOrganization,
    target: Option<OrganizationId>,
    by: Option<&User>,
) -> Result<(ChangeId, Vec<TagId>), DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Organizations)?;
    let KeptOrganization { mut row, email, phone, tags } = kept;
    let (email, phone) = (LabeledValues::stored(email), LabeledValues::stored(phone));
    row.values.external_id = queries::external_id_again(connection, scope, row.values.external_id.take(), target)?;
    let row = row.restored(scope, by);
    let tags = crm_tags::existing(connection, scope, TagKind::Organization, &tags)?;
    let tag_ids = tags.iter().map(|tag| tag.id).collect();
    let made = queries::insert(connection, scope, row.clone()).map_err(run_again_where_taken)?;
    index(connection, scope, &SEARCHED, row.id.as_i64(), &row.values.custom_fields.0, &form)?;
    organization_emails::insert(connection, scope, row.id.as_i64(), &email)?;
    organization_phones::insert(connection, scope, row.id.as_i64(), &phone)?;
    let change = NewChange::new(Kind::Organization, Action::Restored).by(by);
    let (change, ()) = made.recorded_as(connection, scope, change, |made| {
        let organization = made.into_organization(scope, &form, email, phone, tags);
        Ok((ToldOrganization::of(&organization, &row.values.custom_fields.0).whole()?, ()))
    })?;
    Ok((change, tag_ids))
}
