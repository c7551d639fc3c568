//! Who looks at the console: a session is one more credential, of whose key it was opened with, or of a person
//! (docs/console.md).

use std::marker::PhantomData;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderName};
use crm_core::keys::{Access, Holder};
use crm_core::sessions::{Person, Session, SessionHash, SessionSecret};
use crm_core::{DbConnection, PublicTenantId, Scope, TenantId};

use crate::endpoint::{Answer, Call, Extract, Form, Html, OperationDoc};
use crate::error::{Failure, Problem, ProblemCode};
use crate::limits::Payer;

use super::permission::{self, Does, InArea, Write};
use super::requester::{From, Identified, Permit, Requester};
use super::ticketing;
use super::{Caller, journey};

/// The cookie with the session.
const SESSION: &str = "crm_session";

/// Somebody who is signed in and may do `D` in the area `A`: what [`Caller`](super::Caller) is to the API. Whoever may
/// write sent a form, which carried the session's token, and so did whoever asks for something by a POST.
pub struct Visitor<A, D> {
    requester: Requester,
    secret: SessionSecret,
    administers_ticketing: bool,
    query: Vec<(String, String)>,
    form: Form,
    may: PhantomData<(A, D)>,
}

impl<A: InArea, D: Does> Extract for Visitor<A, D> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let secret = cookie(&call.request, SESSION).and_then(SessionSecret::parse).ok_or_else(nobody)?;
        let hash = secret.hash();
        let session = call.state.sessions.find(&call.state.db, hash, call.network(), call.now).await;
        let session = session.map_err(|failure| failure.into_problem(&call.request_id()))?.ok_or_else(nobody)?;
        let administers_ticketing = session.has_one_of(&ticketing::ROLES);
        let identified = match session {
            Session::Key(holder) => of_key(call, holder, hash)?,
            Session::Person { tenant, public_tenant, is_frozen, person, expires_on } => {
                if expires_on <= call.now {
                    return Err(nobody());
                }
                of_person(call, person, (tenant, public_tenant, is_frozen))?
            }
        };
        call.set_caller(&identified.scope);
        call.count(identified.payer)?;
        let query = call.query_without_keys().into_iter().cloned().collect();
        let asks_for_page = D::ACCESS == Access::Read && call.request.method() != Method::POST;
        let form = if asks_for_page { Form::default() } else { own_form(call, &secret).await? };
        identified.permit(permission::needed::<A, D>())?;
        identified.permit_one_of(A::ONE_OF, D::ACCESS)?;
        let requester = Requester::new(call, identified)?;
        Ok(Self { requester, secret, administers_ticketing, query, form, may: PhantomData })
    }

    fn describe(_: &mut OperationDoc) {}
}

impl<A, D> Visitor<A, D> {
    /// The same to the handlers of the API.
    #[must_use]
    pub fn into_caller(self) -> Caller<A, D> {
        Caller { requester: self.requester, may: PhantomData }
    }

    /// The same beside this one.
    #[must_use]
    pub fn caller(&self) -> Caller<A, D> {
        Caller { requester: self.requester.clone(), may: PhantomData }
    }

    /// What may be done, where what is needed is found out on the way.
    #[must_use]
    pub fn permit(&self) -> Permit {
        self.requester.permit()
    }

    /// The tenant and the time of the request, and who it is.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        self.requester.scope()
    }

    /// What the forms of the session carry.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.secret.form_token()
    }

    /// Whether it is a person who administers ticketing, as [`TicketingAdmin`](super::TicketingAdmin) asks of a token.
    #[must_use]
    pub fn administers_ticketing(&self) -> bool {
        self.administers_ticketing
    }

    /// The parameters of the address. Which there can be, the handler's signature says.
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// What was sent.
    #[must_use]
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// How long what is deleted can be restored.
    #[must_use]
    pub fn trash(&self) -> crm_history::Trash {
        self.requester.state().trash
    }

    /// Runs a job that only reads.
    ///
    /// # Errors
    /// What the job ends in, or a 503.
    pub async fn read(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<Html, Failure> + Send + 'static,
    ) -> Answer<Html> {
        // What the form before has written is there.
        self.requester.clone().read(From::Primary, job).await
    }
}

