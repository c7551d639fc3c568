//! The threads: how a job gets a connection, is run, committed, run again or given up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crm_core::DbConnection;
use crm_core::database::DatabaseUrl;
use crm_core::error::{Fault, fault};
use diesel::connection::SimpleConnection;
use diesel::result::{ConnectionError, Error as DieselError};

use super::counters::Counters;
use super::file_watch::FileWatch;
use super::job::{Access, Job, Request, Trouble};
use super::queue::Queue;
use super::statements;
use super::unavailable::Unavailable;

/// How long a thread tries to get a connection, and the pause between two attempts.
const CONNECTION_WAIT: Duration = Duration::from_secs(2);
const CONNECTION_PAUSE: Duration = Duration::from_millis(100);
/// On PostgreSQL, the longest that a statement waits for a lock, and that the server keeps a transaction of which nothing
/// comes any more: it would hold its locks for as long as the server takes a connection for alive that a firewall forgot.
const LIMITS: &str = "SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '15s'";
/// How often a job is run again on another connection, and after a collision.
const RECONNECTIONS: u32 = 2;
const COLLISIONS: u32 = 3;
/// The most jobs that share a commit, and the longest that the first of them waits for others.
const GROUP_SIZE: usize = 128;
const GROUP_TIME: Duration = Duration::from_millis(50);

/// How a thread gets its connection.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) url: DatabaseUrl,
    /// Only the writer may write to an SQLite file: another writing thread would wait for it by polling.
    pub(super) reads_only: bool,
    pub(super) file: Option<FileWatch>,
}

impl Opening {
    pub(super) fn open(&self) -> Result<DbConnection, ConnectionError> {
        let mut connection = self.url.connect_to_existing()?;
        let set_up = match &mut connection {
            DbConnection::Postgres(_) if self.is_pooled() => Ok(()),
            DbConnection::Postgres(postgres) => postgres.batch_execute(LIMITS),
            DbConnection::Sqlite(sqlite) if self.reads_only => sqlite.batch_execute("PRAGMA query_only = ON"),
            DbConnection::Sqlite(_) => Ok(()),
        };
        set_up.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }

    /// Whether each transaction may have another session of the server's.
    pub(super) fn is_pooled(&self) -> bool {
        !self.url.limits_of_a_transaction().is_empty()
    }

    fn file_is_lost(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.lost().is_some())
    }

    /// Tries again for a while: a database that restarts is back soon.
    fn open_patiently(&self) -> Result<DbConnection, ConnectionError> {
        let began = Instant::now();
        loop {
            match self.open() {
                Err(_) if began.elapsed() + CONNECTION_PAUSE < CONNECTION_WAIT => std::thread::sleep(CONNECTION_PAUSE),
                outcome => return outcome,
            }
        }
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
    number: usize,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    held: Option<DbConnection>,
    /// The [doubts](Queue::doubts) at which it was opened.
    opened: u64,
    /// The last member, so that its file is dropped after the connection.
    opening: Opening,
}

impl Worker {
    pub(super) fn new(number: usize, queue: Arc<Queue>, opening: Opening, counters: Arc<Counters>) -> Self {
        Self { number, queue, counters, held: None, opened: 0, opening }
    }

    /// Serves one job after the other until the queue is closed and empty, or another thread has taken this one's
    /// place.
    pub(super) fn serve_each(mut self) {
        self.counters.threads.add(1);
        let mut is_replaced = false;
        while !is_replaced && let Some(request) = self.queue.take(self.number) {
            self.work(|worker| worker.serve(request));
            is_replaced = !self.queue.done(self.number);
        }
        self.let_go();
        self.counters.threads.take_one();
        if !is_replaced {
            self.queue.leave();
        }
    }

    /// As [`serve_each`](Self::serve_each), for the writer of an SQLite file: jobs that wait together are
    /// committed together.
    pub(super) fn serve_groups(mut self) {
        self.counters.threads.add(1);
        while self.queue.wait() {
            self.work(Self::serve_group);
            self.queue.done(self.number);
        }
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        if let Some(Err(error)) = self.held.as_mut().map(|connection| connection.batch_execute(checkpoint)) {
            log::warn!("{checkpoint}: {error}");
        }
        self.let_go();
        self.counters.threads.take_one();
        self.queue.leave();
    }

