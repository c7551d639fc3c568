use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Problem;

use super::place;

/// How many files come in at a time: each takes a few MiB.
const AT_ONCE: usize = 16;

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
    /// [`Overloaded`](crate::error::ProblemCode::Overloaded).
    pub(crate) async fn enter(&self) -> Result<UploadPlace, Problem> {
        place(&self.0, "Too many files are on their way in.").await.map(UploadPlace)
    }
}
