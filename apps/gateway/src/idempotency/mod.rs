//! `Idempotency-Key`: a POST that is sent again gets the answer that it got first, and is done once
//! (docs/compatibility.md, "Sending again").
//!
//! A request gathers what it needs on its way: the caller's extractor the key, the body's the bytes. What the
//! handler then does happens in one transaction with the row that keeps its answer; a refusal is kept too, after
//! what the handler did was rolled back to a savepoint. A refusal of the body, which keeps the handler from
//! running, is kept in a transaction of its own.
//!
//! **Not kept** are a 5xx, and a refusal for what the fingerprint does not cover: the key, the role, another header,
//! the rate, a body that did not arrive. Of an answer longer than 256 KiB everything but its body is kept: a repeat is
//! told so, and not done again.

mod quota;

use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION};
use crm_core::idempotency::{self, Fingerprint, Found, KeptAnswer};
use crm_core::{DbConnection, Scope, TenantId};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::db::Executor;
use crate::error::{Failure, Problem, ProblemCode};
use crate::wire::{Dialect, Rendered};

use quota::Kept;

pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The most characters of a key.
const LONGEST: usize = 255;

/// What a request has told so far about being sent once. Clones share it: extractors fill it in, one after the
/// other, and the last of them to run is not known.
#[derive(Clone, Default)]
pub struct Attempt(Rc<Told>);

#[derive(Default)]
struct Told {
    head: OnceCell<Head>,
    fingerprint: OnceCell<Fingerprint>,
    /// Whether the handler has begun, so that its answer is kept, or not, with what it does.
    has_begun: Cell<bool>,
}

/// What is known before the body is read.
struct Head {
    scope: Scope,
    key: String,
    /// Over method, path and query string.
    hash: Sha256,
}

/// A POST with a key whose whole content is known.
pub struct Once {
    scope: Scope,
    key: String,
    fingerprint: Fingerprint,
    answers: Answers,
}

/// One whose turn has come: until this is dropped this process works on no other with its key.
pub struct Entered {
    once: Once,
    _running: Running,
}

/// How the answers of a route are written, for those that are written inside a transaction.
#[derive(Clone)]
pub struct Answers {
    /// How the route talks.
    pub dialect: &'static dyn Dialect,
    /// The id of the request.
    pub request_id: String,
}

impl Attempt {
    /// Notes the key of a request by a caller who may write, with what its head says is to be done.
    ///
    /// # Errors
    /// [`ProblemCode::InvalidIdempotencyKey`].
    pub(crate) fn begin(&self, scope: &Scope, key: &str, head: &Value) -> Result<(), Problem> {
        if !(1..=LONGEST).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid_key());
        }
        let hash = Sha256::new().chain_update(head.to_string());
        let _ = self.0.head.set(Head { scope: scope.clone(), key: key.to_owned(), hash });
        Ok(())
    }

    /// Notes the body.
    pub fn read_body(&self, bytes: &[u8]) {
        if let Some(hash) = self.hash() {
            self.has_read(hash.chain_update(bytes));
        }
    }

    /// What a body that comes in pieces is added to; `None` where there is no key.
    #[must_use]
    pub fn hash(&self) -> Option<Sha256> {
        self.0.head.get().map(|head| head.hash.clone())
    }

    /// Notes a body that was added to that.
    pub fn has_read(&self, hash: Sha256) {
        let _ = self.0.fingerprint.set(hash.finalize().into());
    }

    /// The handler begins to read or write: what it ends in is its own matter from here on.
    pub fn handler_begins(&self) {
        self.0.has_begun.set(true);
    }

    /// What is to be done once; `None` where there is no key.
    #[must_use]
    pub fn once(&self, answers: impl FnOnce() -> Answers) -> Option<Once> {
        let head = self.0.head.get()?;
        // A route without a body never reads one.
        let fingerprint = self.0.fingerprint.get().copied().unwrap_or_else(|| head.hash.clone().finalize().into());
        Some(Once { scope: head.scope.clone(), key: head.key.clone(), fingerprint, answers: answers() })
    }

    /// As [`once`](Self::once), for a request that ends in this problem before its handler; `None` where that is not
    /// kept.
    #[must_use]
    pub fn ends_early(&self, problem: &Problem, answers: impl FnOnce() -> Answers) -> Option<Once> {
        // Nothing is written for a tenant that is moved.
        let takes_writes = self.0.head.get().is_some_and(|head| !head.scope.is_frozen());
        let is_known = !self.0.has_begun.get() && self.0.fingerprint.get().is_some();
        let is_kept = is_known && takes_writes && keeps(problem.code);
        if is_kept { self.once(answers) } else { None }
    }
}

