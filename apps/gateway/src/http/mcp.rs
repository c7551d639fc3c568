//! `POST /mcp`: the tools of the Model Context Protocol, over HTTP (docs/mcp.md).

use std::sync::Arc;

use actix_http::Request;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use crm_core::input::JsonObject;
use crm_mcp::{Document, Exchanged, Server, Unreachable, exchange};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::auth::OnBehalf;
use crate::endpoint::{Answer, Api, Call, Extract, Message, OperationDoc, Reply, Typed};
use crate::error::{Failure, Problem, ProblemCode};
use crate::idempotency;
use crate::middleware::KnownOrigin;
use crate::server::payload;
use crate::state::AppState;
use crate::wire::Rendered;

/// Declares the route.
pub(super) fn routes(api: &mut Api) {
    // Not in the document, which describes resources: the protocol describes its messages, and the server its tools.
    api.post("/mcp", mcp).undocumented();
}

/// The most characters of the method of a message.
const LONGEST_METHOD: usize = 100;
/// The most characters of the id of a message.
const LONGEST_ID: usize = 255;
/// The most bytes of an answer: results are bounded by themselves, and so is all that the protocol may repeat of a message.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What of a request belongs to the protocol, and what the process knows of its tools.
struct Session {
    state: web::Data<AppState>,
    headers: Vec<(String, Vec<u8>)>,
    idempotency_key: Option<HeaderValue>,
    document: Arc<Document>,
}

impl Extract for Session {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let headers = call.request.headers();
        let all = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        let (headers, idempotency_key) = (all.collect(), headers.get(idempotency::KEY).cloned());
        let state = call.state.clone();
        let reading = state.tool_threads.run({
            let state = state.clone();
            async move { state.tools() }
        });
        // Read once by a process that has just begun: no request's own time.
        let document = call.deadline.aside(reading).await.and_then(|document| document);
        let document = document.map_err(|failure| failure.into_problem(&call.request_id()))?;
        Ok(Self { state, headers, idempotency_key, document })
    }

    fn describe(_: &mut OperationDoc) {}
}

async fn mcp(_: KnownOrigin, caller: OnBehalf, session: Session, Message { object, text }: Message) -> Answer<Relayed> {
    check_repeated(&object)?;
    let Session { state, headers, idempotency_key, document } = session;
    let (asking, mut asked) = mpsc::unbounded_channel();
    let server = Server::new(Arc::new(Asking(asking)), document);
    let answering = state.tool_threads.run(exchange(server, headers.into_iter(), text));
    let mut answering = std::pin::pin!(answering.fuse());
    let mut running = FuturesUnordered::new();
    // The tools run on threads of their own, and the routes of this worker only here: they meet in this task, which ends with
    // the request that it is for.
    let exchanged = loop {
        tokio::select! {
            exchanged = &mut answering => break exchanged,
            Some(asked) = asked.recv() => running.push(answer(&caller, idempotency_key.as_ref(), asked)),
            Some(()) = running.next() => {}
        }
    };
    relayed(exchanged.map_err(|failure| failure.into_problem("-"))?)
}

/// Refuses a message of which the answer would repeat more than a method and an id are long.
fn check_repeated(message: &JsonObject) -> Result<(), Problem> {
    for (member, most) in [("method", LONGEST_METHOD), ("id", LONGEST_ID)] {
        let is_long = match message.get(member) {
            Some(Value::String(text)) => text.chars().nth(most).is_some(),
            Some(Value::Number(number)) => number.to_string().len() > most,
            _ => false,
        };
        if is_long {
            let detail = format!("The {member} has more than {most} characters.");
            return Err(Problem::new(ProblemCode::InvalidMessage, detail));
        }
    }
    Ok(())
}

/// A tool's way to the routes.
struct Asking(mpsc::UnboundedSender<Asked>);

/// A request of a tool, and where its answer goes. Its body, and that of the answer, are read and written where the tools
/// run: here they are bytes.
struct Asked {
    request: crm_mcp::Request,
    body: Option<Bytes>,
    answer: oneshot::Sender<Option<Answered>>,
}

/// An answer of the routes.
struct Answered {
    status: u16,
    etag: Option<String>,
    body: Bytes,
}

impl crm_mcp::Api for Asking {
    fn call(&self, mut request: crm_mcp::Request) -> BoxFuture<'_, Result<crm_mcp::Response, Unreachable>> {
        async move {
            let body = request.body.take().map(|body| body.to_string().into());
            let (answer, answered) = oneshot::channel();
            // Where it cannot be sent, nothing is answered.
            drop(self.0.send(Asked { request, body, answer }));
            match answered.await {
                Ok(Some(Answered { status, etag, body })) => {
                    Ok(crm_mcp::Response { status, etag, body: serde_json::from_slice(&body).unwrap_or_default() })
                }
                Ok(None) => Err(Unreachable("The request cannot be sent.".to_owned())),
                Err(_) => Err(Unreachable("The request that this belongs to has ended.".to_owned())),
            }
        }
        .boxed()
    }
}

async fn answer(caller: &OnBehalf, idempotency_key: Option<&HeaderValue>, Asked { request, body, answer }: Asked) {
    let answered = match written(caller, idempotency_key, request, body) {
        Some(request) => caller.inside.call(request).await,
        None => None,
    };
    let answered = answered.map(|answered| Answered {
        status: answered.status.as_u16(),
        etag: answered.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned),
        body: answered.body,
    });
    // Whoever asked may be gone.
    drop(answer.send(answered));
}

/// A tool's request as the routes take it, in the name of the caller. The `Idempotency-Key` of the message is that of what is
/// posted for it, where the tool was given none.
fn written(
    caller: &OnBehalf,
    idempotency_key: Option<&HeaderValue>,
    request: crm_mcp::Request,
    body: Option<Bytes>,
) -> Option<Request> {
    let crm_mcp::Request { method, path, headers, body: _ } = request;
    let has_body = body.is_some();
    let mut request = Request::with_payload(body.map_or(actix_http::Payload::None, payload));
    let head = request.head_mut();
    head.method = method.as_str().parse().ok()?;
    head.uri = path.parse().ok()?;
    head.peer_addr = caller.peer;
    head.headers = caller.headers.clone();
    if has_body {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let (crm_mcp::Method::Post, Some(key)) = (method, idempotency_key) {
        head.headers.insert(idempotency::KEY, key.clone());
    }
    for (name, value) in headers {
        head.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    Some(request)
}

/// What the protocol answered: a message, or nothing where none is wanted.
struct Relayed {
    status: StatusCode,
    body: Bytes,
}

fn relayed(exchanged: Exchanged) -> Answer<Relayed> {
    let Exchanged { status, is_json, body } = exchanged;
    if body.len() > LONGEST_ANSWER {
        return Err(Problem::new(ProblemCode::InvalidMessage, "The answer would repeat too much of the message."));
    }
    if !is_json && !body.is_empty() {
        return Err(Problem::new(ProblemCode::InvalidMessage, String::from_utf8_lossy(&body)));
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Typed::of(Relayed { status, body }).map_err(|failure| failure.into_problem("-"))
}

impl Reply for Relayed {
    fn render(self) -> Result<Rendered, Failure> {
        let Self { status, body } = self;
        let media_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let headers = if body.is_empty() { Vec::new() } else { vec![media_type] };
        Ok(Rendered { status, headers, body, repeated: None })
    }

    fn describe(_: &mut OperationDoc) {}
}
