//! What keeps one client from asking for everything: a rate for each key, and a bound to what waits for whoever does not
//! read.
//!
//! Both are counted in this process: behind a balancer, each gateway grants its own. How much of the database a tenant
//! may have is the executor's matter (`db::queue`).

mod long_bodies;
mod rate;
mod unread;
mod uploads;

pub use long_bodies::LongBodies;
pub use rate::{Allowance, Payer, RateLimit};
pub(crate) use unread::SLICE;
pub use unread::{Held, Slices, Unread};
pub use uploads::{UploadPlace, Uploads};
