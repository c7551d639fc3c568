//! Ticketing over HTTP: the built program with tokens of issuers that the tests run themselves.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/browser.rs"]
#[expect(dead_code, reason = "no files are sent here, and no keys")]
mod browser;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/dump.rs"]
mod dump;
#[path = "../common/in_process.rs"]
mod in_process;
#[path = "../common/memory.rs"]
mod memory;
#[path = "../common/process.rs"]
mod process;

mod bad_tokens;
mod caches;
mod caps;
mod console;
mod envelopes;
mod issuer;
mod key_set;
mod lengths;
mod mappings;
mod oidc_provider;
mod secrets;
mod settings;
mod setup;
mod signing_in;
mod source;
mod tenants;
