//! Numbers for new records on PostgreSQL, outside of the transactions that make them (docs/adr/0005-numbering.md).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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

/// How many threads may hang before another no longer takes their place.
const MOST_HANGING: usize = 4;

/// One thread with a connection of its own, which takes the numbers for all who wait at once. While it has no connection, and
/// where a transaction holds the counter, every creation takes its number itself. Where it hangs, another takes its place.
#[derive(Debug)]
pub(super) struct Counting {
    opening: Opening,
    counter: Mutex<Way>,
    /// Each thread has one of these while it lives.
    threads: Arc<()>,
}

/// The way to the thread.
#[derive(Debug, Clone)]
struct Way {
    asked: Sender<Asked>,
    is_connected: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Asked {
    tenant: TenantId,
    kind: i16,
    /// What the counter was advanced to for this one alone.
    reply: SyncSender<Advanced>,
}

impl Counting {
    /// The thread connects when the first number is asked for, and ends when this is dropped.
    pub(super) fn start(opening: Opening) -> anyhow::Result<Self> {
        let threads = Arc::new(());
        let counter = Way::start(&opening, &threads, true)?;
        Ok(Self { opening, counter: Mutex::new(counter), threads })
    }

    fn way(&self) -> Way {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A thread did not answer in time: its connection may be one that a firewall forgot. Its place is taken once, by whoever
    /// notices first, and by one that connects before anybody asks it.
    fn replace(&self, hanging: &Way) {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !Arc::ptr_eq(&counter.is_connected, &hanging.is_connected);
        if is_new || Arc::strong_count(&self.threads) > MOST_HANGING {
            return;
        }
        match Way::start(&self.opening, &self.threads, false) {
            Ok(another) => {
                log::warn!("the thread that numbers new records hangs: another takes its place");
                *counter = another;
            }
            Err(error) => log::error!("{error:#}"),
        }
    }
}

impl Way {
    /// The thread connects when it is first asked, or else at once: until then everybody takes numbers without it.
    fn start(opening: &Opening, threads: &Arc<()>, when_asked: bool) -> anyhow::Result<Self> {
        let (asked, questions) = channel();
        let is_connected = Arc::new(AtomicBool::new(when_asked));
        let counter = Counter { opening: opening.clone(), questions, is_connected: Arc::clone(&is_connected) };
        let lives = Arc::clone(threads);
        let started = std::thread::Builder::new().name("db-numbers".to_owned()).spawn(move || {
            counter.serve();
            drop(lives);
        });
        started.context("a thread for the database cannot be started")?;
        Ok(Self { asked, is_connected })
    }
}

impl Numbers for Counting {
    fn next(&self, tenant: TenantId, kind: i16) -> Option<i64> {
        let way = self.way();
        for attempt in 0..ATTEMPTS {
            if !way.is_connected.load(Ordering::Relaxed) {
                return None;
            }
            let (reply, answer) = sync_channel(1);
            way.asked.send(Asked { tenant, kind, reply }).ok()?;
            match answer.recv_timeout(PATIENCE) {
                Ok(Advanced::To(number)) => return Some(number),
                Ok(Advanced::Held) => std::thread::sleep(LONGEST_PAUSE.min(Duration::from_millis(1 << attempt))),
                Ok(Advanced::Absent) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.replace(&way);
                    return None;
                }
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
        let mut held = if self.is_connected.load(Ordering::Relaxed) { None } else { self.connect_again() };
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
                if self.is_replaced() {
                    return;
                }
                log::warn!("new records take their numbers in their transactions for now: {}", one_line(&error));
                held = self.connect_again();
            }
        }
    }

    fn connect(&self) -> Result<DbConnection, ConnectionError> {
        let mut connection = self.opening.open()?;
        connection.batch_execute(AT_EASE).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }

    /// Whether nobody can ask any more: another has its place, or the gateway ends.
    fn is_replaced(&self) -> bool {
        matches!(self.questions.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Until then everybody takes numbers without this thread. `None` where nobody is there any more who would ask.
    fn connect_again(&self) -> Option<DbConnection> {
        self.is_connected.store(false, Ordering::Relaxed);
        let held = loop {
            std::thread::sleep(RECONNECTION);
            match self.connect() {
                Ok(connection) => break Some(connection),
                Err(_) if self.is_replaced() => break None,
                Err(_) => {}
            }
        };
        self.is_connected.store(true, Ordering::Relaxed);
        held
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
