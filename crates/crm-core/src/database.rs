//! Opening connections: which database a URL names, and how a connection is set up.

#[cfg(feature = "postgres")]
mod pg_schema;
mod postgres_url;
pub mod sqlite_file;
pub mod standby;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "postgres")]
use diesel::PgConnection;
#[cfg(feature = "sqlite")]
use diesel::SqliteConnection;
use diesel::connection::{CacheSize, SimpleConnection};
use diesel::dsl::{select, sql};
use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel::{Connection, ConnectionError, QueryResult, QueryableByName, RunQueryDsl};

use crate::{BackendKind, DbConnection};

#[cfg(feature = "postgres")]
pub use pg_schema::{NotASchema, PgSchema};
pub use postgres_url::{Pooler, PostgresUrl};
use sqlite_file::BadPath;

/// Where the data is: `sqlite://PATH`, `sqlite::memory:` or `postgres://…`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file.
    SqliteFile(PathBuf),
    /// An SQLite database in this process's memory, shared by its connections and gone with them. The name
    /// tells one from another.
    SqliteMemory(String),
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

/// Why a text names no database. It has nothing of the text, which may be a secret anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotADatabaseUrl {
    /// It is no URL of a database.
    #[error("must be sqlite://PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Scheme,
    /// A part of a PostgreSQL URL cannot be understood.
    #[error("{0} is not well-formed; percent-encode special characters (@ is %40, / is %2F)")]
    Malformed(&'static str),
    /// A parameter of a PostgreSQL URL has a value that it cannot have.
    #[error("the parameter {0} cannot have this value; percent-encode special characters (@ is %40, / is %2F)")]
    Parameter(&'static str),
    /// A pooler was named for a database that is a file.
    #[error("only PostgreSQL can be reached through a pooler")]
    NoPooler,
}

impl FromStr for DatabaseUrl {
    type Err = NotADatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        static MEMORY: AtomicU64 = AtomicU64::new(0);
        if text == "sqlite::memory:" {
            let number = MEMORY.fetch_add(1, Ordering::Relaxed);
            return Ok(Self::SqliteMemory(format!("crm-{}-{number}", std::process::id())));
        }
        if let Some(path) = text.strip_prefix("sqlite://") {
            let sane = !path.is_empty() && !path.starts_with(':') && !path.contains(['?', '\0']);
            return if sane { Ok(Self::SqliteFile(path.into())) } else { Err(NotADatabaseUrl::Scheme) };
        }
        text.parse().map(Self::Postgres)
    }
}

impl fmt::Display for DatabaseUrl {
    /// Without the password, for people and logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqliteFile(path) => write!(f, "sqlite://{}", path.display()),
            Self::SqliteMemory(_) => f.write_str("sqlite::memory:"),
            Self::Postgres(url) => fmt::Display::fmt(url, f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The longest that one statement may run, in milliseconds.
const STATEMENT_TIMEOUT_MS: u32 = 5_000;
/// The same, and the longest wait for a lock, and for the next statement, for one transaction.
const LOCAL_LIMITS: &str = "SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '3s'; \
                            SET LOCAL idle_in_transaction_session_timeout = '15s'";

impl DatabaseUrl {
    /// Which database it names.
    #[must_use]
    pub fn kind(&self) -> BackendKind {
        match self {
            Self::SqliteFile(_) | Self::SqliteMemory(_) => BackendKind::Sqlite,
            Self::Postgres(_) => BackendKind::Postgres,
        }
    }

    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::SqliteFile(path) => Some(path),
            Self::SqliteMemory(_) | Self::Postgres(_) => None,
        }
    }

    /// The same database through such a pooler, which an SQLite database cannot have.
    ///
    /// # Errors
    /// [`NotADatabaseUrl::NoPooler`].
    pub fn through(self, pooler: Pooler) -> Result<Self, NotADatabaseUrl> {
        match (self, pooler) {
            (Self::Postgres(url), pooler) => Ok(Self::Postgres(url.through(pooler))),
            (url, Pooler::Session) => Ok(url),
            (Self::SqliteFile(_) | Self::SqliteMemory(_), Pooler::Transaction) => Err(NotADatabaseUrl::NoPooler),
        }
    }

