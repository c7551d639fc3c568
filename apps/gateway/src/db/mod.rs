//! The executor: the only place where blocking work of the database leaves the event loop.
//!
//! A fixed set of threads, each with a connection of its own, takes jobs from a queue and answers each through a
//! channel. Tenants take turns in it ([`Executor::of`]). On PostgreSQL all threads read and write. On an SQLite file some
//! threads read, and one writes with **group commit**: many jobs, each in a savepoint, share one transaction and its
//! single `fsync`, and are answered after the commit. An SQLite database in memory has one thread for everything.
//!
//! Everything has an end. A job that has not begun after two seconds is given up, and nothing was done; one that has
//! is waited for a few seconds longer. A thread that a silent server keeps is replaced by another, and ends, or serves
//! again, once the server speaks.
//!
//! SQLite has no time limit for a statement in Diesel's safe API: a long query there holds one reader until it is
//! done, while PostgreSQL ends it after five seconds (`DatabaseUrl::connect`). Its request is answered in time, and
//! the reader is replaced.

mod counters;
mod file_watch;
mod job;
mod numbers;
mod queue;
mod slow_query;
mod statements;
mod unavailable;
mod worker;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use crm_core::database::DatabaseUrl;
use crm_core::database::sqlite_file::Lost;
use crm_core::numbering::Numbers;
use crm_core::{BackendKind, DbConnection, TenantId};
use tokio::sync::oneshot;
use tokio::time::timeout;

pub use counters::DbStats;
pub use unavailable::{JobError, Outcome, Unavailable};

use counters::Counters;
use file_watch::FileWatch;
use job::{Access, Request, Task, Ticket};
use numbers::Counting;
use queue::{Lane, Limits, Queue};
use worker::{Opening, Worker};

/// How long a job waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// How long a job that began in time is waited for, its wait included: a statement may take five seconds, and with a
/// look-up before it the answer comes within ten.
const ANSWER_WAIT: Duration = Duration::from_millis(6_500);
/// The same for the single statement of a look-up.
const LOOK_UP_WAIT: Duration = Duration::from_secs(3);
/// Threads on PostgreSQL where nobody chose. Measured on two cores, 4 and 16 were no faster.
const POSTGRES_THREADS: usize = 8;

/// What can be chosen about the executor.
#[derive(Debug, Clone, Copy, Default)]
pub struct DbSettings {
    /// Threads: on PostgreSQL all of them (8 by default), on an SQLite file the readers (two a core, at
    /// least 4, since a tenant has half of them), beside which there is one writer.
    pub threads: Option<NonZeroUsize>,
}

/// A handle to the executor; clones share it. It stops when the last is dropped or one is [closed](Executor::close).
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
    owner: Option<TenantId>,
}

struct Inner {
    reads: Crew,
    /// There where writes have a thread of their own.
    writes: Option<Arc<Crew>>,
    counters: Arc<Counters>,
    /// On PostgreSQL, where nothing stands between.
    numbers: Option<Arc<Counting>>,
    file: Option<FileWatch>,
    /// An SQLite database in memory lives as long as a connection to it.
    _memory: Option<Mutex<DbConnection>>,
}

/// The threads that serve a queue, and how to start another.
struct Crew {
    queue: Arc<Queue>,
    opening: Opening,
    counters: Arc<Counters>,
    serve: fn(Worker),
}

impl Crew {
    fn new(limits: Limits, opening: Opening, counters: &Arc<Counters>, serve: fn(Worker)) -> anyhow::Result<Self> {
        let queue = Arc::new(Queue::new(limits, Arc::clone(counters)));
        let crew = Self { queue, opening, counters: Arc::clone(counters), serve };
        (0..limits.threads).try_for_each(|_| crew.start_thread())?;
        Ok(crew)
    }

    fn start_thread(&self) -> anyhow::Result<()> {
        let number = self.queue.hire();
        let worker = Worker::new(number, Arc::clone(&self.queue), self.opening.clone(), Arc::clone(&self.counters));
        let serve = self.serve;
        let started = std::thread::Builder::new().name(format!("db-{number}")).spawn(move || serve(worker));
        if started.is_err() {
            self.queue.leave();
        }
        started.map(drop).context("a thread for the database cannot be started")
    }

