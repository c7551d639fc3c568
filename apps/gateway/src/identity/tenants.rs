use std::time::Instant;

use crm_core::error::{Fault, fault};
use crm_core::tenants::{self, Tenant, TenantError};
use crm_core::{PublicTenantId, TenantId};

use crate::db::Executor;
use crate::error::Failure;
use crate::wire::Dialect;

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
    pub async fn find(&self, db: &Executor, id: &PublicTenantId) -> Result<Option<Found>, Failure> {
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

/// What a failure of a write is where the tenant was deleted while its key was still trusted here: the key is nobody's,
/// and the database refused the rows of a tenant that is not there.
pub(crate) async fn or_deleted(db: &Executor, tenant: TenantId, dialect: &dyn Dialect, failure: Failure) -> Failure {
    let is_bug = match &failure {
        Failure::Database(error) => fault(error) == Fault::Bug,
        Failure::Bug(_) => true,
        Failure::Problem(_) | Failure::Unavailable(_) => false,
    };
    if !is_bug {
        return failure;
    }
    let exists = db.look_up(move |connection| Ok::<_, Failure>(tenants::exists(connection, tenant)?)).await;
    told(&exists, dialect, failure)
}

/// What the client is told of a failure, by whether its tenant exists. Where that cannot be asked, as after a failed
/// statement on PostgreSQL, the failure is the one to tell of.
pub(crate) fn told<E>(exists: &Result<bool, E>, dialect: &dyn Dialect, failure: Failure) -> Failure {
    match exists {
        Ok(false) => dialect.no_tenant().into(),
        Ok(true) | Err(_) => failure,
    }
}