impl Once {
    /// Whose request it is.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.scope.tenant()
    }

    /// Begins it. A repeat that comes before the answer is known is told so at once, and not after a wait for the lock that the
    /// first one holds.
    ///
    /// # Errors
    /// [`ProblemCode::IdempotencyKeyInFlight`].
    pub fn enter(self, repeats: &Repeats) -> Result<Entered, Failure> {
        let running = repeats.running.enter(self.scope.tenant(), &self.key).ok_or_else(in_flight)?;
        Ok(Entered { once: self, _running: running })
    }
}

impl Entered {
    /// The answer of the first time, where it was done before: for what is done outside of the database before the work.
    ///
    /// # Errors
    /// [`ProblemCode::IdempotencyKeyInFlight`], [`ProblemCode::IdempotencyKeyReused`].
    pub async fn first_answer(&self, db: &Executor) -> Result<Option<Rendered>, Failure> {
        let Once { scope, key, fingerprint, answers: _ } = &self.once;
        let (scope, key, fingerprint) = (scope.clone(), key.clone(), *fingerprint);
        let tenant = scope.tenant();
        db.of(tenant).write(move |connection| found(connection, &scope, &key, &fingerprint)).await
    }

    /// Does the work and keeps its answer, both in one transaction, unless it was done before: then the answer of
    /// that time is the answer.
    ///
    /// # Errors
    /// As [`first_answer`](Self::first_answer), and what of the work's is not kept.
    pub async fn run(
        self,
        db: &Executor,
        repeats: &Repeats,
        work: impl Fn(&mut DbConnection, &Scope) -> Result<Rendered, Failure> + Send + 'static,
    ) -> Result<Rendered, Failure> {
        let Self { once: Once { scope, key, fingerprint, answers }, _running } = self;
        let tenant = scope.tenant();
        let done = db
            .of(tenant)
            .write(move |connection| {
                if let Some(rendered) = found(connection, &scope, &key, &fingerprint)? {
                    return Ok((rendered, None));
                }
                let rendered = match connection.write(|connection| work(connection, &scope)) {
                    Ok(rendered) => rendered,
                    Err(Failure::Problem(problem)) if keeps(problem.code) => {
                        problem.render(answers.dialect, &answers.request_id, scope.now())
                    }
                    Err(failure) => return Err(failure),
                };
                let size = idempotency::keep(connection, &scope, &key, &fingerprint, kept(&rendered)?)?;
                let size = size.ok_or_else(in_flight)?;
                Ok((rendered, Some(size)))
            })
            .await;
        let (rendered, size) = done?;
        if let Some(size) = size {
            repeats.kept.hold(db, tenant, size).await;
        }
        Ok(rendered)
    }
}

/// The answer of the first time; `None` where there was none, and nobody else is at it.
fn found(
    connection: &mut DbConnection,
    scope: &Scope,
    key: &str,
    fingerprint: &Fingerprint,
) -> Result<Option<Rendered>, Failure> {
    match idempotency::find(connection, scope, key, fingerprint)? {
        Found::Nothing => Ok(None),
        Found::Answer(answer) => replayed(answer).map(Some),
        Found::OtherRequest => {
            let detail = "This Idempotency-Key was used for another method, path or body.";
            Err(Problem::new(ProblemCode::IdempotencyKeyReused, detail).into())
        }
        Found::Running => Err(in_flight()),
        Found::Stronger(right) => Err(Problem::missing_scope(right).into()),
    }
}

