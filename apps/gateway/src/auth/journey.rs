//! The way of a browser to the issuer and back.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use crm_core::PublicTenantId;
use crm_core::sessions::{self, Person, SessionSecret};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::endpoint::Html;
use crate::error::{Failure, Problem};
use crate::identity::tokens::{Identity, TokenError};
use crate::identity::{Asked, Found, Issuer, IssuerError};

use super::Applicant;
use super::applicant::{is_local, no_guest};
use super::ticketing;
use super::visitor::{came_by_tls, cookie, session_cookie, set_cookie};

/// What a browser keeps until it comes back.
const JOURNEY: &str = "crm_journey";
/// What a browser keeps in which a person has signed out.
const LEFT: &str = "crm_left";
/// For how long.
const PATIENCE: &str = "; Max-Age=600";
/// Where the issuer sends it back to.
pub(crate) const BACK: &str = "/console/sign-in/back";
/// A longer way is not remembered: a cookie holds 4096 bytes.
const LONGEST_NEXT: usize = 1024;

/// A browser on its way. All that the issuer sees, and what it must not see, is made of the secret, which the browser alone has:
/// nothing is stored, so that any gateway takes it back, and nobody can bring somebody else's code.
struct Journey {
    secret: SessionSecret,
    tenant: Option<PublicTenantId>,
    next: Option<String>,
}

impl Journey {
    fn parse(cookie: &str) -> Option<Self> {
        let mut parts = cookie.splitn(3, ':');
        let secret = SessionSecret::parse(parts.next()?)?;
        let tenant = parts.next()?.parse().ok();
        let next = percent_decode_str(parts.next()?).decode_utf8().ok()?.into_owned();
        Some(Self { secret, tenant, next: Some(next).filter(|next| is_local(next)) })
    }

    fn cookie(&self) -> String {
        let tenant = self.tenant.as_ref().map_or("", PublicTenantId::as_str);
        let next = utf8_percent_encode(self.next.as_deref().unwrap_or_default(), NON_ALPHANUMERIC);
        format!("{}:{tenant}:{next}", self.secret.reveal())
    }

    fn has_state(&self, state: &str) -> bool {
        self.secret.has_derived("state", state)
    }

    fn has_nonce(&self, nonce: &str) -> bool {
        self.secret.has_derived("nonce", nonce)
    }
}

/// What came of it.
pub enum Arrival {
    /// They are signed in.
    SignedIn(Box<Html>),
    /// The token is for several tenants: which is to be chosen.
    Choice {
        /// The tenants.
        tenants: Vec<String>,
        /// Where they wanted to go.
        next: Option<String>,
    },
    /// They are not.
    Refused(Refusal),
}

/// Why somebody is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the page that says so.
    pub status: StatusCode,
    /// In words.
    pub why: &'static str,
}

const fn refusal(status: StatusCode, why: &'static str) -> Refusal {
    Refusal { status, why }
}

const SILENT: Refusal = refusal(
    StatusCode::SERVICE_UNAVAILABLE,
    "The issuer does not answer. Try again in a moment, or sign in with a key.",
);
const STRANGE: Refusal = refusal(
    StatusCode::BAD_REQUEST,
    "This browser did not begin to sign in, or began more than ten minutes ago. Begin again.",
);
const CANCELLED: Refusal = refusal(StatusCode::BAD_REQUEST, "The issuer let nobody in.");
const USED: Refusal =
    refusal(StatusCode::BAD_REQUEST, "The issuer did not take its own code: it was used, or is too old. Begin again.");
const MISTRUSTED: Refusal =
    refusal(StatusCode::BAD_REQUEST, "What the issuer said of you is not to be trusted. The operator's log says why.");
const NAMELESS: Refusal = refusal(StatusCode::FORBIDDEN, "The issuer does not say who you are.");
const FOREIGN: Refusal = refusal(StatusCode::FORBIDDEN, "The issuer names no tenant for you that is here.");
const ROLELESS: Refusal = refusal(StatusCode::FORBIDDEN, "None of your roles allows anything here.");

/// `Set-Cookie` of a browser in which a person has signed out.
pub(super) fn left(request: &HttpRequest) -> String {
    set_cookie(request, LEFT, "1", "")
}

impl From<IssuerError> for Refusal {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::Silent => SILENT,
            IssuerError::Refused => USED,
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let why = match error {
            TokenError::NoKeys => return SILENT,
            TokenError::Expired => "It has expired.",
            TokenError::Invalid(why) => why,
        };
        log::warn!("an ID token is not taken: {why}");
        MISTRUSTED
    }
}

impl Applicant {
    fn issuer(&self) -> Result<&Issuer, Problem> {
        self.state.issuer.as_ref().ok_or_else(|| Problem::unknown_route(self.request.path()))
    }

    /// Whether people can sign in at an issuer.
    #[must_use]
    pub fn has_issuer(&self) -> bool {
        self.state.issuer.is_some()
    }

