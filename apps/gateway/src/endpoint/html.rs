use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    SET_COOKIE,
};
use actix_web::web::Bytes;
use maud::Markup;

use crate::error::Failure;
use crate::wire::Rendered;

use super::operation::OperationDoc;
use super::reply::{Raw, Reply, header};

/// Nothing but this host's own files and forms; no script or style in a page itself.
const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A page of the console, or the way to another one.
#[derive(Debug)]
pub struct Html {
    status: StatusCode,
    body: String,
    location: Option<String>,
    cookies: Vec<String>,
    is_kept: bool,
}

impl Html {
    /// A page: 200.
    #[must_use]
    pub fn page(markup: Markup) -> Self {
        Self { status: StatusCode::OK, body: markup.into_string(), location: None, cookies: Vec::new(), is_kept: true }
    }

    /// Another page, to be read by GET: 303. What a form ends in, so that loading the page again does nothing twice.
    #[must_use]
    pub fn see_other(path: impl Into<String>) -> Self {
        let location = Some(path.into());
        Self { status: StatusCode::SEE_OTHER, body: String::new(), location, cookies: Vec::new(), is_kept: true }
    }

    /// Nothing to show, for a script: 204.
    #[must_use]
    pub fn nothing() -> Self {
        let (body, cookies) = (String::new(), Vec::new());
        Self { status: StatusCode::NO_CONTENT, body, location: None, cookies, is_kept: true }
    }

    /// The same page with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same, for nobody to keep: it shows a secret.
    #[must_use]
    pub fn unkept(self) -> Self {
        Self { is_kept: false, ..self }
    }

    /// The same with a cookie, as `Set-Cookie` has it.
    #[must_use]
    pub fn with_cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }
}

impl Reply for Html {
    fn render(self) -> Result<Rendered, Failure> {
        let Self { status, body, location, cookies, is_kept } = self;
        let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
        let mut headers = vec![
            fixed(CONTENT_TYPE, "text/html; charset=utf-8"),
            fixed(CONTENT_SECURITY_POLICY, POLICY),
            fixed(REFERRER_POLICY, "same-origin"),
            fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            fixed(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        headers.extend(location.map(|path| Ok::<_, Failure>((LOCATION, header(&path)?))).transpose()?);
        if !is_kept {
            headers.push(fixed(CACHE_CONTROL, "no-store"));
        }
        for cookie in cookies {
            headers.push((SET_COOKIE, header(&cookie)?));
        }
        Ok(Rendered { status, headers, body: Bytes::from(body), repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        Raw::describe(operation);
    }
}
