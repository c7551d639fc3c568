use super::*;
use crm_core::{PipelineId, Uuid};
use crm_opportunities::{NewStage, NewStages};

/// The stages of a pipeline, each in a line.
fn lines(pipeline: &Pipeline) -> Vec<String> {
    let percents = |probability: Option<i16>| probability.map_or("-".to_owned(), |percents| percents.to_string());
    let line = |stage: &crm_opportunities::Stage| {
        format!("{} {} {} {} {}", stage.order, stage.key, stage.label, percents(stage.probability), stage.color)
    };
    pipeline.stages.iter().map(line).collect()
}

fn invalid(outcome: Result<Pipeline, PipelineError>) -> FieldErrors {
    match outcome {
        Err(PipelineError::Invalid(errors)) => errors,
        other => panic!("expected problems of fields, not {other:?}"),
    }
}

fn delete(connection: &mut DbConnection, scope: &Scope, id: PipelineId) -> Result<(), PipelineError> {
    connection.write(|connection| crm_opportunities::pipelines::delete(connection, scope, id, &Condition::none()))
}

crm_testkit::both_databases! {
    /// What a new tenant has, once however often it is given.
    fn a_new_tenant_has_one_pipeline(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        connection.write(|connection| crm_opportunities::pipelines::provision(connection, &scope)).unwrap();
        let all = pipelines_of(&mut connection, &scope, &[("includeTotal", "true")]);
        assert_eq!(all.total, Some(1));
        let sales = default_pipeline(&mut connection, &scope);
        assert_eq!((sales.name.as_str(), sales.tenant_id.as_str()), ("Sales pipeline", "acme"));
        assert_eq!(lines(&sales), [
            "1 qualification Qualification 10 #808080",
            "2 needs-analysis Needs analysis 25 #808080",
            "3 proposal Proposal 50 #808080",
            "4 negotiation Negotiation 75 #808080",
            "5 closing Closing 90 #808080",
        ]);
        assert_eq!(crm_opportunities::pipelines::get(&mut connection, &scope, sales.id).unwrap(), sales);
    }

    /// What a body says is kept; what it leaves out is made.
    fn a_pipeline_is_made_as_it_is_sent(database) {
        let (mut connection, scope, other) = (database.connect(), tenant(database, "acme"), tenant(database, "other"));
        let id = "c4d5e6f7-8901-2345-6789-abcdef012345";
        let body = json!({ "id": id, "name": " Partners ", "stages": [
            { "key": "stage-xyz", "label": " First ", "probability": 10.0, "color": "#00ff00", "order": 9 },
            { "key": "", "label": "Second", "probability": null, "color": null },
        ] });
        let made = pipeline(&mut connection, &scope, &body);
        assert_eq!((made.id.to_string().as_str(), made.name.as_str(), made.is_default), (id, "Partners", false));
        let second = made.stages[1].key.as_str();
        assert!(second.parse::<Uuid>().is_ok(), "{second}");
        assert_eq!(lines(&made), ["1 stage-xyz First 10 #00ff00".to_owned(), format!("2 {second} Second - #808080")]);
        let again = try_pipeline(&mut connection, &scope, &body);
        assert!(matches!(again, Err(PipelineError::IdTaken(taken)) if taken == made.id), "{again:?}");
        assert_eq!(pipeline(&mut connection, &other, &body).id, made.id, "another tenant's ids are its own");
        assert_eq!(pipelines_of(&mut connection, &scope, &[("size", "9")]).items.len(), 2);
    }

    /// What is wrong with a body, all of it together.
    fn a_pipeline_has_its_rules(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let many: Vec<Value> = (0..101).map(|number| json!({ "label": number.to_string() })).collect();
        for (stages, expected) in [
            (json!([]), vec![("stages", "required")]),
            (json!("x"), vec![("stages", "wrong_type")]),
            (json!(many), vec![("stages", "too_many")]),
            (json!(["x"]), vec![("stages[0]", "wrong_type")]),
            (json!([{ "key": "a", "label": "A" }, { "key": "a", "label": " a" }]), vec![
                ("stages[1].key", "duplicate"), ("stages[1].label", "duplicate"),
            ]),
            (json!([{ "key": "a b", "probability": 101, "color": "red", "x": 1 }]), vec![
                ("stages[0].x", "unknown_field"), ("stages[0].key", "invalid_id"), ("stages[0].label", "required"),
                ("stages[0].probability", "out_of_range"), ("stages[0].color", "invalid_color"),
            ]),
            (json!([{ "label": "A", "probability": 12.5 }]), vec![("stages[0].probability", "out_of_range")]),
            (json!([{ "label": "A", "probability": "10" }]), vec![("stages[0].probability", "wrong_type")]),
        ] {
            let errors = invalid(try_pipeline(&mut connection, &scope, &json!({ "name": "x", "stages": stages })));
            assert_eq!(problems(&errors), expected, "{stages}");
        }
        let errors = invalid(try_pipeline(&mut connection, &scope, &json!({ "id": "x" })));
        assert_eq!(problems(&errors), [("id", "invalid_id"), ("name", "required"), ("stages", "required")]);
    }

    /// Which pipeline is the default one after each change: always exactly one.
    fn one_pipeline_is_the_default(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let stages = json!([{ "label": "S" }]);
        let make = |connection: &mut DbConnection, name: &str, is_default: bool| {
            pipeline(connection, &scope, &json!({ "name": name, "isDefault": is_default, "stages": stages }))
        };
        let first = make(&mut connection, "first", false);
        assert!(first.is_default, "the first is the default one whatever it says");
        let second = make(&mut connection, "second", false);
        assert_eq!(default_pipeline(&mut connection, &scope).id, first.id);
        let third = make(&mut connection, "third", true);
        assert_eq!(default_pipeline(&mut connection, &scope).id, third.id);
        let now = try_patch_pipeline(&mut connection, &scope, &second, &json!({ "isDefault": true })).unwrap();
        assert!(now.is_default);
        assert_eq!(default_pipeline(&mut connection, &scope).id, second.id);
        try_patch_pipeline(&mut connection, &scope, &third, &json!({ "isDefault": false })).unwrap();
        let refused = try_patch_pipeline(&mut connection, &scope, &second, &json!({ "isDefault": false }));
        assert!(matches!(refused, Err(PipelineError::IsDefault)), "{refused:?}");
        let refused = delete(&mut connection, &scope, second.id);
        assert!(matches!(refused, Err(PipelineError::IsDefault)), "{refused:?}");
        delete(&mut connection, &scope, first.id).unwrap();
        assert!(matches!(delete(&mut connection, &scope, first.id), Err(PipelineError::NotFound)));
        assert_eq!(default_pipeline(&mut connection, &scope).id, second.id);
    }

    /// A patch with stages keeps those whose keys come back, in the order of the list.
    fn stages_are_replaced_by_key(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "acme"));
        let scope = at(&tenant, "2025-01-01T00:00:00Z");
        let made = pipeline(&mut connection, &scope, &json!({ "name": "P", "stages": [
            { "key": "a", "label": "A", "probability": 10 }, { "key": "b", "label": "B" }, { "key": "c", "label": "C" },
        ] }));
        let in_stage = |connection: &mut DbConnection, key: &str| {
            create(connection, &scope, &json!({ "title": key, "pipelineId": made.id, "stage": key }))
        };
        let (in_a, in_c) = (in_stage(&mut connection, "a"), in_stage(&mut connection, "c"));
        let by_stage = |connection: &mut DbConnection| -> Vec<String> {
            let page = list(connection, &scope, &[("orderBy", "stage"), ("sort", "asc")]);
            page.items.into_iter().map(|one| one.title.into_string()).collect()
        };
        assert_eq!(by_stage(&mut connection), ["a", "c"]);
        let later = at(&tenant, "2025-02-01T00:00:00Z");
        let changed = try_patch_pipeline(&mut connection, &later, &made, &json!({ "stages": [
            { "key": "c", "label": "See" }, { "key": "new", "label": "N" }, { "key": "a", "label": "A", "probability": 10 },
        ] })).unwrap();
        assert_eq!(lines(&changed), ["1 c See - #808080", "2 new N - #808080", "3 a A 10 #808080"]);
        assert_eq!((changed.created_on, changed.last_updated_on), (scope.now(), later.now()));
        assert_eq!(by_stage(&mut connection), ["c", "a"], "opportunities follow their stages");
        assert_eq!(get(&mut connection, &scope, in_a.id), in_a, "and are not changed by it");
        // A label may move to another key.
        let swapped = try_patch_pipeline(&mut connection, &later, &made, &json!({ "stages": [
            { "key": "c", "label": "A" }, { "key": "a", "label": "See" },
        ] })).unwrap();
        assert_eq!(lines(&swapped), ["1 c A - #808080", "2 a See - #808080"]);
        let refused = try_patch_pipeline(&mut connection, &later, &made, &json!({ "name": "Q", "stages": [{ "key": "a", "label": "A" }] }));
        assert!(matches!(refused, Err(PipelineError::InUse)), "{refused:?}");
        let refused = delete(&mut connection, &scope, made.id);
        assert!(matches!(refused, Err(PipelineError::InUse)), "{refused:?}");
        let now = crm_opportunities::pipelines::get(&mut connection, &scope, made.id).unwrap();
        assert_eq!(now, swapped, "all or nothing");
        connection.write(|connection| deleted(connection, &scope, &[in_a.id, in_c.id])).unwrap();
        delete(&mut connection, &scope, made.id).unwrap();
        assert_eq!(pipelines_of(&mut connection, &scope, &[]).items.len(), 1);
    }

    /// Another tenant's pipeline is none.
    fn a_pipeline_is_its_tenants(database) {
        let (mut connection, scope, other) = (database.connect(), tenant(database, "acme"), tenant(database, "other"));
        let theirs = default_pipeline(&mut connection, &other);
        assert!(matches!(crm_opportunities::pipelines::get(&mut connection, &scope, theirs.id), Err(PipelineError::NotFound)));
        let outcome = try_patch_pipeline(&mut connection, &scope, &theirs, &json!({ "name": "mine", "isDefault": true }));
        assert!(matches!(outcome, Err(PipelineError::NotFound)), "{outcome:?}");
        assert!(matches!(delete(&mut connection, &scope, theirs.id), Err(PipelineError::NotFound)));
        assert_eq!(default_pipeline(&mut connection, &other), theirs);
        // An empty patch changes nothing.
        assert_eq!(try_patch_pipeline(&mut connection, &other, &theirs, &json!({})).unwrap(), theirs);
    }
}

#[test]
fn stages_in_code_are_held_to_the_rules_of_a_body() {
    let label = |text: &str| crm_core::values::Title::new("label", text).unwrap();
    let stage = |text: &str, probability| NewStage { probability, ..NewStage::new(label(text)) };
    let both = NewStages::new([stage("Begin", Some(0)), stage("End", Some(100)), stage("Unknown", None)]).unwrap();
    assert_eq!(both.as_slice().len(), 3);
    for (made, field) in [
        (NewStages::new([]), "stages"),
        (NewStages::new([stage("Begin", Some(101))]), "stages[0].probability"),
        (NewStages::new([stage("Begin", Some(-1))]), "stages[0].probability"),
        (NewStages::new([stage("Begin", None), stage("BEGIN", None)]), "stages[1].label"),
    ] {
        assert_eq!(made.unwrap_err().as_slice()[0].field, field);
    }
}
