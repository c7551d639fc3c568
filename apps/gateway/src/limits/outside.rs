use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crm_core::PublicTenantId;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::{Problem, ProblemCode};

use super::{PATIENCE, beside};

/// How many wait at a time: each has a thread of those that also read long bodies and files.
const AT_ONCE: usize = 16;
/// How many of one tenant.
const OF_A_TENANT: usize = 4;

/// Where is waited for hosts that tenants choose, for a receiver's answer to a ping or the look-up of a name: they take what
/// time they like.
#[derive(Clone)]
pub struct Outside {
    all: Arc<Semaphore>,
    /// Those of tenants of which somebody waits.
    of: Arc<Mutex<HashMap<PublicTenantId, Arc<Semaphore>>>>,
}

impl Default for Outside {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), of: Arc::default() }
    }
}

impl Outside {
    /// Does something for a tenant that may wait, off the event loop, when it is its turn.
    ///
    /// # Errors
    /// [`Overloaded`](ProblemCode::Overloaded) where too much else of the tenant, or of all, waits.
    pub(crate) async fn wait<T: Send + 'static>(
        &self,
        tenant: &PublicTenantId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (own, all) = (self.of(tenant), Arc::clone(&self.all));
        // The tenant's own first: whoever waits for that takes no place from others.
        let places = async { Some((own.acquire_owned().await.ok()?, all.acquire_owned().await.ok()?)) };
        let Ok(Some(places)) = timeout(PATIENCE, places).await else {
            return Err(Problem::new(ProblemCode::Overloaded, "Too many other requests wait for hosts outside."));
        };
        // They are given back by the thread: a client that is gone does not end it.
        let waiting = beside(move || {
            let done = work();
            drop(places);
            done
        });
        waiting.await.map_err(|failure| failure.into_problem("-"))
    }

    fn of(&self, tenant: &PublicTenantId) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody holds those whose places are all free.
        of.retain(|_, places| Arc::strong_count(places) > 1);
        Arc::clone(of.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(OF_A_TENANT))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::{join, join_all};

    use super::*;

    #[test]
    fn a_tenant_has_a_few_places_and_all_together_some_more() {
        actix_rt::System::new().block_on(async {
            let outside = Outside::default();
            let tenant = |number: usize| format!("tenant-{number}").parse::<PublicTenantId>().unwrap();
            let (release, held) = mpsc::channel::<()>();
            let held = Arc::new(Mutex::new(held));
            let tenants: Vec<_> = (0..6).map(tenant).collect();
            // More than a tenant's of one, and as many tenants that all places are taken.
            let waiting = tenants.iter().flat_map(|tenant| (0..=OF_A_TENANT).map(move |_| tenant)).map(|tenant| {
                let held = Arc::clone(&held);
                outside.wait(tenant, move || held.lock().is_ok_and(|held| held.recv().is_ok()))
            });
            let later = async {
                tokio::time::sleep(PATIENCE + PATIENCE / 4).await;
                (0..AT_ONCE).for_each(|_| release.send(()).unwrap());
            };
            let (ended, ()) = join(join_all(waiting), later).await;
            let refused = ended.iter().filter(|one| one.as_ref().is_err_and(|one| one.code == ProblemCode::Overloaded));
            assert_eq!(refused.count(), ended.len() - AT_ONCE);
            assert!(outside.wait(&tenants[0], || true).await.unwrap(), "all was given back");
            assert_eq!(outside.of.lock().unwrap().len(), 1, "and forgotten");
        });
    }
}
