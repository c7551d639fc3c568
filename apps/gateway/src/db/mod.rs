//! The executor: the only place where blocking work of the database leaves the event loop.
//!
//! A fixed set of threads, each with a connection of its own, takes jobs from a queue in the order in which
//! they came and answers each through a channel. On PostgreSQL all threads read and write. On an SQLite file
//! some threads read, and one writes with **group commit**: many jobs, each in a savepoint, share one
//! transaction and its single `fsync`, and are answered after the commit. An SQLite database in memory has
//! one thread for everything.
//!
//! SQLite has no time limit for a statement in Diesel's safe API: a long query there holds one reader until
//! it is done, while PostgreSQL ends it after five seconds (`DatabaseUrl::connect`).

mod counters;
mod file_watch;
mod job;
mod slow_query;
mod statements;
mod worker;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use async_channel::{Sender, TrySendError};
use crm_core::database::DatabaseUrl;
use crm_core::database::sqlite_file::Lost;
use crm_core::error::Fault;
use crm_core::{BackendKind, DbConnection};
use tokio::sync::oneshot;

pub use counters::DbStats;

use counters::Counters;
use file_watch::FileWatch;
use job::{Access, Request, Task};
use worker::Worker;

/// How many jobs may wait in a queue.
const QUEUE_LENGTH: usize = 1024;
/// How long a job waits for a place in a full queue.
const QUEUE_WAIT: Duration = Duration::from_secs(2);
/// Threads on PostgreSQL where nobody chose. Measured on two cores, 4 and 16 were no faster.
const POSTGRES_THREADS: usize = 8;

/// Why a job was given up although nothing is wrong with it: the client should try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// The queue stayed full for two seconds. Nothing was done.
    QueueFull,
    /// No connection could be made within two seconds. Nothing was done.
    NoConnection,
    /// The connection was lost at each of three attempts. Nothing was done.
    ConnectionLost,
    /// Other transactions stood in the way at each of four attempts. Nothing was done.
    Collision,
    /// The commit failed. Nothing was done.
    NotCommitted,
    /// The file of the SQLite database was removed, replaced or cut short. Nothing was done.
    FileLost,
    /// The connection was lost while the commit was under way: it may or may not have been done.
    CommitUnknown,
    /// The executor was closed, or lost the job. If it had begun, it may or may not have been done.
    Closed,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "too many jobs are waiting for the database",
            Self::NoConnection => "no connection to the database could be made",
            Self::ConnectionLost => "the connection to the database was lost again and again",
            Self::Collision => "other transactions stood in the way again and again",
            Self::NotCommitted => "the commit failed",
            Self::FileLost => "the file of the database is not the one that was opened",
            Self::CommitUnknown => "the connection was lost during the commit, whose outcome is unknown",
            Self::Closed => "the executor is closed",
        })
    }
}

/// An error that a job may return: the executor looks into it to see whether to run the job again.
pub trait JobError: From<diesel::result::Error> + Send + 'static {
    /// What the database asks for, where this error is one of the database's.
    fn fault(&self) -> Option<Fault>;
    /// The job was given up.
    fn unavailable(why: Unavailable) -> Self;
    /// The job panicked; its changes were rolled back.
    fn panicked() -> Self;
}

/// What can be chosen about the executor.
#[derive(Debug, Clone, Copy, Default)]
pub struct DbSettings {
    /// Threads: on PostgreSQL all of them (8 by default), on an SQLite file the readers (one a core, at
    /// least 2), beside which there is one writer.
    pub threads: Option<NonZeroUsize>,
}

/// A handle to the executor; clones share it. It stops when the last is dropped or one is [closed](Db::close).
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    reads: Sender<Request>,
    /// The same queue as `reads` unless there is a writer of its own.
    writes: Sender<Request>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
    fair_share: usize,
    file: Option<FileWatch>,
    /// An SQLite database in memory lives as long as a connection to it.
    _memory: Option<Mutex<DbConnection>>,
}

