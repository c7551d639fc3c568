//! Case types: the form and the workflow that cases of one kind have (docs/compatibility.md, "Cases and case types").

mod general;
mod model;
mod queries;
mod row;
mod service;
mod statuses;
mod told;

pub use model::{CaseType, CaseTypePatch, CaseTypeSort, NewCaseType};
pub use service::*;

pub(crate) use queries::{default_id, default_shared, forms_of, hold, shared};
pub(crate) use row::{KnownType, stored_form};
pub(crate) use statuses::named as statuses_named;
