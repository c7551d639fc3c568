//! Numbers for new records on PostgreSQL, outside of the transactions that make them (docs/adr/0005-numbering.md).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use anyhow::Context;
use crm_core::numbering::{self, Advanced, Numbers};
use crm_core::{DbConnection, TenantId};
use diesel::connection::SimpleConnection;
use diesel::result::ConnectionError;

use super::one_line;
use super::worker::Opening;

/// How long a creation waits for an answer before its own transaction takes a number.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it asks again, and the longest pause, where a transaction holds the counter: if all took their numbers in their
/// transactions then, the counter would always be held from there on.
const ATTEMPTS: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_millis(16);
/// What the numbers are used for comes later in the log, and brings the counter to the disk.
const AT_EASE: &str = "SET synchronous_commit = off";
/// The pause between two attempts to connect.
const RECONNECTION: Duration = Duration::from_secs(1);

/// One thread with a connection of its own, which takes the numbers for all who wait at once. While it has no connection, and
/// where a transaction holds the counter, every creation takes its number itself.
#[derive(Debug)]
pub(super) struct Counting {
    asked: Sender<Asked>,
    is_connected: Arc<AtomicBool>,
}

struct Asked {
    tenant: TenantId,
    kind: i16,
    /// What the counter was advanced to for this one alone.
    reply: SyncSender<Advanced>,
}

impl Counting {
    /// The thread connects when the first number is asked for, and ends when this is dropped.
    pub(super) fn start(opening: Opening) -> anyhow::Result<Self> {
        let (asked, questions) = channel();
        let is_connected = Arc::new(AtomicBool::new(true));
        let counter = Counter { opening, questions, is_connected: Arc::clone(&is_connected) };
        let started = std::thread::Builder::new().name("db-numbers".to_owned()).spawn(move || counter.serve());
        started.context("a thread for the database cannot be started")?;
        Ok(Self { asked, is_connected })
    }
}

impl Numbers for Counting {
    fn next(&self, tenant: TenantId, kind: i16) -> Option<i64> {
        for attempt in 0..ATTEMPTS {
            if !self.is_connected.load(Ordering::Relaxed) {
                return None;
            }
            let (reply, answer) = sync_channel(1);
            self.asked.send(Asked { tenant, kind, reply }).ok()?;
            match answer.recv_timeout(PATIENCE).ok()? {
                Advanced::To(number) => return Some(number),
                Advanced::Absent => return None,
                Advanced::Held => std::thread::sleep(LONGEST_PAUSE.min(Duration::from_millis(1 << attempt))),
            }
        }
        None
    }
}

/// What the thread has.
struct Counter {
    opening: Opening,
    questions: Receiver<Asked>,
    is_connected: Arc<AtomicBool>,
}

impl Counter {
    fn serve(self) {
        let mut held = None;
        while let Ok(first) = self.questions.recv() {
            let mut waiting = vec![first];
            waiting.extend(self.questions.try_iter());
            let answered = match &mut held {
                Some(connection) => answer(connection, waiting),
                None => self.connect().map_err(|error| error.to_string()).and_then(|mut connection| {
                    answer(&mut connection, waiting)?;
                    held = Some(connection);
                    Ok(())
                }),
            };
            if let Err(error) = answered {
                log::warn!("new records take their numbers in their transactions for now: {}", one_line(&error));
                self.is_connected.store(false, Ordering::Relaxed);
                held = self.connect_again();
                self.is_connected.store(true, Ordering::Relaxed);
            }
        }
    }

    fn connect(&self) -> Result<DbConnection, ConnectionError> {
        let mut connection = self.opening.open()?;
        connection.batch_execute(AT_EASE).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }

    /// `None` where nobody is there any more who would ask.
    fn connect_again(&self) -> Option<DbConnection> {
        loop {
            std::thread::sleep(RECONNECTION);
            match self.connect() {
                Ok(connection) => return Some(connection),
                Err(_) if matches!(self.questions.try_recv(), Err(TryRecvError::Disconnected)) => return None,
                Err(_) => {}
            }
        }
    }
}

/// Takes the numbers of each counter in one statement. Those that are left without an answer take theirs themselves.
fn answer(connection: &mut DbConnection, mut waiting: Vec<Asked>) -> Result<(), String> {
    let counter = |asked: &Asked| (asked.tenant.as_i64(), asked.kind);
    waiting.sort_by_key(counter);
    for together in waiting.chunk_by(|one, other| counter(one) == counter(other)) {
        let [first, ..] = together else { continue };
        let count = i64::try_from(together.len()).unwrap_or(i64::MAX);
        let advanced =
            numbering::advance(connection, first.tenant, first.kind, count).map_err(|error| error.to_string())?;
        for (asked, place) in together.iter().zip(1..) {
            let told = match advanced {
                Advanced::To(last) => Advanced::To(last - count + place),
                Advanced::Held | Advanced::Absent => advanced,
            };
            // Whoever has lost patience leaves a gap.
            let _ = asked.reply.send(told);
        }
    }
    Ok(())
}
