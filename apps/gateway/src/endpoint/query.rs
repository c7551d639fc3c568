use crm_core::params::{FromParams, ParamReader};

use crate::error::{Problem, ProblemCode};

use super::call::Call;
use super::extract::Extract;
use super::operation::OperationDoc;

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
