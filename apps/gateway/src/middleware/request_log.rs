use std::rc::Rc;
use std::time::Instant;

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::endpoint::{RequestId, TenantOfRequest};
use crate::server::Exchange;
use crate::state::AppState;
use crate::wire::Dialects;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How much of a method the log shows.
const LONGEST_METHOD: usize = 32;

/// Gives every request an id, every response its common headers, and writes the access log: one line a
/// request, without a query string, since that may hold a key (docs/operations.md). Once the process was told to
/// stop, each response also closes its connection, so that no client has one that vanishes under its next request.
///
/// # Errors
/// Those of the services behind it, which have none: they answer.
pub async fn request_log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    if let Some(exchange) = request.request().conn_data::<Exchange>() {
        exchange.identify(&id);
    }
    let mut response = next.call(request).await?;

    let vary = Dialects::of(response.request()).vary();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    headers.append(VARY, HeaderValue::from_static(vary));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    if response.request().app_data::<Data<AppState>>().is_some_and(|state| state.is_draining()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }

    let request = response.request();
    let took = started.elapsed();
    if let Some(state) = request.app_data::<Data<AppState>>() {
        state.metrics.count(request.method(), request.match_pattern().as_deref(), response.status(), took);
    }
    let tenant = request.extensions().get::<TenantOfRequest>().map(|tenant| tenant.0.clone());
    log::info!(
        target: "crm_gateway::access",
        "method={} route={} status={} ms={:.1} request_id={id} tenant={}",
        cut(request.method().as_str()),
        request.match_pattern().as_deref().unwrap_or("-"),
        response.status().as_u16(),
        took.as_secs_f64() * 1000.0,
        tenant.as_ref().map_or("-", |tenant| tenant.as_str()),
    );
    Ok(response)
}

/// A client can send any word as a method, as long as a head may be.
fn cut(method: &str) -> &str {
    method.get(..LONGEST_METHOD).unwrap_or(method)
}

/// The client's id where it is sane, at most 128 visible ASCII characters; else a new one.
fn request_id(headers: &HeaderMap) -> Rc<str> {
    let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    sent.filter(sane).map_or_else(|| uuid::Uuid::new_v4().to_string().into(), Rc::from)
}
