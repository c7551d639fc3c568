//! The schema: one ordered list of migrations, once for each database, embedded in the program.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
#[cfg(feature = "postgres")]
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Text;
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

#[cfg(feature = "postgres")]
use crate::PgSchema;
use crate::database::sqlite_file::make_private;
use crate::distribute::DistributeError;
use crate::schema::crm_schema_migrations;
use crate::{BackendKind, DatabaseUrl, DbConnection, database, distribute};

#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
#[cfg(feature = "sqlite")]
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Which migrations were applied. Not Diesel's own table, in which a program that has these tables beside its own keeps book of
/// its migrations.
const APPLIED: &str = "CREATE TABLE IF NOT EXISTS crm_schema_migrations (\
                       version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";

/// The key of the advisory lock that migrations take on PostgreSQL: "crm-mig" in ASCII.
const ADVISORY_LOCK: i64 = 0x63_72_6d_2d_6d_69_67;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database could not be reached.
    #[error("the database cannot be reached: {0}")]
    Connect(ConnectionError),
    /// The database takes no writes.
    #[error("{0}")]
    TakesNoWrites(&'static str),
    /// A statement failed.
    #[error("the database did not answer as it should: {0}")]
    Database(#[from] DieselError),
    /// The lock file beside the SQLite file could not be taken.
    #[error("the lock file {} cannot be taken: {}", .0.display(), .1)]
    Lock(PathBuf, std::io::Error),
    /// The database has migrations that this program does not know: it belongs to a newer version.
    #[error("the database was migrated by a newer version of this program (unknown here: {}); run that one", .0.join(", "))]
    Newer(Vec<String>),
    /// The database keeps text in an encoding that cannot hold every text.
    #[error("the database has the encoding {0}, which cannot hold every text: make it anew with ENCODING 'UTF8'")]
    Encoding(String),
    /// A migration failed; the schema is as it was before it.
    #[error("a migration failed and was rolled back: {0}")]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Brings the schema up to date and returns the names of the migrations that ran.
///
/// Any number of programs may do so at once: one works, the others wait and find nothing left to do. The
/// lock is an advisory one on PostgreSQL; on SQLite it is held on a file beside the database, and taken
/// before the first connection, because the switch to WAL cannot wait for another process.
///
/// # Errors
/// See [`MigrateError`]; each migration is one transaction.
pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, MigrateError> {
    let _lock = url.file().map(|path| FileLock::wait(&with_suffix(path, ".migrate-lock"))).transpose()?;
    if let Some(path) = url.file() {
        make_private(path);
    }
    let mut connection = url.connect().map_err(MigrateError::Connect)?;
    if let Some(why) = database::takes_no_writes(&mut connection)? {
        return Err(MigrateError::TakesNoWrites(why));
    }
    let _turn = match connection.kind() {
        BackendKind::Postgres => Some(wait_for_turn(url, &mut connection)?),
        BackendKind::Sqlite => None,
    };
    run_pending(&mut connection)
}

/// Waits until no other program migrates this database. The turn lasts as long as what is returned: a transaction of its own,
/// since a lock of the session would be lost in a pooler.
fn wait_for_turn(url: &DatabaseUrl, migrating: &mut DbConnection) -> Result<DbConnection, MigrateError> {
    let mut turn = url.connect().map_err(MigrateError::Connect)?;
    turn.begin_write_with("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")?;
    turn.batch_execute(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))?;
    if url.limits_of_a_transaction().is_empty() {
        // A migration may take longer than a request's statement.
        migrating.batch_execute("SET statement_timeout = 0")?;
    }
    Ok(turn)
}

/// Brings the tables in a schema of the program's own database up to date, and makes that schema where it is missing: in one
/// transaction, or in the caller's where one is open. Any number of programs may do so at once.
///
/// # Errors
/// As [`run_pending`]; nothing is done then.
#[cfg(feature = "postgres")]
pub fn migrate_in(connection: &mut PgConnection, schema: &PgSchema) -> Result<Vec<String>, MigrateError> {
    crate::with_pg(connection, |connection| {
        let is_mine = connection.transaction_depth()? == 0;
        connection.write(|connection| {
            if is_mine {
                // A migration may take longer than a request's statement, and so may those of another program.
                connection.batch_execute("SET LOCAL statement_timeout = 0")?;
            }
            connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))?;
            connection.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
            schema.visit(connection, run_pending)
        })
    })
}

