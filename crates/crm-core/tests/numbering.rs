//! Numbers of new records, taken outside of the transactions that make them.

#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use crm_core::numbering::{self, Advanced, Numbers};
use crm_core::{DbConnection, LeadId, Scope, TenantId};
use crm_testkit::TestDatabase;
use diesel::connection::SimpleConnection;

/// What a program does that keeps a connection for it.
struct Apart(Mutex<DbConnection>);

impl std::fmt::Debug for Apart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Apart")
    }
}

/// The same, where numbers are taken over a connection of their own.
fn numbered_apart(scope: &Scope, database: &TestDatabase) -> Scope {
    scope.clone().numbered_by(Some(Arc::new(Apart(Mutex::new(database.connect())))))
}

impl Numbers for Apart {
    fn next(&self, tenant: TenantId, kind: i16) -> Option<i64> {
        match numbering::advance(&mut self.0.lock().unwrap(), tenant, kind, 1).unwrap() {
            Advanced::To(number) => Some(number),
            Advanced::Held | Advanced::Absent => None,
        }
    }
}

/// A connection that fails where it would wait.
fn impatient(database: &TestDatabase) -> DbConnection {
    let mut connection = database.connect();
    connection.batch_execute("SET lock_timeout = '100ms'").unwrap();
    connection
}

fn next(connection: &mut DbConnection, scope: &Scope) -> i64 {
    numbering::next::<LeadId>(connection, scope).unwrap().as_i64()
}

/// A transaction that has a number holds up no other, and one that counts by itself is waited for by those that must.
#[test]
fn a_number_is_no_lock() {
    let database = TestDatabase::postgres();
    let (mut one, mut other) = (impatient(&database), impatient(&database));
    let scope = database.tenant("acme");
    let beside = numbered_apart(&scope, &database);
    let kind = 1;
    assert_eq!(numbering::advance(&mut other, scope.tenant(), kind, 10).unwrap(), Advanced::Absent);
    // The first makes the counter.
    assert_eq!(one.write(|one| Ok::<_, diesel::result::Error>(next(one, &beside))).unwrap(), 1);

    one.begin_write().unwrap();
    other.begin_write().unwrap();
    assert_eq!((next(&mut one, &beside), next(&mut other, &beside), next(&mut one, &beside)), (2, 3, 4));
    other.rollback_to_depth(0).unwrap();
    one.commit_write().unwrap();

    // Rolled back, it is gone.
    one.begin_write().unwrap();
    assert_eq!(next(&mut one, &beside), 5);
    // One that counts in its transaction holds the counter: whoever counts outside is told so, and does not wait.
    assert_eq!(next(&mut one, &scope), 6);
    assert_eq!(numbering::advance(&mut other, scope.tenant(), kind, 10).unwrap(), Advanced::Held);
    other.begin_write().unwrap();
    assert!(numbering::next::<LeadId>(&mut other, &beside).is_err(), "it waits for the counter");
    other.rollback_to_depth(0).unwrap();
    one.rollback_to_depth(0).unwrap();
    assert_eq!(numbering::advance(&mut other, scope.tenant(), kind, 10).unwrap(), Advanced::To(15));
}

/// Who must be the only one waits for others who must be, and sees what they made; nobody else does.
#[test]
fn those_who_must_be_alone_wait_for_each_other() {
    let database = TestDatabase::postgres();
    let (mut one, mut other) = (impatient(&database), impatient(&database));
    let scope = numbered_apart(&database.tenant("acme"), &database);
    assert_eq!(next(&mut one, &scope), 1);
    one.begin_write().unwrap();
    other.begin_write().unwrap();
    assert_eq!((next(&mut one, &scope), next(&mut other, &scope)), (2, 3));
    assert_eq!(numbering::next_alone::<LeadId>(&mut one, &scope).unwrap().as_i64(), 4);
    assert!(numbering::next_alone::<LeadId>(&mut other, &scope).is_err(), "it does not wait");
    other.rollback_to_depth(0).unwrap();
    one.rollback_to_depth(0).unwrap();
}

/// What counts many records by itself takes its numbers as before, beside those who do not.
#[test]
fn many_changes_in_one_transaction_hold_the_counter() {
    let database = TestDatabase::postgres();
    let (mut one, mut other) = (impatient(&database), impatient(&database));
    let scope = numbered_apart(&database.tenant("acme"), &database);
    assert_eq!(next(&mut other, &scope), 1);
    let many = scope.clone().remembering();
    one.begin_write().unwrap();
    assert_eq!((next(&mut one, &many), next(&mut one, &many)), (2, 3));
    assert_eq!(numbering::advance(&mut other, scope.tenant(), 1, 1).unwrap(), Advanced::Held);
    numbering::settle(&mut one, &many).unwrap();
    one.commit_write().unwrap();
    assert_eq!(next(&mut other, &scope), 4);
}
