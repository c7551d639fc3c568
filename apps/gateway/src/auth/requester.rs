use std::rc::Rc;

use actix_web::{HttpMessage, HttpRequest, web};
use crm_core::keys::{Access, Area, Holder, KeyRole, Right, Rights};
use crm_core::values::User;
use crm_core::{Actor, DbConnection, PublicTenantId, Scope, TenantId, tenants};

use crate::endpoint::{Answer, Call, Deadline, Reply, Typed};
use crate::error::{Failure, Problem, ProblemCode};
use crate::idempotency::{Answers, Attempt, Entered};
use crate::identity::{or_deleted, told};
use crate::limits::Payer;
use crate::replica;
use crate::state::AppState;
use crate::wire::{Dialects, Rendered};

use super::Reader;
use super::reader::patiently;

/// Somebody whose key or token was accepted, on the way to the database.
#[derive(Clone)]
pub(super) struct Requester {
    scope: Scope,
    payer: Payer,
    role: Option<KeyRole>,
    state: web::Data<AppState>,
    attempt: Attempt,
    deadline: Deadline,
    request: HttpRequest,
    request_id: Rc<str>,
}

/// What somebody may do, for whoever finds out on the way what is needed.
#[derive(Debug, Clone, Copy)]
pub struct Permit {
    rights: Rights,
    role: Option<KeyRole>,
}

impl Permit {
    /// Refuses whom this right is missing.
    ///
    /// # Errors
    /// [`ProblemCode::MissingScope`], [`ProblemCode::ReadOnlyKey`].
    pub fn check(self, needed: Right) -> Result<(), Problem> {
        let Some(missing) = self.rights.lacking(Rights::default().with(needed)) else { return Ok(()) };
        if self.role == Some(KeyRole::Secondary) && missing.access == Access::Write {
            return Err(Problem::new(ProblemCode::ReadOnlyKey, "The secondary key reads only."));
        }
        Err(Problem::missing_scope(missing))
    }
}

/// Where something is read, in a database that has a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The standby, where it has what the client wrote.
    Anywhere,
    /// Where it is written.
    Primary,
    /// Where it is written, and what is read next is not older: what goes on from what another gateway has read, or tells of
    /// what it has done.
    Newest,
}

/// Whom a key or token turned out to be of, and what they may do.
pub(super) struct Identified {
    pub(super) scope: Scope,
    /// To whom the request is counted.
    pub(super) payer: Payer,
    /// Which of the two keys that every tenant has, where it is one of them.
    pub(super) role: Option<KeyRole>,
}

impl Identified {
    /// The holder of a key.
    pub(super) fn holder(call: &Call, holder: Holder, payer: Payer) -> Self {
        let Holder { tenant, public_tenant, id, secret, name, role, rights, is_frozen, .. } = holder;
        let actor = Actor::key(id, name, rights).known_by(secret);
        let scope = Scope::new(tenant, public_tenant, call.now).by(actor).frozen(is_frozen);
        Self { scope, payer, role }
    }

    /// A person for whom an issuer vouched.
    pub(super) fn person(call: &Call, user: User, rights: Rights, tenant: (TenantId, PublicTenantId, bool)) -> Self {
        let (id, public_tenant, is_frozen) = tenant;
        let payer = Payer::person(&public_tenant, user.id());
        let scope = Scope::new(id, public_tenant, call.now).by(Actor::user(user, rights)).frozen(is_frozen);
        Self { scope, payer, role: None }
    }

    /// Refuses whom this right is missing.
    pub(super) fn permit(&self, needed: Option<Right>) -> Result<(), Problem> {
        let permit = Permit { rights: self.scope.actor().rights(), role: self.role };
        needed.map_or(Ok(()), |right| permit.check(right))
    }

    /// Refuses the key that only reads where one of these areas is to be written, whichever. What else is missing is told when
    /// it is known which one.
    pub(super) fn permit_one_of(&self, areas: &[Area], access: Access) -> Result<(), Problem> {
        let refused = |area: &Area| self.permit(Some(Right { area: Some(*area), access })).err();
        let is_read_only = |problem: &Problem| problem.code == ProblemCode::ReadOnlyKey;
        areas.iter().find_map(refused).filter(is_read_only).map_or(Ok(()), Err)
    }
}

impl Requester {
    /// Somebody who may do what the handler does.
    pub(super) fn new(call: &Call, identified: Identified) -> Result<Self, Problem> {
        let Identified { scope, payer, role } = identified;
        let scope = scope.with_secrets(call.state.secrets.clone()).for_request(&call.request_id());
        let scope = scope.numbered_by(call.state.numbers());
        call.begin_attempt(&scope)?;
        Ok(Self {
            scope,
            payer,
            role,
            state: call.state.clone(),
            attempt: call.attempt.clone(),
            deadline: call.deadline.clone(),
            request: call.request.clone(),
            request_id: call.request_id(),
        })
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn permit(&self) -> Permit {
        Permit { rights: self.scope.actor().rights(), role: self.role }
    }

    pub(super) fn state(&self) -> &AppState {
        &self.state
    }

    pub(super) fn request(&self) -> &HttpRequest {
        &self.request
    }

    pub(super) fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(super) fn into_reader(self, needed: Option<Right>) -> Reader {
        let Self { scope, payer, state, attempt, request, .. } = self;
        attempt.handler_begins();
        Reader { scope, payer, needed, state, request }
    }

    pub(super) async fn read<R: Reply + Send + 'static>(
        self,
        from: From,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let Self { scope, payer, state, attempt, request, request_id, .. } = self;
        attempt.handler_begins();
        let (tenant, unread) = (scope.tenant(), state.unread.clone());
        let read = move |connection: &mut DbConnection| {
            // When its turn has come: what was read meanwhile counts no more, and what was written meanwhile does.
            unread.admit(payer)?;
            let typed = Typed::of(job(connection, &scope)?)?;
            let held = unread.hold(payer, typed.rendered.body.len());
            Ok((typed, held))
        };
        let rendered = match from {
            From::Anywhere => replica::read(&state, tenant, &request, read).await,
            From::Primary | From::Newest => state.db.of(tenant).read(read).await,
        };
        let mut typed = match rendered {
            Ok((typed, held)) => {
                held.map(|held| request.extensions_mut().insert(held));
                typed
            }
            Err(failure) => return Err(Failure::into_problem(failure, &request_id)),
        };
        if from == From::Newest {
            // What is read next shows it too.
            typed.rendered.headers.extend(replica::was_written(&state, tenant).await);
        }
        Ok(typed)
    }

