//! What time it is to whatever a client can see: the machine's time, or, for tests, one that stands still until it is moved
//! (docs/compatibility.md, "A clock for tests").
//!
//! Deadlines, pauses and leases go by the machine's clock whatever this one shows: they are about how long something takes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Datelike};
use crm_core::Timestamp;

use crate::state::AppState;
use crate::upkeep;

/// Stands for the machine's clock, which no moment does.
const RUNS: i64 = i64::MIN;

/// A clock; clones are the same one.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Milliseconds since 1970, or [`RUNS`].
    stands_at: Arc<AtomicI64>,
}

impl Default for Clock {
    /// The machine's clock.
    fn default() -> Self {
        Self { stands_at: Arc::new(AtomicI64::new(RUNS)) }
    }
}

impl Clock {
    /// One that stands still.
    #[must_use]
    pub fn at(moment: Moment) -> Self {
        let clock = Self::default();
        clock.set(moment);
        clock
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self.stands_at.load(Ordering::Relaxed) {
            RUNS => Timestamp::now(),
            millis => DateTime::from_timestamp_millis(millis).map_or_else(Timestamp::now, Timestamp::from_datetime),
        }
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.stands_at.load(Ordering::Relaxed) != RUNS
    }

    /// From now on it stands still at this moment.
    fn set(&self, moment: Moment) {
        self.stands_at.store(moment.0.as_datetime().timestamp_millis(), Ordering::Relaxed);
    }
}

/// Moves a gateway's clock. What is over by then is over when this returns, as if a minute had passed: keys, sessions, kept
/// answers, the trash, the history and logs. Webhooks that are due are tried within a second.
pub async fn turn(state: &AppState, moment: Moment) {
    state.clock.set(moment);
    state.keys.forget_all();
    state.sessions.forget_all();
    upkeep::once(state).await;
}

/// A moment that a clock can stand at: from 1970 to 2999, so that there is room for what is counted from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(Timestamp);

impl Moment {
    /// The moment as records have it.
    #[must_use]
    pub fn as_timestamp(self) -> Timestamp {
        self.0
    }
}

impl TryFrom<Timestamp> for Moment {
    type Error = NotAMoment;

    fn try_from(moment: Timestamp) -> Result<Self, NotAMoment> {
        if (1970..=2999).contains(&moment.as_datetime().year()) { Ok(Self(moment)) } else { Err(NotAMoment) }
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        text.parse::<Timestamp>().map_err(|_| NotAMoment)?.try_into()
    }
}

/// Why a text is no [`Moment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAMoment;

impl fmt::Display for NotAMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an RFC 3339 date and time such as 2025-07-10T12:34:56.789Z, in the years 1970 to 2999")
    }
}

impl std::error::Error for NotAMoment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_where_it_was_set() {
        let clock = Clock::default();
        assert!(!clock.is_still());
        for text in ["1970-01-01T00:00:00.000Z", "2999-12-31T23:59:59.999Z"] {
            clock.set(text.parse().unwrap());
            assert_eq!((clock.now().to_string().as_str(), clock.is_still()), (text, true));
        }
        for text in ["1969-12-31T23:59:59.999Z", "3000-01-01T00:00:00Z", "yesterday", "2025-07-10", ""] {
            assert_eq!(text.parse::<Moment>(), Err(NotAMoment), "{text}");
        }
    }
}
