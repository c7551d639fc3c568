//! What keeps one client from taking everything: a rate for each key, a share of the database for each tenant,
//! and a bound to what waits for whoever does not read.
//!
//! All are counted in this process: behind a balancer, each gateway grants its own.

mod rate;
mod share;
mod unread;

use crate::endpoint::Call;
use crate::error::Problem;

pub use rate::{Allowance, Payer, RateLimit};
pub use share::Shares;
pub(crate) use unread::SLICE;
pub use unread::{Held, Slices, Unread};

/// Counts a request to whoever pays for it, where there is a limit.
///
/// # Errors
/// [`RateLimited`](crate::error::ProblemCode::RateLimited).
pub fn count(call: &Call, payer: Payer) -> Result<(), Problem> {
    call.state.rate_limit.as_ref().map_or(Ok(()), |limit| limit.count(call, payer))
}
