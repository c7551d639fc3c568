//! A program that holds a plain connection of Diesel's lends it to the crates, inside its own transaction.

#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use crm_core::tenants::{self, TenantError};
use crm_core::{BackendKind, DatabaseUrl, DbConnection, PgSchema, Timestamp, migrate};
use crm_core::{set_up_pg, set_up_sqlite, with_pg, with_sqlite};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::BigInt;

/// A connection as a program without this crate has it.
trait Plain: SimpleConnection + Sized {
    fn open(database: &TestDatabase) -> Self;
    fn transaction_of_mine<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, TenantError>,
    ) -> Result<T, TenantError>;
    fn lend<R>(&mut self, work: impl FnOnce(&mut DbConnection) -> R) -> R;
}

impl Plain for PgConnection {
    fn open(database: &TestDatabase) -> Self {
        let mut connection = Self::establish(&database.url_text()).unwrap();
        set_up_pg(&mut connection).unwrap();
        connection
    }

    #[expect(clippy::disallowed_methods, reason = "a foreign program has transactions of its own")]
    fn transaction_of_mine<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, TenantError>,
    ) -> Result<T, TenantError> {
        self.transaction(work)
    }

    fn lend<R>(&mut self, work: impl FnOnce(&mut DbConnection) -> R) -> R {
        with_pg(self, work)
    }
}

impl Plain for SqliteConnection {
    fn open(database: &TestDatabase) -> Self {
        let DatabaseUrl::SqliteFile(path) = database.url() else { unreachable!("tests use files") };
        let mut connection = Self::establish(path.to_str().unwrap()).unwrap();
        set_up_sqlite(&mut connection).unwrap();
        connection
    }

    fn transaction_of_mine<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, TenantError>,
    ) -> Result<T, TenantError> {
        self.immediate_transaction(work)
    }

    fn lend<R>(&mut self, work: impl FnOnce(&mut DbConnection) -> R) -> R {
        with_sqlite(self, work)
    }
}

/// What the crates write; a `write` of their own is a savepoint in here.
fn sign_up(connection: &mut DbConnection, id: &str) -> Result<(), TenantError> {
    let id = id.parse().unwrap();
    connection.write(|connection| tenants::create(connection, &id, "New", None, Timestamp::now()).map(drop))
}

const MY_TABLE: &str = "CREATE TABLE my_orders (tenant TEXT NOT NULL)";
const MY_ROW: &str = "INSERT INTO my_orders VALUES ('acme')";

/// How many rows of the program and how many tenants somebody else sees.
fn seen(database: &TestDatabase) -> (i64, usize) {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        orders: i64,
    }
    let mut connection = database.connect();
    let query = diesel::sql_query("SELECT count(*) AS orders FROM my_orders");
    let Count { orders } = query.get_result(&mut connection).unwrap();
    (orders, tenants::list(&mut connection).unwrap().len())
}

fn one_transaction<C: Plain>(database: &TestDatabase) {
    let mut connection = C::open(database);
    connection.batch_execute(MY_TABLE).unwrap();
    let both = |connection: &mut C| {
        connection.batch_execute(MY_ROW)?;
        connection.lend(|connection| sign_up(connection, "acme"))?;
        connection.batch_execute(MY_ROW)?;
        assert_eq!(seen(database), (0, 0), "nothing is committed before the program commits");
        Ok(())
    };
    let undone = connection.transaction_of_mine(|connection| {
        both(connection)?;
        Err::<(), _>(DieselError::RollbackTransaction.into())
    });
    assert!(matches!(undone, Err(TenantError::Database(DieselError::RollbackTransaction))), "{undone:?}");
    assert_eq!(seen(database), (0, 0), "the program's rollback undoes what both wrote");
    connection.transaction_of_mine(both).unwrap();
    assert_eq!(seen(database), (2, 1), "its commit keeps what both wrote");
}

fn a_failure_in_between<C: Plain>(database: &TestDatabase) {
    let mut connection = C::open(database);
    connection.batch_execute(MY_TABLE).unwrap();
    connection.lend(|connection| sign_up(connection, "acme")).unwrap();
    let outcome = connection.transaction_of_mine(|connection| {
        connection.batch_execute(MY_ROW)?;
        let again = connection.lend(|connection| {
            connection.write(|connection| {
                sign_up(connection, "other")?;
                sign_up(connection, "acme")
            })
        });
        assert!(matches!(again, Err(TenantError::Exists(_))), "{again:?}");
        connection.batch_execute(MY_ROW).map_err(TenantError::from)
    });
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(seen(database), (2, 1), "what failed is undone, and the program goes on");
}

fn a_panic<C: Plain>(database: &TestDatabase) {
    let mut connection = C::open(database);
    connection.batch_execute(MY_TABLE).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        connection.lend(|connection| {
            sign_up(connection, "acme").unwrap();
            assert_eq!(connection.transaction_depth(), Ok(9), "as planned");
        });
    }));
    assert!(panicked.is_err());
    connection.batch_execute(MY_ROW).unwrap();
    assert_eq!(seen(database), (1, 1));
}

