#![doc = include_str!("../README.md")]

pub mod contacts;
mod duplicate;
mod error;
mod labeled;
mod links;
pub mod organizations;
mod query;
mod schema;

pub use contacts::{Contact, ContactFilter, ContactPatch, ContactSort, NewContact};
pub use duplicate::{Duplicate, DuplicateBy, Duplicates, DuplicatesRequest, IfNoDuplicate};
pub use error::DirectoryError;
pub use labeled::{Emails, Phones};
pub use organizations::{
    Address, NewOrganization, Organization, OrganizationFilter, OrganizationPatch, OrganizationSort,
};