    fn work(&mut self, serve: impl FnOnce(&mut Self)) {
        self.counters.busy.add(1);
        // Jobs catch their own panics; this is for what they leave to be dropped or converted.
        if catch_unwind(AssertUnwindSafe(|| serve(self))).is_err() {
            self.let_go();
        }
        self.counters.busy.take_one();
    }

    fn serve(&mut self, Request { access, mut job, .. }: Request) {
        let (mut reconnections, mut collisions) = (0, 0);
        let limits = self.opening.url.limits_of_a_transaction();
        // Without a session there is no limit but in a transaction.
        let access = if access == Access::Statement && self.opening.is_pooled() { Access::Read } else { access };
        loop {
            if job.is_abandoned() {
                return self.counters.skipped.add(1);
            }
            let Some(connection) = self.connection() else {
                let is_lost = self.opening.file_is_lost();
                self.refuse(job, if is_lost { Unavailable::FileLost } else { Unavailable::NoConnection });
                return self.refuse_those_behind();
            };
            let attempt = match access {
                Access::Statement => job.run(connection),
                Access::Read => in_snapshot(connection, limits, &mut *job),
                Access::Write => in_transaction(connection, limits, &mut *job),
            };
            self.counters.jobs.add(1);
            let Err(trouble) = attempt else {
                self.counters.commits.add(u64::from(access == Access::Write));
                job.answer();
                return self.end_snapshot(access);
            };
            self.note(&trouble);
            match (trouble.fault(), trouble) {
                (_, Trouble::CommitUnknown) => return self.refuse(job, Unavailable::CommitUnknown),
                (Some(Fault::ConnectionLost), _) if reconnections < RECONNECTIONS => reconnections += 1,
                (Some(Fault::ConnectionLost), _) => return self.refuse(job, Unavailable::ConnectionLost),
                (Some(Fault::Collision | Fault::Deadlock), _) if collisions < COLLISIONS => {
                    collisions += 1;
                    std::thread::sleep(pause(collisions));
                }
                (Some(Fault::Collision | Fault::Deadlock), _) => return self.refuse(job, Unavailable::Collision),
                (_, Trouble::Transaction(error)) => {
                    job.fail(error);
                    return job.answer();
                }
                (_, Trouble::Returned(_) | Trouble::Panicked) => return job.answer(),
            }
            self.counters.retries.add(1);
        }
    }

