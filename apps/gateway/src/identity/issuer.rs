//! Where people sign in: the issuer of tokens, by OpenID Connect (authorization code with PKCE).
//!
//! What of it goes wrong quietly, the checks of the ID token, is that of the tokens of the API ([`super::tokens`]). The rest is
//! one address and one form (RFC 6749, 4.1; RFC 7636).

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{rt, web};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Semaphore};
use ureq::Agent;

use crate::config::SignInConfig;
use crate::error::Problem;

use super::guesses::Guesses;
use super::tokens::{agent_within, body_of, document};

/// How long the issuer may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long what it says of itself is taken for true.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// How long it is left alone after it said nothing.
const PAUSE: Duration = Duration::from_secs(5);
/// How many codes are exchanged at once. Each holds a thread.
const MOST_EXCHANGES: usize = 16;
/// No issuer's code is longer.
const LONGEST_CODE: usize = 4096;

/// The issuer, as far as this process knows it.
pub struct Issuer {
    config: SignInConfig,
    agent: Agent,
    known: Arc<Mutex<Option<Known>>>,
    exchanges: Semaphore,
    guesses: Guesses,
}

struct Known {
    since: Instant,
    /// `None` where it could not be asked.
    endpoints: Option<Arc<Endpoints>>,
}

/// What an issuer says of itself (OpenID Connect Discovery, section 3).
#[derive(Debug, Deserialize)]
struct Endpoints {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Why the issuer let nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IssuerError {
    /// It did not answer, or not in time.
    Silent,
    /// It did not take the code.
    Refused,
}

/// What goes along to the issuer and comes back.
pub(crate) struct Asked<'a> {
    /// Where it sends the browser then.
    pub(crate) back: &'a str,
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    /// Of which it is told the hash first, and then the text (RFC 7636).
    pub(crate) verifier: &'a str,
    /// Whether it is to ask who it is, whomever it remembers.
    pub(crate) asks_again: bool,
}

impl Issuer {
    /// The issuer of these settings. It is asked when the first person wants to sign in.
    #[must_use]
    pub fn new(config: &SignInConfig) -> Self {
        Self {
            config: config.clone(),
            agent: agent_within(PATIENCE),
            known: Arc::default(),
            exchanges: Semaphore::new(MOST_EXCHANGES),
            guesses: Guesses::of("codes"),
        }
    }

    /// Who vouches, and to which client: a session by another voucher is nobody's.
    #[must_use]
    pub fn voucher(&self) -> String {
        format!("{} {}", self.config.issuer, self.config.client_id)
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.config.issuer
    }

    /// Who the gateway is to it.
    pub(crate) fn client_id(&self) -> &str {
        &self.config.client_id
    }

    /// Where a browser is sent to sign in.
    pub(crate) async fn address(&self, asked: &Asked<'_>) -> Result<String, IssuerError> {
        let endpoint = &self.endpoints().await?.authorization_endpoint;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(asked.verifier));
        let mut address = endpoint.clone();
        let mut joint = if endpoint.contains('?') { '&' } else { '?' };
        let again = asked.asks_again.then_some(("prompt", "login"));
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", asked.back),
            ("scope", "openid profile email"),
            ("state", asked.state),
            ("nonce", asked.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in parameters.into_iter().chain(again) {
            // A `String` takes everything.
            let _: std::fmt::Result = write!(address, "{joint}{name}={}", encoded(value));
            joint = '&';
        }
        Ok(address)
    }

    /// The ID token for a code, which the browser at this address brought.
    pub(crate) async fn exchange(
        &self,
        code: &str,
        asked: &Asked<'_>,
        from: IpAddr,
    ) -> Result<Result<String, IssuerError>, Problem> {
        let began = Instant::now();
        self.guesses.refuse(from, began)?;
        let exchanged = self.ask_for_token(code, asked).await;
        if exchanged == Err(IssuerError::Refused) {
            self.guesses.count(from, began);
        }
        Ok(exchanged)
    }

