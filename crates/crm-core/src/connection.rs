//! One connection type for both databases, and what Diesel's derive lacks to write every query once.
//!
//! [`DbConnection`] is SQLite or PostgreSQL, chosen at run time. Queries are written once against it;
//! [`Portable::portable`] adds `ON CONFLICT` and cached `UPDATE`s, [`each_backend!`](crate::each_backend)
//! is the escape hatch for what only a concrete connection can do.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use diesel::backend::Backend;
use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager};
use diesel::internal::derives::multiconnection::AstPassHelper;
#[cfg(feature = "postgres")]
use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
#[cfg(feature = "sqlite")]
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{Connection, QueryResult, RunQueryDsl, Selectable};

pub use derived::{Db, DbConnection};

/// The derive writes items without documentation and an enum that is large on one side by nature.
#[expect(missing_docs, clippy::disallowed_methods, reason = "written by diesel::MultiConnection")]
mod derived {
    /// A connection to either database. Every service function takes `&mut DbConnection` first and leaves
    /// the transaction to its caller.
    #[derive(diesel::MultiConnection)]
    pub enum DbConnection {
        #[cfg(feature = "postgres")]
        Postgres(diesel::pg::PgConnection),
        #[cfg(feature = "sqlite")]
        Sqlite(diesel::sqlite::SqliteConnection),
    }

    /// The backend of [`DbConnection`]: what `into_boxed::<Db>()` and `check_for_backend(Db)` name.
    pub type Db = MultiBackend;
}

/// Which database a connection speaks to, where SQL has to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    /// PostgreSQL.
    Postgres,
    /// The embedded SQLite.
    Sqlite,
}

impl DbConnection {
    /// Which database this is.
    #[must_use]
    pub fn kind(&self) -> BackendKind {
        by_backend!(self, Postgres(_) => BackendKind::Postgres, Sqlite(_) => BackendKind::Sqlite)
    }

    /// Runs `work` in a transaction that may write: committed when it returns `Ok`, rolled back otherwise.
    ///
    /// On SQLite the transaction takes the write lock at once (`BEGIN IMMEDIATE`): a deferred one that
    /// reads first fails with "database is locked" as soon as somebody else has written in between, and
    /// no busy timeout helps. Inside an open transaction it is a savepoint on both databases.
    ///
    /// # Errors
    /// What `work` returns, or the database's error from BEGIN or COMMIT.
    pub fn write<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<diesel::result::Error>,
    {
        if self.transaction_depth()? > 0 {
            return self.savepoint(work);
        }
        self.begin_write()?;
        match work(self) {
            Ok(value) => {
                self.commit_write()?;
                Ok(value)
            }
            Err(error) => {
                // Where it fails the connection is gone, and the database rolls back by itself; what `work`
                // says is still the answer.
                let _ = rollback(self);
                Err(error)
            }
        }
    }

    /// What Diesel does inside an open transaction.
    #[expect(clippy::disallowed_methods, reason = "the one place that may: the outermost BEGIN is handled above")]
    fn savepoint<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<diesel::result::Error>,
    {
        self.transaction(work)
    }

    /// How many transactions are open, savepoints included.
    ///
    /// # Errors
    /// When the transaction is broken, so that the connection must be thrown away.
    pub fn transaction_depth(&mut self) -> QueryResult<u32> {
        let depth =
            <Self as Connection>::TransactionManager::transaction_manager_status_mut(self).transaction_depth()?;
        Ok(depth.map_or(0, u32::from))
    }

    /// Rolls back until `depth` transactions are open: what a caller that catches a panic owes the connection.
    ///
    /// # Errors
    /// When a rollback fails; the connection must be thrown away then.
    pub fn rollback_to_depth(&mut self, depth: u32) -> QueryResult<()> {
        while self.transaction_depth()? > depth {
            rollback(self)?;
        }
        Ok(())
    }

    /// Forgets the prepared statements that the connection keeps, here and in the database: each is prepared again
    /// when it is next needed. Diesel keeps every one for ever, and each combination of a list's filters is one, so
    /// that whoever serves strangers calls this from time to time, outside of a transaction.
    ///
    /// # Errors
    /// The database's; everything is kept then.
    pub fn forget_statements(&mut self) -> QueryResult<()> {
        if self.kind() == BackendKind::Postgres {
            self.batch_execute("DEALLOCATE ALL")?;
        }
        for size in [CacheSize::Disabled, CacheSize::Unbounded] {
            self.set_prepared_statement_cache_size(size);
        }
        Ok(())
    }

