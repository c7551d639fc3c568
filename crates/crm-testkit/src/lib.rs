#![doc = include_str!("../README.md")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot have its database fails")]

pub mod any_field;
mod cluster;
pub mod lists;
pub mod locks;
pub mod plans;
pub mod records;
pub mod statements;
pub mod tenancy;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crm_core::{BackendKind, DatabaseUrl, DbConnection, Scope, Timestamp, migrate, tenants};
use diesel::connection::SimpleConnection;
use diesel::{Connection, QueryableByName, RunQueryDsl};

// Of the databases that crm-core is built with.
#[doc(hidden)]
pub use crm_core::{on_postgres, on_sqlite};

/// Writes one test as two, `name::sqlite` and `name::postgres`, each with a database of its own.
#[macro_export]
macro_rules! both_databases {
    ($($(#[$meta:meta])* fn $name:ident($database:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            fn $name($database: &$crate::TestDatabase) $body

            mod $name {
                $crate::on_sqlite! {
                    #[test]
                    fn sqlite() {
                        super::$name(&$crate::TestDatabase::sqlite());
                    }
                }

                $crate::on_postgres! {
                    #[test]
                    fn postgres() {
                        super::$name(&$crate::TestDatabase::postgres());
                    }
                }
            }
        )*
    };
}

/// A migrated database that nobody else uses; it is gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: DatabaseUrl,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(#[expect(dead_code, reason = "held until the database is dropped")] tempfile::TempDir),
    Postgres(DroppedAtEnd),
    Elsewhere,
}

/// The server that PostgreSQL tests use.
fn server() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    match std::env::var("CRM_TEST_POSTGRES_URL") {
        Ok(url) => url,
        Err(_) => panic!(
            "if you are here because a PostgreSQL test failed: it needs a server. Run scripts/test, or \
             scripts/postgres run -- cargo test, which start a throwaway one and set CRM_TEST_POSTGRES_URL"
        ),
    }
}

/// The server's URL with another database.
fn with_database(server: &str, database: &str) -> String {
    let (base, query) = server.split_once('?').map_or((server, None), |(base, query)| (base, Some(query)));
    let authority_start = base.find("://").map_or(0, |at| at + 3);
    let end = base[authority_start..].find('/').map_or(base.len(), |at| authority_start + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &base[..end])
}

/// The servers of the cluster, where that server is the coordinator of one.
fn nodes() -> &'static [cluster::Node] {
    static NODES: OnceLock<Vec<cluster::Node>> = OnceLock::new();
    NODES.get_or_init(|| cluster::nodes(&server()))
}

/// A connection to a server, whose statements may take as long as they like.
fn connected(server: &str) -> Result<DbConnection, diesel::ConnectionError> {
    let mut connection = server.parse::<DatabaseUrl>().unwrap().connect()?;
    connection.batch_execute("SET statement_timeout = 0").unwrap();
    Ok(connection)
}

