use crm_core::params::{FromParams, ParamReader};
use percent_encoding::percent_decode_str;

use crate::error::{Problem, ProblemCode};

use super::call::Call;
use super::extract::Extract;
use super::operation::OperationDoc;

pub(super) type Pairs = Vec<(String, String)>;

/// Counts the parameters before any of them is looked at.
pub(super) fn check_count(query: &str) -> Result<(), Problem> {
    if pairs(query).nth(ParamReader::MOST).is_none() {
        return Ok(());
    }
    let detail = format!("The query string has more than {} parameters.", ParamReader::MOST);
    Err(Problem::new(ProblemCode::MalformedQuery, detail))
}

fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|pair| !pair.is_empty())
}

/// Splits and decodes a query string. Nothing is dropped or replaced: a repeated parameter stays for
/// [`ParamReader`] to refuse, and bytes that are no UTF-8 are an error (actix would put U+FFFD).
pub(super) fn decode(query: &str) -> Result<Pairs, Problem> {
    check_count(query)?;
    decode_pairs(query, ParamReader::MOST)
}

/// The same of up to `most` pairs: also of a form.
pub(super) fn decode_pairs(text: &str, most: usize) -> Result<Pairs, Problem> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced)
            .decode_utf8()
            .map(|decoded| decoded.into_owned())
            .map_err(|_| Problem::new(ProblemCode::MalformedQuery, "A query parameter is not percent-encoded UTF-8."))
    };
    if pairs(text).nth(most).is_some() {
        return Err(Problem::new(ProblemCode::MalformedQuery, format!("There are more than {most} fields.")));
    }
    pairs(text)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Refuses every parameter: the route has none.
pub(super) fn refuse(pairs: Pairs) -> Result<(), Problem> {
    Ok(ParamReader::new(pairs).read::<Nothing>().map(|Nothing| ())?)
}

struct Nothing;

impl FromParams for Nothing {
    fn from_params(_: &mut ParamReader) -> Self {
        Self
    }
}

/// The query parameters of a list: its filters and its page. More than one [`FromParams`] as a tuple.
pub struct Query<T>(pub T);

impl<T: Params> Extract for Query<T> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(read_params(call.take_query())?))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.query_parameters(ParamReader::describing::<Both<T>>());
        operation.problem(ProblemCode::ValidationFailed);
    }
}

/// Says that a handler reads the parameters of the address by itself: without it, or a [`Query`], there can be none.
pub struct Address;

impl Extract for Address {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        drop(call.take_query());
        Ok(Self)
    }

    fn describe(_: &mut OperationDoc) {}
}

/// Reads parameters as [`Query`] does.
///
/// # Errors
/// Every problem of them.
pub(crate) fn read_params<T: Params>(pairs: Vec<(String, String)>) -> Result<T, Problem> {
    Ok(ParamReader::new(pairs).read::<Both<T>>()?.0)
}

/// What a route reads from its query string, in one go so that all problems are told together.
pub trait Params: Sized {
    /// Reads it.
    fn read(params: &mut ParamReader) -> Self;
}

impl<A: FromParams> Params for (A,) {
    fn read(params: &mut ParamReader) -> Self {
        (A::from_params(params),)
    }
}

impl<A: FromParams, B: FromParams> Params for (A, B) {
    fn read(params: &mut ParamReader) -> Self {
        (A::from_params(params), B::from_params(params))
    }
}

impl<A: FromParams, B: FromParams, C: FromParams> Params for (A, B, C) {
    fn read(params: &mut ParamReader) -> Self {
        (A::from_params(params), B::from_params(params), C::from_params(params))
    }
}

struct Both<T>(T);

impl<T: Params> FromParams for Both<T> {
    fn from_params(params: &mut ParamReader) -> Self {
        Self(T::read(params))
    }
}
