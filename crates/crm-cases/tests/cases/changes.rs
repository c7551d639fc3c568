use super::*;

crm_testkit::both_databases! {
    /// The source's example works as printed: a case of the first type, walked to "In Progress".
    fn the_sources_example_works(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "tenant-id-example"));
        let (early, late) = (at(&tenant, "2025-01-01T00:00:00Z"), at(&tenant, "2025-01-02T00:00:00Z"));
        organizations(&mut connection, &tenant, &[4]);
        contacts(&mut connection, &tenant, &[7]);
        let option = tag(&mut connection, &tenant, "cases-tags");
        let made = create(&mut connection, &early, &source(include_str!("fixtures/post_case.json")));
        let sent = source(include_str!("fixtures/patch_case.json"));
        let patched = patch(&mut connection, &late, made.id, &sent);
        let mut expected = json_of(&made);
        for field in ["title", "description", "assignee", "lastUpdatedBy"] {
            expected[field] = sent[field].clone();
        }
        expected["status"] = json!("In Progress");
        expected["tags"] = json_of(&[option]);
        expected["lastUpdatedOn"] = json!("2025-01-02T00:00:00.000Z");
        assert_eq!(json_of(&patched), expected);
        assert_eq!(get(&mut connection, &late, made.id), patched);
        assert_eq!(happened(&mut connection, &late, made.id), ["Open > In Progress (Start) user-123"]);
    }

    /// Each field set, kept and cleared.
    fn every_field_can_be_set_and_cleared(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        organizations(&mut connection, &scope, &[4]);
        contacts(&mut connection, &scope, &[7]);
        tag(&mut connection, &scope, "a");
        let form = json!({ "form": [
            { "id": "x", "label": "X", "category": "custom", "type": "text" },
            { "id": "y", "label": "Y", "category": "custom", "type": "text" }
        ] });
        try_patch_type(&mut connection, &scope, CaseTypeId::from_i64(1), &form).unwrap();
        let case = create(&mut connection, &scope, &json!({ "title": "t" }));
        for (field, value) in [
            ("description", json!(" d\n")),
            ("priority", json!("whatever")),
            ("expectedDate", json!("2025-12-31")),
            ("organizationId", json!("4")),
            ("contactId", json!("7")),
            ("assignee", json!({ "id": "a", "name": "A", "email": null })),
            ("owner", json!({ "id": "o", "name": null, "email": null })),
            ("lastUpdatedBy", json!({ "id": "u", "name": null, "email": null })),
            ("customFields", json!({ "x": "1", "y": "2" })),
        ] {
            let before = json_of(&get(&mut connection, &scope, case.id));
            let set = json_of(&patch(&mut connection, &scope, case.id, &json!({ field: value })));
            let mut expected = before.clone();
            let pointing = field.strip_suffix("Id").filter(|name| ["organization", "contact"].contains(name));
            if let Some(pointing) = pointing {
                expected[pointing] = json!({ "id": value, "name": "N" });
            }
            expected[field] = value;
            expected["lastUpdatedOn"] = set["lastUpdatedOn"].clone();
            assert_eq!(set, expected, "{field}");
            let cleared = json_of(&patch(&mut connection, &scope, case.id, &json!({ field: null })));
            expected[field] = before[field].clone();
            if let Some(pointing) = pointing {
                expected[pointing] = Value::Null;
            }
            expected["lastUpdatedOn"] = cleared["lastUpdatedOn"].clone();
            assert_eq!(cleared, expected, "{field} null");
        }
        patch(&mut connection, &scope, case.id, &json!({ "tags": "a", "customFields": { "x": "1" } }));
        let merged = json_of(&patch(&mut connection, &scope, case.id, &json!({ "customFields": { "x": null, "y": "2" } })));
        assert_eq!([&merged["customFields"], &merged["tags"][0]["label"]], [&json!({ "y": "2" }), &json!("a")]);
        let bare = patch(&mut connection, &scope, case.id, &json!({ "tags": [] }));
        assert!(bare.tags.is_empty());
    }

    /// What a patch cannot do: nothing of it is done then.
    fn wrong_patches_are_refused(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let strict = create_type(&mut connection, &scope, &json!({ "label": "S", "form": [
            { "id": "assignee", "label": "A", "category": "default", "type": "combobox", "required": true }
        ] })).id;
        let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": strict, "assignee": { "id": "a" } }));
        for (body, expected) in [
            (json!({ "title": null, "status": null, "caseTypeId": null }), vec![("title", "not_nullable"), ("caseTypeId", "not_nullable"), ("status", "not_nullable")]),
            (json!({ "assignee": null, "title": "u" }), vec![("assignee", "not_nullable")]),
            (json!({ "status": " " }), vec![("status", "required")]),
            (json!({ "caseTypeId": "9" }), vec![("caseTypeId", "unknown_reference")]),
            (json!({ "stage": "x" }), vec![("stage", "unknown_field")]),
            (json!({ "organizationId": "9" }), vec![("organizationId", "unknown_reference")]),
        ] {
            assert_eq!(problems(&invalid(try_patch(&mut connection, &scope, case.id, &body))), expected, "{body}");
        }
        assert_eq!(patch(&mut connection, &scope, case.id, &json!({})), case, "an empty patch changes nothing");
        assert_eq!(get(&mut connection, &scope, case.id), case);
        let other = tenant(database, "other");
        for (scope, id) in [(&other, case.id), (&scope, CaseId::from_i64(9))] {
            assert!(matches!(try_patch(&mut connection, scope, id, &json!({ "title": "u" })), Err(CaseError::NotFound)));
        }
    }

    /// A case that moves to another type takes the status and the custom fields that both have.
    fn a_case_can_move_to_another_type(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let field = |id: &str, field_type: &str| json!({ "id": id, "label": id, "category": "custom", "type": field_type });
        let first = create_type(&mut connection, &scope, &json!({
            "label": "First", "workflow": workflow(&[("1", "A"), ("2", "B")], &[("1", "2")]),
            "form": [field("same", "text"), field("other", "text"), field("gone", "text")]
        })).id;
        let second = create_type(&mut connection, &scope, &json!({
            "label": "Second", "workflow": workflow(&[("1", "X"), ("2", "b"), ("3", "Y")], &[("1", "3")]),
            "form": [field("same", "text"), field("other", "number")]
        })).id;
        let fields = json!({ "same": "s", "other": "o", "gone": "g" });
        for (status, body, expected, line) in [
            ("A", json!({}), "X", Some("A > X nobody")),
            ("B", json!({}), "b", Some("B > b nobody")),
            ("A", json!({ "status": "3", "comment": "moved", "lastUpdatedBy": { "id": "u" } }), "Y", Some("A > Y \"moved\" u")),
        ] {
            let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": first, "status": status, "customFields": fields }));
            let mut body = body;
            body["caseTypeId"] = json!(second);
            let moved = patch(&mut connection, &scope, case.id, &body);
            assert_eq!((moved.case_type_id, moved.status.as_str()), (second, expected), "{body}");
            assert_eq!(json_of(&moved)["customFields"], json!({ "same": "s" }), "{body}");
            assert_eq!(happened(&mut connection, &scope, case.id), line.into_iter().collect::<Vec<_>>(), "{body}");
            // Back again, nothing turns up that was left behind.
            let back = patch(&mut connection, &scope, case.id, &json!({ "caseTypeId": first, "customFields": { "gone": "new" } }));
            assert_eq!(json_of(&back)["customFields"], json!({ "same": "s", "gone": "new" }));
        }
        let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": first }));
        for (body, field) in [
            (json!({ "caseTypeId": second, "status": "A" }), "status"),
            (json!({ "caseTypeId": second, "customFields": { "gone": "x" } }), "customFields.gone"),
        ] {
            let errors = invalid(try_patch(&mut connection, &scope, case.id, &body));
            assert_eq!(errors.as_slice()[0].field, field, "{body}");
        }
        // The same type again is no move.
        patch(&mut connection, &scope, case.id, &json!({ "caseTypeId": first, "status": "B" }));
        assert_eq!(happened(&mut connection, &scope, case.id), ["A > B (Go) nobody"]);
    }

    /// Cases go with their activities and tags, those of this tenant only.
    fn cases_are_deleted(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let other = tenant(database, "other");
        tag(&mut connection, &scope, "a");
        let made: Vec<CaseId> = (0..3).map(|_| create(&mut connection, &scope, &json!({ "title": "t", "tags": "a" })).id).collect();
        patch(&mut connection, &scope, made[0], &json!({ "status": "In Progress" }));
        let kept = create(&mut connection, &other, &json!({ "title": "t" }));
        let ids = [made[1], made[0], made[1], CaseId::from_i64(99)];
        let deleted = connection.write(|connection| deleted(connection, &scope, &ids)).unwrap();
        assert_eq!(deleted, [made[0], made[1]]);
        assert!(matches!(cases::get(&mut connection, &scope, made[0]), Err(CaseError::NotFound)));
        assert_eq!(get(&mut connection, &other, kept.id), kept);
        assert_eq!(create(&mut connection, &scope, &json!({ "title": "t" })).id.to_string(), "4", "no number is used twice");
    }

    /// A tenant that is deleted takes everything with it.
    fn a_tenant_can_be_deleted(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let kept = create(&mut connection, &tenant(database, "other"), &json!({ "title": "t" }));
        tag(&mut connection, &scope, "a");
        let case = create(&mut connection, &scope, &json!({ "title": "t", "tags": "a" }));
        patch(&mut connection, &scope, case.id, &json!({ "status": "In Progress" }));
        connection.write(|connection| crm_core::tenants::delete(connection, scope.public_tenant())).unwrap();
        assert_eq!(kept.id.to_string(), "1");
    }
}
