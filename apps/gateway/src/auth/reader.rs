use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, web};
use crm_core::keys::{self, Right, Rights};
use crm_core::{DbConnection, Scope, Timestamp, tenants};
use futures_util::stream;

use crate::endpoint::{Answer, Reply, Streamed, Typed, request_id};
use crate::error::{Failure, Problem, ProblemCode};
use crate::limits::{Held, Payer};
use crate::replica;
use crate::state::AppState;

/// How long a part waits where the database is busy, or others of the client's answers wait to be read.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it waits before it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads for one answer again and again, each time in a job of its own, as long as whoever asked for it may.
pub struct Reader {
    pub(super) scope: Scope,
    pub(super) payer: Payer,
    pub(super) needed: Option<Right>,
    pub(super) state: web::Data<AppState>,
    pub(super) request: HttpRequest,
}

impl Reader {
    /// The tenant and the time of the request.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Runs a job that only reads.
    ///
    /// # Errors
    /// What the job ends in; that the key was taken away meanwhile; a 503.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (scope, payer, needed) = (self.scope.clone(), self.payer, self.needed);
        let (unread, clock) = (self.state.unread.clone(), self.state.clock.clone());
        let tenant = scope.tenant();
        let read = replica::read(&self.state, tenant, &self.request, move |connection| {
            unread.admit(payer)?;
            still_may(connection, &scope, payer, needed, clock.now())?;
            job(connection, &scope)
        });
        read.await
    }

    /// As [`read`](Self::read), for a part that others came before: it is tried again while the database is busy.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_on<T: Send + 'static>(
        &self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<T, Failure> + Clone + Send + 'static,
    ) -> Result<T, Failure> {
        patiently(|| self.read(job.clone())).await
    }

    /// Reads on as long as whoever asked has this right as well.
    #[must_use]
    pub fn needing(self, right: Right) -> Self {
        Self { needed: Some(right), ..self }
    }

    /// Counts the bytes of a part until they are sent.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> Option<Held> {
        self.state.unread.hold(self.payer, bytes)
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> Rc<str> {
        request_id(&self.request)
    }

    /// The problem that a failure is to the client.
    #[must_use]
    pub fn problem(&self, failure: Failure) -> Problem {
        failure.into_problem(&self.request_id())
    }

    /// Answers with a file of these parts.
    ///
    /// # Errors
    /// When its name cannot be written, which is a bug.
    pub fn answer<R: Reply>(self, file: R, parts: impl FnOnce(Self) -> Streamed) -> Answer<R> {
        let answer = Typed::of(file).map_err(|failure| self.problem(failure))?;
        let request = self.request.clone();
        // The head of an answer is all that a HEAD asks for.
        let is_wanted = *request.method() != Method::HEAD;
        let streamed = if is_wanted { parts(self) } else { Streamed::new(stream::empty()) };
        request.extensions_mut().insert(streamed);
        Ok(answer)
    }
}

/// Tries again while the database is busy, for half a minute.
pub(super) async fn patiently<T, F: Future<Output = Result<T, Failure>>>(work: impl Fn() -> F) -> Result<T, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match work().await {
            Err(failure) if Instant::now() < until && may_pass(&failure) => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

/// Whether it may be better in a moment.
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Unavailable(_) => true,
        Failure::Problem(problem) => {
            matches!(problem.code.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
        }
        Failure::Database(_) | Failure::Bug(_) => false,
    }
}

/// An answer can take longer than a key lives.
fn still_may(
    connection: &mut DbConnection,
    scope: &Scope,
    payer: Payer,
    needed: Option<Right>,
    now: Timestamp,
) -> Result<(), Failure> {
    let Payer::Key(hash) = payer else {
        return if tenants::exists(connection, scope.tenant())? { Ok(()) } else { Err(Problem::invalid_key().into()) };
    };
    let holder = keys::find_holder(connection, &hash, now)?.ok_or_else(Problem::invalid_key)?;
    if holder.expires_on.is_some_and(|moment| moment <= now) {
        return Err(Problem::new(ProblemCode::ExpiredKey, "The key has expired.").into());
    }
    let missing = needed.and_then(|right| holder.rights.lacking(Rights::default().with(right)));
    missing.map_or(Ok(()), |right| Err(Problem::missing_scope(right).into()))
}
