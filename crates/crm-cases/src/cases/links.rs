//! What happens to cases when a record that they point at is deleted or merged: pieces for whoever does that in one
//! transaction. Each sets `lastUpdatedOn` of the cases that it changes. Call them in a
//! [`DbConnection::write`](crm_core::DbConnection::write).

use crm_core::{CaseId, ContactId, DbConnection, OrganizationId, Scope};
use diesel::QueryResult;

use super::queries;
use crate::schema::cases;

/// Locks those of these cases that exist until the end of the transaction, in ascending order, and returns them. Call it in
/// a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[CaseId]) -> QueryResult<Vec<CaseId>> {
    queries::lock(connection, scope, ids)
}

crm_core::record_names!(titles, cases, CaseId, title, "case");

crm_history::reference_column! {
    cases.organization_id: CaseId => OrganizationId;
    /// Takes these organizations off every case.
    unlink_organizations;
    /// Gives a restored organization back to the cases that lost it.
    relink_organizations;
    /// Makes every case of one of these organizations a case of `to`.
    repoint_organizations;
}

crm_history::reference_column! {
    cases.contact_id: CaseId => ContactId;
    /// Takes these contacts off every case.
    unlink_contacts;
    /// Gives a restored contact back to the cases that lost it.
    relink_contacts;
    /// Puts `to` in the place of these contacts.
    repoint_contacts;
}
