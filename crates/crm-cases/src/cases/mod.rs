//! Cases: requests that somebody works on until they are resolved (docs/compatibility.md, "Cases and case types").

mod ages;
mod check;
mod filter;
mod links;
mod model;
pub(crate) mod queries;
mod restore;
mod row;
mod service;
mod status_filter;
pub(crate) mod step;
mod told;
mod values;
pub(crate) mod walk;

pub use ages::{StatusAges, ages_by_status};
pub(crate) use filter::SEARCHED;
pub use filter::{ASSIGNEES, CaseFilter, CaseSort, OWNERS};
pub use links::{
    lock, relink_contacts, relink_organizations, repoint_contacts, repoint_organizations, titles, unlink_contacts,
    unlink_organizations,
};
pub use model::{Case, CasePatch, NewCase};
pub use queries::{SOUGHT, remember, with_external_ids};
pub use restore::{KeptCase, restore};
pub use service::*;
pub use values::{Day, Priority};
