use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use crm_core::Timestamp;
use crm_core::keys::{self, ApiKey, Holder, KeyHash};

use crate::db::Db;
use crate::error::Failure;

/// How long a key is trusted without asking the database again. A rotated key must be dead within 5 seconds
/// on every gateway; the rest of those is for the look-up that was under way.
const TRUSTED_FOR: Duration = Duration::from_secs(4);
/// When a key that is gone from the database is dead on every gateway.
pub(crate) const DEAD_WITHIN: Duration = Duration::from_secs(5);
/// How many keys are remembered at the most.
const MOST_KEYS: usize = 100_000;

/// Remembers whose a key is for a few seconds, by its hash. Keys that are nobody's are not remembered.
pub struct KeyCache {
    holders: RwLock<HashMap<KeyHash, (Holder, Instant)>>,
    /// Whether somebody chose a key for a tenant, so that a key without our checksum can be one.
    chosen_keys_exist: AtomicBool,
}

impl KeyCache {
    /// An empty cache. Without `chosen_keys_exist`, a key that this program did not make is refused without
    /// asking the database.
    #[must_use]
    pub fn new(chosen_keys_exist: bool) -> Self {
        Self { holders: RwLock::default(), chosen_keys_exist: AtomicBool::new(chosen_keys_exist) }
    }

    /// Whose key this is, at this time.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn holder(&self, db: &Db, key: &ApiKey, now: Timestamp) -> Result<Option<Holder>, Failure> {
        if !key.is_generated() && !self.chosen_keys_exist.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let hash = key.hash();
        if let Some(holder) = self.remembered(&hash) {
            return Ok(Some(holder).filter(|holder| holder.grace_until.is_none_or(|until| now < until)));
        }
        // Counted from before the look-up, so that a rotation during it is seen in time.
        let asked = Instant::now();
        let found = db.read(move |connection| Ok::<_, Failure>(keys::find_holder(connection, &hash, now)?)).await?;
        if let Some(holder) = &found {
            self.remember(hash, holder.clone(), asked + TRUSTED_FOR);
        }
        Ok(found)
    }

    fn remembered(&self, hash: &KeyHash) -> Option<Holder> {
        let holders = self.holders.read().unwrap_or_else(PoisonError::into_inner);
        holders.get(hash).filter(|(_, until)| Instant::now() < *until).map(|(holder, _)| holder.clone())
    }

    fn remember(&self, hash: KeyHash, holder: Holder, until: Instant) {
        let mut holders = self.holders.write().unwrap_or_else(PoisonError::into_inner);
        if holders.len() >= MOST_KEYS {
            let now = Instant::now();
            holders.retain(|_, (_, until)| now < *until);
        }
        holders.insert(hash, (holder, until));
    }
}
