//! The protocol's HTTP transport (Streamable HTTP), without a server of its own: one message in, its answer out.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use crate::server::Server;

/// The answer to a message.
#[derive(Debug)]
pub struct Exchanged {
    /// The status.
    pub status: u16,
    /// Whether the body is JSON. Otherwise it is a sentence that says what was wrong with the request.
    pub is_json: bool,
    /// The body; empty where the message wants no answer.
    pub body: Bytes,
}

/// Headers of a request that the protocol reads, beside those that every HTTP server does.
fn is_of_protocol(name: &str) -> bool {
    name.starts_with("mcp-")
}

/// Answers a message that came by POST, which is JSON. Every message stands for itself: there are no sessions, and no answer
/// is a stream.
///
/// Who may ask from where is the caller's matter: there is a key, so that a page which a browser was tricked into sending
/// from has nothing to send.
pub async fn exchange(server: Server, headers: impl Iterator<Item = (String, Vec<u8>)>, message: Bytes) -> Exchanged {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(message.len())
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(NeverSessionManager::default()), config);
    let mut request = http::Request::post("/mcp")
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, text/event-stream");
    for (name, value) in headers.filter(|(name, _)| is_of_protocol(name)) {
        request = request.header(name, value);
    }
    let Ok(request) = request.body(Full::new(message)) else {
        return Exchanged { status: 400, is_json: false, body: Bytes::from_static(b"A header cannot be read.") };
    };
    let response = service.handle(request).await;
    let status = response.status().as_u16();
    let is_json =
        response.headers().get(CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/json"));
    let body = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    Exchanged { status, is_json, body }
}
