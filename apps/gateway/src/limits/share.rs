use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crm_core::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Problem, ProblemCode};

/// How long a request waits for its tenant's turn.
const WAIT: Duration = Duration::from_secs(2);

/// How many requests of one tenant may be with the database, or in its queue, at a time. The next ones wait here, in
/// the order in which they came, so that another tenant's request finds at most so many of each before it.
pub struct Shares {
    each: usize,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Shares {
    /// So many for each tenant.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self { each, tenants: Mutex::default() }
    }

    /// Waits for a place, which is given back when it is dropped.
    ///
    /// # Errors
    /// [`ProblemCode::Overloaded`] where none became free in two seconds.
    pub async fn place(&self, tenant: TenantId) -> Result<OwnedSemaphorePermit, Problem> {
        let places = self.places(tenant);
        match tokio::time::timeout(WAIT, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // It is never closed.
            Ok(Err(_)) | Err(_) => {
                let detail = format!("{} requests of this tenant are under way, and more are waiting.", self.each);
                Err(Problem::new(ProblemCode::Overloaded, detail))
            }
        }
    }

    fn places(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }

    /// Forgets the tenants of which no request is under way.
    pub fn forget_idle(&self) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever holds or awaits a place holds the semaphore too.
        tenants.retain(|_, places| Arc::strong_count(places) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_waits_for_its_own_places_only() {
        actix_rt::System::new().block_on(async {
            let shares = Shares::new(2);
            let [acme, umbrella] = [1, 2].map(TenantId::from_i64);
            let soon = |tenant| tokio::time::timeout(Duration::from_millis(50), shares.place(tenant));
            let first = shares.place(acme).await.unwrap();
            let _second = shares.place(acme).await.unwrap();
            assert!(soon(acme).await.is_err(), "the third waits");
            assert!(soon(umbrella).await.is_ok(), "another tenant's first does not");

            shares.forget_idle();
            assert!(soon(acme).await.is_err(), "what is under way is not forgotten");
            assert_eq!(shares.tenants.lock().unwrap().len(), 1, "who is idle is");
            drop(first);
            assert!(soon(acme).await.is_ok());
        });
    }

    #[test]
    fn who_waits_too_long_is_told_to_come_again() {
        actix_rt::System::new().block_on(async {
            let shares = Shares::new(1);
            let _only = shares.place(TenantId::from_i64(1)).await.unwrap();
            let problem = shares.place(TenantId::from_i64(1)).await.unwrap_err();
            assert_eq!(problem.code, ProblemCode::Overloaded);
        });
    }
}
