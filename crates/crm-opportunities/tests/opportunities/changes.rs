use super::*;

/// Status, reason, and the moment of closing.
fn standing(opportunity: &Opportunity) -> (&str, Option<&str>, Option<Timestamp>) {
    let reason = opportunity.lost_reason.as_ref().map(|reason| reason.reason_id());
    (opportunity.status.as_str(), reason, opportunity.closed_on)
}

crm_testkit::both_databases! {
    /// The source's example of PATCH, as printed, given what it refers to.
    fn the_example_of_patch_works(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        organizations(&mut connection, &scope, &[1]);
        contacts(&mut connection, &scope, &[1, 123]);
        tag(&mut connection, &scope, "opportunity-tags");
        let id = "727a1a94-dda3-4e68-92cb-343e3e3d4fbc";
        pipeline(&mut connection, &scope, &json!({ "id": id, "name": "Other", "stages": [{ "key": "new", "label": "New" }] }));
        let made = create(&mut connection, &scope, &json!({ "title": "x", "stage": "closing" }));
        let john = json!({ "id": "0b3f5c3e-1b3f-4b3f-8b3f-3b3f5b3f1b3f", "name": "John Doe", "email": "johndoe@me.com" });
        let body = json!({
            "title": "Edited",
            "value": { "amount": 100, "code": "USD" },
            "stage": "",
            "origin": "website",
            "leadRating": "1_cold",
            "note": "This is a note",
            "tags": "opportunity-tags",
            "owner": john,
            "organizationId": "1",
            "contactId": "1",
            "followers": [john],
            "participants": [{ "id": "123", "name": "John Doe" }],
            "pipelineId": id,
            "customFields": {}
        });
        let edited = json_of(&patch(&mut connection, &scope, made.id, &body));
        for name in ["title", "value", "origin", "leadRating", "note", "owner", "organizationId", "contactId", "followers", "participants"] {
            assert_eq!(edited[name], body[name], "{name}");
        }
        assert_eq!((&edited["pipelineId"], &edited["stage"]), (&json!(id), &json!("new")));
        assert_eq!(edited["tags"][0]["label"], json!("opportunity-tags"));
    }

    /// Where a patch moves an opportunity.
    fn a_patch_moves_between_stages_and_pipelines(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let sales = default_pipeline(&mut connection, &scope).id;
        let own = pipeline(&mut connection, &scope, &json!({
            "name": "Own", "stages": [{ "key": "a", "label": "A" }, { "key": "proposal", "label": "B" }]
        })).id;
        for (why, body, expected) in [
            ("nothing said", json!({ "title": "y" }), Ok((sales, "proposal"))),
            ("a blank stage", json!({ "stage": "" }), Ok((sales, "proposal"))),
            ("a stage", json!({ "stage": "closing" }), Ok((sales, "closing"))),
            ("the same pipeline is no move", json!({ "pipelineId": sales }), Ok((sales, "proposal"))),
            ("the same pipeline and a stage", json!({ "pipelineId": sales, "stage": "closing" }), Ok((sales, "closing"))),
            ("another pipeline, from its start", json!({ "pipelineId": own }), Ok((own, "a"))),
            ("another pipeline and a blank stage", json!({ "pipelineId": own, "stage": "" }), Ok((own, "a"))),
            ("another pipeline and a stage of it", json!({ "pipelineId": own, "stage": "proposal" }), Ok((own, "proposal"))),
            ("a stage of another pipeline", json!({ "stage": "a" }), Err(vec![("stage", "unknown_reference")])),
            ("both cleared", json!({ "stage": null, "pipelineId": null }), Err(vec![
                ("pipelineId", "not_nullable"), ("stage", "not_nullable"),
            ])),
        ] {
            let id = create(&mut connection, &scope, &json!({ "title": "x", "stage": "proposal" })).id;
            let outcome = try_patch(&mut connection, &scope, id, &body);
            match expected {
                Ok((pipeline, stage)) => {
                    let moved = outcome.unwrap();
                    assert_eq!((moved.pipeline_id, moved.stage.as_str()), (pipeline, stage), "{why}");
                    assert_eq!(get(&mut connection, &scope, id), moved, "{why}");
                }
                Err(expected) => assert_eq!(problems(&invalid(outcome)), expected, "{why}"),
            }
        }
    }

    /// Every way from one status to the next: what is closed when, and why.
    fn a_status_follows_another(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "acme"));
        let id = create(&mut connection, &at(&tenant, "2025-01-01T00:00:00Z"), &json!({ "title": "x" })).id;
        let day = |day: u8| Some(moment(&format!("2025-02-{day:02}T00:00:00Z")));
        let lost = |reason: &str| json!({ "status": "lost", "lostReason": { "reasonId": reason } });
        for (number, body, expected, changed) in [
            (1, json!({ "status": "open" }), ("open", None, None), false),
            (2, json!({ "status": "won" }), ("won", None, day(2)), true),
            (3, json!({ "status": "won", "lostReason": null }), ("won", None, day(2)), false),
            (4, lost("too_expensive"), ("lost", Some("too_expensive"), day(4)), true),
            (5, lost("too_expensive"), ("lost", Some("too_expensive"), day(4)), false),
            (6, json!({ "status": "lost" }), ("lost", Some("too_expensive"), day(4)), false),
            (7, lost("no_budget"), ("lost", Some("no_budget"), day(4)), true),
            (8, json!({ "status": "open" }), ("open", None, None), true),
            (9, json!({ "status": "lost" }), ("lost", None, day(9)), true),
            (10, json!({ "status": "won" }), ("won", None, day(10)), true),
        ] {
            let scope = at(&tenant, &format!("2025-02-{number:02}T00:00:00Z"));
            let now = try_status(&mut connection, &scope, id, &body).unwrap();
            assert_eq!(standing(&now), expected, "{number}: {body}");
            assert_eq!(now.last_updated_on == scope.now(), changed, "{number}: {body}");
            assert_eq!(get(&mut connection, &scope, id), now);
        }
    }

    /// The source's second example of updateStatus, and what is refused.
    fn a_status_has_its_rules(database) {
        let (mut connection, scope, other) = (database.connect(), tenant(database, "acme"), tenant(database, "other"));
        let id = create(&mut connection, &scope, &json!({ "title": "x" })).id;
        let lost = try_status(&mut connection, &scope, id, &json!({
            "status": "lost",
            "lostReason": { "reasonId": "too_expensive", "comment": "Customer chose a cheaper competitor." },
            "lastUpdatedBy": { "id": "user-123", "name": "Alex Kim", "email": "alex.kim@example.com" }
        })).unwrap();
        assert_eq!(json_of(&lost)["lostReason"], json!({ "reasonId": "too_expensive", "comment": "Customer chose a cheaper competitor." }));
        assert_eq!(lost.last_updated_by.unwrap().id(), "user-123");
        for (why, body, expected) in [
            ("no status", json!({}), ("status", "required")),
            ("another status", json!({ "status": "Won" }), ("status", "invalid_value")),
            ("a reason to win", json!({ "status": "won", "lostReason": { "reasonId": "x" } }), ("lostReason", "conflicting")),
            ("a reason to reopen", json!({ "status": "open", "lostReason": { "reasonId": "x" } }), ("lostReason", "conflicting")),
            ("a reason without id", json!({ "status": "lost", "lostReason": { "comment": "x" } }), ("lostReason.reasonId", "required")),
            ("a reason with more", json!({ "status": "lost", "lostReason": { "reasonId": "x", "a": 1 } }), ("lostReason.a", "unknown_field")),
            ("another field", json!({ "status": "lost", "stage": "x" }), ("stage", "unknown_field")),
        ] {
            assert_eq!(problems(&invalid(try_status(&mut connection, &scope, id, &body))), [expected], "{why}");
        }
        let strange = try_status(&mut connection, &other, id, &json!({ "status": "won" }));
        assert!(matches!(strange, Err(OpportunityError::NotFound)), "{strange:?}");
    }

    /// Only an open opportunity moves, by whichever route.
    fn a_closed_one_stays_where_it_is(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "acme"));
        let scope = at(&tenant, "2025-01-01T00:00:00Z");
        let later = at(&tenant, "2025-02-01T00:00:00Z");
        let made = create(&mut connection, &scope, &json!({ "title": "x" }));
        let stage = |key: &str| json!({ "stage": key });
        let same = try_stage(&mut connection, &later, made.id, &stage("qualification")).unwrap();
        assert_eq!(same, made, "the stage that it is in changes nothing");
        let moved = try_stage(&mut connection, &later, made.id, &stage("closing")).unwrap();
        assert_eq!((moved.stage.as_str(), moved.last_updated_on), ("closing", later.now()));
        for (body, expected) in [
            (stage("nowhere"), ("stage", "unknown_reference")),
            (stage(""), ("stage", "invalid_id")),
            (json!({}), ("stage", "required")),
        ] {
            assert_eq!(problems(&invalid(try_stage(&mut connection, &scope, made.id, &body))), [expected], "{body}");
        }
        for status in ["won", "lost"] {
            let closed = try_status(&mut connection, &later, made.id, &json!({ "status": status })).unwrap();
            for key in ["proposal", "closing"] {
                let outcome = try_stage(&mut connection, &scope, made.id, &stage(key));
                assert!(matches!(outcome, Err(OpportunityError::Closed)), "{status}, {key}: {outcome:?}");
            }
            let outcome = try_patch(&mut connection, &scope, made.id, &stage("proposal"));
            assert!(matches!(outcome, Err(OpportunityError::Closed)), "{status}: {outcome:?}");
            assert_eq!(get(&mut connection, &scope, made.id), closed, "{status}");
            let same = patch(&mut connection, &later, made.id, &json!({ "stage": "closing", "pipelineId": made.pipeline_id, "title": "y" }));
            assert_eq!((same.stage.as_str(), same.title.as_str()), ("closing", "y"), "what it is in may be sent back");
        }
        try_status(&mut connection, &later, made.id, &json!({ "status": "open" })).unwrap();
        assert_eq!(try_stage(&mut connection, &later, made.id, &stage("proposal")).unwrap().stage.as_str(), "proposal");
    }

    /// Since when it is in its stage: other changes leave that alone, also one that names the stage that it is in.
    fn it_is_known_since_when_an_opportunity_is_in_its_stage(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let own = pipeline(&mut connection, &scope, &json!({ "name": "Own", "stages": [{ "key": "proposal", "label": "B" }] })).id;
        let on = |day: u8| format!("2030-01-0{day}T12:00:00.000Z");
        let id = create(&mut connection, &at(&scope, &on(1)), &json!({ "title": "x", "stage": "proposal" })).id;
        let since = |connection: &mut DbConnection| get(connection, &scope, id).stage_since;
        assert_eq!(since(&mut connection), moment(&on(1)));
        for (day, body, expected) in [
            (2, json!({ "title": "y" }), 1),
            (3, json!({ "stage": "proposal", "note": "z" }), 1),
            (4, json!({ "stage": "closing" }), 4),
            (5, json!({ "title": "z" }), 4),
            (6, json!({ "pipelineId": own, "stage": "proposal" }), 6),
        ] {
            let changed = patch(&mut connection, &at(&scope, &on(day)), id, &body);
            assert_eq!(changed.stage_since, moment(&on(expected)), "{body}");
            assert_eq!(since(&mut connection), moment(&on(expected)), "{body}");
        }
        let back = json!({ "pipelineId": default_pipeline(&mut connection, &scope).id, "stage": "closing" });
        patch(&mut connection, &at(&scope, &on(7)), id, &back);
        try_stage(&mut connection, &at(&scope, &on(8)), id, &json!({ "stage": "closing" })).unwrap();
        assert_eq!(since(&mut connection), moment(&on(7)), "it stayed");
        try_stage(&mut connection, &at(&scope, &on(9)), id, &json!({ "stage": "proposal" })).unwrap();
        assert_eq!(since(&mut connection), moment(&on(9)));
        let shown = json_of(&get(&mut connection, &scope, id));
        assert!(shown.get("stageSince").is_none(), "{shown}");
    }
}
