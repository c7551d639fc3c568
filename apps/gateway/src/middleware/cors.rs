use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;

use crate::endpoint::{Call, Extract, OperationDoc};
use crate::error::{Problem, ProblemCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Ocp-Apim-Subscription-Key, Authorization, x-tenantid, usecase, Content-Type, If-Match, If-None-Match, \
     Idempotency-Key, X-Consistency-Token, X-Request-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name",
);
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Link, Content-Disposition, X-Request-Id, X-Consistency-Token, RateLimit, RateLimit-Policy, Retry-After, \
     Idempotent-Replayed",
);
/// Seconds for which a browser need not ask again; Chromium takes no more.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Lets pages of these origins read answers (`CRM_CORS_ORIGINS`). Others are answered as ever, and their browser
/// keeps the answer from them. Cookies are not allowed: keys and tokens are sent in headers.
///
/// # Errors
/// Those of the services behind it, which have none: they answer.
pub async fn cors(
    origins: Arc<[String]>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let allowed = request.headers().get(ORIGIN).filter(|origin| is_allowed(&origins, origin)).cloned();
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if is_preflight => {
            let mut response = HttpResponse::NoContent().finish();
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            request.into_response(response)
        }
        _ => next.call(request).await?.map_into_boxed_body(),
    };
    let headers = response.headers_mut();
    // Also where no origin was sent: a cache must not give that answer to a page.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
    Ok(response)
}

fn is_allowed(origins: &[String], origin: &HeaderValue) -> bool {
    origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}

/// The origins of `CRM_CORS_ORIGINS`, for a route that only their pages may call: among the data of the app.
#[derive(Clone)]
pub(crate) struct Origins(pub(crate) Arc<[String]>);

/// A request that no page sent, or one of these origins. Programs send no `Origin`.
pub(crate) struct KnownOrigin;

impl Extract for KnownOrigin {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let known = call.request.app_data::<Origins>();
        let is_known = |origin| known.is_some_and(|Origins(origins)| is_allowed(origins, origin));
        if call.request.headers().get_all(ORIGIN).all(is_known) {
            Ok(Self)
        } else {
            Err(Problem::new(ProblemCode::ForeignOrigin, "A page of another origin sent this."))
        }
    }

    fn describe(operation: &mut OperationDoc) {
        operation.problem(ProblemCode::ForeignOrigin);
    }
}
