//! The names of the organizations and contacts that records point at, of those that are in the trash: whatever is there is read
//! with them.

use std::collections::HashMap;

use crm_core::records::ShowsNames;
use crm_core::values::Reference;
use crm_core::{DbConnection, Scope};
use crm_directory::{contacts, organizations};

use crate::SuiteError;

/// Fills in the names that a record does not show yet, in at most two statements.
pub(crate) fn of<T: ShowsNames>(connection: &mut DbConnection, scope: &Scope, mut record: T) -> Result<T, SuiteError> {
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
