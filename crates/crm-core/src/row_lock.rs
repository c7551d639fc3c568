//! Locks on selected rows: a clause at the end of a query on PostgreSQL, nothing on SQLite, whose writing
//! transaction already holds the only write lock.

#[cfg(feature = "postgres")]
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};

use crate::{Db, DbConnection};

/// One row per lock: the query with it, the trait that adds it, the method, the clause.
macro_rules! row_locks {
    ($($(#[$doc:meta])* $lock:ident, $extension:ident, $method:ident, $clause:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $lock<Q>(Q);

            #[doc = concat!("Adds `", stringify!($method), "` to every query.")]
            pub trait $extension: Sized {
                #[doc = concat!("See [`", stringify!($lock), "`].")]
                fn $method(self) -> $lock<Self> {
                    $lock(self)
                }
            }

            impl<Q: Query> $extension for Q {}

            impl<Q: QueryFragment<Db>> QueryFragment<Db> for $lock<Q> {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
                    self.0.walk_ast(pass.reborrow())?;
                    Db::walk_variant_ast(&Clause($clause), pass)
                }
            }

            impl<Q: QueryId> QueryId for $lock<Q> {
                type QueryId = $lock<Q::QueryId>;
                const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
            }

            impl<Q: Query> Query for $lock<Q> {
                type SqlType = Q::SqlType;
            }

            impl<Q> RunQueryDsl<DbConnection> for $lock<Q> {}
        )*
    };
}

row_locks! {
    /// `FOR UPDATE`: nobody else changes or locks the rows until the end of the transaction.
    ForUpdate, ForUpdateExt, locked, " FOR UPDATE";
    /// `FOR SHARE`: any number of transactions hold it at once, and none changes the rows meanwhile.
    ForShare, ForShareExt, shared, " FOR SHARE";
    /// `FOR KEY SHARE`: the rows may be changed by others but not deleted, so that a reference to them holds.
    ForKeyShare, ForKeyShareExt, held, " FOR KEY SHARE";
}

struct Clause(&'static str);

#[cfg(feature = "postgres")]
impl QueryFragment<Pg> for Clause {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql(self.0);
        Ok(())
    }
}

#[cfg(feature = "sqlite")]
impl QueryFragment<Sqlite> for Clause {
    fn walk_ast<'b>(&'b self, _: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        Ok(())
    }
}