    fn push(&self, request: Request) -> Result<(), Unavailable> {
        for _ in 0..self.queue.push(request)? {
            log::warn!("a thread of the database hangs: another takes its place");
            if let Err(error) = self.start_thread() {
                log::error!("{error:#}");
            }
        }
        Ok(())
    }

    fn close(&self) {
        self.queue.close();
        self.queue.wait_for_threads(ANSWER_WAIT);
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Executor {
    /// Starts the threads. They connect when the first job arrives, so that a database which is out of reach
    /// shows in the jobs' answers.
    ///
    /// # Errors
    /// When a thread cannot be started, or an SQLite database in memory cannot be opened.
    pub fn open(url: &DatabaseUrl, settings: DbSettings) -> anyhow::Result<Self> {
        slow_query::log_slow_queries()?;
        let memory = match url {
            DatabaseUrl::SqliteMemory(_) => Some(Mutex::new(url.connect()?)),
            DatabaseUrl::SqliteFile(_) | DatabaseUrl::Postgres(_) => None,
        };
        let threads = match url {
            DatabaseUrl::SqliteMemory(_) => 1,
            DatabaseUrl::SqliteFile(_) | DatabaseUrl::Postgres(_) => {
                settings.threads.map_or_else(|| default_threads(url.kind()), NonZeroUsize::get)
            }
        };
        let file = FileWatch::of(url).with_context(|| url.to_string())?;
        let counters = Arc::new(Counters::default());
        let has_writer = file.is_some();
        let opening = |reads_only| Opening { url: url.clone(), reads_only, file: file.clone() };
        let reads = Crew::new(Limits::shared(threads), opening(has_writer), &counters, Worker::serve_each)?;
        let writer = || Crew::new(Limits::only_writer(), opening(false), &counters, Worker::serve_groups);
        let writes = has_writer.then(writer).transpose()?.map(Arc::new);
        // Its settings are those of a session.
        let counts = matches!(url, DatabaseUrl::Postgres(_)) && !opening(false).is_pooled();
        let numbers = counts.then(|| Counting::start(opening(false))).transpose()?;
        let inner = Inner { reads, writes, counters, numbers: numbers.map(Arc::new), file, _memory: memory };
        Ok(Self { inner: Arc::new(inner), owner: None })
    }

    /// An executor on the same database with so many threads and connections of its own: for what must neither wait for
    /// requests nor hold them up. What it writes to an SQLite file goes through the one writer; a database in memory has no
    /// threads but one. It stops when the last handle is dropped; this one does not wait for it, nor it for this one.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn beside(&self, url: &DatabaseUrl, threads: NonZeroUsize) -> anyhow::Result<Self> {
        let Inner { writes, counters, numbers, file, .. } = &*self.inner;
        if let DatabaseUrl::SqliteMemory(_) = url {
            return Ok(self.clone());
        }
        let opening = Opening { url: url.clone(), reads_only: writes.is_some(), file: file.clone() };
        let reads = Crew::new(Limits::shared(threads.get()), opening, counters, Worker::serve_each)?;
        let (writes, counters, numbers) = (writes.clone(), Arc::clone(counters), numbers.clone());
        let inner = Inner { reads, writes, counters, numbers, file: file.clone(), _memory: None };
        Ok(Self { inner: Arc::new(inner), owner: None })
    }

    /// The same executor for a tenant's jobs, which have the tenant's share of its threads: half of them, a quarter for reads
    /// beside others, and on PostgreSQL for writes. Without it a job is the gateway's own, in a lane like a tenant's.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> Self {
        Self { inner: Arc::clone(&self.inner), owner: Some(tenant) }
    }

