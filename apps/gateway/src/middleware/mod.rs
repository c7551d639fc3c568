//! What every request passes through, whichever route it takes.

mod request_log;

pub use request_log::request_log;
