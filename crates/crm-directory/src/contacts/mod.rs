//! Contacts: the people whom a team deals with (docs/compatibility.md, "Contacts and organizations").

mod check;
mod filter;
mod links;
mod merge;
mod model;
mod queries;
mod restore;
mod row;
mod service;
mod told;

pub use filter::{ContactFilter, ContactSort, OWNERS};
pub use links::{
    custom_fields_in_use, lock, lock_missing, missing, names, relink_organizations, repoint_organizations,
    unlink_organizations,
};
pub use merge::merge;
pub use model::{Contact, ContactPatch, NewContact};
pub use queries::{remember, with_emails, with_external_ids, with_names};
pub use restore::{KeptContact, restore};
pub use service::*;

/// What a search over all kinds looks into, and what each is called.
pub const SOUGHT: &[(&str, crm_core::search::Sought)] = crate::query::OF_CONTACTS;
