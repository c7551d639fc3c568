use std::time::Instant;

use crm_core::tenants::{self, Tenant, TenantError};
use crm_core::{PublicTenantId, TenantId};

use crate::db::Db;
use crate::error::Failure;

use super::fading::Fading;
use super::keys::TRUSTED_FOR;

/// How many tenants are remembered at least.
const MOST_TENANTS: usize = 10_000;

/// Remembers for a few seconds that tenants whom tokens name exist, as [`KeyCache`](super::KeyCache) does of keys: a
/// request with a token then asks the database as seldom as one with a key. Ids that nobody has are asked for each time,
/// by those whose issuer vouches for them.
pub struct TenantCache(Fading<PublicTenantId, (Found, Instant)>);

/// A tenant that exists.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The tenant inside the database.
    pub tenant: TenantId,
    /// Whether nothing of it may be changed at present.
    pub is_frozen: bool,
}

impl Default for TenantCache {
    fn default() -> Self {
        Self(Fading::of(MOST_TENANTS))
    }
}

impl TenantCache {
    /// The tenant with this id; `None` where there is none.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn find(&self, db: &Db, id: &PublicTenantId) -> Result<Option<Found>, Failure> {
        // Counted from before the look-up, so that a deletion during it is seen in time.
        let asked = Instant::now();
        if let Some((found, _)) = self.0.get(id).filter(|(_, until)| asked < *until) {
            return Ok(Some(found));
        }
        let wanted = id.clone();
        let found = db.look_up(move |connection| match tenants::find(connection, &wanted) {
            Ok(Tenant { id, frozen_on, .. }) => Ok(Some(Found { tenant: id, is_frozen: frozen_on.is_some() })),
            Err(TenantError::Unknown(_)) => Ok(None),
            Err(error) => Err(Failure::from(error)),
        });
        let found = found.await?;
        match found {
            Some(found) => self.0.insert(id.clone(), (found, asked + TRUSTED_FOR)),
            None => self.0.remove(id),
        }
        Ok(found)
    }

    /// Forgets a tenant that is deleted.
    pub fn forget(&self, id: &PublicTenantId) {
        self.0.remove(id);
    }
}
