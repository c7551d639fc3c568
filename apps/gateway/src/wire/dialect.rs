use actix_web::{HttpRequest, HttpResponse};
use crm_core::Timestamp;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::error::{Problem, ProblemCode};

/// What no signature says of the routes below one root, be there a route or not: how they write what goes wrong, and what
/// their answers depend on. What a dialect does not say is as in most of the API.
pub trait Dialect: Sync {
    /// What a problem is called.
    fn code(&self, code: ProblemCode) -> &'static str {
        code.as_str()
    }

    /// The media type of a problem.
    fn media_type(&self) -> &'static str {
        "application/problem+json"
    }

    /// A problem, as the request of this id is told of it at this time.
    fn body(&self, problem: &Problem, request_id: &str, _now: Timestamp) -> Value {
        problem.details(request_id)
    }

    /// The name and schema of that in the document, where it is not RFC 9457.
    fn schema(&self) -> Option<(&'static str, RefOr<Schema>)> {
        None
    }

    /// What is in front of the names of its refusals in the document.
    fn prefix(&self) -> &'static str {
        ""
    }

    /// Where an answer has the id of what was made, as an expression of the document's links.
    fn made_id(&self) -> &'static str {
        "$response.body#/item/id"
    }

    /// The headers of a request that its answer depends on.
    fn vary(&self) -> &'static str {
        "Ocp-Apim-Subscription-Key, Authorization, x-tenantid"
    }

    /// How to authenticate (RFC 9110, 11.6.1; of tokens RFC 6750, section 3).
    fn challenge(&self, code: ProblemCode) -> &'static str {
        match code {
            ProblemCode::MissingToken => "Bearer realm=\"ticketing\"",
            ProblemCode::InvalidToken | ProblemCode::TokenExpired => {
                "Bearer realm=\"ticketing\", error=\"invalid_token\""
            }
            _ => "ApiKey header=\"Ocp-Apim-Subscription-Key\"",
        }
    }

    /// What somebody is told whose tenant is not there any more.
    fn no_tenant(&self) -> Problem {
        Problem::invalid_key()
    }

    /// The page that tells a person of a problem, where people look.
    fn page(&self, _request: &HttpRequest, _problem: &Problem) -> Option<HttpResponse> {
        None
    }
}

/// That of most of the API: RFC 9457.
#[derive(Debug, Clone, Copy)]
pub struct ProblemDetails;

impl Dialect for ProblemDetails {}

impl Default for &'static dyn Dialect {
    fn default() -> Self {
        &ProblemDetails
    }
}

/// Which dialect is spoken below which root; in the data of the application.
#[derive(Clone, Default)]
pub struct Dialects(Vec<(&'static str, &'static dyn Dialect)>);

impl Dialects {
    /// Below this root, this one is spoken.
    pub(crate) fn speak(&mut self, root: &'static str, dialect: &'static dyn Dialect) {
        self.0.push((root, dialect));
    }

    /// That of a path.
    #[must_use]
    pub fn of_path(&self, path: &str) -> &'static dyn Dialect {
        let is_below =
            |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.0.iter().find(|(root, _)| is_below(root)).map(|(_, dialect)| *dialect).unwrap_or_default()
    }

    /// That of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> &'static dyn Dialect {
        request.app_data::<Self>().map(|dialects| dialects.of_path(request.path())).unwrap_or_default()
    }

    /// All that are spoken somewhere, beside that of everywhere else.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static dyn Dialect> {
        self.0.iter().map(|(_, dialect)| *dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Other;

    impl Dialect for Other {
        fn prefix(&self) -> &'static str {
            "other."
        }
    }

    #[test]
    fn a_dialect_is_spoken_by_everything_under_its_root() {
        let mut dialects = Dialects::default();
        dialects.speak("/api/v1/other", &Other);
        for (path, expected) in [
            ("/api/v1/other", "other."),
            ("/api/v1/other/", "other."),
            ("/api/v1/other/clientMap/x", "other."),
            ("/api/v1/others", ""),
            ("/api/v1", ""),
            ("/pipeline/leads", ""),
        ] {
            assert_eq!(dialects.of_path(path).prefix(), expected, "{path}");
        }
    }
}
