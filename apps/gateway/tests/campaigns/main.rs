//! Campaigns: many clients at once, and what is true after them. The normal test command runs a short form of each;
//! `scripts/campaign` runs the long ones and shows their figures.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod checker;
#[path = "../common/client.rs"]
mod client;
mod conversion;
#[path = "../common/converted.rs"]
mod converted;
mod crash;
mod cut;
mod deletion;
mod drain;
mod filters;
mod planted;
#[path = "../common/process.rs"]
mod process;
mod races;
mod rules;
mod settings;
mod snapshots;
mod tokens;
mod walks;
mod writers;
