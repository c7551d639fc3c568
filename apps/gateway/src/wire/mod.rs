//! Answers as bytes, before anybody knows of requests: [`Rendered`] is one, and a [`Dialect`] is how the routes below
//! one root write what goes wrong.

mod dialect;
mod refusal;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Bytes;

pub use dialect::{Dialect, Dialects, ProblemDetails};

/// A response as bytes.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The status.
    pub status: StatusCode,
    /// Headers beyond those that every response has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// The body of a repeat by its `Idempotency-Key`, where it is another one: a secret is shown once.
    pub repeated: Option<Bytes>,
}
