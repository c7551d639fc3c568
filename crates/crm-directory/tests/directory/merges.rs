//! The part of a merge that stays inside the directory.

use crm_core::{Condition, ContactId, OrganizationId};
use crm_directory::{Contact, DirectoryError, contacts, organizations};
use crm_forms::{FormKind, NewForm};
use crm_history::{MergeError, MergeRequest};
use crm_tags::TagKind;
use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::common::{Desk, problems, read, shown};

fn merge(desk: &mut Desk, target: i64, body: Value) -> Result<Contact, DirectoryError> {
    let request: MergeRequest<ContactId> = read(body).unwrap();
    let target = ContactId::from_i64(target);
    let Desk { connection, scope } = desk;
    connection.write(|connection| {
        let merging = contacts::merge(connection, scope, target, &Condition::none(), &request)?;
        crm_tags::add(connection, scope, target, merging.tags())?;
        contacts::delete(connection, scope, merging.into_deletion())
    })?;
    desk.get_contact(target)
}

fn values(list: &Value) -> Vec<(&str, bool)> {
    let pair = |value: &'_ Value| (value["value"].as_str().unwrap().to_owned(), value["primary"] == true);
    let owned: Vec<_> = list.as_array().unwrap().iter().map(pair).collect();
    owned.into_iter().map(|(value, primary)| (&*value.leak(), primary)).collect()
}

both_databases! {
    /// The target keeps what it has, takes what it lacks in the order of sourceId, and gets the unions.
    fn a_contact_is_filled_in_the_order_of_its_sources(database) {
        let mut desk = Desk::new(database, "a");
        for label in ["red", "blue", "green"] {
            desk.tag(TagKind::Contact, label);
        }
        let custom = |id: &str| json!({ "id": id, "label": id, "category": "custom", "type": "text", "required": false });
        let form: NewForm = read(json!({ "fields": [custom("f1"), custom("f2"), custom("f3")] })).unwrap();
        let Desk { connection, scope } = &mut desk;
        connection
            .write(|connection| crm_forms::replace(connection, scope, FormKind::Contacts, &Condition::none(), &form, |_, _| Ok([].into())))
            .unwrap();
        desk.organization(json!({ "name": "One" }));
        desk.organization(json!({ "name": "Two" }));
        desk.contact(json!({
            "name": "Target", "jobTitle": "Boss", "note": "first", "tags": "red", "creator": { "id": "c1" },
            "email": [{ "value": "a@x.com" }, { "value": "b@x.com", "primary": true }], "customFields": { "f1": "1" },
        }));
        desk.contact(json!({
            "name": "Two", "jobTitle": "Two", "department": "Two", "organizationId": 2, "note": "two", "tags": "blue,red",
            "email": [{ "value": "B@X.com" }, { "value": "c@x.com", "primary": true }], "phone": [{ "value": "2" }, { "value": "3", "primary": true }],
            "customFields": { "f1": "2", "f2": "2" }, "owner": { "id": "two" },
        }));
        desk.contact(json!({
            "name": "Three", "department": "Three", "seniorityLevel": "Three", "linkedin": "three.com", "organizationId": 1,
            "phone": [{ "value": "4" }], "note": "three", "tags": "green", "customFields": { "f2": "3", "f3": "3" }, "owner": { "id": "three" },
        }));
        desk.wait(5);
        let merged = merge(&mut desk, 1, json!({ "sourceId": ["3", "2", "3"], "lastUpdatedBy": { "id": "m" } })).unwrap();
        let seen = shown(&merged);
        for (member, expected) in [
            ("name", json!("Target")),
            ("jobTitle", json!("Boss")),
            ("department", json!("Three")),
            ("seniorityLevel", json!("Three")),
            ("linkedin", json!("three.com")),
            ("organizationId", json!("1")),
            ("note", json!("first\n\nthree\n\ntwo")),
            ("customFields", json!({ "f1": "1", "f2": "3", "f3": "3" })),
            ("lastUpdatedOn", json!(desk.scope.now())),
        ] {
            assert_eq!(seen[member], expected, "{member}");
        }
        assert_eq!(seen["owner"]["id"], "three");
        assert_eq!(seen["creator"]["id"], "c1", "never changes");
        assert_eq!(seen["lastUpdatedBy"]["id"], "m");
        assert_eq!(values(&seen["email"]), [("a@x.com", false), ("b@x.com", true), ("c@x.com", false)], "its primary stays");
        assert_eq!(values(&seen["phone"]), [("4", true), ("2", false), ("3", false)], "of the first that has any");
        let labels: Vec<&str> = merged.tags.iter().map(|tag| tag.label.as_str()).collect();
        assert_eq!(labels, ["blue", "green", "red"]);

        assert_eq!(desk.contact_names(&[("email", "c@x.com")]), ["Target"], "the search knows of it");
    }

    /// An organization is filled as a contact is.
    fn an_organization_is_filled_in_the_order_of_its_sources(database) {
        let mut desk = Desk::new(database, "a");
        desk.organization(json!({ "name": "Target", "size": "1", "email": [{ "value": "a@x.com" }] }));
        desk.organization(json!({ "name": "Two", "size": "2", "industry": "Two", "address": "Two street", "website": "two.com" }));
        desk.organization(json!({ "name": "Three", "industry": "Three", "annualRevenue": "3", "email": [{ "value": "A@X.COM" }, { "value": "b@x.com" }] }));
        let request: MergeRequest<OrganizationId> = read(json!({ "sourceId": [2, 3] })).unwrap();
        let target = OrganizationId::from_i64(1);
        let Desk { connection, scope } = &mut desk;
        let merged = connection.write(|connection| {
            let merging = organizations::merge(connection, scope, target, &Condition::none(), &request)?;
            crm_tags::add(connection, scope, target, merging.tags())?;
            organizations::delete(connection, scope, merging.into_deletion())
        });
        merged.unwrap();
        let seen = shown(&desk.get_organization(target).unwrap());
        for (member, expected) in [
            ("name", json!("Target")),
            ("size", json!("1")),
            ("industry", json!("Two")),
            ("address", json!("Two street")),
            ("website", json!("two.com")),
            ("annualRevenue", json!("3")),
            ("note", Value::Null),
        ] {
            assert_eq!(seen[member], expected, "{member}");
        }
        assert_eq!(values(&seen["email"]), [("a@x.com", true), ("b@x.com", false)]);
        assert_eq!(desk.organization_names(&[("address", "TWO"), ("sort", "asc")]), ["Target"]);
    }

    /// What cannot be merged changes nothing.
    fn a_refused_merge_changes_nothing(database) {
        let mut desk = Desk::new(database, "a");
        let mut other = Desk::new(database, "b");
        for _ in 0..9 {
            other.contact(json!({ "name": "Theirs" }));
        }
        let target = desk.contact(json!({ "name": "Target", "note": "x".repeat(6_000) }));
        let source = desk.contact(json!({ "name": "Source", "jobTitle": "Source", "note": "y".repeat(3_999), "email": [{ "value": "s@x.com" }] }));
        desk.wait(5);
        let itself = merge(&mut desk, 1, json!({ "sourceId": ["2", "1"] })).unwrap_err();
        assert!(matches!(itself, DirectoryError::Merge(MergeError::Invalid(errors)) if problems(&errors) == ["sourceId conflicting"]));
        let unknown = merge(&mut desk, 1, json!({ "sourceId": ["9", "2", "8"] })).unwrap_err();
        assert!(matches!(unknown, DirectoryError::Merge(MergeError::NotFound(_, ids)) if ids == [9, 8]), "all that are unknown");
        let unknown = merge(&mut desk, 7, json!({ "sourceId": ["2"] })).unwrap_err();
        assert!(matches!(unknown, DirectoryError::Merge(MergeError::NotFound(_, ids)) if ids == [7]), "the target as well");
        let too_long = merge(&mut desk, 1, json!({ "sourceId": ["2"] })).unwrap_err();
        assert!(matches!(too_long, DirectoryError::Merge(MergeError::NoteTooLong)), "6 000 + 2 + 3 999");
        assert_eq!(desk.get_contact(target.id).unwrap(), target);
        assert_eq!(desk.get_contact(source.id).unwrap(), source);
        desk.patch_contact(source.id, json!({ "note": "y".repeat(3_998) })).unwrap();
        let merged = merge(&mut desk, 1, json!({ "sourceId": ["2"] })).unwrap();
        assert_eq!(merged.note.unwrap().as_str().len(), 10_000, "just fits");
    }

    /// Merging many long lists keeps every address.
    fn a_union_may_be_longer_than_a_list_that_is_sent(database) {
        let mut desk = Desk::new(database, "a");
        for contact in 0..4 {
            let email: Vec<Value> = (0..20).map(|index| json!({ "value": format!("{contact}.{index}@x.com") })).collect();
            desk.contact(json!({ "name": "Many", "email": email }));
        }
        let merged = merge(&mut desk, 1, json!({ "sourceId": [2, 3, 4] })).unwrap();
        assert_eq!(merged.email.as_slice().len(), 80);
        assert_eq!(desk.contacts(&[("email", "3.19@x")]).items.len(), 1);
    }
}

