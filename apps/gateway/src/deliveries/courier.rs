//! One try to deliver something: an HTTP request that is signed, bounded in time, and goes nowhere but where it may.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use crm_core::Timestamp;
use crm_webhooks::Endpoint;
use crm_webhooks::deliveries::Attempt;
use ureq::http::StatusCode;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Timeout, http};

use super::reach::{CheckedResolver, Reach, refused};

/// How long a try may take, from looking up the name to the last byte of the answer.
pub(super) const TRY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one may take for which somebody waits, whose answer comes within ten seconds like every other.
pub const AWAITED_TIMEOUT: Duration = Duration::from_secs(8);
/// How much is kept of an answer.
const KEPT_OF_ANSWER: usize = 1_000;
/// How much more of it is read, so that its connection can be used again.
const READ_OF_ANSWER: u64 = 16 * 1024;
/// For how long a connection that nobody uses is kept: less than servers do, which close it without a word.
const IDLE: Duration = Duration::from_secs(3);
/// The most characters of why no answer came.
const LONGEST_ERROR: usize = 200;

/// Sends webhooks. Clones share its connections.
#[derive(Clone)]
pub struct Courier {
    agent: Agent,
}

/// How a try ended.
#[derive(Debug)]
pub struct Sent {
    /// What is kept of it.
    pub attempt: Attempt,
    /// For how many seconds the receiver wants to be left alone.
    pub retry_after: Option<i64>,
}

impl Sent {
    /// Whether it has arrived.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        self.attempt.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the receiver wants nothing more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.attempt.status == Some(StatusCode::GONE.as_u16())
    }
}

impl Courier {
    /// One that goes as far as this.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).unversioned_rustls_crypto_provider(provider);
        let config = Agent::config_builder()
            .tls_config(tls.build())
            // A redirect would lead to where nobody has checked, and a receiver is where its owner says.
            .max_redirects(0)
            // A proxy would look names up for itself.
            .proxy(None)
            .http_status_as_error(false)
            .max_idle_age(IDLE)
            .max_idle_connections(256)
            .max_idle_connections_per_host(16)
            .build();
        let resolver = CheckedResolver { reach, lookup: DefaultResolver::default() };
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), resolver) }
    }

    /// Sends this body to a webhook under this id, which is noted as a try of this time. It blocks, at most for so long. A
    /// receiver compares the time that is signed with its own: that is the machine's.
    #[must_use]
    pub fn send(&self, endpoint: &Endpoint, id: &str, body: &str, on: Timestamp, within: Duration) -> Sent {
        let (signed, began) = (Timestamp::now(), Instant::now());
        let outcome = self.request(endpoint, id, signed, body, within);
        let milliseconds = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let attempt = Attempt { on, status: None, milliseconds, response: None, error: None };
        match outcome {
            Ok(mut answer) => {
                let retry_after = retry_after(&answer, signed);
                let response = beginning(answer.body_mut());
                let status = Some(answer.status().as_u16());
                Sent { attempt: Attempt { status, response: Some(response), ..attempt }, retry_after }
            }
            Err(error) => Sent { attempt: Attempt { error: Some(error), ..attempt }, retry_after: None },
        }
    }

    fn request(
        &self,
        endpoint: &Endpoint,
        id: &str,
        on: Timestamp,
        body: &str,
        within: Duration,
    ) -> Result<http::Response<Body>, String> {
        let seconds = on.as_datetime().timestamp();
        let signed =
            endpoint.secrets.iter().map(|secret| secret.sign(id, seconds, body)).collect::<Result<Vec<_>, _>>();
        let signatures = signed.map_err(|error| error.to_string())?.join(" ");
        let request = self
            .agent
            .post(endpoint.webhook.url.as_str())
            .config()
            .timeout_global(Some(within))
            .build()
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("crm-gateway/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures);
        request.send(body).map_err(|error| in_words(&error, within))
    }
}

/// Why no answer came, for the owner of the webhook.
fn in_words(error: &ureq::Error, within: Duration) -> String {
    let text = match (refused(error), error) {
        (Some(refused), _) => format!("the URL {refused}"),
        (None, ureq::Error::Timeout(Timeout::Global)) => format!("no answer within {} seconds", within.as_secs()),
        (None, ureq::Error::HostNotFound) => "nobody knows the name of the host".to_owned(),
        (None, error) => error.to_string(),
    };
    readable(&text).chars().take(LONGEST_ERROR).collect()
}

/// The beginning of an answer, as far as it came. The rest is read too, unless it is long.
fn beginning(body: &mut Body) -> String {
    let mut bytes = Vec::with_capacity(KEPT_OF_ANSWER);
    let mut reader = body.as_reader();
    let kept = u64::try_from(KEPT_OF_ANSWER).unwrap_or(u64::MAX);
    if reader.by_ref().take(kept).read_to_end(&mut bytes).is_ok() {
        // What does not end is left, and its connection with it.
        let _ = std::io::copy(&mut reader.take(READ_OF_ANSWER), &mut std::io::sink());
    }
    readable(&String::from_utf8_lossy(&bytes))
}

/// Without control characters, which PostgreSQL does not take, nor people.
fn readable(text: &str) -> String {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
    text.chars().map(|c| if is_odd(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The seconds that `Retry-After` asks for, as a number or as a moment (RFC 9110, 10.2.3).
fn retry_after(answer: &http::Response<Body>, now: Timestamp) -> Option<i64> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    text.parse().ok().filter(|seconds| *seconds >= 0).or_else(|| {
        let moment = DateTime::parse_from_rfc2822(text).ok()?;
        Some((moment.to_utc() - now.as_datetime()).num_seconds().max(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_moment() {
        let now: Timestamp = "2025-01-01T12:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("90000", Some(90_000)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999", None),
            ("Wed, 01 Jan 2025 12:02:00 GMT", Some(120)),
            ("Wed, 01 Jan 2025 11:00:00 GMT", Some(0)),
            ("Fri, 03 Jan 2025 12:00:00 GMT", Some(172_800)),
            ("Wed, 31 Feb 2025 12:00:00 GMT", None),
        ] {
            let answer = http::Response::builder().header(RETRY_AFTER, text).body(Body::builder().data("")).unwrap();
            assert_eq!(retry_after(&answer, now), seconds, "{text:?}");
        }
        let silent = http::Response::new(Body::builder().data(""));
        assert_eq!(retry_after(&silent, now), None);
    }
}