    /// Opens the outermost writing transaction by hand, for a caller that commits many jobs at once.
    ///
    /// # Errors
    /// The database's, when it refuses to begin.
    pub fn begin_write(&mut self) -> QueryResult<()> {
        self.begin_write_with("")
    }

    /// As [`begin_write`](Self::begin_write), and on PostgreSQL with these settings for the time of the transaction
    /// ([`DatabaseUrl::limits_of_a_transaction`](crate::DatabaseUrl::limits_of_a_transaction)), in one round trip.
    ///
    /// # Errors
    /// The database's, when it refuses to begin.
    pub fn begin_write_with(&mut self, settings: &str) -> QueryResult<()> {
        by_backend!(
            self,
            Postgres(postgres) => match settings {
                "" => AnsiTransactionManager::begin_transaction(postgres),
                _ => AnsiTransactionManager::begin_transaction_sql(postgres, &format!("BEGIN; {settings}")),
            },
            Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE"),
        )
    }

    /// Opens a transaction that only reads, by hand: all of its statements see the state of the first.
    ///
    /// # Errors
    /// The database's, when it refuses to begin.
    pub fn begin_read(&mut self) -> QueryResult<()> {
        self.begin_read_with("")
    }

    /// As [`begin_read`](Self::begin_read), with settings as [`begin_write_with`](Self::begin_write_with).
    ///
    /// # Errors
    /// The database's, when it refuses to begin.
    pub fn begin_read_with(&mut self, settings: &str) -> QueryResult<()> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        by_backend!(
            self,
            Postgres(postgres) => match settings {
                "" => AnsiTransactionManager::begin_transaction_sql(postgres, BEGIN),
                _ => AnsiTransactionManager::begin_transaction_sql(postgres, &format!("{BEGIN}; {settings}")),
            },
            Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN DEFERRED"),
        )
    }

    /// Ends what [`begin_read`](Self::begin_read) opened.
    ///
    /// # Errors
    /// The database's; the connection must be thrown away then.
    pub fn end_read(&mut self) -> QueryResult<()> {
        commit(self)
    }

    /// Commits what [`begin_write`](Self::begin_write) opened.
    ///
    /// # Errors
    /// The database's; nothing of the transaction is durable then, unless the connection was lost. Also when
    /// a statement of it had failed and somebody went on nevertheless: PostgreSQL answers such a COMMIT with
    /// a silent rollback, which the statement before it in the same message turns into an error.
    pub fn commit_write(&mut self) -> QueryResult<()> {
        match self.kind() {
            BackendKind::Postgres => {
                let committed = self.batch_execute("SELECT 1; COMMIT");
                committed.inspect_err(|_| drop(self.rollback_to_depth(0)))
            }
            BackendKind::Sqlite => commit(self),
        }
    }
}

fn commit(connection: &mut DbConnection) -> QueryResult<()> {
    <DbConnection as Connection>::TransactionManager::commit_transaction(connection)
}

fn rollback(connection: &mut DbConnection) -> QueryResult<()> {
    <DbConnection as Connection>::TransactionManager::rollback_transaction(connection)
}

/// Lends a plain PostgreSQL connection to functions that take a [`DbConnection`], inside the caller's
/// own transaction where one is open: what they write is committed or rolled back with what the caller writes.
///
/// The connection should have been set up by [`set_up_pg`](crate::set_up_pg). A program that gives it away for good
/// makes a [`DbConnection::Postgres`] of it instead. A panic in `work` is passed on after the connection was given back.
#[cfg(feature = "postgres")]
pub fn with_pg<R>(connection: &mut PgConnection, work: impl FnOnce(&mut DbConnection) -> R) -> R {
    lend(
        connection,
        DbConnection::Postgres,
        |db| by_backend!(db, Postgres(connection) => Some(connection), Sqlite(_) => None),
        work,
    )
}

/// As [`with_pg`], for a plain SQLite connection.
///
/// The connection must have been set up by [`set_up_sqlite`](crate::set_up_sqlite), for otherwise SQLite checks no
/// foreign key. A transaction that writes is begun by `immediate_transaction`, as [`DbConnection::write`] tells.
#[cfg(feature = "sqlite")]
pub fn with_sqlite<R>(connection: &mut SqliteConnection, work: impl FnOnce(&mut DbConnection) -> R) -> R {
    lend(
        connection,
        DbConnection::Sqlite,
        |db| by_backend!(db, Postgres(_) => None, Sqlite(connection) => Some(connection)),
        work,
    )
}

