use std::io;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

use crate::error::Failure;

/// How much less time than the threads that everybody waits for those get that do long work, where there is not enough for all: a
/// tenth (sched(7), "The nice value").
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// How many threads there are at the most: more than have a place at once.
const MOST_THREADS: usize = 64;

/// Not the threads of the event loops, on which actix compresses the answers of all.
static THREADS: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    let mut threads = Builder::new_current_thread();
    threads.thread_name("beside").max_blocking_threads(MOST_THREADS).on_thread_start(give_way).build()
});

/// Does work that takes its time, on a thread that gives way to those that serve.
///
/// # Errors
/// When it panicked, which is a bug.
pub(crate) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let threads = THREADS.as_ref().map_err(|error| Failure::Bug(format!("no threads for long work: {error}")))?;
    let done = threads.spawn_blocking(work).await;
    done.map_err(|error| Failure::Bug(format!("long work panicked: {error}")))
}

/// This thread gives way to others of the process, for as long as it runs.
pub(super) fn give_way() {
    // Elsewhere a priority is the whole process's. Where it may not, it is as urgent as others.
    #[cfg(target_os = "linux")]
    if let Ok(own) = rustix::process::getpriority_process(None) {
        let _ = rustix::process::setpriority_process(None, (own + NICE).min(19));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use actix_web::web;
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn long_work_gives_way_and_nothing_else_does() {
        actix_rt::System::new().block_on(async {
            let priority = || getpriority_process(None).unwrap();
            let own = priority();
            assert_eq!(beside(priority).await.unwrap(), (own + NICE).min(19));
            assert_eq!(web::block(priority).await.unwrap(), own);
            assert_eq!(priority(), own);
        });
    }

    #[test]
    fn a_panic_is_a_bug_of_ours() {
        actix_rt::System::new().block_on(async {
            assert!(matches!(beside(|| panic!("on purpose")).await, Err::<(), _>(Failure::Bug(_))));
        });
    }
}
