#![doc = include_str!("../README.md")]

mod check;
mod convert;
mod error;
mod filter;
mod links;
mod merge;
mod model;
mod participants;
mod queries;
mod restore;
mod row;
mod schema;
mod service;
mod told;

pub use convert::{LeadToConvert, lock_each_to_convert, lock_to_convert, mark_converted};
pub use crm_forms::LeadRating;
pub use error::LeadError;
pub use filter::{LeadFilter, LeadSort, OWNERS};
pub use links::{
    custom_fields_in_use, lock, lock_converted_into, relink_opportunities, relink_organizations, repoint_organizations,
    titles, unlink_opportunities, unlink_organizations,
};
pub use merge::merge;
pub use model::{Lead, LeadPatch, NewLead};
pub use participants::{relink_contacts, repoint_contacts, unlink_contacts};
pub use queries::{SOUGHT, remember, with_external_ids};
pub use restore::{KeptLead, restore};
pub use service::*;
