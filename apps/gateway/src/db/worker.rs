//! The threads: how a job gets a connection, is run, committed, run again or given up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use crm_core::DbConnection;
use crm_core::database::{ConnectionManager, DatabaseUrl};
use crm_core::error::{Fault, fault};
use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;
use r2d2::{CustomizeConnection, NopErrorHandler, Pool, PooledConnection};

use super::counters::Counters;
use super::file_watch::FileWatch;
use super::job::{Access, Job, Request, Trouble};
use super::{Unavailable, statements};

/// How long a thread waits for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(2);
/// How often a job is run again on another connection, and after a collision.
const RECONNECTIONS: u32 = 2;
const COLLISIONS: u32 = 3;
/// The most jobs that share a commit, and the longest that the first of them waits for others.
pub(super) const GROUP_SIZE: usize = 128;
const GROUP_TIME: Duration = Duration::from_millis(50);

/// A pool without connections yet. `read_only` makes SQLite refuse to write on them.
pub(super) fn pool(url: &DatabaseUrl, size: usize, read_only: bool) -> anyhow::Result<Pool<ConnectionManager>> {
    let builder = Pool::builder()
        .max_size(u32::try_from(size)?)
        .min_idle(Some(0))
        .connection_timeout(CONNECTION_WAIT)
        // Each thread keeps its connection and finds out by its errors; a test would cost a round trip a job.
        .test_on_check_out(false)
        .max_lifetime(None)
        .idle_timeout(None)
        // What a thread could not get is logged there, once.
        .error_handler(Box::new(NopErrorHandler));
    let builder = if read_only { builder.connection_customizer(Box::new(ReadOnly)) } else { builder };
    Ok(builder.build_unchecked(ConnectionManager(url.clone())))
}

/// Only the writer may write to an SQLite file: another writing thread would wait for it by polling.
#[derive(Debug)]
struct ReadOnly;

impl CustomizeConnection<DbConnection, diesel::ConnectionError> for ReadOnly {
    fn on_acquire(&self, connection: &mut DbConnection) -> Result<(), diesel::ConnectionError> {
        connection.batch_execute("PRAGMA query_only = ON").map_err(diesel::ConnectionError::CouldntSetupConfiguration)
    }
}

/// Jobs that share a transaction.
struct Group {
    /// Those that ran and wait for the commit.
    jobs: Vec<Box<dyn Job>>,
    /// The one that made the database report a fault. It ends the group: SQLite answers some faults, such as
    /// a full disk, by rolling back the whole transaction, and a savepoint that came after would be a
    /// transaction of its own.
    faulty: Option<Box<dyn Job>>,
}

pub(super) struct Worker {
    queue: Receiver<Request>,
    pool: Pool<ConnectionManager>,
    held: Option<PooledConnection<ConnectionManager>>,
    counters: Arc<Counters>,
    /// The last member, so that it is dropped after the connections.
    file: Option<FileWatch>,
}

impl Worker {
    pub(super) fn new(
        queue: Receiver<Request>,
        pool: Pool<ConnectionManager>,
        counters: Arc<Counters>,
        file: Option<FileWatch>,
    ) -> Self {
        Self { queue, pool, held: None, counters, file }
    }

    /// Serves one job after the other until the queue is closed and empty.
    pub(super) fn serve_each(mut self) {
        self.until_closed(Self::serve);
    }

