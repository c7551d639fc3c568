//! Contacts in the trash: what their deletion or merge keeps, and how they come back.

use crm_core::records::{Stored, run_again_where_taken};
use crm_core::values::{LabeledValue, LabeledValues, ReferencedRecords, User, Vanished};
use crm_core::{ContactId, DbConnection, Scope, TagId};
use crm_forms::FormKind;
use crm_forms::search::index;
use crm_history::{Action, ChangeId, Kind, NewChange, What};
use crm_tags::TagKind;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

use super::filter::SEARCHED;
use super::row::ContactRow;
use super::service::organization_of;
use super::told::ToldContact;
use super::{Contact, queries};
use crate::DirectoryError;
use crate::labeled::{contact_emails, contact_phones};

/// What the deletion or merge of a contact keeps of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptContact {
    row: ContactRow,
    email: Vec<LabeledValue>,
    phone: Vec<LabeledValue>,
    tags: Vec<TagId>,
}

/// A contact that is deleted, for the change.
pub(super) fn deleted(contact: &Contact, row: ContactRow) -> QueryResult<What> {
    let told = ToldContact::of(contact, &row.values.custom_fields.0).whole()?;
    let (email, phone) = (contact.email.clone().into_vec(), contact.phone.clone().into_vec());
    let tags = contact.tags.iter().map(|tag| tag.id).collect();
    told.keeping(Some(&KeptContact { row, email, phone, tags }))
}

impl KeptContact {
    /// What it pointed at.
    fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(self.row.values.organization_id, None, None)
    }

    /// The contact as it was, with those of its tags that are still there.
    ///
    /// # Errors
    /// The database's.
    pub fn show(self, connection: &mut DbConnection, scope: &Scope) -> Result<Contact, DirectoryError> {
        let form = crm_forms::get(connection, scope, FormKind::Contacts)?;
        let tags = crm_tags::existing(connection, scope, TagKind::Contact, &self.tags)?;
        let organization = organization_of(connection, scope, self.row.values.organization_id)?;
        Ok(self.row.into_contact(
            scope,
            &form,
            LabeledValues::stored(self.email),
            LabeledValues::stored(self.phone),
            organization,
            tags,
        ))
    }
}

/// Makes a contact again that was deleted or merged, and gives the change that says so, and the tags that are still there, which
/// whoever calls puts on it when all records are locked. `hold` holds what it points at, and gives what of that vanished, without
/// which the contact comes back. Call it in a [`DbConnection::write`].
///
/// What the target of its merge took over stays there.
///
/// # Errors
/// [`DirectoryError::ExternalIdTaken`], nothing written; the database's.
pub fn restore(
    connection: &mut DbConnection,
    scope: &Scope,
    kept: KeptContact,
    target: Option<ContactId>,
    by: Option<&User>,
    hold: impl FnOnce(&mut DbConnection, &Scope, &ReferencedRecords) -> QueryResult<Vanished>,
) -> Result<(ChangeId, Vec<TagId>), DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Contacts)?;
    let vanished = hold(connection, scope, &kept.references())?;
    let KeptContact { mut row, email, phone, tags } = kept;
    let (email, phone) = (LabeledValues::stored(email), LabeledValues::stored(phone));
    row.values.external_id = queries::external_id_again(connection, scope, row.values.external_id.take(), target)?;
    let row = row.restored(scope, by, &vanished);
    let tags = crm_tags::existing(connection, scope, TagKind::Contact, &tags)?;
    let tag_ids = tags.iter().map(|tag| tag.id).collect();
    let made = queries::insert(connection, scope, row.clone()).map_err(run_again_where_taken)?;
    index(connection, scope, &SEARCHED, row.id.as_i64(), &row.values.custom_fields.0, &form)?;
    contact_emails::insert(connection, scope, row.id.as_i64(), &email)?;
    contact_phones::insert(connection, scope, row.id.as_i64(), &phone)?;
    let change = NewChange::new(Kind::Contact, Action::Restored).by(by);
    let (change, ()) = made.recorded_as(connection, scope, change, |made| {
        let contact = made.into_contact(scope, &form, email, phone, None, tags);
        Ok((ToldContact::of(&contact, &row.values.custom_fields.0).whole()?, ()))
    })?;
    Ok((change, tag_ids))
}
