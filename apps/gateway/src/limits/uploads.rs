use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Problem, ProblemCode};

/// How many files come in at a time: each takes a few MiB.
const AT_ONCE: usize = 16;
/// How long one waits for its place.
const PATIENCE: Duration = Duration::from_secs(2);

/// The places of files on their way in.
pub struct Uploads(Arc<Semaphore>);

/// A place among them, until this is dropped.
pub struct UploadPlace(#[expect(dead_code, reason = "held, and given back when it is dropped")] OwnedSemaphorePermit);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Uploads {
    /// A place, when it is one's turn.
    ///
    /// # Errors
    /// [`ProblemCode::Overloaded`].
    pub(crate) async fn enter(&self) -> Result<UploadPlace, Problem> {
        match timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await {
            Ok(Ok(place)) => Ok(UploadPlace(place)),
            _ => Err(Problem::new(ProblemCode::Overloaded, "Too many files are on their way in.")),
        }
    }
}
