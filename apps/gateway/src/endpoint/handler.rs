use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::header::{ACCEPT, ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use utoipa::openapi::tag::{Tag, TagBuilder};

use crate::clock::Clock;
use crate::db::Outcome;
use crate::error::{Problem, ProblemCode};
use crate::idempotency::{Answers, Attempt};
use crate::identity::or_deleted;
use crate::limits::Allowance;
use crate::state::AppState;
use crate::wire::{Dialect, Dialects, Rendered};

use super::call::{Call, request_id};
use super::deadline::Deadline;
use super::extract::Extract;
use super::operation::OperationDoc;
use super::pairs;
use super::reply::{Answer, Reply};

/// Whatever it waits for, and however far it gets on, a handler does not run longer unless its operation says so (docs/compatibility.md, "Limits").
const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);
/// Seconds after which a client may try again.
const RETRY_AFTER_SECONDS: &str = "1";

/// An `async fn`, or a closure that gives such a future, whose arguments are [`Extract`] and whose result is an [`Answer`].
pub trait Handler<Arguments>: Clone + 'static {
    /// Extracts the arguments in their order and runs it.
    fn run(self, call: Call) -> LocalBoxFuture<'static, Result<Rendered, Problem>>;

    /// Writes what its signature says into the document.
    fn describe(operation: &mut OperationDoc);
}

macro_rules! handler {
    ($($argument:ident),*) => {
        impl<F, Fut, R, $($argument,)*> Handler<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Fut + Clone + 'static,
            Fut: Future<Output = Answer<R>> + 'static,
            R: Reply + 'static,
            $($argument: Extract + 'static,)*
        {
            #[expect(non_snake_case, reason = "the type's name is its variable's")]
            fn run(self, mut call: Call) -> LocalBoxFuture<'static, Result<Rendered, Problem>> {
                async move {
                    $(let $argument = $argument::extract(&mut call).await?;)*
                    call.refuse_unread_query()?;
                    self($($argument),*).await.map(|typed| typed.rendered)
                }
                .boxed_local()
            }

            fn describe(operation: &mut OperationDoc) {
                $($argument::describe(operation);)*
                R::describe(operation);
            }
        }
    };
}

handler!(A);
handler!(A, B);
handler!(A, B, C);
handler!(A, B, C, D);
handler!(A, B, C, D, E);

type Run = Rc<dyn Fn(Call) -> LocalBoxFuture<'static, Result<Rendered, Problem>>>;

/// A route with one method: what runs, and what the document says of it.
pub struct Operation {
    run: Run,
    longest: Duration,
    /// What the document says.
    pub doc: OperationDoc,
}

impl Operation {
    /// What the document calls it: its id, by which generated clients name their functions, and one sentence, shown in lists of operations.
    pub fn named(&mut self, id: &str, summary: &str) -> &mut Self {
        id.clone_into(&mut self.doc.id);
        summary.clone_into(&mut self.doc.summary);
        self
    }

    /// What a reader should know beyond the summary, in Markdown.
    pub fn about(&mut self, description: &str) -> &mut Self {
        description.clone_into(&mut self.doc.description);
        self
    }

    /// Leaves the operation out of the document: another spelling of one that is in it.
    pub fn undocumented(&mut self) -> &mut Self {
        self.doc.is_documented = false;
        self
    }

    /// It may run for so long, where that is not as long as others: for what comes in for minutes.
    pub fn longest(&mut self, longest: Duration) -> &mut Self {
        self.longest = longest;
        self
    }

    /// The media type of a [`Raw`](super::Raw) answer, which the signature does not tell.
    pub fn media_type(&mut self, media_type: &'static str) -> &mut Self {
        self.doc.raw_response(media_type);
        self
    }

    /// A problem that the signature does not tell of.
    pub fn problem(&mut self, code: ProblemCode) -> &mut Self {
        self.doc.problem(code);
        self
    }
}

/// All operations of the gateway, in the order in which they were declared.
#[derive(Default)]
pub struct Api {
    operations: Vec<Operation>,
    tags: Vec<Tag>,
    tag: &'static str,
    dialects: Dialects,
}

impl Api {
    /// Groups the operations that follow in the document, in the order of declaration, under these Markdown words.
    pub fn tag(&mut self, name: &'static str, description: &str) {
        self.tag = name;
        self.tags.push(TagBuilder::new().name(name).description(Some(description)).build());
    }

