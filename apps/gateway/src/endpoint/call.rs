use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage, HttpRequest, web};
use crm_core::values::User;
use crm_core::{PublicTenantId, Scope, Timestamp};
use serde_json::json;

use crate::error::{Problem, ProblemCode};
use crate::idempotency::{self, Attempt};
use crate::identity::KEY_PARAMETERS;
use crate::limits::Payer;
use crate::server::network_of;
use crate::state::AppState;

use super::deadline::Deadline;
use super::pairs::{self, Pairs};
use super::sent_file::SentFile;

/// The id of a request, in its extensions: echoed, or made.
#[derive(Debug, Clone)]
pub struct RequestId(pub Rc<str>);

/// The tenant that a request turned out to be of, in its extensions, for the access log.
#[derive(Debug, Clone)]
pub struct TenantOfRequest(pub PublicTenantId);

/// One request on its way through the extractors of an operation.
pub struct Call {
    /// The request's head.
    pub request: HttpRequest,
    /// What the process shares.
    pub state: web::Data<AppState>,
    /// When the request arrived.
    pub now: Timestamp,
    /// Whether it is to be done only once, as far as is known yet.
    pub attempt: Attempt,
    /// By when it is answered.
    pub deadline: Deadline,
    /// The file of a form, which comes behind its other fields.
    pub(super) file: Option<SentFile>,
    payload: Option<Payload>,
    query: Pairs,
    query_was_read: bool,
    tenant: Option<PublicTenantId>,
    person: Option<User>,
}

/// A header that stands twice or is no visible ASCII, so that it says nothing.
#[derive(Debug, Clone, Copy)]
pub struct AmbiguousHeader;

impl Call {
    pub(super) fn new(request: HttpRequest, payload: Payload, state: web::Data<AppState>) -> Result<Self, Problem> {
        let query = pairs::decode(request.query_string())?;
        Ok(Self {
            request,
            now: state.clock.now(),
            state,
            attempt: Attempt::default(),
            deadline: Deadline::from_now(),
            file: None,
            payload: Some(payload),
            query,
            query_was_read: false,
            tenant: None,
            person: None,
        })
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> Rc<str> {
        request_id(&self.request)
    }

    /// Where the request came from, as far as one client can be told from another by it.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        self.request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| network_of(address.ip()))
    }

    /// Whether the method only reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(*self.request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// The one value of a header; `None` where it is absent.
    ///
    /// # Errors
    /// Where it stands twice or is no visible ASCII.
    pub fn single_header(&self, name: &HeaderName) -> Result<Option<&str>, AmbiguousHeader> {
        let mut values = self.request.headers().get_all(name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| AmbiguousHeader),
            (Some(_), Some(_)) => Err(AmbiguousHeader),
        }
    }

    /// The values of a query parameter.
    pub fn query_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The parameters, but for those that hold a key; none after they were taken.
    pub(crate) fn query_without_keys(&self) -> Vec<&(String, String)> {
        self.query.iter().filter(|(name, _)| !is_key(name)).collect()
    }

    /// The same, for whoever reads them; each request's are taken once.
    pub(crate) fn take_query(&mut self) -> Pairs {
        self.query_was_read = true;
        std::mem::take(&mut self.query).into_iter().filter(|(name, _)| !is_key(name)).collect()
    }

    /// Refuses parameters on a route that has none.
    pub(super) fn refuse_unread_query(&mut self) -> Result<(), Problem> {
        if self.query_was_read { Ok(()) } else { pairs::refuse(self.take_query()) }
    }

    pub(super) fn take_payload(&mut self) -> Result<Payload, Problem> {
        self.payload.take().ok_or_else(|| Problem::new(ProblemCode::InternalError, "The body was read before."))
    }

    /// Counts it to whoever pays for it, where there is a limit.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`].
    pub fn count(&self, payer: Payer) -> Result<(), Problem> {
        self.state.rate_limit.as_ref().map_or(Ok(()), |limit| limit.count(&self.request, payer))
    }

    /// Notes the key of a POST by a caller who may write, where it has one: it is to be done only once.
    ///
    /// # Errors
    /// [`ProblemCode::InvalidIdempotencyKey`].
    pub fn begin_attempt(&self, scope: &Scope) -> Result<(), Problem> {
        if self.request.method() != Method::POST {
            return Ok(());
        }
        match self.single_header(&idempotency::KEY) {
            Ok(None) => Ok(()),
            Ok(Some(key)) => {
                // A JSON list, so that no two requests are written the same.
                let head = json!([self.request.method().as_str(), self.request.path(), self.query_without_keys()]);
                self.attempt.begin(scope, key, &head)
            }
            Err(AmbiguousHeader) => Err(idempotency::invalid_key()),
        }
    }

    /// The tenant that the key or token named.
    #[must_use]
    pub fn tenant(&self) -> Option<&PublicTenantId> {
        self.tenant.as_ref()
    }

    /// Notes who asks.
    pub fn set_caller(&mut self, scope: &Scope) {
        self.set_tenant(scope.public_tenant().clone());
        self.person = scope.actor().as_user().cloned();
    }

    /// The person whose token came, if one did: nobody else can be named as the author of a change then.
    #[must_use]
    pub fn person(&self) -> Option<&User> {
        self.person.as_ref()
    }

    /// Notes whose request it is: for `tenantId` in the body, and for the log.
    pub fn set_tenant(&mut self, tenant: PublicTenantId) {
        self.request.extensions_mut().insert(TenantOfRequest(tenant.clone()));
        self.tenant = Some(tenant);
    }
}

fn is_key(name: &str) -> bool {
    KEY_PARAMETERS.contains(&name)
}

pub(crate) fn request_id(request: &HttpRequest) -> Rc<str> {
    request.extensions().get::<RequestId>().map_or_else(|| Rc::from(""), |id| id.0.clone())
}
