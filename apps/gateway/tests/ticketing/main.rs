//! Ticketing over HTTP: the built program with tokens of issuers that the tests run themselves.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/in_process.rs"]
mod in_process;
#[path = "../common/memory.rs"]
mod memory;
#[path = "../common/process.rs"]
mod process;

mod bad_tokens;
mod caches;
mod caps;
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
