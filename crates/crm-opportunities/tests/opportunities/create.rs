use super::*;
use crm_core::LeadId;
use crm_core::values::Title;
use crm_opportunities::ConvertedLead;

crm_testkit::both_databases! {
    /// The source's example of POST, as printed, given what it refers to.
    fn the_example_of_post_works(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "tenant-id-example"));
        organizations(&mut connection, &scope, &[7]);
        let id = "c4d5e6f7-8901-2345-6789-abcdef012345";
        pipeline(&mut connection, &scope, &json!({
            "id": id, "name": "Moved here", "stages": [{ "label": "First" }, { "key": "stage-xyz", "label": "Second" }]
        }));
        let made = create(&mut connection, &scope, &json!({
            "title": "New Opportunity - Example Corp",
            "value": { "amount": 50000, "code": "USD" },
            "stage": "stage-xyz",
            "pipelineId": id,
            "origin": "inbound",
            "leadRating": "3_hot",
            "note": "Initial contact promising. Schedule demo.",
            "organization": { "id": "7", "name": "Example Corp" },
            "owner": { "id": "99999-dfds-4324-sdfsdf", "name": "Alex Kim", "email": "alex.kim@example.com" },
            "creator": { "id": "88888-dfds-4324-sdfsdf", "name": "Alex Kim", "email": "alex.kim@example.com" },
            "tenantId": "tenant-id-example"
        }));
        assert_eq!(
            json_of(&made),
            json!({
                "id": "1",
                "tenantId": "tenant-id-example",
                "title": "New Opportunity - Example Corp",
                "value": { "amount": 50000, "code": "USD" },
                "origin": "inbound",
                "leadRating": "3_hot",
                "note": "Initial contact promising. Schedule demo.",
                "organizationId": "7",
                "organization": { "id": "7", "name": "N" },
                "contactId": null,
                "contact": null,
                "owner": { "id": "99999-dfds-4324-sdfsdf", "name": "Alex Kim", "email": "alex.kim@example.com" },
                "creator": { "id": "88888-dfds-4324-sdfsdf", "name": "Alex Kim", "email": "alex.kim@example.com" },
                "lastUpdatedBy": null,
                "followers": [],
                "participants": [],
                "tags": [],
                "externalId": null, "customFields": {},
                "pipelineId": id,
                "stage": "stage-xyz",
                "status": "open",
                "lostReason": null,
                "closedOn": null,
                "leadId": null,
                "createdOn": scope.now().to_string(),
                "lastUpdatedOn": scope.now().to_string(),
            })
        );
        assert_eq!(get(&mut connection, &scope, made.id), made);
    }

    /// Which stage an opportunity starts in, and what is wrong with the others.
    fn a_new_one_is_in_the_stage_that_it_names(database) {
        let (mut connection, scope, other) = (database.connect(), tenant(database, "acme"), tenant(database, "other"));
        let sales = default_pipeline(&mut connection, &scope);
        let strange = default_pipeline(&mut connection, &other).id;
        let own = pipeline(&mut connection, &scope, &json!({
            "name": "Own", "stages": [{ "key": "a", "label": "A" }, { "key": "b", "label": "B" }]
        })).id;
        for (why, body, expected) in [
            ("nothing said", json!({}), Ok((sales.id, "qualification"))),
            ("null and blank say nothing", json!({ "pipelineId": null, "stage": "" }), Ok((sales.id, "qualification"))),
            ("a stage of the default pipeline", json!({ "stage": "proposal" }), Ok((sales.id, "proposal"))),
            ("the first stage of another", json!({ "pipelineId": own }), Ok((own, "a"))),
            ("a stage of another", json!({ "pipelineId": own, "stage": "b" }), Ok((own, "b"))),
            ("a stage of another pipeline", json!({ "pipelineId": own, "stage": "proposal" }), Err(vec![("stage", "unknown_reference")])),
            ("no such stage", json!({ "stage": "b" }), Err(vec![("stage", "unknown_reference")])),
            ("keys have a case", json!({ "stage": "Proposal" }), Err(vec![("stage", "unknown_reference")])),
            ("another tenant's pipeline", json!({ "pipelineId": strange, "stage": "b" }), Err(vec![("pipelineId", "unknown_reference")])),
            ("no key", json!({ "stage": "a b" }), Err(vec![("stage", "invalid_id")])),
            ("no UUID", json!({ "pipelineId": "1" }), Err(vec![("pipelineId", "invalid_id")])),
            ("with other problems", json!({ "stage": "x", "tags": "y", "customFields": { "z": 1 } }), Err(vec![
                ("customFields.z", "unknown_custom_field"), ("tags", "unknown_tag"), ("stage", "unknown_reference"),
            ])),
        ] {
            let mut body = body;
            body["title"] = json!("x");
            match (try_create(&mut connection, &scope, &body), expected) {
                (Ok(made), Ok((pipeline, stage))) => {
                    assert_eq!((made.pipeline_id, made.stage.as_str()), (pipeline, stage), "{why}");
                }
                (outcome, Err(expected)) => assert_eq!(problems(&invalid(outcome)), expected, "{why}"),
                (Err(error), Ok(_)) => panic!("{why}: {error}"),
            }
        }
        let count = |connection: &mut DbConnection, scope| list(connection, scope, &[("includeTotal", "true")]).total;
        assert_eq!((count(&mut connection, &scope), count(&mut connection, &other)), (Some(5), Some(0)));
    }

    /// What is read-only may be sent back, and changes nothing.
    fn what_was_read_can_be_sent(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let made = create(&mut connection, &scope, &json!({ "title": "x", "status": "won", "leadId": "5", "closedOn": 1 }));
        assert_eq!((made.status.as_str(), made.lead_id, made.closed_on), ("open", None, None));
        let mut body = json_of(&made);
        body["lostReason"] = json!({ "reasonId": "x" });
        let later = at(&scope, "2030-01-01T00:00:00Z");
        let sent_back = patch(&mut connection, &later, made.id, &body);
        assert_eq!(sent_back, made);
    }

    /// A tenant that has no pipeline is told what is missing.
    fn without_a_pipeline_there_is_no_opportunity(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("bare"));
        let errors = invalid(try_create(&mut connection, &scope, &json!({ "title": "x" })));
        assert_eq!(problems(&errors), [("pipelineId", "required")]);
    }

    /// A lead becomes one opportunity, whatever its form requires by now.
    fn a_lead_becomes_one_opportunity(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        lead(&mut connection, &scope, 9);
        let red = tag(&mut connection, &scope, "red");
        let converted = ConvertedLead {
            id: LeadId::from_i64(9),
            fields: NewOpportunity::new(Title::new("title", "From a lead").unwrap()),
            custom_fields: crm_forms::CustomFields::default(),
            tags: vec![red.clone()],
            form: crm_forms::get(&mut connection, &scope, crm_forms::FormKind::Pipeline).unwrap(),
        };
        let mut convert = || connection.write(|connection| crm_opportunities::create_from_lead(connection, &scope, &converted));
        let made = convert().unwrap();
        assert_eq!((made.lead_id, made.tags.as_slice(), made.stage.as_str()), (Some(converted.id), [red].as_slice(), "qualification"));
        let again = convert();
        assert!(matches!(again, Err(OpportunityError::AlreadyConverted(id)) if id == converted.id), "{again:?}");
    }
}
