//! What every request passes through, whichever route it takes.

mod compress;
mod cors;
mod request_log;
mod unread_body;

pub use compress::compress;
pub(crate) use compress::takes_gzip;
pub use cors::cors;
pub use request_log::request_log;
pub use unread_body::close_on_unread_body;
