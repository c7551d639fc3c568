//! Waiting for changes without a connection of the database: one look a fifth of a second for all who wait in a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crm_core::{Scope, TenantId};
use crm_history::{FeedFilter, Position};
use tokio::sync::watch;

use crate::error::Failure;
use crate::state::AppState;

/// How often is looked for changes where somebody waits.
const EVERY: Duration = Duration::from_millis(200);
/// The most who wait in a process, and of one tenant; more are answered at once.
const MOST: usize = 1_000;
const MOST_OF_TENANT: usize = 100;

/// Those who wait for changes, by tenant.
#[derive(Default)]
pub struct Listeners(Mutex<HashMap<TenantId, Ear>>);

/// The end of a tenant's feed, as it was last seen, for all who wait there.
struct Ear {
    scope: Scope,
    end: watch::Sender<Option<Position>>,
}

impl Listeners {
    /// Somebody more who waits; `None` where there are too many.
    fn join(&self, scope: &Scope) -> Option<watch::Receiver<Option<Position>>> {
        let mut ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ears.values().map(|ear| ear.end.receiver_count()).sum::<usize>() >= MOST {
            return None;
        }
        let ear =
            ears.entry(scope.tenant()).or_insert_with(|| Ear { scope: scope.clone(), end: watch::channel(None).0 });
        (ear.end.receiver_count() < MOST_OF_TENANT).then(|| ear.end.subscribe())
    }

    /// The tenants of which somebody waits. The others are forgotten.
    fn tenants(&self) -> Vec<Scope> {
        let mut ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ears.retain(|_, ear| ear.end.receiver_count() > 0);
        ears.values().map(|ear| ear.scope.clone()).collect()
    }

    fn tell(&self, tenant: TenantId, end: Position) {
        let ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ear) = ears.get(&tenant) {
            ear.end.send_if_modified(|seen| seen.replace(end) != Some(end));
        }
    }

    /// How many wait.
    #[must_use]
    pub fn count(&self) -> usize {
        let ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ears.values().map(|ear| ear.end.receiver_count()).sum()
    }
}

/// Looks where the feeds end of those tenants of which somebody waits, until the process ends.
pub async fn listen(state: Arc<AppState>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let scopes = state.listeners.tenants();
        if scopes.is_empty() {
            continue;
        }
        let ends = state.db.look_up(move |connection| {
            let end = |scope: &Scope| Ok((scope.tenant(), crm_history::end(connection, scope)?));
            scopes.iter().map(end).collect::<Result<Vec<_>, Failure>>()
        });
        match ends.await {
            Ok(ends) => ends.into_iter().for_each(|(tenant, end)| state.listeners.tell(tenant, end)),
            // It is logged there, and those who wait are answered when their time is over.
            Err(failure) => drop(failure.into_problem("feed")),
        }
    }
}

/// Waits until a change that the filter leaves comes after `since`, or until the time is over, or the process stops. Gives
/// how far nothing was found.
///
/// # Errors
/// When the database cannot be asked; where what follows `since` is forgotten.
pub async fn wait(
    state: &AppState,
    scope: &Scope,
    since: Option<Position>,
    filter: &FeedFilter,
    time: Duration,
) -> Result<Option<Position>, Failure> {
    let until = Instant::now() + time;
    let mut since = since;
    let Some(mut end) = state.listeners.join(scope) else { return Ok(since) };
    loop {
        let (asked, filter, db) = (scope.clone(), filter.clone(), state.db.of(scope.tenant()));
        let next = db.look_up(move |connection| {
            let page = crm_history::feed(connection, &asked, since, &filter, 1)?;
            Ok::<_, Failure>((page.items.is_empty(), page.next))
        });
        let (is_nothing, next) = next.await?;
        if !is_nothing {
            return Ok(since);
        }
        since = Some(next);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_draining() {
                return Ok(since);
            }
            // The sender is there as long as this waits for it.
            if let Ok(Ok(())) = tokio::time::timeout(left.min(Duration::from_millis(500)), end.changed()).await {
                break;
            }
        }
    }
}
