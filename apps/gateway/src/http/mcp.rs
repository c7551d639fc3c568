//! `POST /mcp`: the tools of the Model Context Protocol, over HTTP (docs/mcp.md).

use std::sync::Arc;

use actix_http::Request;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use crm_mcp::{Exchanged, Server, Unreachable, exchange};
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

/// What of a request belongs to the protocol, and what the process knows of its tools.
struct Session {
    state: web::Data<AppState>,
    headers: Vec<(String, Vec<u8>)>,
    idempotency_key: Option<HeaderValue>,
}

impl Extract for Session {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let headers = call.request.headers();
        let all = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        let idempotency_key = headers.get(idempotency::KEY).cloned();
        Ok(Self { state: call.state.clone(), headers: all.collect(), idempotency_key })
    }

    fn describe(_: &mut OperationDoc) {}
}

async fn mcp(_: KnownOrigin, caller: OnBehalf, session: Session, Message(message): Message) -> Answer<Relayed> {
    let document = session.state.tools().map_err(|failure| failure.into_problem("-"))?;
    let (asking, mut asked) = mpsc::unbounded_channel();
    let server = Server::new(Arc::new(Asking(asking)), document);
    let answering = exchange(server, session.headers.into_iter(), Value::Object(message).to_string().into_bytes());
    let mut answering = std::pin::pin!(answering.fuse());
    let mut running = FuturesUnordered::new();
    // The tools may run on any thread, and the routes of this worker only here: they meet in this task, which ends with the
    // request that it is for.
    let exchanged = loop {
        tokio::select! {
            exchanged = &mut answering => break exchanged,
            Some(asked) = asked.recv() => running.push(answer(&caller, session.idempotency_key.as_ref(), asked)),
            Some(()) = running.next() => {}
        }
    };
    relayed(exchanged)
}

/// A tool's way to the routes.
struct Asking(mpsc::UnboundedSender<Asked>);

/// A request of a tool, and where its answer goes.
struct Asked {
    request: crm_mcp::Request,
    answer: oneshot::Sender<Result<crm_mcp::Response, Unreachable>>,
}

impl crm_mcp::Api for Asking {
    fn call(&self, request: crm_mcp::Request) -> BoxFuture<'_, Result<crm_mcp::Response, Unreachable>> {
        let (answer, answered) = oneshot::channel();
        let is_sent = self.0.send(Asked { request, answer }).is_ok();
        async move {
            let gone = || Unreachable("The request that this belongs to has ended.".to_owned());
            if is_sent { answered.await.unwrap_or_else(|_| Err(gone())) } else { Err(gone()) }
        }
        .boxed()
    }
}

async fn answer(caller: &OnBehalf, idempotency_key: Option<&HeaderValue>, Asked { request, answer }: Asked) {
    let answered = match written(caller, idempotency_key, request) {
        Some(request) => caller.inside.call(request).await,
        None => None,
    };
    let response = answered.map(|answered| crm_mcp::Response {
        status: answered.status.as_u16(),
        etag: answered.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned),
        body: serde_json::from_slice(&answered.body).unwrap_or_default(),
    });
    // Whoever asked may be gone.
    let _ = answer.send(response.ok_or_else(|| Unreachable("The request cannot be sent.".to_owned())));
}

/// A tool's request as the routes take it, in the name of the caller. The `Idempotency-Key` of the message is that of what is
/// posted for it, where the tool was given none.
fn written(caller: &OnBehalf, idempotency_key: Option<&HeaderValue>, request: crm_mcp::Request) -> Option<Request> {
    let crm_mcp::Request { method, path, headers, body } = request;
    let mut request = Request::with_payload(match &body {
        Some(body) => payload(Bytes::from(body.to_string())),
        None => actix_http::Payload::None,
    });
    let head = request.head_mut();
    head.method = method.as_str().parse().ok()?;
    head.uri = path.parse().ok()?;
    head.peer_addr = caller.peer;
    head.headers = caller.headers.clone();
    if body.is_some() {
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