    pub(super) async fn find<T: Send + 'static>(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Problem> {
        takes_writes(&self.scope)?;
        let scope = self.scope.clone();
        self.attempt.handler_begins();
        let found = self.state.db.of(scope.tenant()).read(move |connection| job(connection, &scope)).await;
        found.map_err(|failure| failure.into_problem(&self.request_id))
    }

    pub(super) async fn store<T: Send + 'static>(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<T, Failure> + Clone + Send + 'static,
    ) -> Result<T, Problem> {
        takes_writes(&self.scope)?;
        self.attempt.handler_begins();
        let db = self.state.db.of(self.scope.tenant());
        let stored = patiently(|| {
            let (scope, job) = (self.scope.clone(), job.clone());
            db.write(move |connection| job(connection, &scope))
        });
        match stored.await {
            Ok(stored) => {
                self.deadline.went_on();
                Ok(stored)
            }
            Err(failure) => Err(self.told(failure).await),
        }
    }

    pub(super) async fn write<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let entered = self.enter()?;
        self.write_entered(entered, job).await
    }

    /// Whether the request is to be done: not where it was done before, and nothing of a tenant that is moved. What is done outside
    /// of the database is done between this and [`write_entered`](Self::write_entered).
    pub(super) async fn begin(&self) -> Result<Beginning, Problem> {
        let entered = self.enter()?;
        self.attempt.handler_begins();
        let Some(entered) = entered else { return Ok(Beginning::Due(None)) };
        match entered.first_answer(&self.state.db).await {
            Ok(None) => Ok(Beginning::Due(Some(entered))),
            Ok(Some(answer)) => Ok(Beginning::Done(answer)),
            Err(failure) => Err(self.told(failure).await),
        }
    }

    pub(super) async fn write_entered<R: Reply + Send + 'static>(
        self,
        entered: Option<Entered>,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let (state, scope, payer) = (&self.state, self.scope.clone(), self.payer);
        let dialect = Dialects::of(&self.request);
        self.attempt.handler_begins();
        let (tenant, public, unread) = (scope.tenant(), scope.public_tenant().clone(), state.unread.clone());
        let work = move |connection: &mut DbConnection, scope: &Scope| {
            unread.admit(payer)?;
            let rendered = job(connection, scope).and_then(Reply::render);
            rendered.map_err(|failure| match failure {
                // What it lacks may be all that the tenant had.
                Failure::Problem(_) => told(&tenants::exists(connection, tenant), dialect, failure),
                failure => failure,
            })
        };
        let rendered = match entered {
            Some(entered) => entered.run(&state.db, &state.repeats, work).await,
            None => state.db.of(tenant).write(move |connection| work(connection, &scope)).await,
        };
        match rendered {
            Ok(mut rendered) => {
                state.deliveries.wake(tenant, &public);
                rendered.headers.extend(replica::was_written(state, tenant).await);
                Ok(Typed::rendered_before(rendered))
            }
            Err(failure) => Err(self.told(failure).await),
        }
    }

    /// Where it is to be done only once, nobody else does it from here on.
    fn enter(&self) -> Result<Option<Entered>, Problem> {
        takes_writes(&self.scope)?;
        let dialect = Dialects::of(&self.request);
        let once = self.attempt.once(|| Answers { dialect, request_id: self.request_id.to_string() });
        let entered = once.map(|once| once.enter(&self.state.repeats)).transpose();
        entered.map_err(|failure| failure.into_problem(&self.request_id))
    }

    /// A failure of the database, as the client is told.
    async fn told(&self, failure: Failure) -> Problem {
        let (tenant, dialect) = (self.scope.tenant(), Dialects::of(&self.request));
        if failure.is_in_doubt() {
            replica::may_be_written(&self.state, tenant);
        }
        or_deleted(&self.state.db, tenant, dialect, failure).await.into_problem(&self.request_id)
    }
}

/// Whether a request is to be done.
pub(super) enum Beginning {
    /// It was done before: this was the answer.
    Done(Rendered),
    /// It is; where it is to be done only once, its turn has come.
    Due(Option<Entered>),
}

/// Refuses the writes of a tenant that is moved.
fn takes_writes(scope: &Scope) -> Result<(), Problem> {
    if scope.is_frozen() { Err(Problem::tenant_frozen()) } else { Ok(()) }
}
