//! The API over HTTP: the built program, a real database of each kind, a client that knows nothing else.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/browser.rs"]
mod browser;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/dump.rs"]
mod dump;
#[path = "../common/memory.rs"]
mod memory;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/raw.rs"]
mod raw;

mod access;
mod admin;
mod authors;
mod batches;
mod case_types;
mod cases;
mod clock;
mod comments;
mod console;
mod conversion;
#[path = "../common/converted.rs"]
mod converted;
mod deadline;
mod document;
mod duplicates;
mod edge;
mod erasing;
mod errors;
mod export;
mod fields;
mod history;
mod imports;
#[path = "../common/in_process.rs"]
mod in_process;
mod keys;
mod leads;
mod long;
mod long_bodies;
mod merges;
mod no_duplicate;
mod operations;
mod opportunities;
mod preconditions;
mod privileges;
#[path = "../common/receiver.rs"]
#[expect(dead_code, reason = "the tests of webhooks use the rest of it")]
mod receiver;
mod refusals;
mod resources;
mod search;
#[path = "../common/settings.rs"]
#[expect(dead_code, reason = "campaigns use the rest of it")]
mod settings;
mod source;
mod tenants;
mod ticketing_errors;
mod trash;
mod uploads;
mod wire;
