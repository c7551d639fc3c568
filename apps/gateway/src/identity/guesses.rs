use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::error::{Problem, ProblemCode};

use super::fading::Fading;

/// So many keys or sessions that are nobody's may come from one address in a second, before those from there are looked up
/// only where they were good before. Whoever runs a gateway for many tenants mistypes no fifty keys in a second.
const MOST: u32 = 50;
/// How many addresses are remembered at least.
const MOST_ADDRESSES: usize = 10_000;

/// How many keys or sessions of an address were nobody's, in the second that ends then.
pub(super) struct Guesses {
    of_address: Fading<IpAddr, (u32, Instant)>,
    /// What is guessed.
    what: &'static str,
}

impl Guesses {
    pub(super) fn of(what: &'static str) -> Self {
        Self { of_address: Fading::of(MOST_ADDRESSES), what }
    }

    /// Refuses an address that guesses.
    pub(super) fn refuse(&self, from: IpAddr, now: Instant) -> Result<(), Problem> {
        let too_many = self.of_address.get(&from).is_some_and(|(count, until)| count >= MOST && now < until);
        if too_many {
            let detail = format!("{MOST} {} that are nobody's came from this address in a second.", self.what);
            Err(Problem::new(ProblemCode::RateLimited, detail))
        } else {
            Ok(())
        }
    }

    /// Counts one that was nobody's.
    pub(super) fn count(&self, from: IpAddr, now: Instant) {
        let running = self.of_address.get(&from).filter(|(_, until)| now < *until);
        let (count, until) = running.unwrap_or((0, now + Duration::from_secs(1)));
        self.of_address.insert(from, (count.saturating_add(1), until));
    }
}
