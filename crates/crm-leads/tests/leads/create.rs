use super::*;
use crm_core::values::HasReferences;

crm_testkit::both_databases! {
    /// The source's first example: what is read is what was sent, with every member printed.
    fn a_lead_is_read_as_it_was_made(database) {
        let (mut connection, scope) = (database.connect(), at(&database.tenant("fdsa-4321"), "2025-07-10T12:34:56.789Z"));
        organizations(&mut connection, &scope, &[456]);
        let owner = json!({ "id": "789", "name": "Sarah Lee", "email": "sarah.lee@example.com" });
        let creator = json!({ "id": "user-012", "name": "Alex Kim", "email": "alex.kim@example.com" });
        let made = create(&mut connection, &scope, &json!({
            "title": "  Cloud Migration Project - Acme Corp ",
            "value": { "amount": 25000, "code": "USD" },
            "origin": "referral",
            "leadRating": "2_warm",
            "note": "Referred by John Smith. Initial meeting scheduled.",
            "organizationId": "456",
            "owner": owner,
            "creator": creator,
            "tenantId": "fdsa-4321",
            "customFields": {}
        }));
        let expected = json!({
            "id": "1", "tenantId": "fdsa-4321",
            "title": "Cloud Migration Project - Acme Corp",
            "value": { "amount": 25000, "code": "USD" },
            "origin": "referral", "leadRating": "2_warm",
            "note": "Referred by John Smith. Initial meeting scheduled.",
            "organizationId": "456", "organization": { "id": "456", "name": "N" }, "contactId": null, "contact": null,
            "owner": owner, "creator": creator, "lastUpdatedBy": null,
            "followers": [], "participants": [], "tags": [], "externalId": null, "customFields": {},
            "isArchived": false, "isConverted": false, "opportunityId": null, "convertedOn": null,
            "createdOn": "2025-07-10T12:34:56.789Z", "lastUpdatedOn": "2025-07-10T12:34:56.789Z"
        });
        assert_eq!(json_of(&made), expected);
        assert_eq!(json_of(&get(&mut connection, &scope, made.id)), expected);
    }

    /// Participants and followers keep their order; tags are ordered by label; the owner is the creator.
    fn a_lead_with_lists_is_read_as_it_was_made(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        contacts(&mut connection, &scope, &[1, 123]);
        let (urgent, big) = (tag(&mut connection, &scope, "urgent"), tag(&mut connection, &scope, "Big"));
        let made = create(&mut connection, &scope, &json!({
            "title": "x", "contact": { "id": 1, "name": "ignored" }, "owner": { "id": "o" },
            "followers": [{ "id": "b" }, { "id": "a", "name": "A" }],
            "participants": [{ "id": "123", "name": "John Doe" }, { "id": "1" }],
            "tags": "urgent, big"
        }));
        assert_eq!(made, get(&mut connection, &scope, made.id));
        let read = json_of(&made);
        assert_eq!(read["contactId"], "1");
        assert_eq!(read["creator"]["id"], "o");
        assert_eq!(read["followers"][1]["name"], "A");
        assert_eq!(read["participants"], json!([{ "id": "123", "name": "John Doe" }, { "id": "1", "name": null }]));
        assert_eq!(made.tags, [big, urgent]);
    }

    /// Ids count up from 1 in each tenant, and no other tenant reads a lead.
    fn tenants_do_not_see_each_other(database) {
        let mut connection = database.connect();
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        let ids: Vec<String> = [&acme, &acme, &other]
            .map(|scope| create(&mut connection, scope, &json!({ "title": "x" })).id.to_string())
            .into();
        assert_eq!(ids, ["1", "2", "1"]);
        let second: LeadId = "2".parse().unwrap();
        assert!(matches!(crm_leads::get(&mut connection, &other, second), Err(LeadError::NotFound)));
        assert!(matches!(try_patch(&mut connection, &other, second, &json!({ "title": "y" })), Err(LeadError::NotFound)));
        assert!(matches!(
            crm_leads::archive(&mut connection, &other, second, &Condition::none(), None),
            Err(LeadError::NotFound)
        ));
        assert_eq!(deleted(&mut connection, &other, &[second]).unwrap(), []);
        assert_eq!(get(&mut connection, &acme, second).title.as_str(), "x");
    }

    /// An amount never passes through binary floating point.
    fn money_is_exact(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        for amount in ["0.1", "10.1", "-0.0001", "99999999999999.9999", "-99999999999999.9999", "0", "123456789.1234"] {
            let body = format!(r#"{{"title": "x", "value": {{"amount": {amount}, "code": "EUR"}}}}"#);
            let made = create(&mut connection, &scope, &serde_json::from_str(&body).unwrap());
            let read = json_of(&get(&mut connection, &scope, made.id));
            assert_eq!(read["value"]["amount"].to_string(), amount);
        }
    }

    /// Problems of the form, of custom fields and of tags are reported together.
    fn what_is_wrong_is_reported_together(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let errors = invalid(try_create(&mut connection, &scope, &json!({
            "title": "x", "origin": "the moon", "tags": ["nope"], "customFields": { "nope": 1 }
        })));
        let expected = [("origin", "invalid_value"), ("customFields.nope", "unknown_custom_field"), ("tags[0]", "unknown_tag")];
        assert_eq!(problems(&errors), expected);
        let made = create(&mut connection, &scope, &json!({ "title": "first" }));
        assert_eq!(made.id.as_i64(), 1, "what was refused took no number");
    }

    /// A field that the form requires must be there, and one that left the form does not show.
    fn the_form_decides(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let budget = json!({ "id": "budget", "label": "Budget", "category": "custom", "type": "number", "required": true });
        let note = json!({ "id": "note", "label": "Note", "category": "default", "type": "text-area", "required": true });
        add_fields(&mut connection, &scope, &[budget, note]);
        let errors = invalid(try_create(&mut connection, &scope, &json!({ "title": "x" })));
        assert_eq!(problems(&errors), [("note", "required"), ("customFields.budget", "required")]);
        let made = create(&mut connection, &scope, &json!({ "title": "x", "note": "n", "customFields": { "budget": 5 } }));
        assert_eq!(json_of(&made)["customFields"], json!({ "budget": 5 }));
        let in_use = crm_leads::custom_fields_in_use(&mut connection, &scope, &["budget", "other"]).unwrap();
        assert_eq!(in_use, ["budget".to_owned()].into());
        assert_eq!(json_of(&get(&mut connection, &scope, made.id))["customFields"], json!({ "budget": 5 }), "on the form that it has");
    }

    /// A reference that the caller did not check, or that vanished since, is refused by the database, by name
    /// where one can be told.
    fn a_missing_reference_is_refused(database) {
        let (mut connection, scope, other) = (database.connect(), database.tenant("acme"), database.tenant("other"));
        organizations(&mut connection, &other, &[7]);
        contacts(&mut connection, &scope, &[1]);
        for (body, field) in [
            (json!({ "title": "x", "organizationId": "7" }), "organizationId"),
            (json!({ "title": "x", "contactId": "7" }), "contactId"),
            (json!({ "title": "x", "participants": [{ "id": "7" }] }), "participants[0].id"),
            (json!({ "title": "x", "participants": [{ "id": "1" }, { "id": "7" }] }), "participants"),
        ] {
            let errors = invalid(try_create(&mut connection, &scope, &body));
            assert_eq!(problems(&errors), [(field, "unknown_reference")], "{body}");
        }
        assert_eq!(list(&mut connection, &scope, &[]).items, [], "nothing of it was stored");
    }
}

#[test]
fn a_new_lead_and_a_patch_say_which_records_they_point_at() {
    let body = json!({ "title": "x", "organizationId": "4", "contact": { "id": "5" }, "participants": [{ "id": 6 }, { "id": "5" }] });
    let new: NewLead = read(&body).unwrap();
    let patch: LeadPatch = read(&body).unwrap();
    for references in [new.references(), patch.references()] {
        assert_eq!(references.organization.map(|id| id.as_i64()), Some(4));
        let contacts: Vec<(&str, i64)> =
            references.contacts.iter().map(|(field, id)| (field.as_str(), id.as_i64())).collect();
        assert_eq!(contacts, [("contactId", 5), ("participants[0].id", 6), ("participants[1].id", 5)]);
    }
}

#[test]
fn a_body_that_is_no_lead_is_refused_with_every_problem() {
    for (body, expected, why) in [
        (json!({}), vec![("title", "required")], "a title is required"),
        (json!({ "title": " " }), vec![("title", "required")], "a blank one is none"),
        (json!({ "title": "x", "titel": 1 }), vec![("titel", "unknown_field")], "a typo must not be lost"),
        (json!({ "title": "x", "leadRating": "warm" }), vec![("leadRating", "invalid_value")], "ratings are words"),
        (
            json!({ "title": 1, "value": { "amount": "1", "code": "usd" }, "owner": {} }),
            vec![
                ("title", "wrong_type"),
                ("value.amount", "wrong_type"),
                ("value.code", "invalid_currency"),
                ("owner.id", "required"),
            ],
            "all together",
        ),
        (
            json!({ "title": "x", "organizationId": "1", "organization": { "id": "2" } }),
            vec![("organization", "conflicting")],
            "both given and different",
        ),
        (
            json!({ "title": "x", "participants": [{ "id": "1" }, { "id": 1 }, { "id": "0" }] }),
            vec![("participants[2].id", "invalid_id")],
            "an id counts from 1",
        ),
        (
            json!({ "title": "x", "participants": [{ "id": "1" }, { "id": 1 }] }),
            vec![("participants[1].id", "duplicate")],
            "a contact takes part once",
        ),
    ] {
        assert_eq!(problems(&read::<NewLead>(&body).unwrap_err()), expected, "{why}");
    }
    let read_back = json!({ "title": "x", "id": "9", "createdOn": "x", "isConverted": true, "isArchived": 1,
        "opportunityId": null, "convertedOn": null, "lastUpdatedOn": 0, "tenantId": "t" });
    assert!(read::<NewLead>(&read_back).is_ok(), "read-only members are ignored");
}