    /// As [`serve_each`](Self::serve_each), for the writer of an SQLite file: jobs that wait together are
    /// committed together.
    pub(super) fn serve_groups(mut self) {
        self.until_closed(Self::serve_group);
        let Some(connection) = self.held.as_deref_mut() else { return };
        for pragma in ["PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            if let Err(error) = connection.batch_execute(pragma) {
                log::warn!("{pragma}: {error}");
            }
        }
    }

    fn until_closed(&mut self, serve: fn(&mut Self, Request)) {
        self.counters.threads.add(1);
        while let Ok(request) = self.queue.recv_blocking() {
            self.counters.busy.add(1);
            // Jobs catch their own panics; this is for what they leave to be dropped or converted.
            if catch_unwind(AssertUnwindSafe(|| serve(self, request))).is_err() {
                self.let_go();
            }
            self.counters.busy.take_one();
        }
        self.counters.threads.take_one();
    }

    fn serve(&mut self, Request { access, mut job }: Request) {
        let (mut reconnections, mut collisions) = (0, 0);
        loop {
            if job.is_abandoned() {
                return self.counters.skipped.add(1);
            }
            let Some(connection) = self.connection() else {
                self.refuse(job, Unavailable::NoConnection);
                return self.refuse_those_behind();
            };
            let attempt = match access {
                Access::Read => job.run(connection),
                Access::Write => in_transaction(connection, &mut *job),
            };
            self.counters.jobs.add(1);
            let Err(trouble) = attempt else {
                self.counters.commits.add(u64::from(access == Access::Write));
                return job.answer();
            };
            self.note(&trouble);
            match (trouble.fault(), trouble) {
                (_, Trouble::CommitUnknown) => return self.refuse(job, Unavailable::CommitUnknown),
                (Some(Fault::ConnectionLost), _) if reconnections < RECONNECTIONS => reconnections += 1,
                (Some(Fault::ConnectionLost), _) => return self.refuse(job, Unavailable::ConnectionLost),
                (Some(Fault::Collision), _) if collisions < COLLISIONS => {
                    collisions += 1;
                    std::thread::sleep(pause(collisions));
                }
                (Some(Fault::Collision), _) => return self.refuse(job, Unavailable::Collision),
                (_, Trouble::Transaction(error)) => {
                    job.fail(error);
                    return job.answer();
                }
                (_, Trouble::Returned(_) | Trouble::Panicked) => return job.answer(),
            }
            self.counters.retries.add(1);
        }
    }

    /// Runs `first` and what waits behind it in one transaction, and answers all after its commit: also those
    /// that failed, because what they were refused for may be a change of another that was not committed.
    fn serve_group(&mut self, first: Request) {
        if self.file_is_lost() {
            return self.refuse(first.job, Unavailable::FileLost);
        }
        let Some(connection) = self.connection() else {
            self.refuse(first.job, Unavailable::NoConnection);
            return self.refuse_those_behind();
        };
        if let Err(error) = connection.begin_write() {
            return self.fail(first.job, error);
        }
        let Group { jobs, faulty } = self.run_group(first);
        let Some(connection) = self.held.as_deref_mut() else { return };
        let committed = connection.commit_write().inspect_err(|_| drop(connection.rollback_to_depth(0)));
        match committed {
            // It went to a file that nobody will find again.
            Ok(()) if self.file_is_lost() => {
                for job in jobs {
                    self.refuse(job, Unavailable::CommitUnknown);
                }
            }
            Ok(()) => {
                self.counters.commits.add(1);
                for job in jobs {
                    job.answer();
                }
            }
            Err(error) => {
                log::error!("a commit of {} jobs failed: {error}", jobs.len());
                self.note(&Trouble::Transaction(error));
                for job in jobs {
                    self.refuse(job, Unavailable::NotCommitted);
                }
            }
        }
        if let Some(job) = faulty {
            job.answer();
        }
    }

    /// Runs jobs, each in a savepoint, until none waits, the group is large enough, or one makes it end.
    fn run_group(&mut self, first: Request) -> Group {
        let began = Instant::now();
        let mut jobs = Vec::new();
        let mut next = Some(first);
        while let Some(Request { mut job, .. }) = next.take() {
            if job.is_abandoned() {
                self.counters.skipped.add(1);
            } else if let Some(connection) = self.held.as_deref_mut() {
                self.counters.jobs.add(1);
                if let Err(trouble) = connection.write(|connection| job.run(connection)) {
                    let has_fault = trouble.fault().is_some();
                    self.count(&trouble);
                    if let Trouble::Transaction(error) = trouble {
                        job.fail(error);
                    }
                    if has_fault {
                        return Group { jobs, faulty: Some(job) };
                    }
                }
                jobs.push(job);
            }
            if jobs.len() < GROUP_SIZE && began.elapsed() < GROUP_TIME {
                next = self.queue.try_recv().ok();
            }
        }
        Group { jobs, faulty: None }
    }

    fn file_is_lost(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.lost().is_some())
    }

    fn connection(&mut self) -> Option<&mut DbConnection> {
        // Another file that has the name by now must not be taken for the database.
        if self.held.is_none() && !self.file_is_lost() {
            match self.pool.get() {
                Ok(connection) => {
                    self.counters.connected.add(1);
                    self.held = Some(connection);
                }
                Err(error) => {
                    self.counters.errors.add(1);
                    log::error!("no connection to the database: {}", super::one_line(&error.to_string()));
                }
            }
        }
        let connection = self.held.as_deref_mut()?;
        statements::keep_few(connection);
        Some(connection)
    }

    /// Gives the connection back. The pool throws it away when it is broken or inside a transaction.
    fn let_go(&mut self) {
        if self.held.take().is_some() {
            self.counters.connected.take_one();
        }
    }

    /// Counts a trouble, and lets the connection go unless it works.
    fn note(&mut self, trouble: &Trouble) {
        self.count(trouble);
        let suspicious = trouble.fault().is_some() || matches!(trouble, Trouble::Panicked);
        if suspicious && !self.held.as_deref_mut().is_some_and(works) {
            self.let_go();
        }
    }

    fn count(&self, trouble: &Trouble) {
        self.counters.errors.add(u64::from(trouble.fault().is_some()));
        self.counters.panics.add(u64::from(matches!(trouble, Trouble::Panicked)));
    }

    fn fail(&mut self, mut job: Box<dyn Job>, error: DieselError) {
        let trouble = Trouble::Transaction(error);
        self.note(&trouble);
        if let Trouble::Transaction(error) = trouble {
            job.fail(error);
        }
        job.answer();
    }

    fn refuse(&self, job: Box<dyn Job>, why: Unavailable) {
        self.counters.refused.add(1);
        job.refuse(why);
    }

    /// While no thread has a connection, those that wait would wait as long for the same answer.
    fn refuse_those_behind(&self) {
        while self.counters.connected.get() == 0 {
            let Ok(request) = self.queue.try_recv() else { return };
            self.refuse(request.job, Unavailable::NoConnection);
        }
    }
}

fn in_transaction(connection: &mut DbConnection, job: &mut dyn Job) -> Result<(), Trouble> {
    connection.begin_write()?;
    if let Err(trouble) = job.run(connection) {
        // Where the rollback fails, the connection is found broken and its end rolls back.
        let _ = connection.rollback_to_depth(0);
        return Err(trouble);
    }
    connection.commit_write().map_err(|error| match fault(&error) {
        Fault::ConnectionLost => Trouble::CommitUnknown,
        Fault::Collision | Fault::Unavailable | Fault::Bug => Trouble::Transaction(error),
    })
}

fn works(connection: &mut DbConnection) -> bool {
    connection.transaction_depth() == Ok(0) && connection.batch_execute("SELECT 1").is_ok()
}

/// Longer each time, and never the same for two threads that collided.
fn pause(collisions: u32) -> Duration {
    let [random, ..] = uuid::Uuid::new_v4().into_bytes();
    Duration::from_millis(5 + u64::from(random) / 8) * collisions
}
