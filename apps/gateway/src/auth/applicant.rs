//! Who is about to sign in to the console.

use std::net::IpAddr;

use actix_web::http::Method;
use actix_web::{HttpRequest, web};
use crm_core::Timestamp;
use crm_core::keys::{ApiKey, Holder, KeyHash};
use crm_core::sessions::{self, SessionSecret};

use crate::endpoint::{Call, Extract, Html, OperationDoc};
use crate::error::{Failure, Problem, ProblemCode};
use crate::limits::Payer;
use crate::state::AppState;

use super::visitor::{cookie, own_form, session_cookie, set_cookie};

/// The cookie of whoever is not signed in yet, so that their form has a token too: no other site signs anybody in.
const GUEST: &str = "crm_guest";

/// Somebody at the page to sign in on, or with the form of it.
pub struct Applicant {
    pub(super) state: web::Data<AppState>,
    pub(super) request: HttpRequest,
    pub(super) request_id: String,
    pub(super) now: Timestamp,
    /// Where they come from.
    pub(super) from: IpAddr,
    query: Vec<(String, String)>,
    guest: Option<SessionSecret>,
    next: Option<String>,
    key: Option<(Holder, KeyHash)>,
    refused: Option<&'static str>,
}

impl Extract for Applicant {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let guest = cookie(&call.request, GUEST).and_then(SessionSecret::parse);
        let query = call.take_query();
        let mut applicant = Self {
            state: call.state.clone(),
            request: call.request.clone(),
            request_id: call.request_id().to_string(),
            now: call.now,
            from: call.network(),
            next: None,
            query,
            guest,
            key: None,
            refused: None,
        };
        applicant.next = local(applicant.parameter("next"));
        if *call.request.method() == Method::POST {
            applicant.apply(call).await?;
        }
        Ok(applicant)
    }

    fn describe(_: &mut OperationDoc) {}
}

impl Applicant {
    /// Looks at the form.
    async fn apply(&mut self, call: &mut Call) -> Result<(), Problem> {
        let foreign = || Problem::new(ProblemCode::ForeignForm, "The browser did not keep the cookie of the page.");
        let form = own_form(call, self.guest.as_ref().ok_or_else(foreign)?).await?;
        self.next = local(form.value("next"));
        let Ok(key) = ApiKey::parse(form.value("key").unwrap_or_default().trim()) else {
            self.refused = Some("It is no key, or has a typing error.");
            return Ok(());
        };
        let holder = call.state.keys.holder(&call.state.db, &key, call.network(), call.now).await;
        match holder.map_err(|failure| failure.into_problem(&self.request_id))? {
            Some(holder) if holder.expires_on.is_some_and(|moment| moment <= call.now) => {
                self.refused = Some("The key has expired.");
            }
            Some(holder) if holder.grace_until.is_some() => {
                self.refused = Some("Another key took its place: sign in with that one.");
            }
            Some(holder) => {
                call.count(Payer::Key(key.hash()))?;
                self.key = Some((holder, key.hash()));
            }
            None => self.refused = Some("The key is unknown or was rotated."),
        }
        Ok(())
    }

    /// A parameter of the address.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Where they wanted to go.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Why the key was not taken.
    #[must_use]
    pub fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// The page to sign in on, which is given the token of its form.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn page(&self, page: impl FnOnce(&str) -> maud::Markup) -> Result<Html, Problem> {
        match &self.guest {
            Some(guest) => Ok(Html::page(page(&guest.form_token()))),
            None => {
                let guest = self.new_secret()?;
                let cookie = set_cookie(&self.request, GUEST, guest.reveal(), "");
                Ok(Html::page(page(&guest.form_token())).with_cookie(cookie))
            }
        }
    }

    /// Signs them in, where the key was taken.
    ///
    /// # Errors
    /// A 503.
    pub async fn sign_in(&self) -> Result<Option<Html>, Problem> {
        let Some((holder, key)) = &self.key else { return Ok(None) };
        let (tenant, key, now) = (holder.tenant, *key, self.now);
        let secret = self.new_secret()?;
        let opening = secret.clone();
        let db = self.state.db.of(tenant);
        let opened =
            db.write(move |connection| Ok::<_, Failure>(sessions::open(connection, tenant, &key, &opening, now)?));
        if !opened.await.map_err(|failure| failure.into_problem(&self.request_id))? {
            return Ok(None);
        }
        let next = self.next.as_deref().unwrap_or("/console");
        let html = Html::see_other(next).with_cookie(session_cookie(&self.request, &secret));
        Ok(Some(html.with_cookie(no_guest(&self.request))))
    }

    pub(super) fn new_secret(&self) -> Result<SessionSecret, Problem> {
        SessionSecret::generate().map_err(|error| {
            Failure::Bug(format!("no randomness for a session: {error}")).into_problem(&self.request_id)
        })
    }
}

/// `Set-Cookie` of whoever is signed in.
pub(super) fn no_guest(request: &HttpRequest) -> String {
    set_cookie(request, GUEST, "", "; Max-Age=0")
}

/// Whether somebody may be led there: to a page of the console, and to no other host.
pub(crate) fn is_local(path: &str) -> bool {
    (path == "/console" || path.starts_with("/console/") || path.starts_with("/console?"))
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn local(next: Option<&str>) -> Option<String> {
    next.filter(|path| is_local(path)).map(str::to_owned)
}
