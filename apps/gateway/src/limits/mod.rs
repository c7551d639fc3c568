//! What keeps one client from asking for everything: a rate for each key, a bound to what waits for whoever does not read, and
//! places for long bodies, files and what tools read, of which few are served at a time.
//!
//! All of it is counted in this process: behind a balancer, each gateway grants its own. How much of the database a tenant
//! may have is the executor's matter (`db::queue`).

mod beside;
mod long_bodies;
mod outside;
mod rate;
mod tool_threads;
mod unread;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Problem, ProblemCode};

pub(crate) use beside::beside;
pub use long_bodies::LongBodies;
pub use outside::Outside;
pub use rate::{Allowance, Payer, RateLimit};
pub use tool_threads::ToolThreads;
pub(crate) use unread::SLICE;
pub use unread::{Held, Slices, Unread};
pub use uploads::{UploadPlace, Uploads};

/// How long one waits for a place.
const PATIENCE: Duration = Duration::from_secs(2);

/// A place, when it is one's turn.
async fn place(places: &Arc<Semaphore>, refusal: &str) -> Result<OwnedSemaphorePermit, Problem> {
    match timeout(PATIENCE, Arc::clone(places).acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(Problem::new(ProblemCode::Overloaded, refusal)),
    }
}
