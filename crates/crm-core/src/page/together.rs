use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;

use crate::Db;

/// The rows of several queries of one shape, each with an order and an end of its own, in one statement. In which order the
/// database gives the rows of different queries is its own affair.
#[derive(Debug)]
pub struct Together<Q>(pub(super) Vec<Q>);

impl<Q: Query> Query for Together<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> QueryId for Together<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, C> RunQueryDsl<C> for Together<Q> {}

impl<Q: QueryFragment<Db>> QueryFragment<Db> for Together<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        for (index, query) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
            query.walk_ast(out.reborrow())?;
            out.push_sql(") AS part");
        }
        Ok(())
    }
}