fn foreign_keys_hold<C: Plain>(database: &TestDatabase) {
    let mut connection = C::open(database);
    let refused = connection.batch_execute("INSERT INTO numbering (tenant_id, kind, last) VALUES (77, 1, 1)");
    let kind = DatabaseErrorKind::ForeignKeyViolation;
    assert!(matches!(&refused, Err(DieselError::DatabaseError(found, _)) if *found == kind), "{refused:?}");
}

macro_rules! on {
    ($database:ident, $check:ident) => {
        match $database.kind() {
            BackendKind::Postgres => $check::<PgConnection>($database),
            BackendKind::Sqlite => $check::<SqliteConnection>($database),
        }
    };
}

both_databases! {
    /// What the program and the crates write is committed together, or not at all.
    fn one_transaction_of_both(database) {
        on!(database, one_transaction);
    }

    /// A write of the crates that fails undoes itself, and leaves the program's transaction as it was.
    fn a_failed_write_leaves_the_programs_transaction(database) {
        on!(database, a_failure_in_between);
    }

    /// A panic passes through, and the program has its connection.
    fn the_connection_comes_back_after_a_panic(database) {
        on!(database, a_panic);
    }

    /// A connection that the program opened checks foreign keys.
    fn a_connection_that_was_set_up_checks_foreign_keys(database) {
        on!(database, foreign_keys_hold);
    }
}

/// A table of the program that is called like one of the crates', and what Diesel keeps of the program's own migrations.
const HOST: &str = "CREATE TABLE tenants (name TEXT NOT NULL); INSERT INTO tenants VALUES ('mine');
                    CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL);
                    INSERT INTO __diesel_schema_migrations VALUES ('20260101000000')";

/// The names in the program's table, in whatever transaction it is.
fn of_the_host(connection: &mut PgConnection) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Tenant {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let names: Vec<Tenant> = diesel::sql_query("SELECT name FROM tenants").load(connection).unwrap();
    names.into_iter().map(|tenant| tenant.name).collect()
}

/// How many tenants the crates have in a schema.
fn of_the_crates(connection: &mut PgConnection, schema: &PgSchema) -> usize {
    schema.lend(connection, tenants::list).unwrap().len()
}

#[test]
fn a_schema_keeps_the_tables_apart_from_the_programs() {
    let database = TestDatabase::empty_postgres();
    let mut connection = PgConnection::open(&database);
    connection.batch_execute(HOST).unwrap();
    let crm: PgSchema = "crm".parse().unwrap();

    let ran = migrate::migrate_in(&mut connection, &crm).unwrap();
    assert!(!ran.is_empty());
    assert!(migrate::migrate_in(&mut connection, &crm).unwrap().is_empty(), "nothing is left to do");
    assert!(crm.lend(&mut connection, migrate::is_current).unwrap());
    assert!(!with_pg(&mut connection, migrate::is_current).unwrap(), "nothing was made in the program's own schema");

    let both = |connection: &mut PgConnection| -> Result<(), TenantError> {
        connection.batch_execute("INSERT INTO tenants VALUES ('before')")?;
        crm.lend(connection, |connection| sign_up(connection, "acme"))?;
        let again = crm.lend(connection, |connection| sign_up(connection, "acme"));
        assert!(matches!(again, Err(TenantError::Exists(_))), "{again:?}");
        Ok(connection.batch_execute("INSERT INTO tenants VALUES ('after')")?)
    };
    let undone = connection.transaction_of_mine(|connection| {
        both(connection)?;
        Err::<(), _>(DieselError::RollbackTransaction.into())
    });
    assert!(undone.is_err());
    assert_eq!((of_the_host(&mut connection), of_the_crates(&mut connection, &crm)), (vec!["mine".to_owned()], 0));
    connection.transaction_of_mine(both).unwrap();
    assert_eq!((of_the_host(&mut connection).len(), of_the_crates(&mut connection, &crm)), (3, 1));

    // Two schemas of one database know nothing of each other.
    let other: PgSchema = "other".parse().unwrap();
    assert_eq!(migrate::migrate_in(&mut connection, &other).unwrap(), ran);
    assert_eq!((of_the_crates(&mut connection, &other), of_the_crates(&mut connection, &crm)), (0, 1));
}

#[test]
fn a_schema_is_left_whatever_happens_in_it() {
    let database = TestDatabase::empty_postgres();
    let mut connection = PgConnection::open(&database);
    connection.batch_execute(HOST).unwrap();
    let crm: PgSchema = "crm".parse().unwrap();
    migrate::migrate_in(&mut connection, &crm).unwrap();
    let broken = |connection: &mut DbConnection| connection.batch_execute("SELECT nothing");

    assert!(crm.lend(&mut connection, broken).is_err());
    assert_eq!(of_the_host(&mut connection), ["mine"], "outside of a transaction");
    let undone: Result<(), TenantError> = connection.transaction_of_mine(|connection| {
        crm.lend(connection, broken)?;
        Ok(())
    });
    assert!(undone.is_err());
    assert_eq!(of_the_host(&mut connection), ["mine"], "in one that cannot go on");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        crm.lend(&mut connection, |_| -> QueryResult<()> { unreachable!("as planned") })
    }));
    assert!(panicked.is_err());
    assert_eq!(of_the_host(&mut connection), ["mine"], "after a panic");
}
