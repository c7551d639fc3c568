//! The HTTP gateway of the CRM: routes, keys, envelopes and the process around them.
//!
//! The way of a request: [`endpoint`] finds the operation and runs its extractors in order, the key first;
//! the handler in [`http`] calls one service in one job of the [`db`] executor; what comes back is rendered
//! there, a failure by the closed table in [`error`].

pub mod app;
pub mod auth;
pub mod checkup;
pub mod cli;
pub mod clock;
pub mod config;
mod console;
pub mod db;
pub mod deliveries;
pub mod embedded;
pub mod endpoint;
pub mod error;
pub mod feed;
pub mod http;
pub mod idempotency;
pub mod identity;
pub mod importing;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod middleware;
pub mod opened;
pub mod replica;
pub mod server;
pub mod state;
pub mod ticketing;
pub mod upkeep;
pub mod wire;
