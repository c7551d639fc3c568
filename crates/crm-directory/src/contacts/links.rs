//! What other records need of contacts: names, whether they exist, and what happens to them when an organization is
//! deleted or merged. The pieces for whoever does that in one transaction.

use crm_core::{ContactId, DbConnection, ForKeyShareExt, OrganizationId, Scope};
use diesel::prelude::*;

use super::filter::SEARCHED;
use super::queries;
use crate::links::{links, without};
use crate::schema::contacts;

links!(contacts, ContactId, "contact");
crm_forms::custom_fields_in_use!(SEARCHED);

crm_history::reference_column! {
    contacts.organization_id: ContactId => OrganizationId;
    /// Takes these organizations off every contact.
    unlink_organizations;
    /// Gives a restored organization back to the contacts that lost it.
    relink_organizations;
    /// Makes every contact of one of these organizations a contact of `to`.
    repoint_organizations;
}
