use crm_core::{Db, DbConnection};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::sqlite::Sqlite;

/// Appends `FOR KEY SHARE` on PostgreSQL and nothing on SQLite, whose writing transaction is alone anyway: the rows
/// can be changed by others but not deleted, so that a reference to them holds until the end of the transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForKeyShare<Q>(pub(crate) Q);

impl<Q: QueryFragment<Db>> QueryFragment<Db> for ForKeyShare<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.walk_ast(pass.reborrow())?;
        Db::walk_variant_ast(&KeyShareClause, pass)
    }
}

impl<Q: QueryId> QueryId for ForKeyShare<Q> {
    type QueryId = ForKeyShare<Q::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q: Query> Query for ForKeyShare<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<DbConnection> for ForKeyShare<Q> {}

struct KeyShareClause;

impl QueryFragment<Pg> for KeyShareClause {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql(" FOR KEY SHARE");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for KeyShareClause {
    fn walk_ast<'b>(&'b self, _: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        Ok(())
    }
}
