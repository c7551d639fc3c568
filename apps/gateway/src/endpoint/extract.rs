use std::str::FromStr;

use actix_web::http::header::IF_MATCH;
use serde::Serialize;

use crate::error::{Failure, Problem, ProblemCode};

use super::call::Call;
use super::operation::OperationDoc;
use super::reply::etag_of;

/// What a handler can take as an argument.
pub trait Extract: Sized {
    /// Takes it from the request.
    fn extract(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// Writes into the document what it takes and which problems it can end in.
    fn describe(operation: &mut OperationDoc);
}

/// The `{id}` of the path. What is no id of this type names no record: 404.
pub struct PathId<I>(pub I);

impl<I: FromStr + utoipa::ToSchema> Extract for PathId<I> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let id = call.request.match_info().get("id").and_then(|text| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(ProblemCode::NotFound, "No record has this id."))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.path_id::<I>();
        operation.problem(ProblemCode::NotFound);
    }
}

/// The `If-Match` header (RFC 9110, 13.1.1): the change is made only to the representation that it names.
pub struct IfMatch(Option<Vec<String>>);

impl Extract for IfMatch {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in call.request.headers().get_all(IF_MATCH) {
            // What cannot be read matches nothing.
            tags.extend(value.to_str().unwrap_or_default().split(',').map(|tag| tag.trim().to_owned()));
        }
        Ok(Self(call.request.headers().contains_key(IF_MATCH).then_some(tags)))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.header_parameter(
            "If-Match",
            "The ETag of the representation that the change is meant for; another one is answered with 412.",
            None,
        );
        operation.problem(ProblemCode::PreconditionFailed);
    }
}

impl IfMatch {
    /// Reads the record and compares, where the header was sent. `current` must lock the record, so that
    /// what was compared is what will be changed.
    ///
    /// # Errors
    /// [`ProblemCode::PreconditionFailed`], and what `current` ends in.
    pub fn check<T: Serialize, E: Into<Failure>>(&self, current: impl FnOnce() -> Result<T, E>) -> Result<(), Failure> {
        self.check_etag(|| Ok(etag_of(&super::reply::ItemEnvelope { item: current().map_err(Into::into)? })?))
    }

    /// As [`check`](Self::check), of a record whose ETag is made in another way.
    ///
    /// # Errors
    /// [`ProblemCode::PreconditionFailed`], and what `current` ends in.
    pub fn check_etag(&self, current: impl FnOnce() -> Result<String, Failure>) -> Result<(), Failure> {
        let Some(tags) = &self.0 else { return Ok(()) };
        let etag = current()?;
        if tags.iter().any(|tag| tag == "*" || *tag == etag) {
            return Ok(());
        }
        let detail = format!("The record's ETag is {etag}.");
        Err(Problem::new(ProblemCode::PreconditionFailed, detail).into())
    }
}