    async fn ask_for_token(&self, code: &str, asked: &Asked<'_>) -> Result<String, IssuerError> {
        if code.len() > LONGEST_CODE {
            return Err(IssuerError::Refused);
        }
        let endpoints = self.endpoints().await?;
        let _place = self.exchanges.try_acquire().map_err(|_| IssuerError::Silent)?;
        let SignInConfig { client_id, client_secret, .. } = &self.config;
        let mut form: Vec<(&str, String)> = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", asked.back.to_owned()),
            ("code_verifier", asked.verifier.to_owned()),
        ];
        let mut header = None;
        match client_secret {
            Some(secret) if endpoints.takes_header() => {
                let pair = format!("{}:{}", encoded(client_id), encoded(secret.reveal()));
                header = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            secret => {
                form.push(("client_id", client_id.clone()));
                form.extend(secret.as_ref().map(|secret| ("client_secret", secret.reveal().to_owned())));
            }
        }
        let agent = self.agent.clone();
        let answered = web::block(move || post(&agent, &endpoints.token_endpoint, &form, header.as_deref())).await;
        let (status, body) = answered.unwrap_or_else(|error| Err(error.to_string())).map_err(|problem| {
            log::warn!("the issuer does not answer for a code: {problem}");
            IssuerError::Silent
        })?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        match text("id_token") {
            Some(token) if status == 200 => Ok(token.to_owned()),
            _ => {
                // Errors are names of letters (RFC 6749, 5.2); what else comes is not repeated.
                let error =
                    text("error").filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
                log::warn!("the issuer gives no ID token for a code: {status} {}", error.unwrap_or_default());
                Err(if status >= 500 { IssuerError::Silent } else { IssuerError::Refused })
            }
        }
    }

    /// What it says of itself, asked by one for all.
    async fn endpoints(&self) -> Result<Arc<Endpoints>, IssuerError> {
        let (known, agent, issuer) = (Arc::clone(&self.known), self.agent.clone(), self.config.issuer.clone());
        // A task of its own, so that a client that hangs up does not make the next one ask again.
        let found = rt::spawn(async move {
            let mut known = known.lock().await;
            let is_fresh =
                |known: &&Known| known.since.elapsed() < if known.endpoints.is_some() { KNOWN_FOR } else { PAUSE };
            if let Some(known) = known.as_ref().filter(is_fresh) {
                return known.endpoints.clone();
            }
            let asked = web::block(move || discover(&agent, &issuer)).await;
            let asked = asked.unwrap_or_else(|error| Err(error.to_string()));
            if let Err(problem) = &asked {
                log::warn!("the issuer does not say where people sign in: {problem}");
            }
            let endpoints = asked.ok().map(Arc::new);
            *known = Some(Known { since: Instant::now(), endpoints: endpoints.clone() });
            endpoints
        });
        found.await.ok().flatten().ok_or(IssuerError::Silent)
    }
}

impl Endpoints {
    /// Whether the secret goes into a header, as it does where nothing is said.
    fn takes_header(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Blocks.
fn discover(agent: &Agent, issuer: &str) -> Result<Endpoints, String> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let endpoints: Endpoints = serde_json::from_slice(&document(agent, &url)?).map_err(|error| error.to_string())?;
    // Another one could send people elsewhere in its name (section 4.3).
    if endpoints.issuer != issuer {
        return Err(format!("it calls itself {:?}, and CRM_JWT_ISSUER {issuer:?}", endpoints.issuer));
    }
    let is_sane = |url: &String| {
        let is_web = url.starts_with("https://") || (url.starts_with("http://") && issuer.starts_with("http://"));
        is_web && !url.contains('#') && url.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if [&endpoints.authorization_endpoint, &endpoints.token_endpoint].into_iter().all(is_sane) {
        Ok(endpoints)
    } else {
        Err("its endpoints are no addresses of the web, or not as safe as its own".to_owned())
    }
}

/// Blocks.
fn post(
    agent: &Agent,
    url: &str,
    form: &[(&str, String)],
    header: Option<&str>,
) -> Result<(u16, Map<String, Value>), String> {
    let mut request = agent.post(url).header("accept", "application/json");
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    let form = form.iter().map(|(name, value)| (*name, value.as_str()));
    let mut response = request.send_form(form).map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = body_of(&mut response)?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}
