//! Counts: exact, and nobody waits for another to end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_core::counts::{Counted, Difference, fold, records, tenants_in_parts};
use crm_core::{DbConnection, RecordKind, Scope, Uuid};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;

/// Adds so many records, in whatever transaction there is.
fn add(connection: &mut DbConnection, scope: &Scope, times: i64) {
    let mut difference = Difference::default();
    for _ in 0..times.abs() {
        if times > 0 { difference.add(&Counted::in_no_group()) } else { difference.take(&Counted::in_no_group()) }
    }
    difference.write(connection, scope, RecordKind::Lead).unwrap();
}

both_databases! {
    fn what_is_added_and_taken_is_counted_for_its_tenant_and_kind(database) {
        let (mut connection, scope, other) = (database.connect(), database.tenant("acme"), database.tenant("other"));
        assert_eq!(records(&mut connection, &scope, RecordKind::Lead).unwrap(), 0);
        add(&mut connection, &scope, 7);
        add(&mut connection, &scope, -2);
        add(&mut connection, &other, 1);
        assert_eq!(records(&mut connection, &scope, RecordKind::Lead).unwrap(), 5);
        assert_eq!(records(&mut connection, &other, RecordKind::Lead).unwrap(), 1);
        assert_eq!(records(&mut connection, &scope, RecordKind::Case).unwrap(), 0);
    }

    /// A record that leaves a group and comes into it again changes nothing, and what is rolled back is not counted.
    fn nothing_is_written_for_nothing(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let one = Counted::within(Uuid::random(), "a", Some((i64::MAX, "USD")));
        let mut difference = Difference::default();
        difference.add(&one);
        difference.take(&one);
        let write = |c: &mut DbConnection| difference.write(c, &scope, RecordKind::Opportunity);
        let ((), sent) = crm_testkit::statements::statements(&mut connection, |c| write(c).unwrap());
        assert!(sent.is_empty(), "{sent:#?}");
        let rolled_back = connection.write(|connection| {
            add(connection, &scope, 3);
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        });
        assert!(rolled_back.is_err());
        assert_eq!(records(&mut connection, &scope, RecordKind::Lead).unwrap(), 0);
    }
}

fn begin(connection: &mut DbConnection) {
    connection.batch_execute("BEGIN; SET LOCAL lock_timeout = '2s'").unwrap();
}

/// Two sessions count in one tenant at once, a third adds up what it can, and none waits for another.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn nobody_waits_for_another_who_counts() {
    let database = TestDatabase::postgres();
    let (mut one, mut two, mut third) = (database.connect(), database.connect(), database.connect());
    let scope = database.tenant("acme");
    add(&mut one, &scope, 1);
    add(&mut two, &scope, 10);
    begin(&mut one);
    add(&mut one, &scope, 100);
    begin(&mut two);
    add(&mut two, &scope, 1_000);
    two.batch_execute("COMMIT").unwrap();
    assert_eq!(records(&mut third, &scope, RecordKind::Lead).unwrap(), 1_011);
    // The row of the one who is at work is passed by.
    begin(&mut third);
    assert_eq!(fold(&mut third, scope.tenant()).unwrap(), 1);
    third.batch_execute("COMMIT").unwrap();
    assert_eq!(records(&mut third, &scope, RecordKind::Lead).unwrap(), 1_011);
    one.batch_execute("COMMIT").unwrap();
    assert_eq!(records(&mut third, &scope, RecordKind::Lead).unwrap(), 1_111);
    add(&mut two, &scope, -11);
    assert_eq!(third.write(|c| fold(c, scope.tenant())).unwrap(), 2);
    assert_eq!(third.write(|c| fold(c, scope.tenant())).unwrap(), 0);
    assert_eq!(records(&mut third, &scope, RecordKind::Lead).unwrap(), 1_100);
}

/// At the bound nobody is to be folded, one past it the tenant is.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn many_parts_are_found() {
    let database = TestDatabase::postgres();
    let mut connection = database.connect_to_fill();
    let scope = database.tenant("acme");
    let insert = |connection: &mut DbConnection, parts: &str| {
        let nobody = Uuid::from_bytes([0; 16]);
        let rows = format!(
            "INSERT INTO record_counts SELECT {}, 1, '{nobody}', '', '', part, 1, 0, 0 FROM generate_series({parts}) AS part",
            scope.tenant().as_i64()
        );
        connection.batch_execute(&rows).unwrap();
    };
    insert(&mut connection, "-64, -1");
    assert_eq!(tenants_in_parts(&mut connection).unwrap(), []);
    insert(&mut connection, "-65, -65");
    assert_eq!(tenants_in_parts(&mut connection).unwrap(), [scope.tenant()]);
    assert_eq!(connection.write(|c| fold(c, scope.tenant())).unwrap(), 65);
    assert_eq!(tenants_in_parts(&mut connection).unwrap(), []);
    assert_eq!(records(&mut connection, &scope, RecordKind::Lead).unwrap(), 65);
}