    /// Everything below this root, be there a route or not, talks like this.
    pub fn dialect(&mut self, root: &'static str, dialect: &'static dyn Dialect) {
        self.dialects.speak(root, dialect);
    }

    pub(super) fn dialects(&self) -> &Dialects {
        &self.dialects
    }

    /// The groups of operations.
    pub(super) fn tags(&self) -> Vec<Tag> {
        self.tags.clone()
    }

    /// Declares a GET, which answers HEAD as well.
    pub fn get<H: Handler<A>, A>(&mut self, path: &str, handler: H) -> &mut Operation {
        self.add(Method::GET, path, handler)
    }

    /// Declares a POST.
    pub fn post<H: Handler<A>, A>(&mut self, path: &str, handler: H) -> &mut Operation {
        self.add(Method::POST, path, handler)
    }

    /// Declares a PUT.
    pub fn put<H: Handler<A>, A>(&mut self, path: &str, handler: H) -> &mut Operation {
        self.add(Method::PUT, path, handler)
    }

    /// Declares a PATCH.
    pub fn patch<H: Handler<A>, A>(&mut self, path: &str, handler: H) -> &mut Operation {
        self.add(Method::PATCH, path, handler)
    }

    /// Declares a DELETE.
    pub fn delete<H: Handler<A>, A>(&mut self, path: &str, handler: H) -> &mut Operation {
        self.add(Method::DELETE, path, handler)
    }

    fn add<H: Handler<A>, A>(&mut self, method: Method, path: &str, handler: H) -> &mut Operation {
        let mut doc = OperationDoc::new(method, path, self.tag);
        H::describe(&mut doc);
        let run: Run = Rc::new(move |call| handler.clone().run(call));
        let index = self.operations.len();
        self.operations.push(Operation { run, longest: HANDLER_TIMEOUT, doc });
        &mut self.operations[index]
    }

    /// What the document says of each operation that is in it.
    pub fn docs(&self) -> impl Iterator<Item = &OperationDoc> {
        self.operations.iter().map(|operation| &operation.doc).filter(|doc| doc.is_documented)
    }

    /// The methods and paths of all operations, of those too that the document leaves out.
    pub fn declared(&self) -> impl Iterator<Item = (&Method, &str)> {
        self.operations.iter().map(|operation| (&operation.doc.method, operation.doc.path.as_str()))
    }

    /// Registers all operations, and the answers to everything else.
    pub fn register(self, config: &mut web::ServiceConfig) {
        config.app_data(self.dialects);
        let mut by_path: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for operation in self.operations {
            by_path.entry(operation.doc.path.clone()).or_default().push(operation);
        }
        for (path, operations) in by_path {
            config.service(resource(&path, operations));
        }
        config.default_service(web::to(|request: HttpRequest| async move {
            unserved(&request, Problem::unknown_route(request.path()))
        }));
    }
}

