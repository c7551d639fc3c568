//! The process around the API: the executor of the database, the command line, the start. On real databases
//! and with the program itself.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
#[path = "../common/client.rs"]
mod client;
mod cluster;
mod comments;
mod construction;
mod demo;
mod executor;
mod faults;
mod file;
mod log;
mod modules;
mod moving;
mod packaging;
mod pages;
#[path = "../common/process.rs"]
mod process;
mod published;
#[path = "../common/settings.rs"]
#[expect(dead_code, reason = "campaigns use the rest of it")]
mod settings;
mod startup;
mod time;
