use super::*;

crm_testkit::both_databases! {
    /// The source's example works as printed, with the tenant's first type.
    fn the_sources_example_works(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "tenant-id-example"));
        let scope = at(&tenant, "2025-01-01T00:00:00Z");
        organizations(&mut connection, &scope, &[4]);
        contacts(&mut connection, &scope, &[7]);
        let sent = source(include_str!("fixtures/post_case.json"));
        let made = create(&mut connection, &scope, &sent);
        assert_eq!(
            json_of(&made),
            json!({
                "id": "1", "tenantId": "tenant-id-example", "title": sent["title"], "description": sent["description"],
                "caseTypeId": "1", "status": "Open", "priority": "1_high", "expectedDate": "2024-03-01",
                "organizationId": "4", "organization": { "id": "4", "name": "N" },
                "contactId": "7", "contact": { "id": "7", "name": "N" },
                "assignee": sent["assignee"], "owner": sent["owner"], "creator": sent["creator"], "lastUpdatedBy": null,
                "tags": [], "externalId": null, "customFields": {}, "firstResolutionOn": null, "lastResolutionOn": null,
                "createdOn": "2025-01-01T00:00:00.000Z", "lastUpdatedOn": "2025-01-01T00:00:00.000Z"
            })
        );
        assert_eq!(get(&mut connection, &scope, made.id), made);
        // What was read, with the names, can be sent back.
        assert_eq!(create(&mut connection, &scope, &json_of(&made)).id.to_string(), "2");
    }

    /// A title is enough; the rest has its defaults.
    fn a_title_is_enough(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let made = create(&mut connection, &scope, &json!({ "title": " t ", "owner": { "id": "o" } }));
        let shown = json_of(&made);
        assert_eq!(
            [&shown["title"], &shown["status"], &shown["caseTypeId"], &shown["creator"]["id"], &shown["priority"]],
            [&json!("t"), &json!("Open"), &json!("1"), &json!("o"), &Value::Null]
        );
        assert!(happened(&mut connection, &scope, made.id).is_empty(), "being made is no change");
        let other = tenant(database, "other");
        let case = create(&mut connection, &other, &json!({ "title": "t" }));
        assert_eq!(case.id, made.id, "each tenant counts from 1");
        assert!(matches!(cases::get(&mut connection, &scope, CaseId::from_i64(2)), Err(CaseError::NotFound)));
    }

    /// The status of a new case, by id or label, in whatever case.
    fn the_first_status_can_be_named(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        for (name, expected) in [
            (json!("IN-PROGRESS"), "In Progress"),
            (json!(" in progress "), "In Progress"),
            (json!(""), "Open"),
            (Value::Null, "Open"),
        ] {
            let made = create(&mut connection, &scope, &json!({ "title": "t", "status": name }));
            assert_eq!(made.status.as_str(), expected, "{name}");
        }
    }

    /// What a new case cannot have, every problem at once.
    fn wrong_cases_are_refused(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        // The other tenant has types 1 to 3, this one 1 and 2.
        let other = tenant(database, "other");
        ["S", "T"].iter().for_each(|label| drop(create_type(&mut connection, &other, &json!({ "label": label }))));
        let strict = create_type(&mut connection, &scope, &json!({ "label": "Strict", "form": [
            { "id": "assignee", "label": "A", "category": "default", "type": "combobox", "required": true },
            { "id": "description", "label": "D", "category": "default", "type": "text-area", "required": true },
            { "id": "n", "label": "N", "category": "custom", "type": "number", "required": true }
        ] })).id;
        for (sentence, body, expected) in [
            ("a title is required", json!({}), vec![("title", "required")]),
            ("the type must exist", json!({ "title": "t", "caseTypeId": "99" }), vec![("caseTypeId", "unknown_reference")]),
            ("in this tenant", json!({ "title": "t", "caseTypeId": "3" }), vec![("caseTypeId", "unknown_reference")]),
            ("the status must be one of the type's", json!({ "title": "t", "status": "Lost" }), vec![("status", "invalid_value")]),
            ("the priority is an option of the form", json!({ "title": "t", "priority": "urgent" }), vec![("priority", "invalid_value")]),
            ("and a short text", json!({ "title": "t", "priority": "p".repeat(65) }), vec![("priority", "too_long")]),
            ("a day is a day", json!({ "title": "t", "expectedDate": "2025-02-29" }), vec![("expectedDate", "invalid_date")]),
            ("in one spelling", json!({ "title": "t", "expectedDate": "2025-2-3" }), vec![("expectedDate", "invalid_date")]),
            ("without a time", json!({ "title": "t", "expectedDate": "2025-02-03T00:00:00Z" }), vec![("expectedDate", "invalid_date")]),
            ("comments come later", json!({ "title": "t", "comment": "c" }), vec![("comment", "unknown_field")]),
            ("no such custom field", json!({ "title": "t", "customFields": { "x": 1 } }), vec![("customFields.x", "unknown_custom_field")]),
            ("what the form requires, with the rest", json!({ "title": "t", "caseTypeId": strict, "tags": ["none"], "status": "Lost" }),
                vec![("assignee", "required"), ("description", "required"), ("customFields.n", "required"), ("tags[0]", "unknown_tag"), ("status", "invalid_value")]),
        ] {
            assert_eq!(problems(&invalid(try_create(&mut connection, &scope, &body))), expected, "{sentence}");
        }
        // A record that vanished after its caller looked for it.
        for field in ["organizationId", "contactId"] {
            let errors = invalid(try_create(&mut connection, &scope, &json!({ "title": "t", field: "5" })));
            assert_eq!(problems(&errors), [(field, "unknown_reference")]);
        }
        assert_eq!(create(&mut connection, &scope, &json!({ "title": "t" })).id.to_string(), "1", "none was made");
        // A type whose form has no options for the priority takes any.
        let free = json!({ "title": "t", "caseTypeId": strict, "priority": "urgent", "description": "d", "assignee": { "id": "a" }, "customFields": { "n": "1" } });
        assert_eq!(create(&mut connection, &scope, &free).priority.unwrap().as_str(), "urgent");
    }

    /// A tenant without a default type, which no provisioned one is, is told what to send.
    fn without_a_default_type_one_must_be_named(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("bare"));
        let errors = invalid(try_create(&mut connection, &scope, &json!({ "title": "t" })));
        assert_eq!(problems(&errors), [("caseTypeId", "required")]);
        let made = create_type(&mut connection, &scope, &json!({ "label": "T" }));
        create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": made.id }));
    }
}
