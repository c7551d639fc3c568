//! Contacts and organizations against real databases.

mod bodies;
mod common;
mod examples;
mod links;
mod lists;
mod merges;
mod patches;
mod search;
