use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use crm_core::keys::{ApiKey, KeyHash};
use crm_core::tenants;

use crate::db::Db;
use crate::error::Failure;

use super::KeyOwner;

/// How long a key is trusted without asking the database again. A rotated key must be dead within 5 seconds
/// on every gateway; the rest of those is for the look-up that was under way.
const TRUSTED_FOR: Duration = Duration::from_secs(4);
/// How many keys are remembered at the most.
const MOST_KEYS: usize = 100_000;

/// Remembers whose a key is for a few seconds, by its hash. Keys that are nobody's are not remembered.
pub struct KeyCache {
    owners: RwLock<HashMap<KeyHash, (KeyOwner, Instant)>>,
    /// Whether somebody chose a key for a tenant, so that a key without our checksum can be one.
    chosen_keys_exist: AtomicBool,
}

impl KeyCache {
    /// An empty cache. Without `chosen_keys_exist`, a key that this program did not make is refused without
    /// asking the database.
    #[must_use]
    pub fn new(chosen_keys_exist: bool) -> Self {
        Self { owners: RwLock::default(), chosen_keys_exist: AtomicBool::new(chosen_keys_exist) }
    }

    /// Whose key this is.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn owner(&self, db: &Db, key: &ApiKey) -> Result<Option<KeyOwner>, Failure> {
        if !key.is_generated() && !self.chosen_keys_exist.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let hash = key.hash();
        if let Some(owner) = self.remembered(&hash) {
            return Ok(Some(owner));
        }
        // Counted from before the look-up, so that a rotation during it is seen in time.
        let asked = Instant::now();
        let found = db.read(move |connection| Ok::<_, Failure>(tenants::find_by_key(connection, &hash)?)).await?;
        let owner = found.map(|(tenant, public_tenant, role)| KeyOwner { tenant, public_tenant, role });
        if let Some(owner) = &owner {
            self.remember(hash, owner.clone(), asked + TRUSTED_FOR);
        }
        Ok(owner)
    }

    fn remembered(&self, hash: &KeyHash) -> Option<KeyOwner> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.get(hash).filter(|(_, until)| Instant::now() < *until).map(|(owner, _)| owner.clone())
    }

    fn remember(&self, hash: KeyHash, owner: KeyOwner, until: Instant) {
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= MOST_KEYS {
            let now = Instant::now();
            owners.retain(|_, (_, until)| now < *until);
        }
        owners.insert(hash, (owner, until));
    }
}
