//! Who asks: what a handler takes to let somebody in, by the key, session or token of their request, which becomes a
//! [`Scope`] (docs/compatibility.md, "Keys"; docs/ticketing.md).

mod admin;
mod applicant;
mod journey;
mod on_behalf;
mod permission;
mod person;
mod reader;
mod requester;
mod ticketing;
mod visitor;

use std::marker::PhantomData;
use std::time::Duration;

use actix_web::http::header::HeaderName;
use crm_core::keys::ApiKey;
use crm_core::{DbConnection, Scope};
use crm_history::{FeedFilter, Position, Trash};

use crate::endpoint::{AmbiguousHeader, Answer, Call, Extract, OperationDoc, Reply, Typed};
use crate::error::{Failure, Problem, ProblemCode};
use crate::feed;
use crate::identity::KEY_PARAMETERS;
use crate::limits::{Payer, RateLimit};

pub use admin::{Operator, Timekeeper};
pub use applicant::Applicant;
pub use journey::{Arrival, Refusal};
pub use on_behalf::OnBehalf;
pub use permission::{Does, InArea, Read, Write, area};
pub use reader::Reader;
pub use requester::Permit;
pub use ticketing::TicketingAdmin;
pub use visitor::Visitor;

pub(crate) use applicant::is_local;
pub(crate) use journey::BACK;

use requester::{Beginning, From, Identified, Requester};

const KEY_HEADER: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");

/// A request with a key or token that may do `D` in the area `A`: the first argument of every handler that touches a
/// tenant's data, and the only way to the database from there.
pub struct Caller<A, D> {
    requester: Requester,
    may: PhantomData<(A, D)>,
}

impl<A: InArea, D: Does> Extract for Caller<A, D> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let identified = identify(call).await?;
        identified.permit(permission::needed::<A, D>())?;
        identified.permit_one_of(A::ONE_OF, D::ACCESS)?;
        Ok(Self { requester: Requester::new(call, identified)?, may: PhantomData })
    }

    fn describe(operation: &mut OperationDoc) {
        operation.key(permission::needed::<A, D>());
        if !A::ONE_OF.is_empty() {
            operation.key_of_kind(D::ACCESS);
        }
    }
}

impl<A, D> Caller<A, D> {
    /// The tenant and the time of the request, and who it is.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        self.requester.scope()
    }

    /// How many requests a minute a key may send, where they are limited.
    #[must_use]
    pub fn rate_limit(&self) -> Option<u32> {
        self.requester.state().rate_limit.as_ref().map(RateLimit::quota)
    }

    /// Waits until a change comes after a place, without a connection of the database: see [`feed::wait`].
    ///
    /// # Errors
    /// Its, told to the client.
    pub async fn wait_for_changes(
        &self,
        since: Option<Position>,
        filter: &FeedFilter,
        time: Duration,
    ) -> Result<Option<Position>, Problem> {
        let waited = feed::wait(self.requester.state(), self.scope(), since, filter, time);
        let waited = self.requester.deadline().aside(waited).await;
        waited.map_err(|failure| failure.into_problem(self.requester.request_id()))
    }

    /// What may be done, where what is needed is found out on the way.
    #[must_use]
    pub fn permit(&self) -> Permit {
        self.requester.permit()
    }

    /// How long what is deleted can be restored.
    #[must_use]
    pub fn trash(&self) -> Trash {
        self.requester.state().trash
    }

    /// Runs a job that only reads.
    ///
    /// # Errors
    /// What the job ends in, or a 503.
    pub async fn read<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        self.requester.read(From::Anywhere, job).await
    }

    /// As [`read`](Self::read), never from a standby: for what goes on from a place in the order of commits, which a standby
    /// may not have reached, and for what tells of work that others did. What is read after it shows what this tells of.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_newest<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        self.requester.read(From::Newest, job).await
    }
}

impl<A: InArea> Caller<A, Read> {
    /// Reads for an answer that is too long for one job.
    #[must_use]
    pub fn into_reader(self) -> Reader {
        self.requester.into_reader(permission::needed::<A, Read>())
    }
}

impl<A> Caller<A, Write> {
    /// Looks something up that is needed before the job of the request: what is done meanwhile is no work of the database.
    ///
    /// # Errors
    /// What the job ends in, or a 503.
    pub async fn find<T: Send + 'static>(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Problem> {
        self.requester.find(job).await
    }

    /// Stores a part of what comes in, in a transaction of its own, before the job of the request: it is tried again while the
    /// database is busy.
    ///
    /// # Errors
    /// What the job ends in, or a 503.
    pub async fn store<T: Send + 'static>(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<T, Failure> + Clone + Send + 'static,
    ) -> Result<T, Problem> {
        self.requester.store(job).await
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
        self.requester.write(job).await
    }

    /// As [`write`](Self::write), for a job that needs something which is done outside of the database, before its transaction: a
    /// name that is looked up, a message that is sent. `first` is not done where the request is not, because it was done before
    /// or its tenant takes no writes; what it is refused for is the answer to every repeat, as what the job is.
    ///
    /// # Errors
    /// What `first` or the job ends in, or a 503.
    pub async fn write_after<T: Send + 'static, R: Reply + Send + 'static>(
        self,
        first: impl AsyncFnOnce(&Self) -> Result<T, Problem>,
        job: impl Fn(&mut DbConnection, &Scope, &T) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let entered = match self.requester.begin().await? {
            Beginning::Done(answer) => return Ok(Typed::rendered_before(answer)),
            Beginning::Due(entered) => entered,
        };
        let done = first(&self).await;
        let job = move |connection: &mut DbConnection, scope: &Scope| match &done {
            Ok(done) => job(connection, scope, done),
            Err(problem) => Err(problem.clone().into()),
        };
        self.requester.write_entered(entered, job).await
    }
}

/// Whose key or token came with the request; counted to them.
async fn identify(call: &mut Call) -> Result<Identified, Problem> {
    let key = key_of(call);
    if !person::has_token(call) {
        return holder_of(call, &key?).await;
    }
    match key {
        Err(problem) if problem.code == ProblemCode::MissingKey => person::identify(call).await,
        Ok(_) | Err(_) => {
            let detail = "A key and a token came together: send the one that is meant.";
            Err(Problem::new(ProblemCode::TwoCredentials, detail))
        }
    }
}

async fn holder_of(call: &mut Call, key: &ApiKey) -> Result<Identified, Problem> {
    let holder = call.state.keys.holder(&call.state.db, key, call.network(), call.now).await;
    let holder = holder.map_err(|failure| failure.into_problem(&call.request_id()))?;
    let holder = holder.ok_or_else(Problem::invalid_key)?;
    if holder.expires_on.is_some_and(|moment| moment <= call.now) {
        return Err(Problem::new(ProblemCode::ExpiredKey, "The key has expired."));
    }
    call.state.keys.was_used(holder.tenant, key.hash(), call.now);
    let identified = Identified::holder(call, holder, Payer::Key(key.hash()));
    call.set_caller(&identified.scope);
    call.count(identified.payer)?;
    Ok(identified)
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
    ApiKey::parse(text).map_err(|_| Problem::invalid_key())
}
