//! What keeps one client from asking for everything: a rate for each key, and a bound to what waits for whoever does not
//! read.
//!
//! Both are counted in this process: behind a balancer, each gateway grants its own. How much of the database a tenant
//! may have is the executor's matter (`db::queue`).

mod rate;
mod unread;

use crate::endpoint::Call;
use crate::error::Problem;

pub use rate::{Allowance, Payer, RateLimit};
pub(crate) use unread::SLICE;
pub use unread::{Held, Slices, Unread};

/// Counts a request to whoever pays for it, where there is a limit.
///
/// # Errors
/// [`RateLimited`](crate::error::ProblemCode::RateLimited).
pub fn count(call: &Call, payer: Payer) -> Result<(), Problem> {
    call.state.rate_limit.as_ref().map_or(Ok(()), |limit| limit.count(call, payer))
}
