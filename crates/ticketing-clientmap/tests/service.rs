//! Client maps on real databases, two tenants present.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crm_core::input::{FromBody, JsonObject};
use crm_core::{Condition, FieldCode, Scope, Timestamp};
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};
use ticketing_clientmap::{
    ClientMap, ClientMapError, ClientMapPatch, MASK, NewClientMap, SyncReport, create, delete, get, list, report_sync,
    update, version,
};

fn object(value: Value) -> JsonObject {
    let Value::Object(object) = value else { panic!("an object is needed") };
    object
}

fn parsed<T: FromBody>(body: Value) -> T {
    T::from_body(&object(body)).unwrap()
}

/// The same tenant at another time.
fn at(scope: &Scope, moment: &Value) -> Scope {
    let moment: Timestamp = moment.as_str().unwrap().parse().unwrap();
    Scope::new(scope.tenant(), scope.public_tenant().clone(), moment)
}

fn make(database: &TestDatabase, scope: &Scope, body: Value) -> ClientMap {
    database.connect().write(|connection| create(connection, scope, &parsed(body))).unwrap()
}

fn minimal(client_id: &str) -> Value {
    json!({ "clientId": client_id, "clientName": "Client", "clientType": "custom", "mappingType": "inbound" })
}

fn changed(database: &TestDatabase, scope: &Scope, map: &ClientMap, patch: Value) -> Result<ClientMap, ClientMapError> {
    database.connect().write(|connection| update(connection, scope, map.id, &Condition::none(), &parsed(patch)))
}

