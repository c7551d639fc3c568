//! The pages of the console: pure functions from domain types to markup. They know neither HTTP nor SQL; the gateway asks
//! the database and calls them (docs/console.md, docs/adr/0021).
//!
//! Markup is made by [`maud`] alone, which escapes every value. No page has a style or script in itself, so that the
//! policy of its answer forbids both.

mod assets;
pub mod board;
pub mod case_types;
mod controls;
pub mod duplicates;
pub mod error;
mod events;
pub mod fields;
pub mod filters;
pub mod form;
pub mod forms;
pub mod frame;
pub mod graph;
pub mod happened;
pub mod icon;
pub mod imports;
pub mod integrations;
pub mod keys;
pub mod list;
pub mod overview;
pub mod people;
pub mod pipelines;
mod problems;
pub mod record;
mod rows;
pub mod session;
pub mod show;
pub mod tags;
pub mod trash;
pub mod webhooks;
pub mod words;

pub use assets::{Asset, assets, path_of};
pub use frame::{Frame, Place, Who};