/// What stands in the header is no key.
pub(crate) fn invalid_key() -> Problem {
    Problem::new(ProblemCode::InvalidIdempotencyKey, "It must stand once, as 1 to 255 visible ASCII characters.")
}

fn in_flight() -> Failure {
    let detail = "The first request with this Idempotency-Key still runs.";
    Problem::new(ProblemCode::IdempotencyKeyInFlight, detail).into()
}

/// Whether a refusal depends on nothing but what the fingerprint covers and what the tenant's records were.
fn keeps(code: ProblemCode) -> bool {
    match code.status() {
        StatusCode::BAD_REQUEST => !matches!(code, ProblemCode::MalformedQuery | ProblemCode::InvalidHeader),
        StatusCode::FORBIDDEN => !matches!(
            code,
            ProblemCode::ReadOnlyKey
                | ProblemCode::MissingScope
                | ProblemCode::MissingRole
                | ProblemCode::ForeignTenant
                | ProblemCode::NotYourself
                | ProblemCode::OwnKey
                | ProblemCode::ReplacedKey
        ),
        StatusCode::NOT_FOUND => true,
        StatusCode::CONFLICT => code != ProblemCode::IdempotencyKeyInFlight,
        _ => false,
    }
}

fn kept(rendered: &Rendered) -> Result<KeptAnswer, Failure> {
    let text = |(name, value): &(HeaderName, HeaderValue)| {
        let text =
            value.to_str().map_err(|error| Failure::Bug(format!("the header {name} cannot be kept: {error}")))?;
        Ok((name.as_str().to_owned(), text.to_owned()))
    };
    let headers = rendered.headers.iter().map(text).collect::<Result<_, Failure>>()?;
    let body = rendered.repeated.as_ref().unwrap_or(&rendered.body).to_vec();
    Ok(KeptAnswer { status: rendered.status.as_u16(), headers, body: Some(body) })
}

fn replayed(answer: KeptAnswer) -> Result<Rendered, Failure> {
    let damaged = |what: &dyn std::fmt::Display| Failure::Bug(format!("a kept answer cannot be read: {what}"));
    let KeptAnswer { status, headers, body } = answer;
    let Some(body) = body else { return Err(not_kept(status, headers).into()) };
    let mut rendered = Rendered {
        status: StatusCode::from_u16(status).map_err(|error| damaged(&error))?,
        headers: vec![(REPLAYED, HeaderValue::from_static("true"))],
        body: body.into(),
        repeated: None,
    };
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| damaged(&error))?;
        rendered.headers.push((name, HeaderValue::from_str(&value).map_err(|error| damaged(&error))?));
    }
    Ok(rendered)
}

/// A repeat of what was done, and answered at such length that only this is known of the answer.
fn not_kept(status: u16, headers: Vec<(String, String)>) -> Problem {
    let detail = format!("The request was done, with the status {status}; its answer is too long to be kept.");
    let location = headers.into_iter().find(|(name, _)| name == LOCATION.as_str());
    let problem = Problem::new(ProblemCode::AnswerNotKept, detail);
    location.into_iter().fold(problem, |problem, (_, path)| problem.with("location", path))
}

/// What this process knows of the requests with a key.
#[derive(Default)]
pub struct Repeats {
    running: AllRunning,
    kept: Kept,
}

/// Those that it works on.
#[derive(Clone, Default)]
struct AllRunning(Arc<Mutex<HashSet<(TenantId, String)>>>);

/// One of them, until this is dropped.
struct Running {
    all: AllRunning,
    key: (TenantId, String),
}

impl AllRunning {
    /// `None` where one of this key runs.
    fn enter(&self, tenant: TenantId, key: &str) -> Option<Running> {
        let key = (tenant, key.to_owned());
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        is_new.then(|| Running { all: self.clone(), key })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
