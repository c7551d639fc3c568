use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::error::Failure;

use super::beside::give_way;

/// How many there are: what is read by one takes up to 64 MiB.
const THREADS: usize = 2;

/// Threads beside the event loops for the tools of `/mcp`, which read messages and answers as long as clients and records are.
/// Each goes on with others while one waits.
pub struct ToolThreads {
    threads: Vec<Thread>,
    next: AtomicUsize,
}

struct Thread {
    runtime: Handle,
    /// The thread ends when this is dropped.
    _until: oneshot::Sender<()>,
}

impl Thread {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (until, is_over) = oneshot::channel();
        let serve = move || {
            give_way();
            drop(runtime.block_on(is_over));
        };
        thread::Builder::new().name(format!("tools-{number}")).spawn(serve)?;
        Ok(Self { runtime: handle, _until: until })
    }
}

impl ToolThreads {
    /// Starts them.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new() -> io::Result<Self> {
        let threads = (0..THREADS).map(Thread::start).collect::<io::Result<_>>()?;
        Ok(Self { threads, next: AtomicUsize::new(0) })
    }

    /// Runs some work on one of them. Whoever stops waiting for it takes it away.
    ///
    /// # Errors
    /// When it panicked, which is a bug.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        let panicked = || Failure::Bug("a tool panicked".to_owned());
        let place = self.next.fetch_add(1, Ordering::Relaxed) % THREADS;
        let thread = self.threads.get(place).ok_or_else(panicked)?;
        let mut running = JoinSet::new();
        running.spawn_on(work, &thread.runtime);
        match running.join_next().await {
            Some(Ok(done)) => Ok(done),
            Some(Err(_)) | None => Err(panicked()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread::ThreadId;
    use std::time::Duration;

    use super::*;

    #[test]
    fn work_runs_elsewhere_and_ends_with_whoever_waits_for_it() {
        actix_rt::System::new().block_on(async {
            let threads = ToolThreads::new().unwrap();
            let own: ThreadId = thread::current().id();
            for _ in 0..3 {
                let there = async {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    thread::current().id()
                };
                assert_ne!(threads.run(there).await.unwrap(), own);
            }
            assert!(threads.run::<()>(async { panic!("on purpose") }).await.is_err());

            let held = Arc::new(());
            let kept = Arc::clone(&held);
            let waiting = threads.run(async move {
                tokio::time::sleep(Duration::from_secs(60)).await;
                drop(kept);
            });
            assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
            while Arc::strong_count(&held) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}