impl Db {
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
        let (reads, read_queue) = async_channel::bounded(QUEUE_LENGTH);
        let separate_writer = url.file().is_some();
        let pool = worker::pool(url, threads, separate_writer)?;
        let readers = (0..threads)
            .map(|number| {
                let worker = Worker::new(read_queue.clone(), pool.clone(), Arc::clone(&counters), file.clone());
                spawn(format!("db-{number}"), move || worker.serve_each())
            })
            .collect::<anyhow::Result<_>>()?;
        let (writes, writer) = if separate_writer {
            let (writes, write_queue) = async_channel::bounded(QUEUE_LENGTH);
            let worker = Worker::new(write_queue, worker::pool(url, 1, false)?, Arc::clone(&counters), file.clone());
            (writes, Some(spawn("db-writer".to_owned(), move || worker.serve_groups())?))
        } else {
            (reads.clone(), None)
        };
        let inner = Inner {
            reads,
            writes,
            readers: Mutex::new(readers),
            writer: Mutex::new(writer),
            counters,
            fair_share: match url.kind() {
                BackendKind::Postgres => 4 * threads,
                BackendKind::Sqlite => worker::GROUP_SIZE,
            },
            file,
            _memory: memory,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Runs a job that only reads, outside a transaction. On an SQLite file the connection refuses to write.
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
        self.submit(&self.0.reads, Access::Read, job).await
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
        self.submit(&self.0.writes, Access::Write, job).await
    }

    async fn submit<T, E>(
        &self,
        queue: &Sender<Request>,
        access: Access,
        work: impl FnMut(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
    {
        let (reply, answer) = oneshot::channel();
        let request = Request { access, job: Box::new(Task::new(work, reply)) };
        if let Err(why) = enqueue(queue, request).await {
            self.0.counters.refused.add(1);
            return Err(E::unavailable(why));
        }
        answer.await.unwrap_or_else(|_| Err(E::unavailable(Unavailable::Closed)))
    }

    /// How many jobs of one tenant may wait or run at a time, so that another tenant's is not kept waiting: four for
    /// each thread on PostgreSQL; as many as share a commit on SQLite, where fewer would make every commit smaller.
    #[must_use]
    pub fn fair_share(&self) -> usize {
        self.0.fair_share
    }

    /// What the executor does now and has done so far.
    #[must_use]
    pub fn stats(&self) -> DbStats {
        let Inner { reads, writes, .. } = &*self.0;
        let queued = reads.len() + if reads.same_channel(writes) { 0 } else { writes.len() };
        self.0.counters.stats(queued)
    }

    /// What happened to the file of an SQLite database behind the back of this process, where something did. Nothing is
    /// written then. It asks the file system, and so may block.
    #[must_use]
    pub fn lost_file(&self) -> Option<Lost> {
        self.0.file.as_ref().and_then(FileWatch::lost)
    }

    /// Takes no more jobs, finishes the accepted ones and waits for the threads. On an SQLite file the writer
    /// then brings the statistics of the planner up to date and empties the log into the file. Other handles
    /// answer [`Unavailable::Closed`] from now on. It blocks.
    pub fn close(self) {
        self.0.reads.close();
        join(std::mem::take(&mut *self.0.readers.lock().unwrap_or_else(PoisonError::into_inner)));
        // After the readers, so that none of them holds the log while it is emptied.
        self.0.writes.close();
        join(self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

async fn enqueue(queue: &Sender<Request>, request: Request) -> Result<(), Unavailable> {
    match queue.try_send(request) {
        Ok(()) => Ok(()),
        Err(TrySendError::Closed(_)) => Err(Unavailable::Closed),
        Err(TrySendError::Full(request)) => match tokio::time::timeout(QUEUE_WAIT, queue.send(request)).await {
            Ok(sent) => sent.map_err(|_| Unavailable::Closed),
            Err(_) => Err(Unavailable::QueueFull),
        },
    }
}

fn default_threads(kind: BackendKind) -> usize {
    match kind {
        BackendKind::Postgres => POSTGRES_THREADS,
        BackendKind::Sqlite => std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
    }
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(work).context("a thread for the database cannot be started")
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        // Workers catch panics; one that got out has been printed by the panic hook.
        let _ = thread.join();
    }
}

/// A message of somebody else's in one line: libpq breaks its own into several.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
