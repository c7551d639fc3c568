//! How much may be under way at once: to each webhook as much as it has shown that it takes, and to all together what the
//! process bears, of which those that are slow have half.

use std::collections::HashMap;

use crm_core::WebhookId;
use crm_webhooks::deliveries::Attempt;

/// The most tries that are under way to one webhook.
const MOST_TO_ONE: usize = 16;
/// The most that are under way together: each has a thread.
const MOST_TOGETHER: usize = 256;
/// The most of these that are to webhooks which are slow, or fail.
const MOST_TO_SLOW: usize = MOST_TOGETHER / 2;
/// Who takes longer than so many milliseconds is slow.
const SLOW: i64 = 2_000;
/// How many webhooks are remembered of which nothing is under way.
const MOST_REMEMBERED: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Known {
    most: usize,
    under_way: usize,
    is_slow: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self { most: 1, under_way: 0, is_slow: false }
    }
}

/// What is under way, and what may be.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    webhooks: HashMap<WebhookId, Known>,
    together: usize,
    to_slow: usize,
}

impl Rooms {
    /// How many tries more each webhook takes that is known; of one that is not, nothing has been tried yet.
    pub(super) fn left(&self) -> HashMap<WebhookId, usize> {
        let left = MOST_TOGETHER.saturating_sub(self.together);
        let left_to_slow = left.min(MOST_TO_SLOW.saturating_sub(self.to_slow));
        let room = |known: &Known| {
            known.most.saturating_sub(known.under_way).min(if known.is_slow { left_to_slow } else { left })
        };
        self.webhooks.iter().map(|(id, known)| (*id, room(known))).collect()
    }

    /// Whether one try more may begin.
    pub(super) fn is_full(&self) -> bool {
        self.together >= MOST_TOGETHER
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.together == 0
    }

    /// A try begins.
    pub(super) fn begin(&mut self, webhook: WebhookId) {
        let known = self.webhooks.entry(webhook).or_default();
        known.under_way += 1;
        self.together += 1;
        self.to_slow += usize::from(known.is_slow);
    }

    /// A try has ended so.
    pub(super) fn end(&mut self, webhook: WebhookId, attempt: &Attempt, has_arrived: bool) {
        let Some(known) = self.webhooks.get_mut(&webhook) else { return };
        self.together -= 1;
        if known.is_slow {
            self.to_slow -= 1;
        }
        known.under_way -= 1;
        let was_slow = known.is_slow;
        known.is_slow = !has_arrived || attempt.milliseconds > SLOW;
        known.most = if known.is_slow { 1 } else { (known.most * 2).min(MOST_TO_ONE) };
        match (was_slow, known.is_slow) {
            (false, true) => self.to_slow += known.under_way,
            (true, false) => self.to_slow -= known.under_way,
            (false, false) | (true, true) => {}
        }
        if self.webhooks.len() > MOST_REMEMBERED {
            self.webhooks.retain(|_, known| known.under_way > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crm_core::Timestamp;

    use super::*;

    fn attempt(milliseconds: i64) -> Attempt {
        Attempt { on: Timestamp::FIRST, status: None, milliseconds, response: None, error: None }
    }

    fn id(number: u8) -> WebhookId {
        WebhookId::from_uuid(crm_core::Uuid::from_bytes([number; 16]))
    }

    #[test]
    fn a_webhook_gets_more_at_once_as_long_as_it_is_quick() {
        let mut rooms = Rooms::default();
        for most in [2, 4, 8, 16, 16] {
            rooms.begin(id(1));
            rooms.end(id(1), &attempt(10), true);
            assert_eq!(rooms.left()[&id(1)], most);
        }
        rooms.begin(id(1));
        assert_eq!(rooms.left()[&id(1)], 15);
        rooms.end(id(1), &attempt(3_000), true);
        assert_eq!(rooms.left()[&id(1)], 1, "slow");
        rooms.begin(id(1));
        rooms.end(id(1), &attempt(10), false);
        assert_eq!(rooms.left()[&id(1)], 1, "failed");
    }

    #[test]
    fn those_that_are_slow_leave_half_of_everything_to_others() {
        let mut rooms = Rooms::default();
        let slow: Vec<WebhookId> = (0..u8::try_from(MOST_TO_SLOW).unwrap()).map(id).collect();
        for webhook in &slow {
            rooms.begin(*webhook);
            rooms.end(*webhook, &attempt(15_000), false);
            assert_eq!(rooms.left()[webhook], 1);
            rooms.begin(*webhook);
        }
        let other = id(250);
        rooms.begin(other);
        rooms.end(other, &attempt(15_000), false);
        assert_eq!(rooms.left()[&other], 0, "one more that is slow has to wait");
        let quick = id(251);
        rooms.begin(quick);
        rooms.end(quick, &attempt(1), true);
        assert_eq!(rooms.left()[&quick], 2, "one that is quick has not");
        rooms.end(slow[0], &attempt(1), true);
        assert_eq!(rooms.left()[&other], 1);
        assert!(!rooms.is_full());
    }
}
