//! The names of the organizations and contacts that records point at, of those that are in the trash: whatever is there is read
//! with them.

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
    /// What it points at and shows no name of yet.
    fn unnamed(&self) -> (Option<OrganizationId>, Option<ContactId>);

    /// Takes those of the two whose names were unknown.
    fn set_names(&mut self, organization: Option<Reference<OrganizationId>>, contact: Option<Reference<ContactId>>);
}

macro_rules! named {
    ($($record:ty),*) => {
        $(impl Named for $record {
            fn unnamed(&self) -> (Option<OrganizationId>, Option<ContactId>) {
                let organization = self.organization_id.filter(|_| self.organization.is_none());
                (organization, self.contact_id.filter(|_| self.contact.is_none()))
            }

            fn set_names(
                &mut self,
                organization: Option<Reference<OrganizationId>>,
                contact: Option<Reference<ContactId>>,
            ) {
                self.organization = organization.or_else(|| self.organization.take());
                self.contact = contact.or_else(|| self.contact.take());
            }
        })*
    };
}

named!(Lead, Opportunity, Case);

/// Fills in the names that a record does not show yet, in at most two statements.
pub(crate) fn of<T: Named>(connection: &mut DbConnection, scope: &Scope, mut record: T) -> Result<T, SuiteError> {
    // Of many that are changed at once nobody is shown the names.
    if scope.memory().is_none() {
        let (organization, contact) = record.unnamed();
        let organizations = organizations::names(connection, scope, organization.as_slice())?;
        let contacts = contacts::names(connection, scope, contact.as_slice())?;
        record.set_names(named(organization, &organizations), named(contact, &contacts));
    }
    Ok(record)
}

fn named<I: Copy + Eq + std::hash::Hash>(id: Option<I>, names: &HashMap<I, String>) -> Option<Reference<I>> {
    let id = id?;
    names.get(&id).map(|name| Reference { id, name: name.clone() })
}