/// Merges that overlap wait for each other or find what they need gone; they never lose an address.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn overlapping_merges_keep_every_address() {
    let database = crm_testkit::TestDatabase::postgres();
    let mut desk = Desk::new(&database, "a");
    for number in 1..=6 {
        desk.contact(json!({ "name": "Jane", "email": [{ "value": format!("{number}@x.com") }] }));
    }
    let scope = &desk.scope;
    std::thread::scope(|threads| {
        for (target, sources) in [(1, [2, 3]), (3, [4, 2]), (2, [5, 1]), (6, [3, 5])] {
            let mut connection = database.connect();
            threads.spawn(move || {
                let request: MergeRequest<ContactId> = read(json!({ "sourceId": sources })).unwrap();
                let outcome = connection.write(|connection| {
                    let merging =
                        contacts::merge(connection, scope, ContactId::from_i64(target), &Condition::none(), &request)?;
                    contacts::delete(connection, scope, merging.into_deletion())
                });
                assert!(matches!(outcome, Ok(_) | Err(DirectoryError::Merge(MergeError::NotFound(..)))), "{outcome:?}");
            });
        }
    });
    let mut emails: Vec<String> = Vec::new();
    for contact in desk.contacts(&[]).items {
        emails.extend(contact.email.as_slice().iter().map(|email| email.value.clone()));
    }
    emails.sort();
    assert_eq!(emails, (1..=6).map(|number| format!("{number}@x.com")).collect::<Vec<_>>());
}