/// Brings the schema of this connection's database up to date, without a lock.
///
/// # Errors
/// [`MigrateError::Encoding`], [`MigrateError::Newer`], [`MigrateError::Failed`].
pub fn run_pending(connection: &mut DbConnection) -> Result<Vec<String>, MigrateError> {
    check_encoding(connection)?;
    let newer = unknown_versions(connection)?;
    if !newer.is_empty() {
        return Err(MigrateError::Newer(newer));
    }
    match distribute::is_distributed(connection)? {
        // New tables must be where those are that they refer to, or they are in nobody's reach.
        Some(shards) => connection.write(|connection| {
            let failed = |error: DistributeError| MigrateError::Failed(error.into());
            distribute::prepare(connection).map_err(failed)?;
            let ran = apply(connection)?;
            distribute::distribute(connection, shards).map_err(failed)?;
            Ok(ran)
        }),
        None => apply(connection),
    }
}

fn apply(connection: &mut DbConnection) -> Result<Vec<String>, MigrateError> {
    if !keeps_book(connection)? {
        connection.batch_execute(APPLIED)?;
    }
    let applied = applied_versions(connection)?;
    let mut ran = Vec::new();
    for migration in known(connection)? {
        let version = migration.version();
        if applied.contains(&version) {
            continue;
        }
        connection.write(|connection| {
            migration.run(connection)?;
            let row = crm_schema_migrations::version.eq(&version);
            diesel::insert_into(crm_schema_migrations::table)
                .values(row)
                .execute(connection)
                .map_err(MigrateError::from)
        })?;
        ran.push(version);
    }
    Ok(ran)
}

/// Takes every migration back, newest first: everything is gone. For tests of the schema.
///
/// # Errors
/// [`MigrateError::Failed`].
pub fn revert_all(connection: &mut DbConnection) -> Result<Vec<String>, MigrateError> {
    let applied = applied_versions(connection)?;
    let mut reverted = Vec::new();
    for migration in known(connection)?.into_iter().rev() {
        let version = migration.version();
        if !applied.contains(&version) {
            continue;
        }
        connection.write(|connection| {
            migration.revert(connection)?;
            let row = crm_schema_migrations::table.find(&version);
            diesel::delete(row).execute(connection).map_err(MigrateError::from)
        })?;
        reverted.push(version);
    }
    Ok(reverted)
}

/// Whether the schema is the one that this program knows.
///
/// # Errors
/// When the database does not answer.
pub fn is_current(connection: &mut DbConnection) -> Result<bool, MigrateError> {
    Ok(difference(connection)?.is_none())
}

/// In what the schema differs from the one that this program knows, for a person; `None` where it does not.
///
/// # Errors
/// When the database does not answer.
pub fn difference(connection: &mut DbConnection) -> Result<Option<String>, MigrateError> {
    let newer = unknown_versions(connection)?;
    if !newer.is_empty() {
        return Ok(Some(MigrateError::Newer(newer).to_string()));
    }
    let applied = applied_versions(connection)?;
    let mut missing = known_versions(connection)?;
    missing.retain(|version| !applied.contains(version));
    missing.sort();
    let lacks = || format!("the database lacks the migrations {}", missing.join(", "));
    Ok((!missing.is_empty()).then(lacks))
}

/// Before the first table: a database that cannot store some name would refuse it years later. `SQL_ASCII` is no
/// encoding and stores whatever bytes come, which are UTF-8 here. SQLite has UTF-8 only.
fn check_encoding(connection: &mut DbConnection) -> Result<(), MigrateError> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(());
    }
    let setting = diesel::sql_query("SELECT current_setting('server_encoding') AS encoding");
    let Encoding { encoding } = setting.get_result(connection).map_err(|error| MigrateError::Failed(error.into()))?;
    match encoding.as_str() {
        "UTF8" | "SQL_ASCII" => Ok(()),
        _ => Err(MigrateError::Encoding(encoding)),
    }
}

#[derive(QueryableByName)]
struct Encoding {
    #[diesel(sql_type = Text)]
    encoding: String,
}

fn unknown_versions(connection: &mut DbConnection) -> Result<Vec<String>, MigrateError> {
    let known = known_versions(connection)?;
    Ok(applied_versions(connection)?.into_iter().filter(|version| !known.contains(version)).collect())
}

fn applied_versions(connection: &mut DbConnection) -> Result<Vec<String>, MigrateError> {
    if !keeps_book(connection)? {
        return Ok(Vec::new());
    }
    Ok(crm_schema_migrations::table.select(crm_schema_migrations::version).load(connection)?)
}

