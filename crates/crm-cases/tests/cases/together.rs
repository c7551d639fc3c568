//! What two do at once.

use std::sync::Barrier;
use std::thread;

use super::*;

/// How often each race is run; more by the environment variable of the other tests of races.
fn rounds() -> usize {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    std::env::var("CRM_TEST_ROUNDS").ok().map_or(15, |rounds| rounds.parse().unwrap())
}

/// Runs both at the same moment, each with a connection of its own.
fn race<A: Send, B: Send>(
    database: &TestDatabase,
    one: impl FnOnce(&mut DbConnection) -> A + Send,
    other: impl FnOnce(&mut DbConnection) -> B + Send,
) -> (A, B) {
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let one = scope.spawn(|| {
            let mut connection = database.connect();
            barrier.wait();
            one(&mut connection)
        });
        let other = scope.spawn(|| {
            let mut connection = database.connect();
            barrier.wait();
            other(&mut connection)
        });
        (one.join().unwrap(), other.join().unwrap())
    })
}

crm_testkit::both_databases! {
    /// Of two changes of status the second sees what the first did: it is refused, or a legal second step. The
    /// activities stand in the order of what happened.
    fn two_changes_of_status(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let ways = workflow(&[("a", "A"), ("b", "B"), ("c", "C")], &[("a", "b"), ("a", "c"), ("b", "c")]);
        let case_type = create_type(&mut connection, &scope, &json!({ "label": "T", "workflow": ways })).id;
        let (mut refused, mut second_steps) = (0, 0);
        for _ in 0..rounds() {
            let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": case_type })).id;
            let walk = |status: &'static str| {
                let scope = &scope;
                move |connection: &mut DbConnection| try_patch(connection, scope, case, &json!({ "status": status }))
            };
            let (to_b, to_c) = race(database, walk("B"), walk("C"));
            assert!(to_c.is_ok(), "there is always a way to C: {to_c:?}");
            let happened = happened(&mut connection, &scope, case);
            match to_b {
                Ok(_) => {
                    assert_eq!(happened, ["B > C (Go) nobody", "A > B (Go) nobody"]);
                    second_steps += 1;
                }
                Err(CaseError::TransitionNotAllowed { from, to, allowed }) => {
                    assert_eq!((from.as_str(), to.as_str(), allowed.labels.len()), ("C", "B", 0));
                    assert_eq!(happened, ["A > C (Go) nobody"]);
                    refused += 1;
                }
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!(get(&mut connection, &scope, case).status.as_str(), "C");
        }
        assert_eq!(refused + second_steps, rounds());
    }

    /// A status is removed while a case is about to walk into it: one of the two is refused, no case is stranded.
    fn a_walk_and_an_edit_of_the_workflow(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        for round in 0..rounds() {
            let with = json!({ "label": format!("T{round}"), "workflow": workflow(&[("a", "A"), ("b", "B")], &[]) });
            let case_type = create_type(&mut connection, &scope, &with).id;
            let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": case_type })).id;
            let (walked, edited) = race(
                database,
                |connection| try_patch(connection, &scope, case, &json!({ "status": "B" })),
                |connection| try_patch_type(connection, &scope, case_type, &json!({ "workflow": workflow(&[("a", "A")], &[]) })),
            );
            let status = get(&mut connection, &scope, case).status;
            match (&walked, &edited) {
                (Ok(_), Err(CaseTypeError::StatusInUse(_))) => assert_eq!(status.as_str(), "B"),
                (Err(CaseError::Invalid(_)), Ok(_)) => assert_eq!(status.as_str(), "A"),
                outcome => panic!("{outcome:?}"),
            }
        }
    }

    /// A status is renamed while its case changes in it, and is made anew in it: whatever comes first, nobody waits
    /// for the other for ever, and the cases have a label that exists.
    fn a_change_and_a_new_name_of_the_status(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        for round in 0..rounds() {
            let with = json!({ "label": format!("T{round}"), "workflow": workflow(&[("a", "A")], &[]) });
            let case_type = create_type(&mut connection, &scope, &with).id;
            let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": case_type })).id;
            let (made, edited) = race(
                database,
                |connection| {
                    try_patch(connection, &scope, case, &json!({ "title": "u" })).unwrap();
                    create(connection, &scope, &json!({ "title": "t", "caseTypeId": case_type })).id
                },
                |connection| try_patch_type(connection, &scope, case_type, &json!({ "workflow": workflow(&[("a", "Z")], &[]) })),
            );
            edited.unwrap();
            for id in [case, made] {
                assert_eq!(get(&mut connection, &scope, id).status.as_str(), "Z");
            }
        }
    }
}
