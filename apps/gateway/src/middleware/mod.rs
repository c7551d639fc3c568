//! What every request passes through, whichever route it takes.

mod cors;
mod request_log;

pub use cors::cors;
pub use request_log::request_log;
