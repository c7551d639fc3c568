use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::endpoint::{Call, Extract, OperationDoc};
use crate::error::{Problem, ProblemCode};
use crate::identity::KEY_PARAMETERS;
use crate::middleware::REQUEST_ID;
use crate::server::Inside;

use super::ticketing::TENANT;
use super::{KEY_HEADER, identify};

/// Somebody whose key or token was accepted, in whose name a handler sends requests of its own to the routes of this process.
/// Each of them is let in, counted, logged and refused as if it had come from them.
pub struct OnBehalf {
    /// The way there.
    pub(crate) inside: Inside,
    /// What they sent to say who they are, where they come from and what their request is called.
    pub(crate) headers: HeaderMap,
    /// Where they come from.
    pub(crate) peer: Option<std::net::SocketAddr>,
}

impl Extract for OnBehalf {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        identify(call).await?;
        let headers = credentials(call)?;
        // The parameters that hold a key were read; there are no others.
        let inside = call.request.app_data::<Inside>().cloned();
        let inside = inside.ok_or_else(|| Problem::new(ProblemCode::UnknownRoute, "It is not served here."))?;
        Ok(Self { inside, headers, peer: call.request.peer_addr() })
    }

    fn describe(operation: &mut OperationDoc) {
        operation.key(None);
    }
}

/// The headers that say who asks. A key in the query string becomes one.
fn credentials(call: &Call) -> Result<HeaderMap, Problem> {
    let sent = call.request.headers();
    let mut headers = HeaderMap::new();
    for name in [KEY_HEADER, AUTHORIZATION, TENANT] {
        sent.get_all(&name).for_each(|value| headers.append(name.clone(), value.clone()));
    }
    if !headers.contains_key(KEY_HEADER)
        && let Some(key) = KEY_PARAMETERS.iter().flat_map(|name| call.query_values(name)).next()
    {
        let unsendable = |_| Problem::new(ProblemCode::InvalidKey, "The key is no visible ASCII.");
        headers.insert(KEY_HEADER, HeaderValue::from_str(key).map_err(unsendable)?);
    }
    if let Ok(id) = HeaderValue::from_str(&call.request_id()) {
        headers.insert(REQUEST_ID, id);
    }
    Ok(headers)
}