    /// What has to be said at the begin of each transaction, since no session keeps it; nothing where one does.
    #[must_use]
    pub fn limits_of_a_transaction(&self) -> &'static str {
        match self {
            Self::Postgres(url) if url.pooler() == Pooler::Transaction => LOCAL_LIMITS,
            Self::Postgres(_) | Self::SqliteFile(_) | Self::SqliteMemory(_) => "",
        }
    }

    /// The same database by the one name of its file, so that every program that opens it finds the same locks.
    ///
    /// # Errors
    /// Where the file cannot be that of a database.
    pub fn canonical(self) -> Result<Self, BadPath> {
        match self {
            Self::SqliteFile(path) => sqlite_file::canonical(&path).map(Self::SqliteFile),
            Self::SqliteMemory(_) | Self::Postgres(_) => Ok(self),
        }
    }

    /// Opens a connection and sets it up: on SQLite WAL, foreign keys, `synchronous=FULL`; on both a limit
    /// for the time of one statement or of waiting for a lock.
    ///
    /// # Errors
    /// What the database says.
    pub fn connect(&self) -> Result<DbConnection, ConnectionError> {
        if let Some(path) = self.file() {
            sqlite_file::make(path).map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
        }
        self.connect_to_existing()
    }

    /// As [`connect`](Self::connect), to a database that is there: where its file was taken away none is made in its place, which
    /// would be another database with the log of the first.
    ///
    /// # Errors
    /// What the database says.
    pub fn connect_to_existing(&self) -> Result<DbConnection, ConnectionError> {
        match self {
            Self::SqliteFile(path) => sqlite(&format!("{}?mode=rw", uri(path)?)),
            Self::SqliteMemory(name) => sqlite(&format!("file:/{name}?vfs=memdb")),
            Self::Postgres(url) => postgres(url),
        }
    }
}

/// The URI of a file, without what a URI may not have as it is (https://sqlite.org/uri.html).
fn uri(path: &Path) -> Result<String, ConnectionError> {
    let path = path.to_str().ok_or_else(|| ConnectionError::BadConnection("the path is not UTF-8".into()))?;
    let name = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    // After two slashes comes a host, which is nobody here: `//folder/crm.db` is a path too.
    Ok(format!("file:{}{name}", if path.starts_with('/') { "//" } else { "" }))
}

/// What is said of a database that this program was built without.
#[cfg(not(all(feature = "postgres", feature = "sqlite")))]
fn not_built_in(database: &str) -> Result<DbConnection, ConnectionError> {
    Err(ConnectionError::BadConnection(format!("this program was built without {database}")))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &PostgresUrl) -> Result<DbConnection, ConnectionError> {
    not_built_in("PostgreSQL")
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &str) -> Result<DbConnection, ConnectionError> {
    not_built_in("SQLite")
}

#[cfg(feature = "postgres")]
fn postgres(url: &PostgresUrl) -> Result<DbConnection, ConnectionError> {
    let scrubbed = |error| match error {
        ConnectionError::BadConnection(message) => ConnectionError::BadConnection(url.scrub(&message)),
        other => other,
    };
    let mut connection = PgConnection::establish(&url.connection_string()).map_err(scrubbed)?;
    match url.pooler() {
        Pooler::Session => set_up_pg(&mut connection),
        Pooler::Transaction => set_up_pooled(&mut connection),
    }
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(DbConnection::Postgres(connection))
}

/// Sets up a connection that a program opened itself, as [`DatabaseUrl::connect`] does with its own: a limit for the
/// time of one statement, UTC, and the language in which the server names a fault. Once, outside of a transaction.
///
/// # Errors
/// The database's.
#[cfg(feature = "postgres")]
pub fn set_up_pg(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute(&format!("SET statement_timeout = {STATEMENT_TIMEOUT_MS}; SET TIME ZONE 'UTC'"))?;
    // Faults are told apart by the server's words (see `fault`). A role without the right to set their
    // language keeps the server's, which is English unless somebody chose another.
    if let Err(error) = connection.batch_execute("SET lc_messages = 'C'") {
        log::debug!("lc_messages stays as the server has it: {error}");
    }
    Ok(())
}

