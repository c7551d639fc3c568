//! What happens to opportunities when a record that they point at is deleted or merged: pieces for whoever does that in
//! one transaction. Each sets `lastUpdatedOn` of the opportunities that it changes. Call them in a [`DbConnection::write`].

use crm_core::records::in_statements;
use crm_core::{ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, PortableExt, Scope};
use crm_forms::HasCustomValue;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::queries;
use crate::schema::{opportunities, opportunity_participants};

crm_core::reference_column! {
    opportunities.organization_id: OpportunityId => OrganizationId;
    /// Takes these organizations off every opportunity.
    unlink_organizations;
    /// Makes every opportunity of one of these organizations an opportunity of `to`.
    repoint_organizations;
}

/// Takes these contacts off every opportunity, and out of every list of participants.
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
    let of_them = || {
        opportunities::table
            .filter(opportunities::tenant_id.eq(scope.tenant()))
            .filter(opportunities::contact_id.eq_any(from))
    };
    let with_them = || {
        opportunity_participants::table
            .filter(opportunity_participants::tenant_id.eq(scope.tenant()))
            .filter(opportunity_participants::contact_id.eq_any(from))
    };
    let mut touched: Vec<OpportunityId> = of_them().select(opportunities::id).load(connection)?;
    let joined: Vec<OpportunityId> =
        with_them().select(opportunity_participants::opportunity_id).distinct().load(connection)?;
    touched.extend(joined);
    let touched = queries::lock(connection, scope, &touched)?;
    if let Some(to) = to {
        replace_participant(connection, scope, from, to)?;
    }
    diesel::delete(with_them()).execute(connection)?;
    // Each row is written once. PostgreSQL checks all foreign keys of one that its transaction has written before,
    // also those that stay as they are, and so would lock organizations after opportunities.
    for ids in in_statements(&touched) {
        let elsewhere = opportunities::contact_id.is_null().or(opportunities::contact_id.ne_all(from));
        let only_with_them = opportunities::table
            .filter(opportunities::tenant_id.eq(scope.tenant()))
            .filter(opportunities::id.eq_any(ids))
            .filter(elsewhere);
        diesel::update(only_with_them).set(opportunities::last_updated_on.eq(scope.now())).execute(connection)?;
    }
    diesel::update(of_them())
        .set((opportunities::contact_id.eq(to), opportunities::last_updated_on.eq(scope.now())))
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
    use opportunity_participants::{contact_id, name, opportunity_id, position, table, tenant_id};
    table
        .filter(tenant_id.eq(scope.tenant()))
        .filter(contact_id.eq_any(from))
        .order(position)
        .select((tenant_id, opportunity_id, to.into_sql::<BigInt>(), name, position))
        .insert_into(table)
        .into_columns((tenant_id, opportunity_id, contact_id, name, position))
        .on_conflict_do_nothing()
        .portable()
        .execute(connection)?;
    Ok(())
}

crm_core::reference_column! {
    opportunities.lead_id: OpportunityId => LeadId;
    /// Takes these leads off the opportunities that were made of them.
    unlink_leads;
}

/// Whether any opportunity has a value for this custom field, so that its type cannot change.
///
/// # Errors
/// The database's.
pub fn has_custom_value(connection: &mut DbConnection, scope: &Scope, field_id: &str) -> QueryResult<bool> {
    let found: Option<OpportunityId> = opportunities::table
        .filter(opportunities::tenant_id.eq(scope.tenant()))
        .filter(HasCustomValue::new("custom_fields", field_id))
        .select(opportunities::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}