    /// Runs what waits in one transaction, and answers all after its commit: also those that failed, because what they
    /// were refused for may be a change of another that was not committed. No job begins before this thread may write,
    /// so that one which waits for another process's lock can still be given up.
    fn serve_group(&mut self) {
        if self.opening.file_is_lost() {
            self.refuse_next(Unavailable::FileLost);
            return;
        }
        let Some(connection) = self.connection() else {
            self.refuse_next(Unavailable::NoConnection);
            return self.refuse_those_behind();
        };
        if let Err(error) = connection.begin_write() {
            return self.fail_next(error);
        }
        let Group { jobs, faulty } = self.run_group();
        let Some(connection) = self.held.as_mut() else { return };
        let committed = connection.commit_write().inspect_err(|_| drop(connection.rollback_to_depth(0)));
        match committed {
            // It went to a file that nobody will find again.
            Ok(()) if self.opening.file_is_lost() => {
                for job in jobs {
                    self.refuse(job, Unavailable::CommitUnknown);
                }
            }
            Ok(()) => {
                self.counters.commits.add(u64::from(!jobs.is_empty()));
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
    fn run_group(&mut self) -> Group {
        let began = Instant::now();
        let mut jobs = Vec::new();
        while jobs.len() < GROUP_SIZE && (jobs.is_empty() || began.elapsed() < GROUP_TIME) {
            let Some(Request { mut job, .. }) = self.queue.take_another(self.number) else { break };
            let Some(connection) = self.held.as_mut() else { break };
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
        Group { jobs, faulty: None }
    }

    fn connection(&mut self) -> Option<&mut DbConnection> {
        self.let_go_of_what_is_doubtful();
        // Another file that has the name by now must not be taken for the database.
        if self.held.is_none() && !self.opening.file_is_lost() {
            match self.opening.open_patiently() {
                // It was taken away while it was opened.
                Ok(_) if self.opening.file_is_lost() => {}
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
        let connection = self.held.as_mut()?;
        statements::keep_few(connection);
        Some(connection)
    }

    /// Only where a network is between: a file, or memory, forgets nobody.
    fn let_go_of_what_is_doubtful(&mut self) {
        let doubts = self.queue.doubts();
        if self.opened != doubts && matches!(self.opening.url, DatabaseUrl::Postgres(_)) {
            self.let_go();
            self.opened = doubts;
        }
    }

    /// Ends what [`in_snapshot`] began, after the answer: it has nothing to commit.
    fn end_snapshot(&mut self, access: Access) {
        if access == Access::Read && self.held.as_mut().is_some_and(|connection| connection.end_read().is_err()) {
            self.lose();
        }
    }

    /// Closes the connection.
    fn let_go(&mut self) {
        if self.held.take().is_some() {
            self.counters.connected.take_one();
        }
    }

    /// The connection is dead.
    fn lose(&mut self) {
        self.let_go();
        self.queue.doubt(self.opened);
    }

    /// Counts a trouble, and lets the connection go unless it works.
    fn note(&mut self, trouble: &Trouble) {
        self.count(trouble);
        let suspicious = trouble.fault().is_some() || matches!(trouble, Trouble::Panicked);
        if suspicious && !self.held.as_mut().is_some_and(works) {
            self.lose();
        }
    }

    fn count(&self, trouble: &Trouble) {
        self.counters.errors.add(u64::from(trouble.fault().is_some()));
        self.counters.deadlocks.add(u64::from(trouble.fault() == Some(Fault::Deadlock)));
        self.counters.panics.add(u64::from(matches!(trouble, Trouble::Panicked)));
    }

    /// Answers the job whose turn it is with an error that came before it.
    fn fail_next(&mut self, error: DieselError) {
        let trouble = Trouble::Transaction(error);
        self.note(&trouble);
        let Some(Request { mut job, .. }) = self.queue.take_another(self.number) else { return };
        if let Trouble::Transaction(error) = trouble {
            job.fail(error);
        }
        job.answer();
    }

    fn refuse_next(&self, why: Unavailable) -> bool {
        let next = self.queue.take_another(self.number);
        next.map(|request| self.refuse(request.job, why)).is_some()
    }

    fn refuse(&self, job: Box<dyn Job>, why: Unavailable) {
        self.counters.refused.add(1);
        job.refuse(why);
    }

    /// While no thread has a connection, those that wait would wait as long for the same answer.
    fn refuse_those_behind(&self) {
        while self.counters.connected.get() == 0 && self.refuse_next(Unavailable::NoConnection) {}
    }
}

fn in_snapshot(connection: &mut DbConnection, limits: &str, job: &mut dyn Job) -> Result<(), Trouble> {
    connection.begin_read_with(limits)?;
    let outcome = job.run(connection);
    if outcome.is_err() {
        // Where the rollback fails, the connection is found broken.
        let _ = connection.rollback_to_depth(0);
    }
    outcome
}

fn in_transaction(connection: &mut DbConnection, limits: &str, job: &mut dyn Job) -> Result<(), Trouble> {
    connection.begin_write_with(limits)?;
    if let Err(trouble) = job.run(connection) {
        // Where the rollback fails, the connection is found broken and its end rolls back.
        let _ = connection.rollback_to_depth(0);
        return Err(trouble);
    }
    connection.commit_write().map_err(|error| match fault(&error) {
        Fault::ConnectionLost | Fault::CommitUnknown => Trouble::CommitUnknown,
        Fault::Collision | Fault::Deadlock | Fault::Unavailable | Fault::Bug => Trouble::Transaction(error),
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
