//! The macros in which code says that it is for one of the databases, and which leave it out where that one is not compiled in:
//! what a crate above this one writes with them needs no `cfg` of its own.

/// Runs the same expression on whichever concrete connection is inside a [`DbConnection`](crate::DbConnection): for the few
/// things that compile for one backend only, multi-row inserts above all.
///
/// ```
/// use diesel::prelude::*;
/// fn ping(db: &mut crm_core::DbConnection) -> QueryResult<usize> {
///     crm_core::each_backend!(db, connection => diesel::sql_query("SELECT 1").execute(connection))
/// }
/// ```
#[macro_export]
macro_rules! each_backend {
    ($connection:expr, $name:ident => $body:expr) => {
        $crate::by_backend!($connection, Postgres($name) => $body, Sqlite($name) => $body)
    };
}

/// A `match` on a [`DbConnection`](crate::DbConnection), for what differs between the databases:
/// `by_backend!(connection, Postgres(postgres) => …, Sqlite(sqlite) => …)`.
#[cfg(all(feature = "postgres", feature = "sqlite"))]
#[macro_export]
macro_rules! by_backend {
    ($connection:expr, Postgres($postgres:pat) => $one:expr, Sqlite($sqlite:pat) => $other:expr $(,)?) => {
        match $connection {
            $crate::DbConnection::Postgres($postgres) => $one,
            $crate::DbConnection::Sqlite($sqlite) => $other,
        }
    };
}

/// A `match` on a [`DbConnection`](crate::DbConnection), for what differs between the databases:
/// `by_backend!(connection, Postgres(postgres) => …, Sqlite(sqlite) => …)`.
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
#[macro_export]
macro_rules! by_backend {
    ($connection:expr, Postgres($postgres:pat) => $one:expr, Sqlite($sqlite:pat) => $other:expr $(,)?) => {
        match $connection {
            $crate::DbConnection::Postgres($postgres) => $one,
        }
    };
}

/// A `match` on a [`DbConnection`](crate::DbConnection), for what differs between the databases:
/// `by_backend!(connection, Postgres(postgres) => …, Sqlite(sqlite) => …)`.
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
#[macro_export]
macro_rules! by_backend {
    ($connection:expr, Postgres($postgres:pat) => $one:expr, Sqlite($sqlite:pat) => $other:expr $(,)?) => {
        match $connection {
            $crate::DbConnection::Sqlite($sqlite) => $other,
        }
    };
}

/// Items that are for PostgreSQL.
#[cfg(feature = "postgres")]
#[macro_export]
macro_rules! on_postgres {
    ($($items:item)*) => { $($items)* };
}

/// Items that are for PostgreSQL, which is not compiled in.
#[cfg(not(feature = "postgres"))]
#[macro_export]
macro_rules! on_postgres {
    ($($items:item)*) => {};
}

/// Items that are for SQLite.
#[cfg(feature = "sqlite")]
#[macro_export]
macro_rules! on_sqlite {
    ($($items:item)*) => { $($items)* };
}

/// Items that are for SQLite, which is not compiled in.
#[cfg(not(feature = "sqlite"))]
#[macro_export]
macro_rules! on_sqlite {
    ($($items:item)*) => {};
}
