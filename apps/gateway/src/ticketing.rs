//! The envelopes of `/api/v1/ticketing/`, which are the source's own: `{ success, message, data, timestamp }`, and
//! `{ success, error: { code, message, details }, timestamp }` for everything that goes wrong there, whoever found out.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use actix_web::web::Bytes;
use crm_core::{Scope, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::endpoint::names_etag;
use crate::endpoint::reply::{header, json as render_json};
use crate::endpoint::{Call, Extract, OperationDoc, Reply, Tagged, etag_of, headers};
use crate::error::{Failure, Problem, ProblemCode};
use crate::wire::{Dialect, Rendered};

/// How everything below its root talks.
#[derive(Debug, Clone, Copy)]
pub struct Ticketing;

impl Dialect for Ticketing {
    fn code(&self, problem: ProblemCode) -> &'static str {
        code(problem)
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn body(&self, problem: &Problem, _request_id: &str, now: Timestamp) -> Value {
        let details = match problem.errors.as_slice() {
            [] => problem.detail.clone(),
            _ => problem.errors.to_string(),
        };
        json!({
            "success": false,
            "error": { "code": code(problem.code), "message": problem.code.title(), "details": details },
            "timestamp": now,
        })
    }

    fn schema(&self) -> Option<(&'static str, RefOr<Schema>)> {
        Some(("TicketingError", error_schema()))
    }

    fn prefix(&self) -> &'static str {
        "ticketing."
    }

    fn made_id(&self) -> &'static str {
        "$response.body#/data/id"
    }

    fn vary(&self) -> &'static str {
        "Authorization, x-tenantid, usecase"
    }

    fn no_tenant(&self) -> Problem {
        unknown_tenant()
    }
}

/// No tenant has the id in `x-tenantid`.
pub(crate) fn unknown_tenant() -> Problem {
    Problem::new(ProblemCode::UnknownTenant, "The specified tenant does not exist")
}

/// What ticketing calls a problem (docs/compatibility.md, "Ticketing client maps"). Its set is small: what has no name of its own goes by its
/// status.
#[must_use]
pub fn code(code: ProblemCode) -> &'static str {
    match (code, code.status()) {
        (ProblemCode::TokenExpired, _) => "TOKEN_EXPIRED",
        (ProblemCode::UnknownTenant, _) => "TENANT_NOT_FOUND",
        (ProblemCode::ValidationFailed, _) => "VALIDATION_ERROR",
        (_, StatusCode::UNAUTHORIZED) => "UNAUTHORIZED",
        (_, StatusCode::FORBIDDEN) => "FORBIDDEN",
        (_, StatusCode::NOT_FOUND) => "NOT_FOUND",
        (_, StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED) => "CONFLICT",
        (_, StatusCode::TOO_MANY_REQUESTS) => "RATE_LIMITED",
        (_, StatusCode::SERVICE_UNAVAILABLE) => "SERVICE_UNAVAILABLE",
        (_, status) if status.is_client_error() => "INVALID_REQUEST",
        _ => "INTERNAL_ERROR",
    }
}

#[derive(Serialize)]
struct Envelope<T> {
    success: bool,
    message: &'static str,
    data: T,
    timestamp: Timestamp,
}

/// What was asked for: 200, with a weak ETag over the data, since the envelope's time is always another.
#[derive(Debug)]
pub struct Data<T> {
    message: &'static str,
    data: T,
    timestamp: Timestamp,
    etag: Option<String>,
}

impl<T: Serialize> Data<T> {
    /// The answer to a request of this scope.
    #[must_use]
    pub fn new(scope: &Scope, message: &'static str, data: T) -> Self {
        Self { message, data, timestamp: scope.now(), etag: None }
    }

    /// The same with an ETag that was found without the data.
    #[must_use]
    pub fn tagged(self, etag: String) -> Self {
        Self { etag: Some(etag), ..self }
    }

    fn rendered(self, status: StatusCode) -> Result<Rendered, Failure> {
        let Self { message, data, timestamp, etag } = self;
        let etag = etag.map_or_else(|| weak_etag_of(&data), Ok)?;
        let mut rendered = render_json(status, &Envelope { success: true, message, data, timestamp })?;
        rendered.headers.push((ETAG, header(&etag)?));
        Ok(rendered)
    }
}

/// The weak ETag of what an envelope holds.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn weak_etag_of(data: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(format!("W/{}", etag_of(data)?))
}

/// Something new: 201 with its `Location`.
#[derive(Debug)]
pub struct NewData<T> {
    /// Its path.
    pub location: String,
    /// What it is.
    pub data: Data<T>,
}

