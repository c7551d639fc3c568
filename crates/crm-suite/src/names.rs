//! The names of the organizations and contacts that records point at, for responses.

use std::collections::HashMap;

use crm_cases::Case;
use crm_core::values::Reference;
use crm_core::{ContactId, DbConnection, OrganizationId, Scope};
use crm_directory::{contacts, organizations};
use crm_leads::Lead;
use crm_opportunities::Opportunity;

use crate::SuiteError;

/// A record that shows an organization and a contact with their names.
pub(crate) trait Named {
    /// What it points at.
    fn points_at(&self) -> (Option<OrganizationId>, Option<ContactId>);

    /// Takes the two with their names.
    fn set_names(&mut self, organization: Option<Reference<OrganizationId>>, contact: Option<Reference<ContactId>>);
}

macro_rules! named {
    ($($record:ty),*) => {
        $(impl Named for $record {
            fn points_at(&self) -> (Option<OrganizationId>, Option<ContactId>) {
                (self.organization_id, self.contact_id)
            }

            fn set_names(
                &mut self,
                organization: Option<Reference<OrganizationId>>,
                contact: Option<Reference<ContactId>>,
            ) {
                self.organization = organization;
                self.contact = contact;
            }
        })*
    };
}

named!(Lead, Opportunity, Case);

/// Fills in the names of all these records, in at most two statements.
pub(crate) fn fill<T: Named>(
    connection: &mut DbConnection,
    scope: &Scope,
    records: &mut [T],
) -> Result<(), SuiteError> {
    let organizations: Vec<OrganizationId> = records.iter().filter_map(|record| record.points_at().0).collect();
    let contacts: Vec<ContactId> = records.iter().filter_map(|record| record.points_at().1).collect();
    let organizations = organizations::names(connection, scope, &organizations)?;
    let contacts = contacts::names(connection, scope, &contacts)?;
    for record in records {
        let (organization, contact) = record.points_at();
        record.set_names(named(organization, &organizations), named(contact, &contacts));
    }
    Ok(())
}

/// As [`fill`], of one record that is passed through.
pub(crate) fn of<T: Named>(connection: &mut DbConnection, scope: &Scope, mut record: T) -> Result<T, SuiteError> {
    // Of many that are changed at once nobody is shown the names.
    if scope.memory().is_none() {
        fill(connection, scope, std::slice::from_mut(&mut record))?;
    }
    Ok(record)
}

fn named<I: Copy + Eq + std::hash::Hash>(id: Option<I>, names: &HashMap<I, String>) -> Option<Reference<I>> {
    let id = id?;
    names.get(&id).map(|name| Reference { id, name: name.clone() })
}
