use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crm_core::DbConnection;
use crm_core::error::{Fault, fault};
use diesel::result::Error as DieselError;
use tokio::sync::oneshot;

use super::queue::Lane;
use super::unavailable::{JobError, Unavailable};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// One statement, which is a state by itself.
    Statement,
    /// Statements that see one state.
    Read,
    Write,
}

pub(super) struct Request {
    pub(super) access: Access,
    pub(super) lane: Lane,
    pub(super) ticket: Arc<Ticket>,
    pub(super) job: Box<dyn Job>,
}

impl Request {
    /// Whether it is to be begun: from here on it can no longer be given up as not begun.
    pub(super) fn begin(&self) -> bool {
        !self.job.is_abandoned() && self.ticket.change(WAITING, BEGUN)
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.job.is_abandoned() || self.ticket.0.load(Ordering::Relaxed) == GIVEN_UP
    }
}

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Who waits for a job and the thread that takes it agree by this on whether it has begun.
#[derive(Debug, Default)]
pub(super) struct Ticket(AtomicU8);

impl Ticket {
    /// False where the job has begun.
    pub(super) fn give_up(&self) -> bool {
        self.change(WAITING, GIVEN_UP)
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A [`Task`] whose types are forgotten. It keeps its outcome until it is told to answer: what a job returns
/// is not true before the commit.
pub(super) trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
    /// Does the work and keeps what it returned; leaves no more transactions open than there were.
    fn run(&mut self, connection: &mut DbConnection) -> Result<(), Trouble>;
    /// Puts an error of the transaction around the work in the place of the value that the work returned. An
    /// error that it returned stays: it is the cause.
    fn fail(&mut self, error: DieselError);
    /// Sends the outcome.
    fn answer(self: Box<Self>);
    /// Sends that the job was given up.
    fn refuse(self: Box<Self>, why: Unavailable);
}

/// Why a job has to be rolled back.
pub(super) enum Trouble {
    /// It returned an error, which the job keeps.
    Returned(Option<Fault>),
    /// It panicked.
    Panicked,
    /// A statement around it failed: BEGIN, COMMIT, a savepoint.
    Transaction(DieselError),
    /// The connection was lost after COMMIT was sent.
    CommitUnknown,
}

impl From<DieselError> for Trouble {
    fn from(error: DieselError) -> Self {
        Self::Transaction(error)
    }
}

impl Trouble {
    /// What the database asks for, where the trouble is one of the database's.
    pub(super) fn fault(&self) -> Option<Fault> {
        match self {
            Self::Returned(fault) => *fault,
            Self::Panicked => None,
            Self::Transaction(error) => Some(fault(error)),
            Self::CommitUnknown => Some(Fault::ConnectionLost),
        }
    }
}

pub(super) struct Task<T, E, F> {
    work: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Task<T, E, F> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Self { work, outcome: None, reply }
    }
}

impl<T, E, F> Job for Task<T, E, F>
where
    T: Send,
    E: JobError,
    F: FnMut(&mut DbConnection) -> Result<T, E> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &mut DbConnection) -> Result<(), Trouble> {
        let depth = connection.transaction_depth()?;
        let returned = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        let (outcome, result) = match returned {
            Ok(Ok(value)) => (Ok(value), Ok(())),
            Ok(Err(error)) => {
                let fault = error.fault();
                (Err(error), Err(Trouble::Returned(fault)))
            }
            Err(_) => (Err(E::panicked()), Err(Trouble::Panicked)),
        };
        self.outcome = Some(outcome);
        // A panic skips the rollbacks of the transactions that the job had nested. Where this fails, the
        // worker finds the connection broken.
        if let Err(error) = connection.rollback_to_depth(depth) {
            log::warn!("a transaction could not be rolled back: {error}");
        }
        result
    }

    fn fail(&mut self, error: DieselError) {
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(error.into()));
        }
    }

    fn answer(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(E::unavailable(Unavailable::Lost)));
        // Nobody listens when the request has timed out.
        let _ = self.reply.send(outcome);
    }

    fn refuse(self: Box<Self>, why: Unavailable) {
        let _ = self.reply.send(Err(E::unavailable(why)));
    }
}