impl<A> Visitor<A, Write> {
    /// Runs a job that may write, in one transaction.
    ///
    /// # Errors
    /// What the job ends in, with everything rolled back, or a 503.
    pub async fn write(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<Html, Failure> + Send + 'static,
    ) -> Answer<Html> {
        self.requester.clone().write(job).await
    }

    /// `Set-Cookie` that takes the session away.
    #[must_use]
    pub fn no_cookie(&self) -> String {
        set_cookie(self.requester.request(), SESSION, "", "; Max-Age=0")
    }

    /// `Set-Cookie` that has the issuer ask whoever signs in next with this browser; nothing where no person signs out.
    #[must_use]
    pub fn left(&self) -> Option<String> {
        self.scope().actor().as_user().map(|_| journey::left(self.requester.request()))
    }

    /// Ends the session.
    ///
    /// # Errors
    /// A 503.
    pub async fn sign_out(&self) -> Result<(), Problem> {
        let hash: SessionHash = self.secret.hash();
        let tenant = self.scope().tenant();
        let state = self.requester.state();
        state.sessions.forget(&hash);
        let db = state.db.of(tenant);
        let closed =
            db.write(move |connection| Ok::<_, Failure>(crm_core::sessions::close(connection, tenant, &hash)?));
        let closed = closed.await.map_err(|failure| failure.into_problem(self.requester.request_id()));
        // Whoever looked it up meanwhile has it no longer.
        state.sessions.forget(&hash);
        closed
    }
}

fn of_key(call: &Call, holder: Holder, session: SessionHash) -> Result<Identified, Problem> {
    if holder.expires_on.is_some_and(|moment| moment <= call.now) {
        return Err(nobody());
    }
    let key = holder.secret;
    call.state.sessions.was_used(holder.tenant, session, call.now);
    call.state.keys.was_used(holder.tenant, key, call.now);
    Ok(Identified::holder(call, holder, Payer::Key(key)))
}

/// A person, as long as it is still that issuer who vouches and that client whom it tells. What their roles allow is as the
/// settings have it now.
fn of_person(call: &Call, person: Person, tenant: (TenantId, PublicTenantId, bool)) -> Result<Identified, Problem> {
    let is_vouched = call.state.issuer.as_ref().is_some_and(|issuer| issuer.voucher() == person.voucher);
    if !is_vouched {
        return Err(nobody());
    }
    let rights = call.state.roles.rights_of(&person.roles);
    Ok(Identified::person(call, person.user, rights, tenant))
}

fn nobody() -> Problem {
    Problem::new(ProblemCode::MissingKey, "Nobody is signed in.")
}

/// A form that carried the token of this session, or of whoever is about to sign in.
pub(super) async fn own_form(call: &mut Call, secret: &SessionSecret) -> Result<Form, Problem> {
    let form = Form::read(call).await?;
    let token = form.value(crm_console::form::TOKEN).unwrap_or_default();
    if secret.has_form_token(token) {
        Ok(form)
    } else {
        Err(Problem::new(ProblemCode::ForeignForm, "The form did not carry the token of the session."))
    }
}

/// The value of a cookie; none where two have its name.
pub(super) fn cookie<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let headers = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(given, _)| *given == name).map(|(_, value)| value);
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

/// `Set-Cookie` of the session. Behind TLS it is sent over TLS alone; it lives as long as the browser, or until the session
/// ends.
pub(super) fn session_cookie(request: &HttpRequest, secret: &SessionSecret) -> String {
    set_cookie(request, SESSION, secret.reveal(), "")
}

pub(super) fn set_cookie(request: &HttpRequest, name: &str, value: &str, more: &str) -> String {
    let secure = if came_by_tls(request) { "; Secure" } else { "" };
    format!("{name}={value}; Path=/console; HttpOnly; SameSite=Lax{secure}{more}")
}

/// Whether the browser speaks TLS to the proxy in front, as that says. Whoever makes it up harms nobody but themselves.
pub(super) fn came_by_tls(request: &HttpRequest) -> bool {
    let header =
        |name: &'static str| request.headers().get(HeaderName::from_static(name)).and_then(|value| value.to_str().ok());
    let first = |text: &str| text.split(',').next().unwrap_or_default().trim().to_ascii_lowercase();
    header("x-forwarded-proto").is_some_and(|text| first(text) == "https")
        || header("forwarded").is_some_and(|text| {
            first(text).split(';').any(|part| matches!(part.trim(), "proto=https" | "proto=\"https\""))
        })
}