both_databases! {
    /// Every member of the source's example, times included, comes back as printed, under an id of ours.
    fn the_rows_of_the_source_come_back(database) {
        let scope = database.tenant("acme");
        let example: Value = serde_json::from_str(include_str!("example.json")).unwrap();
        let rows = example["data"]["rows"].as_array().unwrap();
        for row in rows {
            let made = make(database, &at(&scope, &row["createdAt"]), row.clone());
            let report = parsed::<SyncReport>(json!({ "syncStatus": row["syncStatus"], "lastSyncAt": row["lastSyncAt"] }));
            let later = at(&scope, &row["updatedAt"]);
            database.connect().write(|connection| report_sync(connection, &later, made.id, &Condition::none(), &report)).unwrap();
        }
        let listed = list(&mut database.connect(), &scope, None).unwrap();
        let mut expected = rows.clone();
        expected.sort_by_key(|row| row["createdAt"].as_str().unwrap().to_owned());
        assert_eq!(listed.len(), 4);
        for (map, mut row) in listed.iter().zip(expected) {
            row["id"] = json!(map.id);
            // As text, so that the order of the members counts too.
            assert_eq!(serde_json::to_string(map).unwrap(), row.to_string());
        }
    }

    fn what_is_unset_is_null(database) {
        let scope = database.tenant("acme");
        let made = serde_json::to_value(make(database, &scope, minimal("one"))).unwrap();
        let moment = scope.now().to_string();
        assert_eq!(made, json!({
            "id": made["id"], "clientId": "one", "clientName": "Client", "clientType": "custom", "mappingType": "inbound",
            "sourceSystem": null, "targetSystem": null, "configuration": null, "status": "active", "lastSyncAt": null,
            "syncStatus": "pending", "createdAt": moment, "updatedAt": moment,
        }));
    }

    fn a_use_case_filters_by_equality(database) {
        let scope = database.tenant("acme");
        let body = |id: &str, usecase: Value| {
            let mut body = minimal(id);
            body["usecase"] = usecase;
            body
        };
        for (id, usecase) in [("a", json!("onboarding")), ("b", json!("Onboarding")), ("c", json!(null)), ("d", json!("é"))] {
            make(database, &scope, body(id, usecase));
        }
        for (usecase, expected) in [
            (None, "abcd"),
            (Some("onboarding"), "a"),
            (Some("Onboarding"), "b"),
            (Some("é"), "d"),
            (Some("onboard"), ""),
            (Some("%"), ""),
            (Some(""), ""),
        ] {
            let found = list(&mut database.connect(), &scope, usecase).unwrap();
            let mut ids: Vec<&str> = found.iter().map(|map| map.client_id.as_str()).collect();
            ids.sort_unstable();
            assert_eq!(ids.concat(), expected, "{usecase:?}");
        }
    }

    fn a_client_id_is_unique_in_its_tenant_only(database) {
        let (scope, other) = (database.tenant("acme"), database.tenant("other"));
        make(database, &scope, minimal("one"));
        let second = make(database, &scope, minimal("two"));
        make(database, &other, minimal("one"));
        let again = database.connect().write(|connection| create(connection, &scope, &parsed(minimal("one"))));
        assert!(matches!(again, Err(ClientMapError::ClientIdTaken)));
        let renamed = changed(database, &scope, &second, json!({ "clientId": "one" }));
        assert!(matches!(renamed, Err(ClientMapError::ClientIdTaken)));
        assert_eq!(get(&mut database.connect(), &scope, second.id).unwrap(), second);
    }

    fn another_tenant_sees_and_changes_nothing(database) {
        let (scope, other) = (database.tenant("acme"), database.tenant("other"));
        let map = make(database, &scope, minimal("one"));
        let mut connection = database.connect();
        assert!(list(&mut connection, &other, None).unwrap().is_empty());
        assert_eq!(version(&mut connection, &other).unwrap(), None);
        assert!(matches!(get(&mut connection, &other, map.id), Err(ClientMapError::NotFound)));
        let patch = json!({ "clientName": "Mine" });
        assert!(matches!(changed(database, &other, &map, patch), Err(ClientMapError::NotFound)));
        let report = parsed::<SyncReport>(json!({ "syncStatus": "failed" }));
        let reported = connection.write(|connection| report_sync(connection, &other, map.id, &Condition::none(), &report));
        assert!(matches!(reported, Err(ClientMapError::NotFound)));
        assert!(matches!(connection.write(|connection| delete(connection, &other, map.id, &Condition::none())), Err(ClientMapError::NotFound)));
        assert_eq!(get(&mut connection, &scope, map.id).unwrap(), map);
    }

    /// The version is what a 304 is decided by, so that none of these may leave it as it is.
    fn every_change_gives_a_new_version_and_nothing_else_does(database) {
        let (scope, other) = (database.tenant("acme"), database.tenant("other"));
        let now = || version(&mut database.connect(), &scope).unwrap();
        let mut seen = vec![now()];
        let map = make(database, &scope, minimal("one"));
        seen.push(now());
        changed(database, &scope, &map, json!({ "status": "inactive" })).unwrap();
        seen.push(now());
        let report = parsed::<SyncReport>(json!({ "syncStatus": "in_progress" }));
        database.connect().write(|connection| report_sync(connection, &scope, map.id, &Condition::none(), &report)).unwrap();
        seen.push(now());
        changed(database, &scope, &map, json!({ "status": "inactive", "sourceSystem": null })).unwrap();
        changed(database, &scope, &map, json!({})).unwrap();
        make(database, &other, minimal("one"));
        assert_eq!(seen.last(), Some(&now()), "nothing was changed here");
        database.connect().write(|connection| delete(connection, &scope, map.id, &Condition::none())).unwrap();
        seen.push(now());
        for (index, version) in seen.iter().enumerate() {
            assert!(!seen[..index].contains(version), "version {index} is not new");
        }
    }

    fn a_patch_changes_what_it_names(database) {
        let scope = database.tenant("acme");
        let mut body = minimal("one");
        body["usecase"] = json!("a");
        body["sourceSystem"] = json!("x");
        body["configuration"] = json!({ "a": { "b": 1 }, "c": [1, 2] });
        let map = make(database, &scope, body);
        for (patch, field, expected) in [
            (json!({ "clientName": " New " }), "clientName", json!("New")),
            (json!({ "clientType": "crm" }), "clientType", json!("crm")),
            (json!({ "mappingType": "outbound" }), "mappingType", json!("outbound")),
            (json!({ "status": "inactive" }), "status", json!("inactive")),
            (json!({ "status": null }), "status", json!("active")),
            (json!({ "sourceSystem": null }), "sourceSystem", json!(null)),
            (json!({ "targetSystem": "y" }), "targetSystem", json!("y")),
            (json!({ "configuration": { "a": { "d": 2 } } }), "configuration", json!({ "a": { "d": 2 } })),
            (json!({ "configuration": null }), "configuration", json!(null)),
            (json!({ "usecase": "b" }), "usecase", json!("b")),
            (json!({ "syncStatus": "failed", "id": "x", "createdAt": 1 }), "syncStatus", json!("pending")),
        ] {
            let after = serde_json::to_value(changed(database, &scope, &map, patch.clone()).unwrap()).unwrap();
            assert_eq!(after[field], expected, "{patch}");
        }
        let later = at(&scope, &json!("2099-01-01T00:00:00.000Z"));
        let after = changed(database, &later, &map, json!({ "clientName": "Later" })).unwrap();
        assert_eq!((after.created_at, after.updated_at), (scope.now(), later.now()));
    }

    fn a_secret_is_stored_and_shown_masked(database) {
        let scope = database.tenant("acme");
        let mut body = minimal("one");
        body["configuration"] = json!({ "endpoint": "https://a", "auth": { "clientSecret": "hush" } });
        let map = make(database, &scope, body);
        let shown = serde_json::to_value(&map).unwrap();
        assert_eq!(shown["configuration"], json!({ "endpoint": "https://a", "auth": { "clientSecret": MASK } }));
        assert!(!format!("{map:?}").contains("hush"));
        let patch = json!({ "configuration": { "endpoint": "https://b", "auth": { "clientSecret": MASK } } });
        changed(database, &scope, &map, patch).unwrap();
        let stored = get(&mut database.connect(), &scope, map.id).unwrap();
        let expected = json!({ "endpoint": "https://b", "auth": { "clientSecret": "hush" } });
        assert_eq!(Value::Object(stored.configuration.unwrap().reveal().unwrap().clone()), expected);
        let nowhere = changed(database, &scope, &map, json!({ "configuration": { "password": MASK } }));
        assert!(matches!(nowhere, Err(ClientMapError::Invalid(_))));
        let mut masked = minimal("two");
        masked["configuration"] = json!({ "password": MASK });
        let made = database.connect().write(|connection| create(connection, &scope, &parsed(masked)));
        assert!(matches!(made, Err(ClientMapError::Invalid(_))));
    }

    fn a_run_is_reported(database) {
        let scope = database.tenant("acme");
        let map = make(database, &scope, minimal("one"));
        let later = at(&scope, &json!("2030-01-01T00:00:00.000Z"));
        for (report, last_sync_at, why) in [
            (json!({ "syncStatus": "in_progress" }), json!(null), "a run that has not ended"),
            (json!({ "syncStatus": "success" }), json!("2030-01-01T00:00:00.000Z"), "one that ended now"),
            (json!({ "syncStatus": "failed", "lastSyncAt": "2025-07-10T14:00:00+02:00" }), json!("2025-07-10T12:00:00.000Z"), "a time that was given"),
            (json!({ "syncStatus": "disabled", "lastSyncAt": null }), json!("2025-07-10T12:00:00.000Z"), "the time stays"),
        ] {
            let reported = database.connect().write(|connection| report_sync(connection, &later, map.id, &Condition::none(), &parsed(report.clone())));
            let after = serde_json::to_value(reported.unwrap()).unwrap();
            assert_eq!((&after["syncStatus"], &after["lastSyncAt"]), (&report["syncStatus"], &last_sync_at), "{why}");
            assert_eq!(after["updatedAt"], json!(later.now()));
        }
    }

    /// What was sent is what comes back, digit by digit and member by member.
    fn a_configuration_keeps_its_words(database) {
        let scope = database.tenant("acme");
        let mut body = minimal("one");
        body["configuration"] = serde_json::from_str(r#"{"z":1e3,"a":0.10,"n":123456789012345678901234567890,"é":"\u2028𝄞"}"#).unwrap();
        let map = make(database, &scope, body.clone());
        let read = get(&mut database.connect(), &scope, map.id).unwrap();
        assert_eq!(serde_json::to_string(&read.configuration).unwrap(), body["configuration"].to_string());
    }

    fn a_tenant_takes_its_client_maps_along(database) {
        let (scope, other) = (database.tenant("acme"), database.tenant("other"));
        make(database, &scope, minimal("one"));
        make(database, &other, minimal("one"));
        let mut connection = database.connect();
        crm_core::tenants::delete(&mut connection, scope.public_tenant()).unwrap();
        assert!(list(&mut connection, &scope, None).unwrap().is_empty());
        assert_eq!(version(&mut connection, &scope).unwrap(), None);
        assert_eq!(list(&mut connection, &other, None).unwrap().len(), 1);
    }
}

#[test]
fn bad_bodies_are_refused_with_every_problem() {
    let long = "x".repeat(256);
    let big = "x".repeat(64 * 1024);
    let with = |name: &str, value: Value| {
        let mut body = minimal("one");
        body[name] = value;
        body
    };
    let mapping = |entry: Value| with("configuration", json!({ "fieldMappings": [entry] }));
    for (body, field, code) in [
        (with("clientId", json!("  ")), "clientId", FieldCode::Required),
        (with("clientId", json!(null)), "clientId", FieldCode::Required),
        (with("clientName", json!(long)), "clientName", FieldCode::TooLong),
        (with("clientType", json!("ITSM")), "clientType", FieldCode::InvalidValue),
        (with("mappingType", json!(1)), "mappingType", FieldCode::InvalidValue),
        (with("status", json!("deleted")), "status", FieldCode::InvalidValue),
        (with("sourceSystem", json!("\u{0}")), "sourceSystem", FieldCode::InvalidCharacters),
        (with("usecase", json!(long)), "usecase", FieldCode::TooLong),
        (with("clientKind", json!("itsm")), "clientKind", FieldCode::UnknownField),
        (with("configuration", json!([])), "configuration", FieldCode::WrongType),
        (with("configuration", json!({ "a": big })), "configuration", FieldCode::TooLong),
        (with("configuration", json!({ "a": ["\u{0}"] })), "configuration.a[0]", FieldCode::InvalidCharacters),
        (with("configuration", json!({ "\u{7}": 1 })), "configuration", FieldCode::InvalidCharacters),
        (with("configuration", json!({ "fieldMappings": {} })), "configuration.fieldMappings", FieldCode::WrongType),
        (mapping(json!("a")), "configuration.fieldMappings[0]", FieldCode::WrongType),
        (mapping(json!({ "sourceField": "a" })), "configuration.fieldMappings[0].targetField", FieldCode::Required),
        (
            mapping(json!({ "sourceField": "a", "targetField": "b", "transfrom": "c" })),
            "configuration.fieldMappings[0].transfrom",
            FieldCode::UnknownField,
        ),
        (
            mapping(json!({ "sourceField": "a", "targetField": "b", "transform": 1 })),
            "configuration.fieldMappings[0].transform",
            FieldCode::WrongType,
        ),
        (
            mapping(json!({ "sourceField": "a", "targetField": "b", "transform": "" })),
            "configuration.fieldMappings[0].transform",
            FieldCode::Required,
        ),
    ] {
        let errors = NewClientMap::from_body(&object(body)).unwrap_err();
        let found: Vec<(&str, FieldCode)> =
            errors.as_slice().iter().map(|error| (error.field.as_str(), error.code)).collect();
        assert_eq!(found, [(field, code)]);
    }
    let errors = NewClientMap::from_body(&object(json!({ "clientType": "x" }))).unwrap_err();
    assert_eq!(errors.as_slice().len(), 4, "{errors}");
    let errors = ClientMapPatch::from_body(&object(json!({ "clientId": null, "clientType": null }))).unwrap_err();
    assert_eq!(errors.as_slice().len(), 2, "{errors}");
}

#[test]
fn a_configuration_of_64_kib_is_taken() {
    let mut body = minimal("one");
    // {"a":"…"} has eight bytes beside the text.
    body["configuration"] = json!({ "a": "x".repeat(64 * 1024 - 8) });
    assert!(NewClientMap::from_body(&object(body)).is_ok());
}
