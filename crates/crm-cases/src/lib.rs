#![doc = include_str!("../README.md")]

pub mod activities;
pub mod cases;
mod error;
mod schema;
pub mod types;
pub mod workflow;

pub use activities::{Activity, ActivitySort, NewComment};
pub use cases::{
    ASSIGNEES, Case, CaseFilter, CasePatch, CaseSort, Day, NewCase, OWNERS, Priority, StatusAges, ages_by_status,
};
pub use error::{CaseError, CaseTypeError, StatusInUse};
pub use types::{CaseType, CaseTypePatch, CaseTypeSort, MOST_CASE_TYPES, NewCaseType};
