//! When a delivery is tried again.

use chrono::Duration;
use crm_core::Timestamp;

/// Seconds from each try to the next: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. The first comes at once.
pub const PAUSES: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How much longer a pause may become, in hundredths: what failed together does not come back together.
const JITTER: i64 = 20;

/// The longest that a receiver can ask for in `Retry-After`.
const LONGEST_WISH: i64 = 86_400;

/// When what was tried so often, the last time now, is tried next; `None` when that was the last time. `wish` is the
/// receiver's `Retry-After` in seconds, which never makes it sooner; `chance` is any number from 0 to 99.
#[must_use]
pub fn next_try(tries: usize, now: Timestamp, wish: Option<i64>, chance: i64) -> Option<Timestamp> {
    let pause = PAUSES.get(tries.checked_sub(1)?)? * 1_000;
    let pause = pause + pause * chance.clamp(0, 99) * JITTER / 10_000;
    let wished = wish.unwrap_or(0).clamp(0, LONGEST_WISH) * 1_000;
    Some(Timestamp::from_datetime(now.as_datetime() + Duration::milliseconds(pause.max(wished))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(tries: usize, wish: Option<i64>, chance: i64) -> Option<f64> {
        let now: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        let next = next_try(tries, now, wish, chance)?;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of some days")]
        Some((next.as_datetime() - now.as_datetime()).num_milliseconds() as f64 / 1_000.0)
    }

    #[test]
    fn the_schedule_is_that_of_the_page() {
        for (tries, pause) in [
            (1, Some(5.0)),
            (2, Some(300.0)),
            (3, Some(1_800.0)),
            (4, Some(7_200.0)),
            (5, Some(18_000.0)),
            (6, Some(36_000.0)),
            (7, Some(50_400.0)),
            (8, Some(72_000.0)),
            (9, Some(86_400.0)),
            (10, None),
            (11, None),
            (0, None),
        ] {
            assert_eq!(seconds(tries, None, 0), pause, "after {tries} tries");
        }
    }

    #[test]
    fn chance_makes_a_pause_up_to_a_fifth_longer_and_never_shorter() {
        for chance in [-7, 0, 1, 50, 99, 1_000] {
            let pause = seconds(2, None, chance).unwrap();
            assert!((300.0..360.0).contains(&pause), "{chance}: {pause}");
        }
        assert!(seconds(2, None, 99).unwrap() > 350.0);
    }

    #[test]
    fn a_receiver_can_ask_for_more_time_up_to_a_day_and_not_for_less() {
        assert_eq!(seconds(1, Some(120), 0), Some(120.0));
        assert_eq!(seconds(2, Some(120), 0), Some(300.0), "the schedule waits longer");
        assert_eq!(seconds(1, Some(i64::MAX), 0), Some(86_400.0));
        assert_eq!(seconds(1, Some(-5), 0), Some(5.0));
        assert_eq!(seconds(10, Some(120), 0), None, "it was the last try");
    }
}