fn resource(path: &str, operations: Vec<Operation>) -> actix_web::Resource {
    let mut allow: Vec<String> = Vec::new();
    let mut resource = web::resource(path);
    for Operation { run, longest, doc } in operations {
        let mut methods = vec![doc.method.clone()];
        if doc.method == Method::GET {
            methods.push(Method::HEAD);
        }
        let media_types: Rc<[&'static str]> = doc.media_types.into();
        for method in methods {
            allow.push(method.to_string());
            let (run, media_types) = (run.clone(), media_types.clone());
            let route = web::method(method);
            resource = resource.route(route.to(
                move |request: HttpRequest, payload: web::Payload, state: web::Data<AppState>| {
                    answer(run.clone(), longest, media_types.clone(), request, payload, state)
                },
            ));
        }
    }
    let allow: Rc<str> = allow.join(", ").into();
    resource.default_service(web::to(move |request: HttpRequest| {
        let mut problem = Problem::new(ProblemCode::MethodNotAllowed, format!("Use {allow}."));
        problem.allow = Some(allow.to_string());
        async move { unserved(&request, problem) }
    }))
}

/// The answer where there is no operation. A query string has its bounds here too.
fn unserved(request: &HttpRequest, problem: Problem) -> HttpResponse {
    let problem = pairs::check_count(request.query_string()).err().unwrap_or(problem);
    problem_response(request, &problem)
}

async fn answer(
    run: Run,
    longest: Duration,
    media_types: Rc<[&'static str]>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> HttpResponse {
    let call = acceptable(&request, &media_types)
        .and_then(|()| Call::new(request.clone(), payload.into_inner(), state.clone()));
    let outcome = match call {
        Ok(call) => {
            let (attempt, deadline) = (call.attempt.clone(), call.deadline.clone());
            let running = async {
                match run(call).await {
                    Ok(rendered) => Ok(rendered),
                    Err(problem) => keep_refusal(&attempt, &state, &request, problem).await,
                }
            };
            bounded(running, longest, &deadline, &request).await
        }
        Err(problem) => Err(problem),
    };
    let mut response = match outcome {
        Ok(rendered) => rendered.into_response(&request),
        Err(problem) => problem_response(&request, &problem),
    };
    if let Some(allowance) = request.extensions().get::<Allowance>() {
        allowance.write(response.headers_mut());
    }
    response
}

/// A problem that came before the handler is the answer to every repeat too, where a repeat could get no other.
async fn keep_refusal(
    attempt: &Attempt,
    state: &AppState,
    request: &HttpRequest,
    problem: Problem,
) -> Result<Rendered, Problem> {
    let id = request_id(request);
    let dialect = Dialects::of(request);
    let answers = || Answers { dialect, request_id: id.to_string() };
    let Some(once) = attempt.ends_early(&problem, answers) else { return Err(problem) };
    let tenant = once.tenant();
    let kept = match once.enter(&state.repeats) {
        Ok(entered) => entered.run(&state.db, &state.repeats, move |_, _| Err(problem.clone().into())).await,
        Err(failure) => Err(failure),
    };
    match kept {
        Ok(rendered) => Ok(rendered),
        Err(failure) => {
            let failure = or_deleted(&state.db, tenant, dialect, failure).await;
            Err(failure.into_problem(&id))
        }
    }
}

/// Runs a handler within its time, and before its answer is due; a panic in it is a bug of ours and no reason to drop the connection.
async fn bounded(
    running: impl Future<Output = Result<Rendered, Problem>>,
    longest: Duration,
    deadline: &Deadline,
    request: &HttpRequest,
) -> Result<Rendered, Problem> {
    let ended = tokio::select! {
        biased;
        ended = AssertUnwindSafe(running).catch_unwind() => Some(ended),
        () = deadline.passes() => None,
        () = tokio::time::sleep(longest) => None,
    };
    match ended {
        Some(Ok(outcome)) => outcome,
        Some(Err(_)) => {
            log::error!("request_id={} the handler panicked", request_id(request));
            Err(Problem::new(ProblemCode::InternalError, "The cause was logged under the requestId."))
        }
        None => {
            let outcome = if request.method().is_safe() { Outcome::NotDone } else { Outcome::Unknown };
            log::warn!("request_id={} it was given up: no answer in time", request_id(request));
            let problem = Problem::new(ProblemCode::Overloaded, "The request was not answered in time, and given up.");
            Err(problem.with("outcome", outcome.as_str()))
        }
    }
}

/// Refuses a client that takes neither JSON nor what else the route has (RFC 9110, 12.5.1). A `q=0` is honoured.
fn acceptable(request: &HttpRequest, media_types: &[&str]) -> Result<(), Problem> {
    let mut ranges = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return Ok(());
    }
    let takes_json = ranges.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !refused
            && (matches!(
                media.as_str(),
                "*/*" | "application/*" | "application/json" | "application/problem+json" | "text/html"
            ) || media.ends_with("+json")
                || media_types.iter().any(|known| media == *known || is_range_of(&media, known)))
    });
    if takes_json {
        Ok(())
    } else {
        Err(Problem::new(ProblemCode::NotAcceptable, "Every answer here is application/json."))
    }
}

/// Whether a range such as `text/*` has this type.
fn is_range_of(range: &str, media_type: &str) -> bool {
    range.strip_suffix('*').is_some_and(|family| family.ends_with('/') && media_type.starts_with(family))
}

/// The one way out of everything that goes wrong, in the dialect of the route.
pub(crate) fn problem_response(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let dialect = Dialects::of(request);
    let mut response = dialect.page(request, problem).unwrap_or_else(|| {
        let clock = request.app_data::<web::Data<AppState>>().map_or_else(Clock::default, |state| state.clock.clone());
        problem.render(dialect, &request_id(request), clock.now()).into_response(request)
    });
    // A page can lead elsewhere instead.
    match response.status() {
        StatusCode::UNAUTHORIZED => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(dialect.challenge(problem.code)));
        }
        // A rate that knows better says so later.
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        _ => {}
    }
    if let Some(allow) = problem.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