    /// Runs a job that only reads. All of its statements see one state of the database, in a transaction that
    /// refuses to write; on SQLite so does the connection.
    ///
    /// The job may run more than once. It is skipped when this future was dropped before it began.
    ///
    /// # Errors
    /// What the job returns; [`JobError::unavailable`]; [`JobError::panicked`].
    pub async fn read<T, E>(&self, job: impl FnMut(&mut DbConnection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
    {
        self.submit(Access::Read, ANSWER_WAIT, job).await
    }

    /// As [`read`](Self::read), for a job of one statement, which needs no transaction around it, or of statements
    /// that need not agree. It is waited for three seconds.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn look_up<T, E>(
        &self,
        job: impl FnMut(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
    {
        self.submit(Access::Statement, LOOK_UP_WAIT, job).await
    }

    /// Runs a job in one transaction and answers only after it was committed. An `Err`, or a panic, rolls
    /// it back.
    ///
    /// The job may run more than once, so that it must have no effect outside the database. It returns the
    /// errors of its statements and goes on after none: a failed statement ends a transaction on PostgreSQL.
    /// On SQLite it shares its commit with other jobs; a constraint that is checked only at the commit
    /// (`DEFERRABLE INITIALLY DEFERRED`) would fail them all.
    ///
    /// # Errors
    /// What the job returns; [`JobError::unavailable`]; [`JobError::panicked`].
    pub async fn write<T, E>(&self, job: impl FnMut(&mut DbConnection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
    {
        self.submit(Access::Write, ANSWER_WAIT, job).await
    }

    async fn submit<T, E>(
        &self,
        access: Access,
        longest: Duration,
        work: impl FnMut(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
    {
        let Inner { reads, writes, counters, .. } = &*self.inner;
        let (crew, lane, too_late) = match access {
            Access::Statement | Access::Read => (reads, Lane::Reads(self.owner), Unavailable::ReadUnanswered),
            Access::Write => {
                (writes.as_deref().unwrap_or(reads), Lane::Writes(self.owner), Unavailable::WriteUnanswered)
            }
        };
        let (reply, mut answer) = oneshot::channel();
        let ticket = Arc::new(Ticket::default());
        let job = Box::new(Task::new(work, reply));
        let refused = |why| {
            counters.refused.add(1);
            Err(E::unavailable(why))
        };
        if let Err(why) = crew.push(Request { access, lane, ticket: Arc::clone(&ticket), job }) {
            return refused(why);
        }
        let answered = match timeout(TURN_WAIT, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if ticket.give_up() => return refused(Unavailable::NotBegun),
            Err(_) => match timeout(longest - TURN_WAIT, answer).await {
                Ok(answered) => answered,
                Err(_) => return refused(too_late),
            },
        };
        answered.unwrap_or_else(|_| Err(E::unavailable(Unavailable::Lost)))
    }

    /// Who gives new records their numbers outside of their transactions, where somebody does.
    #[must_use]
    pub fn numbers(&self) -> Option<Arc<dyn Numbers>> {
        self.inner.numbers.clone().map(|numbers| numbers as Arc<dyn Numbers>)
    }

    /// What the executor does now and has done so far.
    #[must_use]
    pub fn stats(&self) -> DbStats {
        let Inner { reads, writes, counters, .. } = &*self.inner;
        let (mut queued, mut hanging) = reads.queue.waiting_and_hanging();
        if let Some(writes) = writes {
            queued += writes.queue.waiting_and_hanging().0;
            hanging += writes.queue.waiting_and_hanging().1;
        }
        counters.stats(queued, hanging)
    }

    /// What happened to the file of an SQLite database behind the back of this process, where something did. Nothing is
    /// written then. It asks the file system, and so may block.
    #[must_use]
    pub fn lost_file(&self) -> Option<Lost> {
        self.inner.file.as_ref().and_then(FileWatch::lost)
    }

    /// Takes no more jobs, finishes the accepted ones and waits for the threads, for those that hang some seconds.
    /// On an SQLite file the writer then brings the statistics of the planner up to date and empties the log into the
    /// file. Other handles answer [`Unavailable::Closed`] from now on. It blocks.
    pub fn close(self) {
        self.inner.reads.close();
        // After the readers, so that none of them holds the log while it is emptied.
        self.inner.writes.iter().for_each(|crew| crew.close());
    }
}

fn default_threads(kind: BackendKind) -> usize {
    match kind {
        BackendKind::Postgres => POSTGRES_THREADS,
        BackendKind::Sqlite => 2 * std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
    }
}

/// A message of somebody else's in one line: libpq breaks its own into several.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