fn lend<C, R>(
    connection: &mut C,
    wrap: impl FnOnce(C) -> DbConnection,
    unwrap: impl FnOnce(DbConnection) -> Option<C>,
    work: impl FnOnce(&mut DbConnection) -> R,
) -> R {
    let outcome = replace_with::replace_with_or_abort_and_return(connection, |plain| {
        let mut db = wrap(plain);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut db)));
        // `work` may have put another backend's connection there; no caller could be answered then.
        let Some(plain) = unwrap(db) else { std::process::abort() };
        (outcome, plain)
    });
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The columns of a [`Selectable`] row, for `.select(…)` and `.returning(…)`: `as_returning()` is written
/// for one backend and does not compile for two.
pub fn columns<T: Selectable<Db>>() -> T::SelectExpression {
    T::construct_selection()
}

/// What each of the databases that are compiled in can render.
#[cfg(all(feature = "postgres", feature = "sqlite"))]
pub trait OnEach: QueryFragment<Pg> + QueryFragment<Sqlite> {}
#[cfg(all(feature = "postgres", feature = "sqlite"))]
impl<Q: QueryFragment<Pg> + QueryFragment<Sqlite>> OnEach for Q {}

/// What the database that is compiled in can render.
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
pub trait OnEach: QueryFragment<Pg> {}
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
impl<Q: QueryFragment<Pg>> OnEach for Q {}

/// What the database that is compiled in can render.
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
pub trait OnEach: QueryFragment<Sqlite> {}
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
impl<Q: QueryFragment<Sqlite>> OnEach for Q {}

/// A query that is rendered by the backend that runs it, and cached by its text.
///
/// Two things that the derived backend refuses work through it: `ON CONFLICT`, and keeping the prepared
/// statement of an `UPDATE`, an upsert or `sql_query` (Diesel prepares those anew at each execution, which
/// triples their cost). The cache is unbounded: use it for statements with a fixed set of shapes
/// ([`DbConnection::forget_statements`] empties it).
#[derive(Debug, Clone, Copy)]
pub struct Portable<Q>(Q);

/// Adds [`portable`](PortableExt::portable) to every query.
pub trait PortableExt: Sized {
    /// Renders this query by the backend that runs it; see [`Portable`].
    fn portable(self) -> Portable<Self> {
        Portable(self)
    }
}

impl<Q: OnEach> PortableExt for Q {}

impl<Q: OnEach> QueryFragment<Db> for Portable<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(&self.0, pass)
    }

    // Hidden from Diesel's documentation, yet a provided method that may be overridden; a test in
    // tests/portable.rs fails should that change.
    fn is_safe_to_cache_prepared(&self, _: &Db) -> QueryResult<bool> {
        Ok(true)
    }
}

macro_rules! kept_on {
    ($($backend:ty),*) => {
        $(impl<Q: QueryFragment<$backend>> QueryFragment<$backend> for Portable<Q> {
            // The text and the values, each by itself, so that what says of itself that it may not be kept is not heard:
            // `execute` asks a reference to the query, for which nothing can be overridden.
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                let mut text = <$backend as Backend>::QueryBuilder::default();
                self.0.to_sql(&mut text, &<$backend>::default())?;
                pass.push_sql(&text.finish());
                let takes_values = pass.bind_collector().is_some() || pass.debug_binds().is_some();
                if takes_values { self.0.walk_ast(pass) } else { Ok(()) }
            }
        })*
    };
}

#[cfg(feature = "postgres")]
kept_on!(Pg);
#[cfg(feature = "sqlite")]
kept_on!(Sqlite);

impl<Q: OnEach + QueryId> Portable<Q> {
    /// Runs it, and tells how many rows it wrote: in the place of Diesel's method of this name, which would not keep it.
    ///
    /// # Errors
    /// The database's.
    pub fn execute(self, connection: &mut DbConnection) -> QueryResult<usize> {
        by_backend!(
            connection,
            Postgres(postgres) => postgres.execute_returning_count(&self),
            Sqlite(sqlite) => sqlite.execute_returning_count(&self),
        )
    }
}

impl<Q: QueryId> QueryId for Portable<Q> {
    type QueryId = Q::QueryId;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q: Query> Query for Portable<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<DbConnection> for Portable<Q> {}
