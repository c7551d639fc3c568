use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpMessage, HttpRequest};
use crm_core::keys::KeyHash;
use crm_core::{PublicTenantId, Uuid};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest, Sha256};

use crate::error::{Problem, ProblemCode};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The time for which the limit is given.
const WINDOW_SECONDS: u32 = 60;

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Payer {
    /// Those with one key.
    Key(KeyHash),
    /// Those of a tenant on the routes of ticketing: its tokens come and go by the minute. By its public id, which is
    /// known before the database is asked.
    Ticketing(Uuid),
    /// Those of a person with a token, by a hash of the tenant and of whose it is.
    Person([u8; 32]),
}

impl Payer {
    /// A person in a tenant.
    #[must_use]
    pub fn person(tenant: &PublicTenantId, user: &str) -> Self {
        // No tenant's id has a blank, so that no two are written the same.
        Self::Person(Sha256::digest(format!("{tenant} {user}")).into())
    }
}

/// `CRM_RATE_LIMIT`: so many requests a minute, which may come all at once; one more is granted as soon as its
/// fraction of the minute has passed (GCRA, so that no two full minutes' worth fit around the turn of a minute).
pub struct RateLimit {
    quota: NonZeroU32,
    limiter: RateLimiter<Payer, DashMapStateStore<Payer>, DefaultClock, StateInformationMiddleware>,
}

/// What is left to whoever sent a request, in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    quota: NonZeroU32,
    remaining: u32,
    /// How long to wait, where nothing is left.
    wait: Option<Duration>,
}

impl RateLimit {
    /// So many requests a minute.
    #[must_use]
    pub fn per_minute(quota: NonZeroU32) -> Self {
        let limiter = RateLimiter::dashmap(Quota::per_minute(quota)).with_middleware();
        Self { quota, limiter }
    }

    /// How many requests a minute.
    #[must_use]
    pub fn quota(&self) -> u32 {
        self.quota.get()
    }

    /// Counts a request, and notes what is left for the headers of its answer.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`].
    pub fn count(&self, request: &HttpRequest, payer: Payer) -> Result<(), Problem> {
        let allowance = self.allowance(payer);
        request.extensions_mut().insert(allowance);
        match allowance.wait {
            None => Ok(()),
            Some(_) => {
                let detail = format!("More than {} requests in a minute came with this key.", self.quota);
                Err(Problem::new(ProblemCode::RateLimited, detail))
            }
        }
    }

    fn allowance(&self, payer: Payer) -> Allowance {
        let quota = self.quota;
        match self.limiter.check_key(&payer) {
            Ok(state) => Allowance { quota, remaining: state.remaining_burst_capacity(), wait: None },
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                Allowance { quota, remaining: 0, wait: Some(wait) }
            }
        }
    }

    /// Forgets who has everything left again, so that keys of the past take no memory.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

impl Allowance {
    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, as of its version 08): `q` requests in `w` seconds, of
    /// which `r` are left now and all are again in `t` seconds. On a 429, `Retry-After` is when the next is granted.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Self { quota, remaining, wait } = self;
        let missing = u64::from(quota.get().saturating_sub(*remaining));
        let whole_again = (missing * u64::from(WINDOW_SECONDS)).div_ceil(u64::from(quota.get()));
        let policy = format!("\"default\";q={quota};w={WINDOW_SECONDS}");
        let limit = format!("\"default\";r={remaining};t={whole_again}");
        let retry_after = wait.map(|wait| wait.as_millis().div_ceil(1000).max(1).to_string());
        let values = [(POLICY, Some(policy)), (LIMIT, Some(limit)), (RETRY_AFTER, retry_after)];
        for (name, value) in values.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_worth_may_come_at_once_and_then_waits_for_its_fraction() {
        let limit = RateLimit::per_minute(NonZeroU32::new(3).unwrap());
        let key = |bytes: &str| Payer::Key(crm_core::keys::ApiKey::parse(&bytes.repeat(32)).unwrap().hash());
        let left: Vec<u32> = (0..3).map(|_| limit.allowance(key("a")).remaining).collect();
        assert_eq!(left, [2, 1, 0]);

        let refused = limit.allowance(key("a"));
        let wait = refused.wait.unwrap();
        assert!(wait > Duration::from_secs(19) && wait <= Duration::from_secs(20), "{wait:?}");
        assert!(limit.allowance(key("b")).wait.is_none(), "another key has its own");

        let mut headers = HeaderMap::new();
        refused.write(&mut headers);
        assert_eq!(headers.get("ratelimit-policy").unwrap(), "\"default\";q=3;w=60");
        assert_eq!(headers.get("ratelimit").unwrap(), "\"default\";r=0;t=60");
        assert_eq!(headers.get("retry-after").unwrap(), "20");
    }
}
