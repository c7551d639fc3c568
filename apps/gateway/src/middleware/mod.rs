//! What every request passes through, whichever route it takes.

mod compress;
mod cors;
mod request_log;
mod unread_body;

pub use compress::compress;
pub(crate) use compress::takes_gzip;
pub use cors::cors;
pub(crate) use cors::{KnownOrigin, Origins};
pub(crate) use request_log::REQUEST_ID;
pub use request_log::request_log;
pub use unread_body::close_on_unread_body;
