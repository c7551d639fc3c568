//! Reads from a standby of PostgreSQL, where it has what the client wrote (docs/scaling.md).
//!
//! Every write is known by where the log of the primary stood after it. A read goes to the standby only where that has
//! replayed the log to there, which the standby is asked in the transaction of the read; else, and whenever the standby does
//! not answer, it goes to the primary. So nobody ever reads less than they wrote, whatever the standby lags behind.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use crm_core::database::standby;
use crm_core::{DbConnection, TenantId};

use crate::db::{Executor, JobError};
use crate::error::Failure;
use crate::state::AppState;

/// How often the standby is asked how far it is.
const EVERY: Duration = Duration::from_millis(50);
/// How long a read waits for a standby that does not answer, before it goes to the primary.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a write answers with, and a read may come with.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("x-consistency-token");

/// A place in the log of the primary, as PostgreSQL writes it: `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place(u64);

impl Place {
    /// Behind everything: no standby has it.
    const NOWHERE: Self = Self(u64::MAX);

    /// Where the client of a request must be served from at least; a token that nobody made has it served by the primary.
    fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(TOKEN).map(|value| value.to_str().unwrap_or_default());
        text.map_or(Self::default(), |text| text.parse().unwrap_or(Self::NOWHERE))
    }

    fn from_i64(number: i64) -> Self {
        Self(number.unsigned_abs())
    }

    fn as_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// Why a text is no [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = |part: &str| {
            let sane = (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            u64::from_str_radix(part, 16).ok().filter(|_| sane).ok_or(NotAPlace)
        };
        let (high, low) = text.split_once('/').ok_or(NotAPlace)?;
        Ok(Self(part(high)? << 32 | part(low)?))
    }
}

/// The standby, and what this gateway knows of it.
pub struct Replica {
    db: Executor,
    /// How far it had replayed the log when it was last asked; 0 where it did not answer, or is no standby any more.
    replayed: AtomicU64,
    written: Mutex<Written>,
}

/// Where the log stood after the last write of each tenant by this gateway.
#[derive(Default)]
struct Written {
    of: HashMap<TenantId, Place>,
    /// Of those that are not there any more, the last.
    others: Place,
}

impl Replica {
    /// Reads through this executor.
    #[must_use]
    pub fn new(db: Executor) -> Self {
        Self { db, replayed: AtomicU64::new(0), written: Mutex::default() }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replayed(&self) -> Place {
        Place(self.replayed.load(Ordering::Relaxed))
    }

    /// Where a read must be served from at least; `None` where the standby is not there yet, as far as is known.
    fn needed(&self, tenant: TenantId, request: &HttpRequest) -> Option<Place> {
        let written = {
            let written = self.written();
            written.of.get(&tenant).copied().unwrap_or(written.others)
        };
        let needed = written.max(Place::of(request.headers()));
        let replayed = self.replayed();
        (replayed > Place::default() && needed <= replayed).then_some(needed)
    }

    fn was_written(&self, tenant: TenantId, place: Place) {
        let mut written = self.written();
        let last = written.of.entry(tenant).or_default();
        *last = place.max(*last);
    }

    /// As [`was_written`](Self::was_written), of whichever tenant.
    fn was_written_of_any(&self, place: Place) {
        let mut written = self.written();
        for last in written.of.values_mut() {
            *last = place.max(*last);
        }
        written.others = place.max(written.others);
    }

    /// Whether something was written of which it is not known where.
    fn misses_places(&self) -> bool {
        let written = self.written();
        written.others == Place::NOWHERE || written.of.values().any(|place| *place == Place::NOWHERE)
    }

    /// All that was written before now stands before this place.
    fn place(&self, place: Place) {
        let mut written = self.written();
        let Written { of, others } = &mut *written;
        for last in of.values_mut().chain([others]).filter(|last| **last == Place::NOWHERE) {
            *last = place;
        }
    }

    /// What the standby has need not be kept by tenant.
    fn forget_replayed(&self) {
        let replayed = self.replayed();
        let mut written = self.written();
        let mut others = written.others;
        written.of.retain(|_, place| {
            let is_kept = *place > replayed;
            if !is_kept {
                others = others.max(*place);
            }
            is_kept
        });
        written.others = others;
    }
}

/// Asks the standby how far it is, again and again, until the process ends.
pub async fn follow(state: Arc<AppState>) {
    let Some(replica) = &state.replica else { return };
    loop {
        let asked = replica.db.look_up(|connection| Ok::<_, Failure>(standby::replayed(connection)?));
        let replayed = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(Some(place))) => Place::from_i64(place),
            Ok(Ok(None) | Err(_)) | Err(_) => Place::default(),
        };
        let before = replica.replayed.swap(replayed.0, Ordering::Relaxed);
        match (before, replayed.0) {
            (1.., 0) => log::warn!("the standby of CRM_READ_DATABASE_URL does not answer: all reads go to the primary"),
            (0, 1..) => log::info!("reads go to the standby of CRM_READ_DATABASE_URL where it is not behind"),
            _ => {}
        }
        if replica.misses_places() {
            replica.place(end_of_log(&state).await);
        }
        replica.forget_replayed();
        tokio::time::sleep(EVERY).await;
    }
}

