//! Webhooks: what is made of them, what arrives, and what is done where it does not. The built program, real databases, and
//! receivers on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/client.rs"]
mod client;
mod delivery;
#[path = "../common/dump.rs"]
mod dump;
mod failing;
mod hostile;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/receiver.rs"]
mod receiver;
mod replay;
mod secrets;
mod settings;
mod setup;
mod time;
