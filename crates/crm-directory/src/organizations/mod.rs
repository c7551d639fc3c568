//! Organizations: the companies that a team deals with (docs/compatibility.md, "Contacts and organizations").

mod address;
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

pub use address::Address;
pub use filter::{OWNERS, OrganizationFilter, OrganizationSort};
pub use links::{custom_fields_in_use, lock, lock_missing, missing, names};
pub use merge::merge;
pub use model::{NewOrganization, Organization, OrganizationPatch};
pub use queries::{remember, with_emails, with_external_ids, with_names};
pub use restore::{KeptOrganization, restore};
pub use service::*;

/// What a search over all kinds looks into, and what each is called.
pub const SOUGHT: &[(&str, crm_core::search::Sought)] = crate::query::OF_ORGANIZATIONS;
