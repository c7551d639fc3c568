use crm_core::{Db, DbConnection};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::sqlite::Sqlite;

/// Appends `FOR SHARE` on PostgreSQL and nothing on SQLite, whose writing transaction is alone anyway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForShare<Q>(pub(crate) Q);

impl<Q: QueryFragment<Db>> QueryFragment<Db> for ForShare<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.walk_ast(pass.reborrow())?;
        Db::walk_variant_ast(&ShareClause, pass)
    }
}

impl<Q: QueryId> QueryId for ForShare<Q> {
    type QueryId = ForShare<Q::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q: Query> Query for ForShare<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<DbConnection> for ForShare<Q> {}

struct ShareClause;

impl QueryFragment<Pg> for ShareClause {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql(" FOR SHARE");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for ShareClause {
    fn walk_ast<'b>(&'b self, _: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        Ok(())
    }
}