/// Whether the table of applied migrations is where it would be made: on PostgreSQL another schema may have one of its own.
fn keeps_book(connection: &mut DbConnection) -> Result<bool, MigrateError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        found: bool,
    }
    let exists = match connection.kind() {
        BackendKind::Postgres => {
            "SELECT to_regclass(quote_ident(current_schema()) || '.crm_schema_migrations') IS NOT NULL AS found"
        }
        BackendKind::Sqlite => {
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'crm_schema_migrations') AS found"
        }
    };
    let Found { found } = diesel::sql_query(exists).get_result(connection)?;
    Ok(found)
}

fn known_versions(connection: &DbConnection) -> Result<Vec<String>, MigrateError> {
    Ok(known(connection)?.iter().map(Known::version).collect())
}

/// A migration of one of the databases.
enum Known {
    #[cfg(feature = "postgres")]
    Postgres(Box<dyn Migration<Pg>>),
    #[cfg(feature = "sqlite")]
    Sqlite(Box<dyn Migration<Sqlite>>),
}

/// The migrations of this connection's database, in their order.
fn known(connection: &DbConnection) -> Result<Vec<Known>, MigrateError> {
    fn of<B: Backend>(
        source: &EmbeddedMigrations,
        known: fn(Box<dyn Migration<B>>) -> Known,
    ) -> Result<Vec<Known>, Failure>
    where
        EmbeddedMigrations: MigrationSource<B>,
    {
        Ok(source.migrations()?.into_iter().map(known).collect())
    }
    let migrations =
        by_backend!(connection, Postgres(_) => of(&POSTGRES, Known::Postgres), Sqlite(_) => of(&SQLITE, Known::Sqlite));
    let mut migrations = migrations.map_err(MigrateError::Failed)?;
    migrations.sort_by_cached_key(Known::version);
    Ok(migrations)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Known {
    fn version(&self) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(migration) => migration.name().version().to_string(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(migration) => migration.name().version().to_string(),
        }
    }

    fn run(&self, connection: &mut DbConnection) -> Result<(), MigrateError> {
        let ran = match (self, connection) {
            #[cfg(feature = "postgres")]
            (Self::Postgres(migration), DbConnection::Postgres(postgres)) => migration.run(postgres),
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(migration), DbConnection::Sqlite(sqlite)) => migration.run(sqlite),
            #[cfg(all(feature = "postgres", feature = "sqlite"))]
            _ => Err(OF_THE_OTHER.into()),
        };
        ran.map_err(MigrateError::Failed)
    }

    fn revert(&self, connection: &mut DbConnection) -> Result<(), MigrateError> {
        let reverted = match (self, connection) {
            #[cfg(feature = "postgres")]
            (Self::Postgres(migration), DbConnection::Postgres(postgres)) => migration.revert(postgres),
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(migration), DbConnection::Sqlite(sqlite)) => migration.revert(sqlite),
            #[cfg(all(feature = "postgres", feature = "sqlite"))]
            _ => Err(OF_THE_OTHER.into()),
        };
        reverted.map_err(MigrateError::Failed)
    }
}

/// [`known`] chooses by the connection, so that this is said of a bug.
#[cfg(all(feature = "postgres", feature = "sqlite"))]
const OF_THE_OTHER: &str = "this migration is one of the other database";

/// A lock between processes, held on a small file beside an SQLite database until it is dropped.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits until nobody else holds the lock.
    ///
    /// # Errors
    /// [`MigrateError::Lock`] when the file cannot be made.
    pub fn wait(path: &Path) -> Result<Self, MigrateError> {
        let file = open(path)?;
        file.lock().map_err(|error| MigrateError::Lock(path.to_owned(), error))?;
        Ok(Self { _file: file })
    }

    /// Takes the lock unless somebody else holds it.
    ///
    /// # Errors
    /// [`MigrateError::Lock`] when the file cannot be made.
    pub fn take(path: &Path) -> Result<Option<Self>, MigrateError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(MigrateError::Lock(path.to_owned(), error)),
        }
    }
}

fn open(path: &Path) -> Result<File, MigrateError> {
    OpenOptions::new()
        .create(true)
        .mode(0o600)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| MigrateError::Lock(path.to_owned(), error))
}

/// The path with a suffix after the whole file name: `crm.db` and `.lock` make `crm.db.lock`.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