/// Of a session that is another one in the next transaction, nothing can be counted on: statements are not kept prepared in it,
/// and what is set for it would be set for somebody else. Of the settings PgBouncer takes the time zone along.
#[cfg(feature = "postgres")]
fn set_up_pooled(connection: &mut PgConnection) -> QueryResult<()> {
    connection.set_prepared_statement_cache_size(CacheSize::Disabled);
    connection.batch_execute("SET TIME ZONE 'UTC'")
}

#[cfg(feature = "sqlite")]
fn sqlite(name: &str) -> Result<DbConnection, ConnectionError> {
    let mut connection = SqliteConnection::establish(name)?;
    set_up_sqlite(&mut connection).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(DbConnection::Sqlite(connection))
}

/// As [`set_up_pg`], on SQLite. Nothing may be written through a connection without it: SQLite checks no foreign key
/// unless each connection asks for it, and cannot be asked inside of a transaction.
///
/// # Errors
/// The database's.
#[cfg(feature = "sqlite")]
pub fn set_up_sqlite(connection: &mut SqliteConnection) -> QueryResult<()> {
    // One by one and the timeout first: the switch to WAL may have to wait for another process.
    connection.batch_execute("PRAGMA busy_timeout = 5000")?;
    if select(sql::<BigInt>("(SELECT page_count FROM pragma_page_count)")).get_result::<i64>(connection)? == 0 {
        // Before the first page or never: where the file has pages without a place for it, it stays as it is.
        connection.batch_execute("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    for pragma in [
        "PRAGMA journal_mode = WAL",
        // After a long read the log shrinks to this again.
        "PRAGMA journal_size_limit = 67108864",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        // 16 MiB of each connection: more gained nothing (docs/performance.md).
        "PRAGMA cache_size = -16384",
        // As good as none: a file that is read through a map of memory ends the process where somebody cuts it short. Not 0,
        // since with a map SQLite makes the file as long as it will be before it moves the log into it: whoever looks
        // meanwhile whether the file is whole finds that it is.
        "PRAGMA mmap_size = 1",
        "PRAGMA temp_store = MEMORY",
        // What is deleted or changed is written over, in pages that are given back too.
        "PRAGMA secure_delete = ON",
    ] {
        connection.batch_execute(pragma)?;
    }
    Ok(())
}

/// Why nothing can be written to this database at present, whatever its tables allow; `None` where it can. Not inside of
/// a transaction that only reads.
///
/// # Errors
/// The database's.
pub fn takes_no_writes(connection: &mut DbConnection) -> QueryResult<Option<&'static str>> {
    #[derive(QueryableByName)]
    struct Server {
        #[diesel(sql_type = Bool)]
        is_standby: bool,
        #[diesel(sql_type = Bool)]
        is_read_only: bool,
    }
    if connection.kind() == BackendKind::Sqlite {
        return Ok(None);
    }
    let query = "SELECT pg_is_in_recovery() AS is_standby, \
                 current_setting('transaction_read_only')::boolean AS is_read_only";
    let Server { is_standby, is_read_only } = diesel::sql_query(query).get_result(connection)?;
    Ok(if is_standby {
        Some(
            "the database is a standby, which takes no writes: name the primary in DATABASE_URL, or all hosts with \
             target_session_attrs=read-write",
        )
    } else if is_read_only {
        Some("the database is read-only: see its setting default_transaction_read_only")
    } else {
        None
    })
}

/// Gives up to `most` pages of an SQLite file that hold nothing any more back to the file system, from the end of the file,
/// and tells whether more are left. Free pages up to `kept` stay for what is written next. A file that was made by a version
/// before this has no place to keep book of its pages: it shrinks by `VACUUM` only, and so does nothing here. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn shrink(connection: &mut DbConnection, most: i64, kept: i64) -> QueryResult<bool> {
    if connection.kind() == BackendKind::Postgres {
        return Ok(false);
    }
    let free = "(SELECT freelist_count FROM pragma_freelist_count, pragma_auto_vacuum WHERE auto_vacuum = 2)";
    let free: Option<i64> = select(sql::<Nullable<BigInt>>(free)).get_result(connection)?;
    let surplus = free.unwrap_or_default() - kept;
    if surplus > 0 {
        connection.batch_execute(&format!("PRAGMA incremental_vacuum({})", surplus.min(most)))?;
    }
    Ok(surplus > most)
}
