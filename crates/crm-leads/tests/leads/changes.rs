use super::*;
use crm_core::OpportunityId;
use crm_core::input::{At, FromJson};
use crm_core::values::User;

const THEN: &str = "2025-01-01T00:00:00.000Z";
const LATER: &str = "2025-02-01T00:00:00.000Z";

fn user(id: &str) -> User {
    User::from_json(&json!({ "id": id }), &At::field("user"), &mut FieldErrors::new()).unwrap()
}

/// A lead with everything, made THEN, and its tenant LATER.
fn full_lead(connection: &mut DbConnection, tenant: &Scope) -> (Lead, Scope) {
    let scope = at(tenant, THEN);
    organizations(connection, &scope, &[1, 2]);
    contacts(connection, &scope, &[1, 2]);
    tag(connection, &scope, "one");
    tag(connection, &scope, "two");
    let lead = create(
        connection,
        &scope,
        &json!({
            "title": "Äpfel", "value": { "amount": 1.5, "code": "EUR" }, "origin": "website", "leadRating": "1_cold",
            "note": "n", "organizationId": "1", "contactId": "1", "owner": { "id": "o" }, "creator": { "id": "c" },
            "lastUpdatedBy": { "id": "l" }, "followers": [{ "id": "f" }], "participants": [{ "id": "1" }], "tags": "one"
        }),
    );
    (lead, at(tenant, LATER))
}

