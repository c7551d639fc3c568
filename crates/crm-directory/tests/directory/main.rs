//! Contacts and organizations against real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bodies;
mod common;
mod duplicates;
mod examples;
mod folding;
mod links;
mod lists;
mod merges;
mod patches;
mod search;
mod values;
