//! What other records need of the directory.

use crm_core::values::ReferencedRecords;
use crm_core::{ContactId, OrganizationId};
use crm_directory::{contacts, organizations};
use crm_testkit::{both_databases, statements::statements};
use serde_json::json;

use crate::common::{Desk, deleted_organizations};

both_databases! {
    /// Unlinking and re-pointing organizations change their contacts, with a new lastUpdatedOn, and no others.
    fn contacts_follow_what_happens_to_their_organization(database) {
        let mut desk = Desk::new(database, "a");
        for name in ["One", "Two", "Three"] {
            desk.organization(json!({ "name": name }));
        }
        for organization in [1, 2, 3, 1] {
            desk.contact(json!({ "name": "Jane", "organizationId": organization }));
        }
        let made = desk.scope.now();
        desk.wait(5);
        let ids: Vec<OrganizationId> = (1..=3).map(OrganizationId::from_i64).collect();
        let Desk { connection, scope } = &mut desk;
        connection.write(|connection| contacts::repoint_organizations(connection, scope, &ids[..1], ids[1])).unwrap();
        connection.write(|connection| contacts::unlink_organizations(connection, scope, &ids[2..])).unwrap();
        let mut seen: Vec<_> = desk.contacts(&[]).items.into_iter().map(|c| (c.id.as_i64(), c.organization_id, c.last_updated_on == made)).collect();
        seen.sort();
        assert_eq!(seen, [(1, Some(ids[1]), false), (2, Some(ids[1]), true), (3, None, false), (4, Some(ids[1]), false)]);
    }

    /// Names and missing ids take one statement for any number of ids.
    fn names_and_missing_ids_take_one_statement(database) {
        let mut desk = Desk::new(database, "a");
        let acme = desk.organization(json!({ "name": "Acme" })).id;
        let jane = desk.contact(json!({ "name": "Jane" })).id;
        let nobody = ContactId::from_i64(7);
        let Desk { connection, scope } = &mut desk;
        let (names, sent) = statements(connection, |connection| contacts::names(connection, scope, &[nobody, jane]).unwrap());
        assert_eq!((names.len(), names[&jane].as_str(), sent.len()), (1, "Jane", 1));
        assert_eq!(organizations::names(connection, scope, &[acme]).unwrap()[&acme], "Acme");
        let (missing, sent) = statements(connection, |connection| contacts::missing(connection, scope, &[nobody, jane, nobody]).unwrap());
        assert_eq!((missing, sent.len()), (vec![nobody, nobody], 1));
        let locked = connection.write(|connection| contacts::lock_missing(connection, scope, &[nobody, jane])).unwrap();
        assert_eq!(locked, [nobody]);
        let nowhere = OrganizationId::from_i64(9);
        assert_eq!(organizations::missing(connection, scope, &[acme, nowhere]).unwrap(), [nowhere]);
        assert_eq!(connection.write(|connection| organizations::lock_missing(connection, scope, &[nowhere, acme])).unwrap(), [nowhere]);
    }
}

/// A record that is held for a reference cannot be deleted until the reference is written.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn a_held_organization_outlives_the_transaction_that_refers_to_it() {
    let database = crm_testkit::TestDatabase::postgres();
    let mut desk = Desk::new(&database, "a");
    let acme = desk.organization(json!({ "name": "Acme" })).id;
    let mut other = database.connect();
    let scope = desk.scope.clone();
    let (held, wait) = std::sync::mpsc::channel();
    let deleting = std::thread::spawn(move || {
        wait.recv().unwrap();
        other.write(|connection| deleted_organizations(connection, &scope, &[acme]))
    });
    let Desk { connection, scope } = &mut desk;
    let new = crate::common::read(json!({ "name": "Jane", "organizationId": acme })).unwrap();
    connection
        .write(|connection| {
            assert!(organizations::lock_missing(connection, scope, &[acme])?.is_empty());
            held.send(()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(200));
            contacts::create(connection, scope, &new, ReferencedRecords::unchecked)
        })
        .unwrap();
    assert!(deleting.join().unwrap().is_err(), "the contact that was made meanwhile points at it");
}
