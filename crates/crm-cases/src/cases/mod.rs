//! Cases: requests that somebody works on until they are resolved (docs/compatibility.md, "Cases and case types").

mod check;
mod filter;
mod links;
mod model;
pub(crate) mod queries;
mod row;
mod service;
mod status_filter;
mod told;
mod values;
pub(crate) mod walk;

pub use filter::{CaseFilter, CaseSort};
pub use links::{lock, repoint_contacts, repoint_organizations, unlink_contacts, unlink_organizations};
pub use model::{Case, CasePatch, NewCase};
pub use queries::{SOUGHT, with_external_ids};
pub use service::{LockedCase, create, delete, get, list, lock_one, record_deletion, update};
pub use values::{Day, Priority};
