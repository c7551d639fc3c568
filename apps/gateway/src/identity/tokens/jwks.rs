use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::{rt, web};
use jsonwebtoken::Algorithm;
use tokio::sync::Mutex;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::TokenError;
use super::key::{VerifyingKey, usable_keys};

/// The least time between two fetches (docs/ticketing.md).
pub const FETCH_PAUSE: Duration = Duration::from_secs(60);
/// As long as no keys were ever got, nobody can be served, and the issuer may just be starting.
const FIRST_FETCH_PAUSE: Duration = Duration::from_secs(5);
/// Keys older than so many pauses are fetched again in the background, so that a withdrawn key stops working and a new
/// one is known before it is used.
const STALE_PAUSES: u32 = 5;
/// Where nobody sent a token for so long, nobody has asked whether a key was withdrawn: the next one waits for the answer.
const IDLE_PAUSES: u32 = 10;
/// The most bytes of a key set, or of what else an issuer answers.
const MOST_BYTES: u64 = 256 * 1024;
/// How long a fetch may take, from looking up the name to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// The keys that an issuer publishes, remembered. Fetched off the event loop, by one request for all.
pub struct KeySet {
    url: String,
    agent: Agent,
    pause: Duration,
    known: RwLock<Option<Arc<Known>>>,
    /// When the last fetch began. Whoever fetches holds it; the others wait for what comes of it.
    last_fetch: Mutex<Option<Instant>>,
}

struct Known {
    keys: Vec<VerifyingKey>,
    since: Instant,
}

impl KeySet {
    /// The key set at this URL, not fetched yet.
    #[must_use]
    pub fn new(url: &str, pause: Duration) -> Self {
        let agent = agent_within(FETCH_TIMEOUT);
        let (known, last_fetch) = (RwLock::default(), Mutex::default());
        Self { url: url.to_owned(), agent, pause, known, last_fetch }
    }

    /// The one key that a token with this header can be signed with. An unknown one, or one that was not asked for in
    /// a long time, fetches the key set again, unless that was done within the pause; where several keys fit, none is the one.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<VerifyingKey, TokenError> {
        let seen = self.known();
        let age = seen.as_ref().map_or(Duration::ZERO, |known| known.since.elapsed());
        if let Some(key) = seen.as_ref().and_then(|known| known.only(kid, algorithm))
            && age <= self.pause * IDLE_PAUSES
        {
            if age > self.pause * STALE_PAUSES && self.may_fetch() {
                rt::spawn(Arc::clone(self).fetch_after(self.known()));
            }
            return Ok(key);
        }
        // A task of its own, so that a client that hangs up does not take away the keys of those who wait.
        let fetched = rt::spawn(Arc::clone(self).fetch_after(seen)).await;
        if fetched.is_err() {
            log::error!("fetching the issuer's keys panicked");
        }
        let known = self.known().ok_or(TokenError::NoKeys)?;
        known.only(kid, algorithm).ok_or(TokenError::Invalid("It is signed with no key that the issuer publishes."))
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn may_fetch(&self) -> bool {
        self.last_fetch.try_lock().is_ok_and(|last| last.is_none_or(|began| began.elapsed() >= self.pause))
    }

    /// Fetches, unless somebody has done so since `seen` or within the pause. What was known stays where the fetch
    /// fails: the issuer's absence must not lock everybody out.
    async fn fetch_after(self: Arc<Self>, seen: Option<Arc<Known>>) {
        let mut last_fetch = self.last_fetch.lock().await;
        let known = self.known();
        if known.as_ref().map(Arc::as_ptr) != seen.as_ref().map(Arc::as_ptr) {
            return;
        }
        let pause = if known.is_none() { self.pause.min(FIRST_FETCH_PAUSE) } else { self.pause };
        if last_fetch.is_some_and(|began| began.elapsed() < pause) {
            return;
        }
        *last_fetch = Some(Instant::now());
        let (agent, url) = (self.agent.clone(), self.url.clone());
        let fetched = web::block(move || fetch(&agent, &url)).await.unwrap_or_else(|error| Err(error.to_string()));
        match fetched {
            Ok(keys) => {
                log::info!("the issuer's keys were fetched: {}", keys.len());
                let known = Some(Arc::new(Known { keys, since: Instant::now() }));
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
            }
            Err(problem) => log::warn!("the issuer's keys cannot be fetched: {problem}"),
        }
    }
}

impl Known {
    fn only(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<VerifyingKey> {
        let mut fitting = self.keys.iter().filter(|key| key.is_for(kid, algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
    }
}

/// What asks the issuer, within this time from looking up the name to the last byte.
pub(in crate::identity) fn agent_within(time: Duration) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).unversioned_rustls_crypto_provider(provider);
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(time))
        // The operator named one address; the issuer's answer must not make this server open another.
        .max_redirects(0)
        .proxy(None)
        .http_status_as_error(false);
    config.build().into()
}

/// Gets a document of the issuer's. Blocks. The address stays out of what it says, since it may hold a password.
pub(in crate::identity) fn document(agent: &Agent, url: &str) -> Result<Vec<u8>, String> {
    let mut response = agent.get(url).header("accept", "application/json").call().map_err(|error| error.to_string())?;
    if response.status().as_u16() != 200 {
        return Err(format!("it answered {}", response.status()));
    }
    body_of(&mut response)
}

/// What an answer of the issuer's holds.
pub(in crate::identity) fn body_of(response: &mut Response<Body>) -> Result<Vec<u8>, String> {
    response.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(|error| error.to_string())
}

/// Blocks.
fn fetch(agent: &Agent, url: &str) -> Result<Vec<VerifyingKey>, String> {
    Ok(usable_keys(&document(agent, url)?)?)
}