/// Runs a job that only reads, for the client of this request: on the standby where that has what they wrote, else, and
/// where it does not answer, on the primary.
pub(crate) async fn read<T: Send + 'static>(
    state: &AppState,
    tenant: TenantId,
    request: &HttpRequest,
    mut job: impl FnMut(&mut DbConnection) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let primary = state.db.of(tenant);
    let needed = state.replica.as_ref().and_then(|replica| Some((replica, replica.needed(tenant, request)?)));
    let Some((replica, needed)) = needed else { return primary.read(job).await };
    let shared = Arc::new(Mutex::new(move |connection: &mut DbConnection| job(connection)));
    let of_tenant = replica.db.of(tenant);
    let of_standby = {
        let job = Arc::clone(&shared);
        of_tenant.read(move |connection| {
            // The one that answers may not be the one that was asked before.
            if standby::replayed(connection)?.is_none_or(|replayed| replayed < needed.as_i64()) {
                return Ok(None);
            }
            job.lock().unwrap_or_else(PoisonError::into_inner)(connection).map(Some)
        })
    };
    match tokio::time::timeout(PATIENCE, of_standby).await {
        Ok(Ok(Some(found))) => return Ok(found),
        // What was found wrong with the request there is wrong with it.
        Ok(Err(failure)) if failure.fault().is_none() && !matches!(failure, Failure::Unavailable(_)) => {
            return Err(failure);
        }
        Ok(Ok(None) | Err(_)) => {}
        Err(_) => replica.replayed.store(0, Ordering::Relaxed),
    }
    primary.read(move |connection| shared.lock().unwrap_or_else(PoisonError::into_inner)(connection)).await
}

/// Where the log of the primary stands; nowhere where that does not answer.
async fn end_of_log(state: &AppState) -> Place {
    match state.db.look_up(|connection| Ok::<_, Failure>(standby::written(connection)?)).await {
        Ok(Some(place)) => Place::from_i64(place),
        Ok(None) | Err(_) => Place::NOWHERE,
    }
}

/// Notes that something of the tenant was committed, or that its client was shown what the primary has, and gives what
/// they have to come with to read it elsewhere; `None` where there is no standby.
pub(crate) async fn was_written(state: &AppState, tenant: TenantId) -> Option<(HeaderName, HeaderValue)> {
    let replica = state.replica.as_ref()?;
    // After the commit, and so behind it. Where it is not known, the primary alone has it.
    let place = end_of_log(state).await;
    replica.was_written(tenant, place);
    HeaderValue::from_str(&place.to_string()).ok().map(|value| (TOKEN, value))
}

/// Notes that something of any tenant was committed, by their operator.
pub(crate) async fn was_written_of_any(state: &AppState) {
    if let Some(replica) = &state.replica {
        replica.was_written_of_any(end_of_log(state).await);
    }
}

/// Notes that nobody knows whether something of the tenant was committed.
pub(crate) fn may_be_written(state: &AppState, tenant: TenantId) {
    if let Some(replica) = &state.replica {
        replica.was_written(tenant, Place::NOWHERE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_postgresql_does() {
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        assert!("1/0".parse::<Place>().unwrap() > "0/FFFFFFFF".parse().unwrap());
        for text in ["", "/", "1", "1/", "G/0", "1/2/3", "123456789/0", "+1/0", "1/ 2"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }
}
