use actix_web::http::header::CONTENT_TYPE;

use crate::error::{Problem, ProblemCode};

use super::body;
use super::call::Call;
use super::query::{Pairs, decode_pairs};

/// The most bytes of a form, as of the body of a record.
const MOST_BYTES: usize = 1024 * 1024;
/// The most fields of a form: those of a record with 200 custom ones, or the boxes of a page of a list.
const MOST_FIELDS: usize = 2_000;

/// What a browser sends of a form: names and values, in their order.
#[derive(Debug, Clone, Default)]
pub struct Form(Pairs);

impl Form {
    /// Reads it.
    ///
    /// # Errors
    /// When it is no form, too large, or comes too slowly.
    pub(crate) async fn read(call: &mut Call) -> Result<Self, Problem> {
        let content_type = call.request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Problem::new(
                ProblemCode::UnsupportedMediaType,
                "A form is application/x-www-form-urlencoded.",
            ));
        }
        let bytes = body::read(call, MOST_BYTES).await?;
        let malformed = || Problem::new(ProblemCode::MalformedQuery, "The form is no percent-encoded UTF-8.");
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
        decode_pairs(text, MOST_FIELDS).map(Self)
    }

    /// The first value of a field.
    #[must_use]
    pub fn value<'f>(&'f self, name: &'f str) -> Option<&'f str> {
        self.values(name).next()
    }

    /// All values of a field, of boxes that were ticked.
    pub fn values<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All fields.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }
}
