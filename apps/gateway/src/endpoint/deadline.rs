use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until};

/// How long a client waits for an answer, whatever is waited for on the way to it: with the way there and back it comes within
/// ten seconds (docs/compatibility.md, "Limits").
const ANSWER_WITHIN: Duration = Duration::from_millis(9_500);
/// How often it is looked whether somebody is still waited for who does not count.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// By when a request is answered. All that is waited for within the process counts: a turn, the database, the issuer's keys.
/// What the client itself takes its time for does not. Clones are one.
#[derive(Debug, Clone)]
pub struct Deadline(Rc<Cell<State>>);

#[derive(Debug, Clone, Copy)]
struct State {
    by: Instant,
    /// Whether the client is waited for, since when.
    aside: Option<Instant>,
}

impl Deadline {
    pub(super) fn from_now() -> Self {
        Self(Rc::new(Cell::new(State { by: Instant::now() + ANSWER_WITHIN, aside: None })))
    }

    /// Waits for what the client takes its time for: its body, or a wait that it asked for.
    pub(crate) async fn aside<T>(&self, waited_for: impl Future<Output = T>) -> T {
        self.0.set(State { aside: Some(Instant::now()), ..self.0.get() });
        let came = waited_for.await;
        let State { by, aside } = self.0.get();
        let took = aside.map_or(Duration::ZERO, |since| since.elapsed());
        self.0.set(State { by: by + took, aside: None });
        came
    }

    /// A part of what takes long was done: the next has as much time.
    pub(crate) fn went_on(&self) {
        self.0.set(State { by: Instant::now() + ANSWER_WITHIN, ..self.0.get() });
    }

    /// Waits until it has passed.
    pub(super) async fn passes(&self) {
        loop {
            match self.0.get() {
                State { aside: Some(_), .. } => sleep(LOOK_EVERY).await,
                State { by, .. } if by > Instant::now() => sleep_until(by.into()).await,
                _ => return,
            }
        }
    }
}
