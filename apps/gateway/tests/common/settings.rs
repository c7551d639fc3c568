//! How long a campaign is, and its randomness, for every test binary that has some.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crm_testkit::TestDatabase;

fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no number")))
}

/// How many rounds to run: `CRM_TEST_ROUNDS`, or else a few.
pub(crate) fn rounds(short: u64) -> u64 {
    setting("CRM_TEST_ROUNDS").unwrap_or(short)
}

/// How long to run: `CRM_TEST_SECONDS`, or else a moment.
pub(crate) fn duration(short: Duration) -> Duration {
    setting("CRM_TEST_SECONDS").map_or(short, Duration::from_secs)
}

/// Whether this is a long run, on a machine that does nothing else: how fast something was counts only there.
pub(crate) fn is_long() -> bool {
    setting("CRM_TEST_ROUNDS").or(setting("CRM_TEST_SECONDS")).is_some()
}

/// Campaigns measure times, so that no two of them run at once in one process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows a figure; `scripts/campaign` prints these lines.
pub(crate) fn figure(database: &TestDatabase, campaign: &str, text: impl Display) {
    println!("{campaign}, {:?}: {text}", database.kind());
}

/// Numbers that differ from run to run, unless `CRM_TEST_SEED` fixes them (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// One for a campaign. It shows its seed, for the next run to repeat what the threads ask for.
    pub(crate) fn new() -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
        let seed = setting("CRM_TEST_SEED").unwrap_or_else(clock);
        println!("CRM_TEST_SEED={seed}");
        Self(seed)
    }

    /// One for a thread.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Some of these, at least one and at most `most`, each once, in any order.
    pub(crate) fn some_of<T: Clone>(&mut self, choices: &[T], most: usize) -> Vec<T> {
        let mut left = choices.to_vec();
        let count = 1 + self.below(most.min(left.len()));
        (0..count).map(|_| left.swap_remove(self.below(left.len()))).collect()
    }

    /// A time in this range of milliseconds.
    pub(crate) fn millis(&mut self, from: usize, to: usize) -> Duration {
        Duration::from_millis(u64::try_from(from + self.below(to - from)).unwrap())
    }
}

/// How long requests took.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The milliseconds that this many percent did not exceed.
    pub(crate) fn at(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// `p50 1.2 ms, p99 3.4 ms, longest 5.6 ms`
    pub(crate) fn summary(&self) -> String {
        format!("p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", self.at(50), self.at(99), self.at(100))
    }
}
