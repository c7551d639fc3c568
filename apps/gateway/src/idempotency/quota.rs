//! How much is kept of a tenant's answers: the oldest ones go first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use crm_core::{TenantId, idempotency};

use crate::db::Executor;
use crate::error::Failure;

/// How many bytes of a tenant this process keeps until it looks again: the quota holds but for them.
const LOOK_AFTER: usize = idempotency::QUOTA / 8;

/// What this process has kept of each tenant since it last looked whether that is too much.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<TenantId, usize>>);

impl Kept {
    /// Whether it is time to look, after this much was kept. The first time it is: what was kept before this process
    /// started is not known.
    fn is_due(&self, tenant: TenantId, size: usize) -> bool {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant) {
            Entry::Vacant(entry) => {
                entry.insert(0);
                true
            }
            Entry::Occupied(mut entry) => {
                *entry.get_mut() += size;
                let is_due = *entry.get() >= LOOK_AFTER;
                if is_due {
                    entry.insert(0);
                }
                is_due
            }
        }
    }

    /// Forgets the oldest answers of a tenant beyond its quota, once in a while. Whoever fills it waits for that, and has its
    /// answer whatever becomes of it.
    pub(super) async fn hold(&self, db: &Executor, tenant: TenantId, size: usize) {
        if self.is_due(tenant, size)
            && let Err(failure) = forget(db, tenant).await
        {
            // It is logged there.
            let _ = failure.into_problem("quota");
        }
    }
}

async fn forget(db: &Executor, tenant: TenantId) -> Result<(), Failure> {
    let beyond = db.read(move |connection| Ok::<_, Failure>(idempotency::beyond_quota(connection, tenant)?));
    let Some(before) = beyond.await? else { return Ok(()) };
    let forget =
        || db.write(move |connection| Ok::<_, Failure>(idempotency::forget_before(connection, tenant, before)?));
    while forget().await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_at_first_and_after_an_eighth_of_the_quota() {
        let kept = Kept::default();
        let (acme, other) = (TenantId::from_i64(1), TenantId::from_i64(2));
        let due = |tenant, size| kept.is_due(tenant, size);
        assert_eq!([due(acme, 1), due(acme, LOOK_AFTER - 1), due(acme, 1), due(acme, 1)], [true, false, true, false]);
        assert!(due(other, 1));
    }
}
