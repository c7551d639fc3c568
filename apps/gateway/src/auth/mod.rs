//! Who asks: a tenant's key, or the token of an administrator of ticketing, becomes a [`Scope`]
//! (contract/conventions, "Keys"; contract/clientmap).

mod fading;
mod keys;
mod ticketing;
pub mod tokens;

use std::rc::Rc;

use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage, HttpRequest, web};
use crm_core::error::{Fault, fault};
use crm_core::keys::{ApiKey, Holder};
use crm_core::{Actor, DbConnection, Scope, TenantId, tenants};

use crate::endpoint::{AmbiguousHeader, Answer, Call, Extract, OperationDoc, Reply, Typed, is_ticketing};
use crate::error::{Failure, Problem, ProblemCode};
use crate::idempotency::{Answers, Attempt};
use crate::limits::{self, Payer};
use crate::state::AppState;

pub(crate) use keys::DEAD_WITHIN;
pub use keys::KeyCache;
pub use ticketing::TicketingAdmin;

/// The query parameters that may hold a key. They are no parameters of a route and reach no log.
pub const KEY_PARAMETERS: [&str; 2] = ["subscription-key", "key"];

const KEY_HEADER: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");

/// A request with a tenant's key that may do what its method does: the first argument of every handler
/// that touches a tenant's data, and the only way to the database from there.
pub struct Caller {
    scope: Scope,
    payer: Payer,
    state: web::Data<AppState>,
    attempt: Attempt,
    request: HttpRequest,
    request_id: Rc<str>,
}

impl Extract for Caller {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let key = key_of(call)?;
        let holder = call.state.keys.holder(&call.state.db, &key, call.network(), call.now).await;
        let holder = holder.map_err(|failure| failure.into_problem(&call.request_id()))?;
        let holder = holder.ok_or_else(invalid_key)?;
        call.set_tenant(holder.public_tenant.clone());
        let payer = Payer::Key(key.hash());
        limits::count(call, payer)?;
        if !call.is_read() && !holder.rights.may_write() {
            return Err(Problem::new(ProblemCode::ReadOnlyKey, "The secondary key reads only."));
        }
        let Holder { tenant, public_tenant, id, name, rights, .. } = holder;
        Self::new(call, Scope::new(tenant, public_tenant, call.now).by(Actor::key(id, name, rights)), payer)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.key();
    }
}

impl Caller {
    /// Somebody who may do what the request's method does.
    fn new(call: &Call, scope: Scope, payer: Payer) -> Result<Self, Problem> {
        let scope = scope.with_secrets(call.state.secrets.clone());
        Attempt::begin(call, &scope)?;
        Ok(Self {
            scope,
            payer,
            state: call.state.clone(),
            attempt: call.attempt.clone(),
            request: call.request.clone(),
            request_id: call.request_id(),
        })
    }

    /// The tenant and the time of the request.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Runs a job that only reads.
    ///
    /// # Errors
    /// What the job ends in, or a 503.
    pub async fn read<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let Self { scope, payer, state, attempt, request, request_id, .. } = self;
        attempt.handler_begins();
        let (db, unread) = (state.db.of(scope.tenant()), state.unread.clone());
        let rendered = db.read(move |connection| {
            // When its turn has come: what was read meanwhile counts no more, and what was written meanwhile does.
            unread.admit(payer)?;
            let typed = Typed::of(job(connection, &scope)?)?;
            let held = unread.hold(payer, typed.rendered.body.len());
            Ok((typed, held))
        });
        let rendered = rendered.await.map(|(typed, held)| {
            held.map(|held| request.extensions_mut().insert(held));
            typed
        });
        rendered.map_err(|failure: Failure| failure.into_problem(&request_id))
    }

    /// Runs a job that may write, in one transaction: answered only after the commit. It may run again
    /// after a collision with another one, which is why it is a `Fn`. With an `Idempotency-Key` it runs once.
    ///
    /// # Errors
    /// What the job ends in, with everything rolled back, or a 503.
    pub async fn write<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let Self { scope, payer, state, attempt, request, request_id } = self;
        let is_ticketing = is_ticketing(request.path());
        attempt.handler_begins();
        let (tenant, unread) = (scope.tenant(), state.unread.clone());
        let work = move |connection: &mut DbConnection, scope: &Scope| {
            unread.admit(payer)?;
            let rendered = job(connection, scope).and_then(Reply::render);
            rendered.map_err(|failure| match failure {
                // What it lacks may be all that the tenant had.
                Failure::Problem(_) => told(&tenants::exists(connection, tenant), is_ticketing, failure),
                failure => failure,
            })
        };
        let rendered = match attempt.once(|| Answers { is_ticketing, request_id: request_id.to_string() }) {
            Some(once) => once.run(&state, work).await,
            None => state.db.of(scope.tenant()).write(move |connection| work(connection, &scope)).await,
        };
        match rendered {
            Ok(rendered) => Ok(Typed::rendered_before(rendered)),
            Err(failure) => Err(or_deleted(&state, tenant, is_ticketing, failure).await.into_problem(&request_id)),
        }
    }
}

/// What a failure of a write is where the tenant was deleted while its key was still trusted here: the key is nobody's,
/// and the database refused the rows of a tenant that is not there.
pub(crate) async fn or_deleted(state: &AppState, tenant: TenantId, is_ticketing: bool, failure: Failure) -> Failure {
    let is_bug = match &failure {
        Failure::Database(error) => fault(error) == Fault::Bug,
        Failure::Bug(_) => true,
        Failure::Problem(_) | Failure::Unavailable(_) => false,
    };
    if !is_bug {
        return failure;
    }
    let exists = state.db.look_up(move |connection| Ok::<_, Failure>(tenants::exists(connection, tenant)?)).await;
    told(&exists, is_ticketing, failure)
}

/// What the client is told of a failure, by whether its tenant exists. Where that cannot be asked, as after a failed
/// statement on PostgreSQL, the failure is the one to tell of.
fn told<E>(exists: &Result<bool, E>, is_ticketing: bool, failure: Failure) -> Failure {
    match exists {
        Ok(false) if is_ticketing => ticketing::unknown_tenant().into(),
        Ok(false) => invalid_key().into(),
        Ok(true) | Err(_) => failure,
    }
}

fn invalid_key() -> Problem {
    Problem::new(ProblemCode::InvalidKey, "The key is unknown or was rotated.")
}

/// The key that was sent: the header wins over the query parameters, and two of a kind must not differ.
fn key_of(call: &Call) -> Result<ApiKey, Problem> {
    let sent = match call.single_header(&KEY_HEADER) {
        Ok(header) => header,
        Err(AmbiguousHeader) => {
            return Err(Problem::new(ProblemCode::InvalidKey, "The key header stands twice or is no visible ASCII."));
        }
    };
    let text = match sent {
        Some(text) => text,
        None => {
            let mut values = KEY_PARAMETERS.iter().flat_map(|name| call.query_values(name));
            match (values.next(), values.next()) {
                (Some(only), None) => only,
                (None, _) => {
                    let detail = "Send the header Ocp-Apim-Subscription-Key.";
                    return Err(Problem::new(ProblemCode::MissingKey, detail));
                }
                (Some(_), Some(_)) => return Err(Problem::new(ProblemCode::InvalidKey, "Two keys were sent.")),
            }
        }
    };
    ApiKey::parse(text).map_err(|_| invalid_key())
}
