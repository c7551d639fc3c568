//! What happens to cases when a record that they point at is deleted or merged: pieces for whoever does that in one
//! transaction. Each sets `lastUpdatedOn` of the cases that it changes. Call them in a
//! [`DbConnection::write`](crm_core::DbConnection::write).

use crm_core::{CaseId, ContactId, OrganizationId};

use crate::schema::cases;

crm_core::reference_column! {
    cases.organization_id: CaseId => OrganizationId;
    /// Takes these organizations off every case.
    unlink_organizations;
    /// Makes every case of one of these organizations a case of `to`.
    repoint_organizations;
}

crm_core::reference_column! {
    cases.contact_id: CaseId => ContactId;
    /// Takes these contacts off every case.
    unlink_contacts;
    /// Puts `to` in the place of these contacts.
    repoint_contacts;
}