crm_testkit::both_databases! {
    /// Each member that a patch can have: set, cleared, and all the others as they were.
    fn a_patch_changes_what_it_names(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        let two = json!([{ "id": "2", "name": "B" }]);
        let mut expected = json_of(&lead);
        for (member, sent, shown) in [
            ("title", json!("Birnen"), json!("Birnen")),
            ("value", json!({ "amount": 7, "code": "USD" }), json!({ "amount": 7, "code": "USD" })),
            ("value", Value::Null, Value::Null),
            ("origin", json!("partner"), json!("partner")),
            ("origin", Value::Null, Value::Null),
            ("leadRating", json!("3_hot"), json!("3_hot")),
            ("leadRating", Value::Null, Value::Null),
            ("note", json!("m"), json!("m")),
            ("note", json!(""), Value::Null),
            ("organizationId", json!("2"), json!("2")),
            ("organizationId", Value::Null, Value::Null),
            ("contactId", json!(2), json!("2")),
            ("contactId", Value::Null, Value::Null),
            ("owner", json!({ "id": "p", "tags": "lead-tags" }), json!({ "id": "p", "name": null, "email": null })),
            ("owner", Value::Null, Value::Null),
            ("lastUpdatedBy", json!({ "id": "q" }), json!({ "id": "q", "name": null, "email": null })),
            ("lastUpdatedBy", Value::Null, Value::Null),
            ("followers", json!([{ "id": "g" }]), json!([{ "id": "g", "name": null, "email": null }])),
            ("followers", Value::Null, json!([])),
            ("participants", two.clone(), two),
            ("participants", json!([]), json!([])),
        ] {
            let patched = patch(&mut connection, &scope, lead.id, &json!({ member: sent }));
            if let Some(pointing) = member.strip_suffix("Id").filter(|name| ["organization", "contact"].contains(name)) {
                expected[pointing] = if shown.is_null() { Value::Null } else { json!({ "id": shown, "name": "N" }) };
            }
            expected[member] = shown;
            expected["lastUpdatedOn"] = json!(LATER);
            assert_eq!(json_of(&patched), expected, "{member}: {sent}");
            assert_eq!(patched, get(&mut connection, &scope, lead.id), "{member}: {sent}");
        }
        let by = json!({ "lastUpdatedBy": { "id": "r" }, "title": expected["title"], "origin": null });
        assert_eq!(json_of(&patch(&mut connection, &scope, lead.id, &by)), expected, "beside what stands there it says nothing");
    }

    /// Tags are replaced whole.
    fn a_patch_replaces_tags(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        for (sent, labels) in [
            (json!("two,one"), vec!["one", "two"]),
            (json!([{ "label": "TWO" }]), vec!["two"]),
            (json!(""), vec![]),
            (json!(["one"]), vec!["one"]),
            (Value::Null, vec![]),
        ] {
            let patched = patch(&mut connection, &scope, lead.id, &json!({ "tags": sent }));
            assert_eq!(patched.tags.iter().map(|tag| tag.label.as_str()).collect::<Vec<_>>(), labels, "{sent}");
        }
    }

    /// An empty patch, and one of nothing but read-only members, leaves the lead and its time as they are.
    fn an_empty_patch_changes_nothing(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        for body in [json!({}), json!({ "creator": { "id": "x" }, "id": "9", "createdOn": LATER })] {
            assert_eq!(patch(&mut connection, &scope, lead.id, &body), lead, "{body}");
        }
        let patched = patch(&mut connection, &scope, lead.id, &json!({ "creator": { "id": "x" }, "note": "y" }));
        assert_eq!(patched.creator, lead.creator, "the creator never changes");
    }

    /// A patch is all or nothing.
    fn a_refused_patch_changes_nothing(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        for (body, expected) in [
            (json!({ "title": null, "note": "x" }), vec![("title", "not_nullable")]),
            (json!({ "title": "", "note": "x" }), vec![("title", "required")]),
            (json!({ "note": "x", "isarchived": true }), vec![("isarchived", "unknown_field")]),
            (json!({ "note": "x", "origin": "moon", "tags": "none" }), vec![("origin", "invalid_value"), ("tags", "unknown_tag")]),
            (json!({ "note": "x", "organizationId": "9" }), vec![("organizationId", "unknown_reference")]),
            (json!({ "note": "x", "tags": "two", "participants": [{ "id": 9 }] }), vec![("participants[0].id", "unknown_reference")]),
        ] {
            let errors = invalid(try_patch(&mut connection, &scope, lead.id, &body));
            assert_eq!(problems(&errors), expected, "{body}");
            assert_eq!(get(&mut connection, &scope, lead.id), lead, "{body}");
        }
    }

    /// Custom fields merge by key; null removes one, and null for all removes all.
    fn custom_fields_merge(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let text = |id: &str| json!({ "id": id, "label": id, "category": "custom", "type": "text", "required": false });
        add_fields(&mut connection, &scope, &[text("a"), text("b")]);
        let id = create(&mut connection, &scope, &json!({ "title": "x", "customFields": { "a": "1" } })).id;
        for (sent, stored) in [
            (json!({ "b": "2" }), json!({ "a": "1", "b": "2" })),
            (json!({ "a": null }), json!({ "b": "2" })),
            (json!({}), json!({ "b": "2" })),
            (Value::Null, json!({})),
        ] {
            let patched = patch(&mut connection, &scope, id, &json!({ "customFields": sent }));
            assert_eq!(json_of(&patched)["customFields"], stored, "{sent}");
        }
    }

    /// Archiving twice is archiving once: the second time nothing changes, the time neither.
    fn archiving_is_idempotent(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        let none = Condition::none();
        let kept = crm_leads::unarchive(&mut connection, &scope, lead.id, &none, Some(&user("u"))).unwrap();
        assert_eq!(kept, lead, "it is not archived");
        let archived = crm_leads::archive(&mut connection, &scope, lead.id, &none, Some(&user("u"))).unwrap();
        assert!(archived.is_archived);
        assert_eq!((archived.last_updated_by.clone(), archived.last_updated_on), (Some(user("u")), moment(LATER)));
        let again = at(&scope, "2025-03-01T00:00:00Z");
        assert_eq!(crm_leads::archive(&mut connection, &again, lead.id, &none, Some(&user("v"))).unwrap(), archived);
        let back = crm_leads::unarchive(&mut connection, &again, lead.id, &none, None).unwrap();
        assert!(!back.is_archived);
        assert_eq!((back.last_updated_by, back.last_updated_on), (Some(user("u")), moment("2025-03-01T00:00:00Z")));
    }

    /// A lead is converted once, not while it is archived, and stays converted when the opportunity goes.
    fn converting_happens_once(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        let (none, first, second) = (Condition::none(), OpportunityId::from_i64(70), OpportunityId::from_i64(71));
        crm_leads::archive(&mut connection, &scope, lead.id, &none, None).unwrap();
        let archived = crm_leads::mark_converted(&mut connection, &scope, lead.id, first, None);
        assert!(matches!(archived, Err(LeadError::Archived)), "{archived:?}");
        crm_leads::unarchive(&mut connection, &scope, lead.id, &none, None).unwrap();
        crm_leads::mark_converted(&mut connection, &scope, lead.id, first, Some(&user("u"))).unwrap();
        let converted = get(&mut connection, &scope, lead.id);
        assert!(converted.is_converted);
        assert_eq!((converted.opportunity_id, converted.converted_on), (Some(first), Some(moment(LATER))));
        assert_eq!(converted.last_updated_by, Some(user("u")));
        let again = crm_leads::mark_converted(&mut connection, &scope, lead.id, second, None);
        assert!(matches!(again, Err(LeadError::AlreadyConverted(Some(id))) if id == first), "{again:?}");
        let later = at(&scope, "2025-03-01T00:00:00Z");
        crm_leads::unlink_opportunities(&mut connection, &later, &[first, second]).unwrap();
        let orphan = get(&mut connection, &scope, lead.id);
        assert_eq!((orphan.is_converted, orphan.opportunity_id), (true, None));
        assert_eq!(orphan.last_updated_on, later.now());
        let again = crm_leads::mark_converted(&mut connection, &scope, lead.id, second, None);
        assert!(matches!(again, Err(LeadError::AlreadyConverted(None))), "{again:?}");
        let unknown = crm_leads::mark_converted(&mut connection, &scope, LeadId::from_i64(99), second, None);
        assert!(matches!(unknown, Err(LeadError::NotFound)), "{unknown:?}");
    }

    /// Of many conversions at once one succeeds.
    fn one_of_many_conversions_succeeds(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        let converted: usize = std::thread::scope(|threads| {
            let tries: Vec<_> = (1..=8)
                .map(|number| {
                    let (scope, id) = (scope.clone(), lead.id);
                    threads.spawn(move || {
                        let mut connection = database.connect();
                        let opportunity = OpportunityId::from_i64(number);
                        connection
                            .write(|connection| crm_leads::mark_converted(connection, &scope, id, opportunity, None))
                            .is_ok()
                    })
                })
                .collect();
            tries.into_iter().map(|attempt| usize::from(attempt.join().unwrap())).sum()
        });
        assert_eq!(converted, 1);
    }

    /// Two patches of different members at once: none is lost.
    fn patches_at_once_are_both_kept(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        for round in 0..10 {
            std::thread::scope(|threads| {
                for member in ["note", "title"] {
                    let (scope, id) = (scope.clone(), lead.id);
                    threads.spawn(move || {
                        patch(&mut database.connect(), &scope, id, &json!({ member: format!("{member} {round}") }));
                    });
                }
            });
            let read = json_of(&get(&mut connection, &scope, lead.id));
            assert_eq!((&read["note"], &read["title"]), (&json!(format!("note {round}")), &json!(format!("title {round}"))));
        }
    }

    /// Deleting says which existed, and takes participants and tags along.
    fn deleting_names_what_existed(database) {
        let mut connection = database.connect();
        let (lead, scope) = full_lead(&mut connection, &database.tenant("acme"));
        let second = create(&mut connection, &scope, &json!({ "title": "second" }));
        let kept = create(&mut connection, &scope, &json!({ "title": "kept" }));
        let ids = [second.id, LeadId::from_i64(99), lead.id, second.id];
        let gone = connection.write(|connection| deleted(connection, &scope, &ids)).unwrap();
        assert_eq!(gone, [lead.id, second.id]);
        assert_eq!(list(&mut connection, &scope, &[]).items, [kept]);
        let next = create(&mut connection, &scope, &json!({ "title": "next" }));
        assert_eq!(next.id.as_i64(), 4, "a number is never used twice");
    }

    /// A tenant goes with all it has, whatever points at what.
    fn a_tenant_goes_with_its_leads(database) {
        let mut connection = database.connect();
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        full_lead(&mut connection, &acme);
        let (kept, _) = full_lead(&mut connection, &other);
        connection.write(|connection| crm_core::tenants::delete(connection, acme.public_tenant())).unwrap();
        assert_eq!(list(&mut connection, &acme, &[]).items, []);
        assert_eq!(list(&mut connection, &other, &[]).items, [kept]);
    }
}
