use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::Problem;

use super::{beside, place};

/// How many long bodies are read at a time: each takes up to 64 MiB.
const AT_ONCE: usize = 2;

/// Where long bodies are read: on threads beside the event loops, which have other requests to serve meanwhile.
pub struct LongBodies(Arc<Semaphore>);

impl Default for LongBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl LongBodies {
    /// Reads a body, when it is its turn.
    ///
    /// # Errors
    /// What `read` ends in; [`Overloaded`](crate::error::ProblemCode::Overloaded) where too many others are read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        request_id: &str,
        read: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = place(&self.0, "Too many long bodies are waiting to be read.").await?;
        // The place is given back by the thread: a client that is gone does not end it.
        let reading = beside(move || {
            let read = read();
            drop(place);
            read
        });
        reading.await.unwrap_or_else(|failure| Err(failure.into_problem(request_id)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use futures_util::future::{join, join_all};

    use crate::error::ProblemCode;

    use super::*;

    #[test]
    fn two_are_read_at_a_time_and_another_waits_for_two_seconds() {
        actix_rt::System::new().block_on(async {
            let bodies = LongBodies::default();
            let (release, held) = mpsc::channel::<()>();
            let held = Arc::new(Mutex::new(held));
            let first = (0..AT_ONCE).map(|_| {
                let held = Arc::clone(&held);
                bodies.read("id", move || Ok(held.lock().is_ok_and(|held| held.recv().is_ok())))
            });
            let refused = async {
                let refused = bodies.read("id", || Ok(())).await.unwrap_err().code;
                (0..AT_ONCE).for_each(|_| release.send(()).unwrap());
                refused
            };
            let (first, refused) = join(join_all(first), refused).await;
            assert_eq!(refused, ProblemCode::Overloaded);
            assert!(first.into_iter().all(|read| read.unwrap()));
            assert!(bodies.read("id", || Ok(true)).await.unwrap());
        });
    }

    #[test]
    fn a_panic_is_a_bug_of_ours_and_gives_its_place_back() {
        actix_rt::System::new().block_on(async {
            let bodies = LongBodies::default();
            for _ in 0..=AT_ONCE {
                let read = bodies.read::<()>("id", || panic!("on purpose")).await;
                assert_eq!(read.unwrap_err().code, ProblemCode::InternalError);
            }
        });
    }
}
