//! Campaigns: many clients at once, and what is true after them. The normal test command runs a short form of each;
//! `scripts/campaign` runs the long ones and shows their figures.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod canaries;
mod checker;
#[path = "../common/client.rs"]
mod client;
mod clock;
mod conversion;
#[path = "../common/converted.rs"]
mod converted;
mod crash;
mod cut;
mod deletion;
mod drain;
#[path = "../common/dump.rs"]
mod dump;
mod feed;
mod filters;
mod full;
mod gone;
mod hooks;
mod hostile;
mod importing;
mod ledger;
mod mount;
mod network;
mod planted;
mod power;
#[path = "../common/process.rs"]
mod process;
mod proxy;
mod races;
#[path = "../common/receiver.rs"]
#[expect(dead_code, reason = "the tests of webhooks use the rest of it")]
mod receiver;
mod replica;
mod resources;
mod rotation;
mod roundtrip;
#[path = "../common/settings.rs"]
mod settings;
mod snapshots;
mod soak;
mod tokens;
mod trash;
mod two;
mod upserts;
mod walks;
mod writers;
