use super::*;
use crm_cases::{CaseTypeSort, StatusInUse};
use crm_history::{HistorySort, Kind};
use crm_testkit::statements::statements;

fn get_type(connection: &mut DbConnection, scope: &Scope, id: CaseTypeId) -> CaseType {
    case_types::get(connection, scope, id).unwrap()
}

fn statuses_of(case_type: &CaseType) -> Vec<String> {
    case_type.workflow.graph().unwrap().statuses().iter().map(|status| status.label.clone()).collect()
}

fn delete(connection: &mut DbConnection, scope: &Scope, id: CaseTypeId) -> Result<(), CaseTypeError> {
    connection.write(|connection| case_types::delete(connection, scope, id, &Condition::none()))
}

crm_testkit::both_databases! {
    /// What a new tenant has, once.
    fn a_tenant_has_a_default_type(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let again = connection.write(|connection| case_types::provision(connection, &scope)).unwrap();
        let general = get_type(&mut connection, &scope, again.id);
        assert_eq!((again.id.to_string().as_str(), general.label.as_str(), general.is_default), ("1", "General", true));
        assert_eq!(statuses_of(&general), ["Open", "In Progress", "Resolved", "Closed", "Reopened"]);
        let ids: Vec<&str> = general.form.iter().map(|field| field.id.as_str()).collect();
        assert_eq!(
            ids,
            ["title", "description", "priority", "expectedDate", "organizationId", "contactId", "assignee", "owner", "tags"]
        );
        let options: Vec<Value> = general.form.iter().filter_map(|field| field.options.as_ref()).map(json_of).collect();
        assert_eq!(options, [json!(["1_high", "2_medium", "3_low"])], "only the priority has options");
        let graph = general.workflow.graph().unwrap();
        assert_eq!(graph.transitions().len(), 11);
        assert!(graph.transitions().iter().all(|transition| transition.authorized.is_empty()));
        assert!(graph.statuses().iter().all(|status| status.node.is_some()), "no end is left in the air");
    }

    /// The source's examples work as printed and come back member for member.
    fn the_sources_examples_work(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let sent = source(include_str!("fixtures/post_case_type.json"));
        let made = create_type(&mut connection, &at(&scope, "2025-01-01T00:00:00Z"), &sent);
        let shown = json_of(&made);
        assert_eq!(shown["workflow"], sent["workflow"]);
        assert_eq!(shown["workflow"].to_string(), sent["workflow"].to_string(), "in the same order");
        let mut form = sent["form"].clone();
        for field in form.as_array_mut().unwrap() {
            field["tenantId"] = json!("acme");
        }
        assert_eq!(shown["form"], form);
        assert_eq!(
            [&shown["id"], &shown["label"], &shown["isDefault"], &shown["tenantId"], &shown["owner"], &shown["creator"]],
            [&json!("2"), &json!("Feature Request"), &json!(false), &json!("acme"), &sent["owner"], &sent["creator"]]
        );
        assert_eq!(statuses_of(&made), ["Open", "In Progress", "Closed", "Resolved", "Reopened"]);
        assert_eq!(get_type(&mut connection, &scope, made.id), made);

        let sent = source(include_str!("fixtures/patch_case_type.json"));
        let patched = try_patch_type(&mut connection, &scope, made.id, &sent).unwrap();
        assert_eq!((patched.label.as_str(), patched.form.len()), ("Technical Support Request", 6));
        assert_eq!(patched.workflow, made.workflow);
        assert_eq!((patched.creator, patched.created_on), (made.creator, made.created_on));
        assert_eq!(patched.last_updated_by.unwrap().id(), "user-admin");
        assert!(patched.last_updated_on > made.last_updated_on);
    }

    /// Numbers, unknown members and odd texts of a workflow survive both databases.
    fn a_workflow_comes_back_as_it_was_sent(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let sent: Value = serde_json::from_str(
            r#"{ "viewport": { "zoom": 1.10, "x": 1e3 }, "transition": null,
                 "status": [{ "z": "\u0000", "id": " a ", "type": "node", "position": { "y": 12345678901234567890.5, "x": -0 },
                              "data": { "label": " A ", "color": null, "icon": ["🙂"] } }] }"#,
        )
        .unwrap();
        let made = create_type(&mut connection, &scope, &json!({ "label": "Odd", "workflow": sent }));
        let read = get_type(&mut connection, &scope, made.id);
        let mut expected = sent;
        expected["transition"] = json!([]);
        assert_eq!(json_of(&read)["workflow"].to_string(), expected.to_string());
        let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": made.id, "status": "A" }));
        assert_eq!(case.status.as_str(), "A", "trimmed where it is stored");
    }

    /// Without a form or workflow a type takes those of the default type, as they are now.
    fn what_is_left_out_is_the_default_types(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let general = CaseTypeId::from_i64(1);
        let form = json!([{ "id": "extra", "label": "Extra", "category": "custom", "type": "text" }]);
        try_patch_type(&mut connection, &scope, general, &json!({ "form": form })).unwrap();
        let general = get_type(&mut connection, &scope, general);
        let bare = create_type(&mut connection, &scope, &json!({ "label": "Bare" }));
        assert_eq!((&bare.form, &bare.workflow), (&general.form, &general.workflow));
        let own = create_type(&mut connection, &scope, &json!({ "label": "Own", "workflow": workflow(&[("1", "One")], &[]) }));
        assert_eq!((&own.form, statuses_of(&own)), (&general.form, vec!["One".to_owned()]));
        let ids: Vec<&str> = own.form.iter().map(|field| field.id.as_str()).collect();
        assert_eq!(ids, ["title", "extra"], "the title is on every form");
    }

    /// Labels are unique in a tenant, in whatever case.
    fn labels_are_unique(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let other = tenant(database, "other");
        let made = create_type(&mut connection, &scope, &json!({ "label": "Éclair" }));
        assert!(matches!(try_create_type(&mut connection, &scope, &json!({ "label": " éCLAIR " })), Err(CaseTypeError::LabelTaken)));
        assert!(matches!(try_patch_type(&mut connection, &scope, made.id, &json!({ "label": "general" })), Err(CaseTypeError::LabelTaken)));
        try_patch_type(&mut connection, &scope, made.id, &json!({ "label": "ÉCLAIR" })).unwrap();
        create_type(&mut connection, &other, &json!({ "label": "Éclair" }));
        let next = create_type(&mut connection, &scope, &json!({ "label": "Next" }));
        assert_eq!(next.id.to_string(), "3", "a refused one leaves no gap");
    }

    /// What a body of a type cannot have.
    fn wrong_types_are_refused(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        for (body, expected) in [
            (json!({}), vec![("label", "required")]),
            (json!({ "label": "x", "form": {} }), vec![("form", "wrong_type")]),
            (json!({ "label": "x", "workflow": { "status": [] } }), vec![("workflow.status", "required")]),
            (json!({ "label": "x", "forms": [] }), vec![("forms", "unknown_field")]),
            (json!({ "label": "x", "form": [{ "id": "assignee", "label": "A", "category": "default", "type": "text" }] }), vec![("form[0].type", "invalid_value")]),
            (json!({ "label": "x", "form": [{ "id": "stage", "label": "A", "category": "default", "type": "text" }] }), vec![("form[0].id", "invalid_value")]),
        ] {
            match try_create_type(&mut connection, &scope, &body) {
                Err(CaseTypeError::Invalid(errors)) => assert_eq!(problems(&errors), expected, "{body}"),
                outcome => panic!("{body}: {outcome:?}"),
            }
        }
        for (body, expected) in [
            (json!({ "label": null, "form": null, "workflow": null }), vec![("label", "not_nullable"), ("form", "not_nullable"), ("workflow", "not_nullable")]),
        ] {
            match try_patch_type(&mut connection, &scope, CaseTypeId::from_i64(1), &body) {
                Err(CaseTypeError::Invalid(errors)) => assert_eq!(problems(&errors), expected, "{body}"),
                outcome => panic!("{body}: {outcome:?}"),
            }
        }
    }

    /// A new workflow in the place of one that cases are in.
    fn editing_a_workflow_strands_no_case(database) {
        let before: &[(&str, &str)] = &[("1", "New"), ("2", "Doing"), ("3", "Done")];
        let in_use = |labels: &[(&str, i64)]| Err(labels.iter().map(|(label, cases)| StatusInUse { label: (*label).to_owned(), cases: *cases }).collect::<Vec<_>>());
        // Two cases are in New, one in Doing, one in Waiting, which only an edge names.
        let rows = [
            ("the same", workflow(before, &[("1", "Waiting")]), Ok("New Doing Waiting")),
            ("a status that nobody is in goes", workflow(&before[..2], &[("1", "Waiting")]), Ok("New Doing Waiting")),
            ("one that a case is in stays", workflow(&[before[0], before[2]], &[("1", "Waiting")]), in_use(&[("Doing", 1)])),
            ("one that only edges name stays too", workflow(before, &[]), in_use(&[("Waiting", 1)])),
            ("all are named", workflow(&[("9", "Other")], &[]), in_use(&[("Doing", 1), ("New", 2), ("Waiting", 1)])),
            ("the label decides, not the id", workflow(&[("7", "Done"), ("8", "New"), ("9", "Doing")], &[("7", "Waiting")]), Ok("New Doing Waiting")),
            ("a label in another case", workflow(&[("1", "NEW"), ("2", "Doing")], &[("1", "waiting")]), Ok("NEW Doing waiting")),
            ("a new label under the same id is a new name", workflow(&[("1", "Fresh"), ("2", "Doing")], &[("1", "Waiting")]), Ok("Fresh Doing Waiting")),
            ("ids that changed places move nobody", workflow(&[("1", "Doing"), ("2", "New")], &[("1", "Waiting")]), Ok("New Doing Waiting")),
            ("a label that another status had is no new name", workflow(&[("1", "Doing"), ("2", "Later")], &[("1", "Waiting")]), in_use(&[("New", 2)])),
            ("an edge's status gets a node", workflow(&[("1", "New"), ("2", "Doing"), ("w", "Waiting")], &[]), Ok("New Doing Waiting")),
            ("a node becomes an edge's status", workflow(&[("1", "New")], &[("New", "Doing"), ("New", "Waiting")]), Ok("New Doing Waiting")),
        ];
        let mut connection = database.connect();
        for (index, (sentence, after, expected)) in rows.into_iter().enumerate() {
            let scope = tenant(database, &format!("acme{index}"));
            let (early, late) = (at(&scope, "2025-01-01T00:00:00Z"), at(&scope, "2025-01-02T00:00:00Z"));
            let made = create_type(&mut connection, &early, &json!({ "label": "T", "workflow": workflow(before, &[("1", "Waiting")]) }));
            // Another type with the same labels is left alone.
            let twin = create_type(&mut connection, &early, &json!({ "label": "Twin", "workflow": workflow(before, &[]) }));
            let other = create(&mut connection, &early, &json!({ "title": "t", "caseTypeId": twin.id, "status": "New" }));
            let cases = ["New", "Doing", "Waiting", "New"]
                .map(|status| create(&mut connection, &early, &json!({ "title": "t", "caseTypeId": made.id, "status": status })));
            let outcome = try_patch_type(&mut connection, &late, made.id, &json!({ "workflow": after }));
            match (outcome, expected) {
                (Ok(patched), Ok(expected)) => {
                    let now: Vec<Case> = cases.iter().map(|case| get(&mut connection, &late, case.id)).collect();
                    let labels: Vec<&str> = now[..3].iter().map(|case| case.status.as_str()).collect();
                    assert_eq!(labels.join(" "), expected, "{sentence}");
                    assert!(now.iter().all(|case| statuses_of(&patched).iter().any(|label| label == case.status.as_str())), "{sentence}");
                    assert!(now.iter().all(|case| case.last_updated_on == early.now()), "{sentence}: no change of the case itself");
                }
                (Err(CaseTypeError::StatusInUse(statuses)), Err(expected)) => {
                    assert_eq!(statuses, expected, "{sentence}");
                    assert_eq!(get_type(&mut connection, &late, made.id), made, "{sentence}: nothing changed");
                    assert_eq!(get(&mut connection, &late, cases[0].id), cases[0], "{sentence}: nothing changed");
                }
                (outcome, expected) => panic!("{sentence}: {outcome:?}, not {expected:?}"),
            }
            assert_eq!(get(&mut connection, &late, other.id), other, "{sentence}: another type's case");
        }
    }

    /// However many statuses are renamed at once, and however many cases are in them, it takes as many statements; each case has its
    /// new label, and the change that says so.
    fn renaming_many_statuses_takes_as_many_statements_as_one(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        // Two thousand statuses, most of which only edges name.
        let ways = |name: &dyn Fn(usize) -> String| -> Value {
            let edges: Vec<Value> =
                (0..1_000).map(|n| json!({ "source": name(n), "target": name(1_000 + n) })).collect();
            let nodes = json!([{ "id": if name(0).starts_with('w') { "a" } else { "b" }, "data": { "label": "Start" } }]);
            json!({ "workflow": { "status": nodes, "transition": edges } })
        };
        let before = |n: usize| format!("way \"{n}\"");
        let (few, many) = (3, 150);
        let mut made = Vec::new();
        for (label, count) in [("Few", few), ("Many", many)] {
            let mut body = ways(&before);
            body["label"] = json!(label);
            let case_type = create_type(&mut connection, &scope, &body).id;
            let cases: Vec<CaseId> = (0..count)
                .flat_map(|n| [n, n])
                .map(|n| create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": case_type, "status": before(n) })).id)
                .collect();
            made.push((case_type, cases));
        }
        let after = |n: usize| format!("WAY \"{n}\"");
        let sent: Vec<usize> = made
            .iter()
            .map(|(case_type, _)| {
                let edit = ways(&after);
                let (_, sent) = statements(&mut connection, |connection| {
                    try_patch_type(connection, &scope, *case_type, &edit).unwrap()
                });
                sent.len()
            })
            .collect();
        assert_eq!(sent[0], sent[1], "for {few} statuses and for {many}");
        for (_, cases) in &made {
            for (place, id) in cases.iter().enumerate() {
                let case = get(&mut connection, &scope, *id);
                assert_eq!(case.status.as_str(), after(place / 2));
                if place % 50 == 0 {
                    let request: PageRequest<HistorySort> = asked(&[]).unwrap();
                    let told = crm_history::history(&mut connection, &scope, Kind::Case, &id.to_string(), &request).unwrap();
                    let told = &json_of(&told.items[0])["changes"];
                    assert_eq!(told, &json!([{ "field": "status", "from": before(place / 2), "to": after(place / 2) }]));
                }
            }
        }
    }

    /// After an edit cases walk the new workflow, to its new statuses and from a renamed one.
    fn cases_walk_the_new_workflow(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let made = create_type(&mut connection, &scope, &json!({ "label": "T", "workflow": workflow(&[("1", "A"), ("2", "B")], &[("1", "2")]) }));
        let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": made.id }));
        try_patch_type(&mut connection, &scope, made.id, &json!({ "workflow": workflow(&[("1", "First"), ("3", "C")], &[("1", "3")]) })).unwrap();
        assert!(matches!(
            try_patch(&mut connection, &scope, case.id, &json!({ "status": "B" })),
            Err(CaseError::Invalid(_))
        ));
        patch(&mut connection, &scope, case.id, &json!({ "status": "3" }));
        assert_eq!(happened(&mut connection, &scope, case.id), ["First > C (Go) nobody"]);
        let found = |connection: &mut DbConnection, status: &str| list(connection, &scope, &[("status", status)]).items.len();
        assert_eq!([found(&mut connection, "c"), found(&mut connection, "3"), found(&mut connection, "2"), found(&mut connection, "1")], [1, 1, 0, 0]);
    }

    /// A custom field keeps its type while cases of this type have values.
    fn a_field_in_use_keeps_its_type(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let form = |field_type: &str| json!({ "form": [{ "id": "x", "label": "X", "category": "custom", "type": field_type }] });
        let mut body = form("text");
        body["label"] = json!("T");
        let made = create_type(&mut connection, &scope, &body);
        body["label"] = json!("Twin");
        let twin = create_type(&mut connection, &scope, &body);
        create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": made.id, "customFields": { "x": "v" } }));
        match try_patch_type(&mut connection, &scope, made.id, &form("number")) {
            Err(CaseTypeError::FieldInUse(ids)) => assert_eq!(ids, ["x"]),
            outcome => panic!("{outcome:?}"),
        }
        try_patch_type(&mut connection, &scope, twin.id, &form("number")).unwrap();
        // Taken off, the value is kept but not shown; it comes back with the field.
        let case = CaseId::from_i64(1);
        try_patch_type(&mut connection, &scope, made.id, &json!({ "form": [] })).unwrap();
        assert_eq!(json_of(&get(&mut connection, &scope, case))["customFields"], json!({}));
        try_patch_type(&mut connection, &scope, made.id, &form("text")).unwrap();
        assert_eq!(json_of(&get(&mut connection, &scope, case))["customFields"], json!({ "x": "v" }));
    }

    /// A type goes once no case has it; the default type never does.
    fn types_are_deleted(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let other = tenant(database, "other");
        let made = create_type(&mut connection, &scope, &json!({ "label": "T" }));
        let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": made.id }));
        assert!(matches!(delete(&mut connection, &scope, made.id), Err(CaseTypeError::InUse(1))));
        assert!(matches!(delete(&mut connection, &scope, CaseTypeId::from_i64(1)), Err(CaseTypeError::Default)));
        assert!(matches!(delete(&mut connection, &other, made.id), Err(CaseTypeError::NotFound)));
        connection.write(|connection| deleted(connection, &scope, &[case.id])).unwrap();
        delete(&mut connection, &scope, made.id).unwrap();
        assert!(matches!(case_types::get(&mut connection, &scope, made.id), Err(CaseTypeError::NotFound)));
        assert!(matches!(delete(&mut connection, &scope, made.id), Err(CaseTypeError::NotFound)));
        assert!(list(&mut connection, &scope, &[("status", "open")]).items.is_empty());
    }

    /// The list, in each order, by pages.
    fn types_are_listed(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "acme"));
        for (label, day) in [("beta", "02"), ("Alpha", "03"), ("gamma", "03")] {
            create_type(&mut connection, &at(&tenant, &format!("2125-01-{day}T00:00:00Z")), &json!({ "label": label }));
        }
        for (params, expected) in [
            (vec![], "gamma Alpha beta General"),
            (vec![("orderBy", "label"), ("sort", "asc")], "Alpha beta gamma General"),
            (vec![("orderBy", "lastUpdatedOn"), ("sort", "asc")], "General beta Alpha gamma"),
            (vec![("offset", "1"), ("size", "2")], "Alpha beta"),
        ] {
            let request: PageRequest<CaseTypeSort> = asked(&params).unwrap();
            let page = case_types::list(&mut connection, &tenant, &request).unwrap();
            let labels: Vec<&str> = page.items.iter().map(|one| one.label.as_str()).collect();
            assert_eq!(labels.join(" "), expected, "{params:?}");
        }
    }
}
