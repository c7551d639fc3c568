//! What happens to leads when a record that they point at is deleted or merged: pieces for whoever does that in
//! one transaction. Each sets `lastUpdatedOn` of the leads that it changes. Call them in a [`DbConnection::write`].

use crm_core::records::in_statements;
use crm_core::{ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, PortableExt, Scope};
use crm_forms::HasCustomValue;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::queries;
use crate::schema::{lead_participants, leads};

/// Locks those of these leads that exist until the end of the transaction, in ascending order, and returns them: so
/// that nothing can point at them while they are deleted. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[LeadId]) -> QueryResult<Vec<LeadId>> {
    queries::lock(connection, scope, ids)
}

crm_core::reference_column! {
    leads.organization_id: LeadId => OrganizationId;
    /// Takes these organizations off every lead.
    unlink_organizations;
    /// Makes every lead of one of these organizations a lead of `to`.
    repoint_organizations;
}

/// Takes these contacts off every lead, and out of every list of participants.
///
/// # Errors
/// The database's.
pub fn unlink_contacts(connection: &mut DbConnection, scope: &Scope, contacts: &[ContactId]) -> QueryResult<()> {
    set_contact(connection, scope, contacts, None)
}

/// Puts `to` in the place of these contacts, in lists of participants too, where it stands once.
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
    let of_them = || leads::table.filter(leads::tenant_id.eq(scope.tenant())).filter(leads::contact_id.eq_any(from));
    let with_them = || {
        lead_participants::table
            .filter(lead_participants::tenant_id.eq(scope.tenant()))
            .filter(lead_participants::contact_id.eq_any(from))
    };
    let mut touched: Vec<LeadId> = of_them().select(leads::id).load(connection)?;
    let joined: Vec<LeadId> = with_them().select(lead_participants::lead_id).distinct().load(connection)?;
    touched.extend(joined);
    let touched = queries::lock(connection, scope, &touched)?;
    if let Some(to) = to {
        replace_participant(connection, scope, from, to)?;
    }
    diesel::delete(with_them()).execute(connection)?;
    // Each row is written once. PostgreSQL checks all foreign keys of one that its transaction has written before,
    // also those that stay as they are, and so would lock organizations after leads.
    for ids in in_statements(&touched) {
        let elsewhere = leads::contact_id.is_null().or(leads::contact_id.ne_all(from));
        let only_with_them =
            leads::table.filter(leads::tenant_id.eq(scope.tenant())).filter(leads::id.eq_any(ids)).filter(elsewhere);
        diesel::update(only_with_them).set(leads::last_updated_on.eq(scope.now())).execute(connection)?;
    }
    diesel::update(of_them())
        .set((leads::contact_id.eq(to), leads::last_updated_on.eq(scope.now())))
        .execute(connection)?;
    Ok(())
}

/// Adds `to` wherever one of `from` takes part, at the place of the first of them, unless it is there already.
fn replace_participant(
    connection: &mut DbConnection,
    scope: &Scope,
    from: &[ContactId],
    to: ContactId,
) -> QueryResult<()> {
    use lead_participants::{contact_id, lead_id, name, position, table, tenant_id};
    table
        .filter(tenant_id.eq(scope.tenant()))
        .filter(contact_id.eq_any(from))
        .order(position)
        .select((tenant_id, lead_id, to.into_sql::<BigInt>(), name, position))
        .insert_into(table)
        .into_columns((tenant_id, lead_id, contact_id, name, position))
        .on_conflict_do_nothing()
        .portable()
        .execute(connection)?;
    Ok(())
}

crm_core::reference_column! {
    leads.opportunity_id: LeadId => OpportunityId;
    /// Takes these opportunities off the leads that were converted into them; the leads stay converted.
    unlink_opportunities;
}

/// Whether any lead has a value for this custom field, so that its type cannot change.
///
/// # Errors
/// The database's.
pub fn has_custom_value(connection: &mut DbConnection, scope: &Scope, field_id: &str) -> QueryResult<bool> {
    let found: Option<LeadId> = leads::table
        .filter(leads::tenant_id.eq(scope.tenant()))
        .filter(HasCustomValue::new("custom_fields", field_id))
        .select(leads::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}