fn unique_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("crm_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl TestDatabase {
    /// An SQLite file, copied from one that was migrated once.
    #[must_use]
    pub fn sqlite() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let template = TEMPLATE.get_or_init(template_file);
        let database = Self::empty_sqlite();
        std::fs::copy(template, database.url.file().unwrap()).unwrap();
        database
    }

    /// A database on PostgreSQL, copied from one that was migrated once.
    #[must_use]
    pub fn postgres() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        if !nodes().is_empty() {
            // A template would be of one node alone.
            let database = Self::on_cluster(nodes());
            migrate::migrate(database.url()).unwrap();
            cluster::distribute(database.url());
            return database;
        }
        let template = TEMPLATE.get_or_init(|| template(&server()));
        Self::on_postgres(&format!(" TEMPLATE {template}"))
    }

    /// The name of an SQLite file that does not exist yet, for tests of migrations.
    #[must_use]
    pub fn empty_sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("crm.db");
        Self { url: DatabaseUrl::SqliteFile(path), place: Place::Directory(directory) }
    }

    /// An empty database on PostgreSQL, for tests of migrations.
    #[must_use]
    pub fn empty_postgres() -> Self {
        Self::on_postgres("")
    }

    /// An empty database on PostgreSQL that keeps text in this encoding.
    #[must_use]
    pub fn empty_postgres_in(encoding: &str) -> Self {
        Self::on_postgres(&format!(
            " TEMPLATE template0 ENCODING '{encoding}' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
    }

    fn on_postgres(clause: &str) -> Self {
        let server = server();
        let name = unique_name();
        let mut connection = connected(&server).unwrap();
        connection.batch_execute(&format!("CREATE DATABASE {name}{clause}")).unwrap();
        let url = with_database(&server, &name).parse().unwrap();
        Self { url, place: Place::Postgres(DroppedAtEnd { server, name, tablespace: None }) }
    }

    fn on_cluster(nodes: &[cluster::Node]) -> Self {
        let (server, name) = (server(), unique_name());
        cluster::create(&server, nodes, &name);
        let url = with_database(&server, &name).parse().unwrap();
        Self { url, place: Place::Postgres(DroppedAtEnd { server, name, tablespace: None }) }
    }

    /// The SQLite file there, which stays when this is dropped.
    #[must_use]
    pub fn at(file: PathBuf) -> Self {
        Self { url: DatabaseUrl::SqliteFile(file), place: Place::Elsewhere }
    }

    /// A migrated database whose files lie in this folder; on PostgreSQL in a tablespace, for which the folder is given to
    /// the server, so that only root on the server's machine can make one.
    #[must_use]
    pub fn in_directory(kind: BackendKind, directory: &Path) -> Self {
        if kind == BackendKind::Sqlite {
            let template = Self::sqlite();
            let path = directory.join("crm.db");
            std::fs::copy(template.url.file().unwrap(), &path).unwrap();
            return Self::at(path);
        }
        let (server, tablespace) = (server(), unique_name());
        let mut connection = connected(&server).unwrap();
        let owner = std::fs::metadata(data_directory(&mut connection)).unwrap();
        std::os::unix::fs::chown(directory, Some(owner.uid()), Some(owner.gid())).unwrap();
        let location = directory.display();
        connection.batch_execute(&format!("CREATE TABLESPACE {tablespace} LOCATION '{location}'")).unwrap();
        let mut made = Self::on_postgres(&format!(" TEMPLATE {} TABLESPACE {tablespace}", template(&server)));
        if let Place::Postgres(dropped) = &mut made.place {
            dropped.tablespace = Some(tablespace);
        }
        made
    }

    /// The URL, as a program takes it.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The URL as text, with its password.
    #[must_use]
    pub fn url_text(&self) -> String {
        match &self.url {
            DatabaseUrl::Postgres(url) => url.reveal().to_owned(),
            other => other.to_string(),
        }
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> BackendKind {
        self.url.kind()
    }

    /// Whether its tables are spread over the nodes of a cluster.
    #[must_use]
    pub fn is_distributed(&self) -> bool {
        self.kind() == BackendKind::Postgres && !nodes().is_empty()
    }

    /// A connection to it. A statement of Diesel's that is not held to one tenant fails the test.
    #[must_use]
    pub fn connect(&self) -> DbConnection {
        let mut connection = self.url.connect().unwrap();
        connection.set_instrumentation(tenancy::Watch);
        connection
    }

    /// A connection whose statements may take as long as they like, to fill a table with many rows.
    #[must_use]
    pub fn connect_to_fill(&self) -> DbConnection {
        let mut connection = self.connect();
        if self.kind() == BackendKind::Postgres {
            connection.batch_execute("SET statement_timeout = 0").unwrap();
        }
        connection
    }

    /// Makes a tenant with this id and returns its scope, at the present time.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Scope {
        let mut connection = self.connect();
        let now = Timestamp::now();
        let made =
            connection.write(|connection| tenants::create(connection, &id.parse().unwrap(), id, None, now)).unwrap();
        Scope::new(made.tenant.id, made.tenant.public_id, now)
    }
}

/// Where the server keeps its files.
fn data_directory(connection: &mut DbConnection) -> PathBuf {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Text)]
        found: String,
    }
    let query = diesel::sql_query("SELECT current_setting('data_directory') AS found");
    let Found { found } = query.get_result(connection).unwrap();
    found.into()
}

/// The migrated file of this version of the schema, beside what was built: each process of tests finds what the first has made.
fn template_file() -> PathBuf {
    let path = Path::new(env!("OUT_DIR")).join(format!("template_{}.db", env!("MIGRATIONS_FINGERPRINT")));
    if !path.exists() {
        let folder = path.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let made_in = tempfile::tempdir_in(folder).unwrap();
        let made = made_in.path().join("template.db");
        migrate::migrate(&DatabaseUrl::SqliteFile(made.clone())).unwrap();
        // Several may make it at once: whichever stands there is whole.
        std::fs::rename(made, &path).unwrap();
    }
    path
}

/// Makes the migrated template of this version of the schema, unless it is there. Its name carries a
/// fingerprint of the migrations, and the lock makes test processes that start together wait for one.
fn template(server: &str) -> String {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        found: bool,
    }
    let name = format!("crm_migrated_{}", env!("MIGRATIONS_FINGERPRINT"));
    let mut connection = connected(server).unwrap();
    connection.batch_execute("SELECT pg_advisory_lock(7310)").unwrap();
    let query =
        format!("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = '{name}' AND datistemplate) AS found");
    let Found { found } = diesel::sql_query(query).get_result(&mut connection).unwrap();
    if !found {
        connection.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).unwrap();
        connection.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        migrate::migrate(&with_database(server, &name).parse().unwrap()).unwrap();
        connection.batch_execute(&format!("ALTER DATABASE {name} IS_TEMPLATE true")).unwrap();
    }
    name
}

#[derive(Debug)]
struct DroppedAtEnd {
    server: String,
    name: String,
    tablespace: Option<String>,
}

impl Drop for DroppedAtEnd {
    fn drop(&mut self) {
        if !nodes().is_empty() {
            return cluster::drop(&self.server, nodes(), &self.name);
        }
        if let Ok(mut connection) = connected(&self.server) {
            let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
            if let Some(tablespace) = &self.tablespace {
                let _ = connection.batch_execute(&format!("DROP TABLESPACE IF EXISTS {tablespace}"));
            }
        }
    }
}
