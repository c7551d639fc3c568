use actix_web::error::BlockingError;
use actix_web::web;

/// How much less time than the threads that everybody waits for those get that do long work, where there is not enough for all: a
/// tenth (sched(7), "The nice value").
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Does work that takes its time, on a thread that nobody else waits for and that gives way to those that serve.
///
/// # Errors
/// When it panicked, which is a bug.
pub(crate) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, BlockingError> {
    web::block(move || {
        give_way();
        work()
    })
    .await
}

/// This thread gives way to others of the process, for as long as it runs.
pub(super) fn give_way() {
    // Elsewhere a priority is the whole process's. Where it may not, it is as urgent as others.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn long_work_gives_way_and_whoever_waits_for_it_does_not() {
        actix_rt::System::new().block_on(async {
            let own = getpriority_process(None).unwrap();
            assert_eq!(beside(|| getpriority_process(None).unwrap()).await.unwrap(), own.max(NICE));
            assert_eq!(getpriority_process(None).unwrap(), own);
        });
    }
}