    /// Sends the browser to the issuer.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn leave(&self) -> Result<Result<Html, Refusal>, Problem> {
        let issuer = self.issuer()?;
        let tenant = self.parameter("tenant").and_then(|tenant| tenant.parse().ok());
        let next = self.next().filter(|next| next.len() <= LONGEST_NEXT).map(str::to_owned);
        let journey = Journey { secret: self.new_secret()?, tenant, next };
        let Some(back) = self.back() else { return Ok(Err(STRANGE)) };
        let (state, nonce) = (journey.secret.derived("state"), journey.secret.derived("nonce"));
        let verifier = journey.secret.derived("verifier");
        // The issuer remembers who was here: somebody else at this browser would be them.
        let asks_again = cookie(&self.request, LEFT).is_some();
        let asked = Asked { back: &back, state: &state, nonce: &nonce, verifier: &verifier, asks_again };
        let address = match issuer.address(&asked).await {
            Ok(address) => address,
            Err(error) => return Ok(Err(error.into())),
        };
        let cookie = set_cookie(&self.request, JOURNEY, &journey.cookie(), PATIENCE);
        Ok(Ok(Html::see_other(address).with_cookie(cookie)))
    }

    /// Takes the browser back from the issuer.
    ///
    /// # Errors
    /// Where there is no issuer, and a 503.
    pub async fn arrive(&self) -> Result<Arrival, Problem> {
        let issuer = self.issuer()?;
        let Some(journey) = cookie(&self.request, JOURNEY).and_then(Journey::parse) else {
            return Ok(Arrival::Refused(STRANGE));
        };
        let identity = match self.identify(issuer, &journey).await? {
            Ok(identity) => identity,
            Err(refusal) => return Ok(Arrival::Refused(refusal)),
        };
        let tenant = match &journey.tenant {
            Some(chosen) => identity.tenant(chosen.as_str()),
            None => match identity.only_tenant() {
                Ok(only) => only,
                Err(_) => {
                    let tenants = identity.tenants().map(|tenant| tenant.to_string()).collect();
                    return Ok(Arrival::Choice { tenants, next: journey.next });
                }
            },
        };
        match tenant {
            Some(tenant) => self.open_for(issuer, &identity, &tenant, journey.next.as_deref()).await,
            None => Ok(Arrival::Refused(FOREIGN)),
        }
    }

    /// Who the issuer says that it is.
    async fn identify(&self, issuer: &Issuer, journey: &Journey) -> Result<Result<Identity, Refusal>, Problem> {
        if !self.parameter("state").is_some_and(|state| journey.has_state(state)) {
            return Ok(Err(STRANGE));
        }
        // Another issuer's answer would bring that one's code here (RFC 9207).
        if self.parameter("iss").is_some_and(|issued_by| issued_by != issuer.url()) {
            return Ok(Err(STRANGE));
        }
        let (Some(code), Some(back)) = (self.parameter("code"), self.back()) else { return Ok(Err(CANCELLED)) };
        let verifier = journey.secret.derived("verifier");
        let asked = Asked { back: &back, state: "", nonce: "", verifier: &verifier, asks_again: false };
        let exchanged = issuer.exchange(code, &asked, self.from).await?;
        let (token, verifier) = match (exchanged, &self.state.tokens) {
            (Ok(token), Some(verifier)) => (token, verifier),
            (Ok(_), None) => return Ok(Err(MISTRUSTED)),
            (Err(error), _) => return Ok(Err(error.into())),
        };
        let verified = verifier.verify_id(&token, issuer.client_id(), |nonce| journey.has_nonce(nonce), self.now).await;
        Ok(verified.map_err(Refusal::from))
    }

    async fn open_for(
        &self,
        issuer: &Issuer,
        identity: &Identity,
        tenant: &PublicTenantId,
        next: Option<&str>,
    ) -> Result<Arrival, Problem> {
        let Some(user) = identity.user().cloned() else { return Ok(Arrival::Refused(NAMELESS)) };
        let mut roles = self.state.roles.known_of(identity);
        roles.extend(ticketing::ROLES.iter().filter(|role| identity.has_role(role)).map(|role| (*role).to_owned()));
        if roles.is_empty() {
            return Ok(Arrival::Refused(ROLELESS));
        }
        let problem = |failure: Failure| failure.into_problem(&self.request_id);
        let found = self.state.tenants.find(&self.state.db, tenant).await.map_err(problem)?;
        let Some(Found { tenant, .. }) = found else { return Ok(Arrival::Refused(FOREIGN)) };
        let person = Person { user, roles, voucher: issuer.voucher() };
        let (secret, now) = (self.new_secret()?, self.now);
        let opening = secret.clone();
        let db = self.state.db.of(tenant);
        let opened = db
            .write(move |connection| Ok::<_, Failure>(sessions::open_for(connection, tenant, &person, &opening, now)?));
        if !opened.await.map_err(problem)? {
            return Ok(Arrival::Refused(FOREIGN));
        }
        let html = Html::see_other(next.unwrap_or("/console")).with_cookie(session_cookie(&self.request, &secret));
        let html =
            html.with_cookie(self.no_journey()).with_cookie(no_guest(&self.request)).with_cookie(self.not_left());
        Ok(Arrival::SignedIn(Box::new(html)))
    }

    /// `Set-Cookie` that ends the way to the issuer.
    #[must_use]
    pub fn no_journey(&self) -> String {
        set_cookie(&self.request, JOURNEY, "", "; Max-Age=0")
    }

    /// `Set-Cookie` of a browser in which somebody has said who they are.
    #[must_use]
    pub fn not_left(&self) -> String {
        set_cookie(&self.request, LEFT, "", "; Max-Age=0")
    }

    /// Where the issuer sends the browser back to: to this gateway as the browser calls it. An issuer takes only addresses that
    /// its operator has listed.
    fn back(&self) -> Option<String> {
        let host = self.request.headers().get(HOST)?.to_str().ok()?;
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        let scheme = if came_by_tls(&self.request) { "https" } else { "http" };
        (!host.is_empty() && host.bytes().all(sane)).then(|| format!("{scheme}://{host}{BACK}"))
    }
}
