use std::str::FromStr;

use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use crm_core::values::ExternalId;
use crm_core::{Condition, FieldCode, FieldErrors, Unmet};
use percent_encoding::percent_decode_str;

use crate::error::{Problem, ProblemCode};

use super::call::Call;
use super::etag::{Tagged, equals_etag, names_etag};
use super::operation::OperationDoc;

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

/// The `{externalId}` of the path, its last segment: what another system calls a record.
pub struct PathExternalId(pub ExternalId);

impl Extract for PathExternalId {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        // The segment as it was sent: what is matched has its slashes encoded, and nothing else.
        let segment = call.request.uri().path().rsplit('/').next().unwrap_or_default();
        let invalid = || FieldErrors::of(EXTERNAL_ID, FieldCode::InvalidCharacters, "is no percent-encoded UTF-8");
        let text = percent_decode_str(segment).decode_utf8().map_err(|_| invalid())?;
        Ok(Self(ExternalId::new(EXTERNAL_ID, text)?))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.path_parameter::<ExternalId>(EXTERNAL_ID, "The id that another system has for the record.");
        operation.problem(ProblemCode::NotFound);
        operation.problem(ProblemCode::ValidationFailed);
    }
}

/// The parameter of a path that is an external id.
const EXTERNAL_ID: &str = "externalId";

/// What a path names beside its `{id}`.
pub trait PathPart {
    /// What its ids are.
    type Id: FromStr + utoipa::ToSchema;
    /// What it is called in the path.
    const NAME: &'static str;
    /// What it is, for the document.
    const ABOUT: &'static str;
}

/// Another id of the path, as [`PathId`].
pub struct PathPartId<P: PathPart>(pub P::Id);

impl<P: PathPart> Extract for PathPartId<P> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let id = call.request.match_info().get(P::NAME).and_then(|text| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(ProblemCode::NotFound, "No record has this id."))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.path_parameter::<P::Id>(P::NAME, P::ABOUT);
        operation.problem(ProblemCode::NotFound);
    }
}

/// What makes a change conditional (RFC 9110, 13.1): it is made only to a representation that `If-Match` names and
/// `If-None-Match` does not. `R` is the reply that shows what is changed.
pub struct Precondition<R: Tagged>(pub Condition<R::Value>);

impl<R: Tagged + 'static> Extract for Precondition<R> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let (wanted, unwanted) = (values_of(call, &IF_MATCH), values_of(call, &IF_NONE_MATCH));
        if wanted.is_none() && unwanted.is_none() {
            return Ok(Self(Condition::none()));
        }
        let expects_one = wanted.is_some();
        let condition = Condition::new(move |value| {
            let etag = R::etag(value).map_err(|error| Unmet(format!("The record cannot be written: {error}")))?;
            let is_wanted = wanted.as_ref().is_none_or(|values| values.iter().any(|value| equals_etag(value, &etag)));
            let is_unwanted = unwanted.iter().flatten().any(|value| names_etag(value, &etag));
            if is_wanted && !is_unwanted { Ok(()) } else { Err(Unmet(format!("The record's ETag is {etag}."))) }
        });
        Ok(Self(if expects_one { condition } else { condition.or_none() }))
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

/// The values of a header; `None` where it is absent. What cannot be read matches nothing.
fn values_of(call: &Call, name: &HeaderName) -> Option<Vec<String>> {
    let values = call.request.headers().get_all(name).map(|value| value.to_str().unwrap_or_default().to_owned());
    call.request.headers().contains_key(name).then(|| values.collect())
}
