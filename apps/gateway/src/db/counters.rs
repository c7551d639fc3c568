use std::sync::atomic::{AtomicU64, Ordering};

/// A number that many threads change and that orders nothing between them.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(super) fn take_one(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) threads: Counter,
    pub(super) connected: Counter,
    pub(super) busy: Counter,
    pub(super) jobs: Counter,
    pub(super) commits: Counter,
    pub(super) errors: Counter,
    pub(super) retries: Counter,
    pub(super) deadlocks: Counter,
    pub(super) panics: Counter,
    pub(super) refused: Counter,
    pub(super) skipped: Counter,
}

impl Counters {
    pub(super) fn stats(&self, queued: usize, hanging: usize) -> DbStats {
        let number = |length| u64::try_from(length).unwrap_or(u64::MAX);
        DbStats {
            threads: self.threads.get(),
            connected: self.connected.get(),
            busy: self.busy.get(),
            hanging: number(hanging),
            queued: number(queued),
            jobs: self.jobs.get(),
            commits: self.commits.get(),
            errors: self.errors.get(),
            retries: self.retries.get(),
            deadlocks: self.deadlocks.get(),
            panics: self.panics.get(),
            refused: self.refused.get(),
            skipped: self.skipped.get(),
        }
    }
}

/// What the executor does now (the first five) and has done since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DbStats {
    /// Threads that run.
    pub threads: u64,
    /// Threads that hold a connection.
    pub connected: u64,
    /// Threads at work.
    pub busy: u64,
    /// Threads at work that hang, in whose place others were started.
    pub hanging: u64,
    /// Jobs that wait.
    pub queued: u64,
    /// Runs of jobs, repeated ones included.
    pub jobs: u64,
    /// Commits: fewer than writing jobs where several shared one.
    pub commits: u64,
    /// Errors of the database, those that a repetition cured included.
    pub errors: u64,
    /// Runs that repeated a job, after a lost connection or a collision.
    pub retries: u64,
    /// Transactions that PostgreSQL ended because they waited for each other. Locks are taken in one order: there are none.
    pub deadlocks: u64,
    /// Jobs that panicked.
    pub panics: u64,
    /// Jobs that were given up as [`Unavailable`](super::Unavailable).
    pub refused: u64,
    /// Jobs that nobody waited for any more when their turn came.
    pub skipped: u64,
}