/// What was asked for, unless the client has it: then 304, and nothing was read.
#[derive(Debug)]
pub enum IfChanged<T> {
    /// The client has what goes by this ETag.
    Unchanged(String),
    /// It has not.
    Changed(Data<T>),
}

impl<T: Serialize + ToSchema> Reply for Data<T> {
    fn render(self) -> Result<Rendered, Failure> {
        self.rendered(StatusCode::OK)
    }

    fn describe(operation: &mut OperationDoc) {
        describe_data::<T>(operation, StatusCode::OK, &[headers::ETAG]);
    }
}

impl<T: Serialize> Tagged for Data<T> {
    type Value = T;

    fn etag(data: &T) -> Result<String, serde_json::Error> {
        weak_etag_of(data)
    }
}

impl<T: Serialize + ToSchema> Reply for NewData<T> {
    fn render(self) -> Result<Rendered, Failure> {
        let mut rendered = self.data.rendered(StatusCode::CREATED)?;
        rendered.headers.push((LOCATION, header(&self.location)?));
        Ok(rendered)
    }

    fn describe(operation: &mut OperationDoc) {
        describe_data::<T>(operation, StatusCode::CREATED, &[headers::ETAG, headers::LOCATION]);
    }
}

impl<T: Serialize + ToSchema> Reply for IfChanged<T> {
    fn render(self) -> Result<Rendered, Failure> {
        match self {
            Self::Changed(data) => data.render(),
            Self::Unchanged(etag) => {
                let headers = vec![(ETAG, header(&etag)?)];
                Ok(Rendered { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new(), repeated: None })
            }
        }
    }

    fn describe(operation: &mut OperationDoc) {
        Data::<T>::describe(operation);
    }
}

/// The `If-None-Match` header, for a route that can tell from it that nothing need be read.
pub struct IfNoneMatch(Vec<String>);

impl Extract for IfNoneMatch {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let values = call.request.headers().get_all(IF_NONE_MATCH);
        Ok(Self(values.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()))
    }

    /// Whatever has an ETag is described with it.
    fn describe(_: &mut OperationDoc) {}
}

impl IfNoneMatch {
    /// Whether it names this ETag, by weak comparison.
    #[must_use]
    pub fn names(&self, etag: &str) -> bool {
        self.0.iter().any(|value| names_etag(value, etag))
    }
}

fn describe_data<T: ToSchema>(operation: &mut OperationDoc, status: StatusCode, headers: &[&'static str]) {
    let data = operation.schema_of::<T>();
    let envelope = ObjectBuilder::new()
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean).description(Some("Always true.")))
        .property("message", ObjectBuilder::new().schema_type(Type::String))
        .property("data", data)
        .property("timestamp", Timestamp::schema());
    let envelope = ["success", "message", "data", "timestamp"].into_iter().fold(envelope, ObjectBuilder::required);
    let envelope = operation.named(format!("{}Data", T::name()), envelope.into());
    operation.response(status, "Done.", envelope, headers);
    operation.conditional_get();
}

fn error_schema() -> RefOr<Schema> {
    let string = |text: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(text.to_owned()));
    let mut codes: Vec<&str> = ProblemCode::ALL.iter().map(|problem| code(*problem)).collect();
    codes.sort_unstable();
    codes.dedup();
    let error = ObjectBuilder::new()
        .property("code", string("The stable name.").enum_values(Some(codes)))
        .property("message", string("The same for every occurrence of its kind."))
        .property("details", string("What happened here, for a person."));
    let error = ["code", "message", "details"].into_iter().fold(error, ObjectBuilder::required);
    let envelope = ObjectBuilder::new()
        .description(Some("What went wrong on a route of ticketing. The header X-Request-Id names the request."))
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean).description(Some("Always false.")))
        .property("error", error)
        .property("timestamp", Timestamp::schema());
    ["success", "error", "timestamp"].into_iter().fold(envelope, ObjectBuilder::required).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_code_that_fits_its_status() {
        for problem in ProblemCode::ALL {
            let expected: &[&str] = match problem.status().as_u16() {
                400 => &["INVALID_REQUEST", "VALIDATION_ERROR"],
                401 => &["UNAUTHORIZED", "TOKEN_EXPIRED"],
                403 => &["FORBIDDEN"],
                404 => &["NOT_FOUND", "TENANT_NOT_FOUND"],
                409 | 412 => &["CONFLICT"],
                429 => &["RATE_LIMITED"],
                503 => &["SERVICE_UNAVAILABLE"],
                500 => &["INTERNAL_ERROR"],
                _ => &["INVALID_REQUEST"],
            };
            assert!(expected.contains(&code(*problem)), "{problem:?}");
        }
    }
}
