//! What happens to cases when a record that they point at is deleted or merged: pieces for whoever does that in one
//! transaction. Each sets `lastUpdatedOn` of the cases that it changes. Call them in a
//! [`DbConnection::write`](crm_core::DbConnection::write).

use crm_core::{CaseId, ContactId, DbConnection, ForUpdateExt, OrganizationId, Scope};
use diesel::prelude::*;

use crate::schema::cases;

/// Takes these organizations off every case.
///
/// # Errors
/// The database's.
pub fn unlink_organizations(
    connection: &mut DbConnection,
    scope: &Scope,
    organizations: &[OrganizationId],
) -> QueryResult<()> {
    set_organization(connection, scope, organizations, None)
}

/// Makes every case of one of these organizations a case of `to`.
///
/// # Errors
/// The database's; a foreign key violation where `to` does not exist.
pub fn repoint_organizations(
    connection: &mut DbConnection,
    scope: &Scope,
    from: &[OrganizationId],
    to: OrganizationId,
) -> QueryResult<()> {
    set_organization(connection, scope, from, Some(to))
}

fn set_organization(
    connection: &mut DbConnection,
    scope: &Scope,
    from: &[OrganizationId],
    to: Option<OrganizationId>,
) -> QueryResult<()> {
    let of_them =
        || cases::table.filter(cases::tenant_id.eq(scope.tenant())).filter(cases::organization_id.eq_any(from));
    let _: Vec<CaseId> = of_them().order(cases::id).select(cases::id).locked().load(connection)?;
    diesel::update(of_them())
        .set((cases::organization_id.eq(to), cases::last_updated_on.eq(scope.now())))
        .execute(connection)?;
    Ok(())
}

/// Takes these contacts off every case.
///
/// # Errors
/// The database's.
pub fn unlink_contacts(connection: &mut DbConnection, scope: &Scope, contacts: &[ContactId]) -> QueryResult<()> {
    set_contact(connection, scope, contacts, None)
}

/// Puts `to` in the place of these contacts.
///
/// # Errors
/// The database's; a foreign key violation where `to` does not exist.
pub fn repoint_contacts(
    connection: &mut DbConnection,
    scope: &Scope,
    from: &[ContactId],
    to: ContactId,
) -> QueryResult<()> {
    set_contact(connection, scope, from, Some(to))
}

fn set_contact(
    connection: &mut DbConnection,
    scope: &Scope,
    from: &[ContactId],
    to: Option<ContactId>,
) -> QueryResult<()> {
    let of_them = || cases::table.filter(cases::tenant_id.eq(scope.tenant())).filter(cases::contact_id.eq_any(from));
    let _: Vec<CaseId> = of_them().order(cases::id).select(cases::id).locked().load(connection)?;
    diesel::update(of_them())
        .set((cases::contact_id.eq(to), cases::last_updated_on.eq(scope.now())))
        .execute(connection)?;
    Ok(())
}
