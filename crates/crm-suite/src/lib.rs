#![doc = include_str!("../README.md")]

pub mod batch;
pub mod bulk;
pub mod cases;
pub mod comments;
pub mod contacts;
pub mod convert;
pub mod erasing;
mod error;
pub mod external;
pub mod forms;
pub mod keys;
pub mod leads;
pub mod merge;
mod names;
pub mod opportunities;
pub mod organizations;
mod references;
pub mod resource;
pub mod search;
pub mod tenants;
pub mod trash;

pub use error::SuiteError;
