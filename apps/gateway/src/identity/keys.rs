use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crm_core::keys::{self, ApiKey, Holder, KeyHash};
use crm_core::{TenantId, Timestamp};

use crate::db::Executor;
use crate::error::Failure;

use super::fading::Fading;
use super::guesses::Guesses;

/// The query parameters that may hold a key. They are no parameters of a route and reach no log.
pub const KEY_PARAMETERS: [&str; 2] = ["subscription-key", "key"];

/// How long a key is trusted without asking the database again. A rotated key must be dead within 5 seconds
/// on every gateway; the rest of those is for the look-up that was under way.
pub(super) const TRUSTED_FOR: Duration = Duration::from_secs(4);
/// When a key that is gone from the database is dead on every gateway.
pub(crate) const DEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long a key is unknown without asking again: so soon does one work that was sent before it was made.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// How many keys are remembered at least, and how many that are nobody's.
const MOST_KEYS: usize = 50_000;
const MOST_UNKNOWN: usize = 10_000;

/// Remembers whose a key is for a few seconds, by its hash, and for a second that it is nobody's.
pub struct KeyCache {
    /// Whose a key is and until when that is trusted; after that, that it was good once.
    holders: Fading<KeyHash, (Holder, Instant)>,
    unknown: Fading<KeyHash, Instant>,
    guesses: Guesses,
    /// When which keys were used since that was last written down.
    used: Mutex<HashMap<(TenantId, KeyHash), Timestamp>>,
    /// Whether somebody chose a key for a tenant, so that a key without our checksum can be one.
    chosen_keys_exist: AtomicBool,
    /// When that was last asked.
    asked_for_chosen: Mutex<Option<Instant>>,
}

impl KeyCache {
    /// An empty cache. Without `chosen_keys_exist`, a key that this program did not make is refused without
    /// asking the database.
    #[must_use]
    pub fn new(chosen_keys_exist: bool) -> Self {
        Self {
            holders: Fading::of(MOST_KEYS),
            unknown: Fading::of(MOST_UNKNOWN),
            guesses: Guesses::of("keys"),
            used: Mutex::default(),
            chosen_keys_exist: AtomicBool::new(chosen_keys_exist),
            asked_for_chosen: Mutex::default(),
        }
    }

    /// Whose key this is, at this time, which came from there.
    ///
    /// # Errors
    /// When the database cannot be asked, or too many keys from there were nobody's.
    pub async fn holder(
        &self,
        db: &Executor,
        key: &ApiKey,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Holder>, Failure> {
        if !key.is_generated() && !self.chosen_keys_exist(db).await? {
            return Ok(None);
        }
        let hash = key.hash();
        // Counted from before the look-up, so that a rotation during it is seen in time.
        let asked = Instant::now();
        let known = self.holders.get(&hash);
        if let Some((holder, until)) = &known
            && asked < *until
        {
            return Ok(Some(holder.clone()).filter(|holder| holder.grace_until.is_none_or(|until| now < until)));
        }
        if self.unknown.get(&hash).is_some_and(|until| asked < until) {
            return Ok(None);
        }
        if known.is_none() {
            self.guesses.refuse(from, asked)?;
        }
        let found = db.look_up(move |connection| Ok::<_, Failure>(keys::find_holder(connection, &hash, now)?)).await?;
        match &found {
            Some(holder) => self.holders.insert(hash, (holder.clone(), asked + TRUSTED_FOR)),
            None => {
                self.holders.remove(&hash);
                self.unknown.insert(hash, asked + UNKNOWN_FOR);
                self.guesses.count(from, asked);
            }
        }
        Ok(found)
    }

    /// Whether a key that this program did not make can be somebody's. Another gateway may have been given the first one, so
    /// that the database is asked, once a second at the most.
    async fn chosen_keys_exist(&self, db: &Executor) -> Result<bool, Failure> {
        if self.chosen_keys_exist.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let now = Instant::now();
        let is_due = {
            let mut asked = self.asked_for_chosen.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = asked.is_none_or(|asked| now.duration_since(asked) >= UNKNOWN_FOR);
            if is_due {
                *asked = Some(now);
            }
            is_due
        };
        if is_due && db.look_up(|connection| Ok::<_, Failure>(keys::any_chosen(connection)?)).await? {
            self.was_chosen();
        }
        Ok(self.chosen_keys_exist.load(Ordering::Relaxed))
    }

    /// Somebody chose a key just now.
    pub fn was_chosen(&self) {
        self.chosen_keys_exist.store(true, Ordering::Relaxed);
    }

    /// Forgets whose keys are whose: it is another time.
    pub fn forget_all(&self) {
        self.holders.retain(|_| false);
        self.unknown.retain(|_| false);
    }

    /// Forgets the keys of a tenant that is deleted.
    pub fn forget(&self, tenant: TenantId) {
        self.holders.retain(|(holder, _)| holder.tenant != tenant);
    }

    /// Notes that a key was used; to be [written down](Self::take_uses) by upkeep.
    pub fn was_used(&self, tenant: TenantId, key: KeyHash, now: Timestamp) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert((tenant, key), now);
    }

    /// The uses since the last call.
    #[must_use]
    pub fn take_uses(&self) -> Vec<(TenantId, KeyHash, Timestamp)> {
        let uses = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        uses.into_iter().map(|((tenant, key), when)| (tenant, key, when)).collect()
    }
}
