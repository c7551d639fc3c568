//! Applying field mappings, in both directions.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crm_core::FieldErrors;
use crm_core::input::{At, FromJson, JsonObject};
use serde_json::{Value, json};
use ticketing_clientmap::{ApplyError, Configuration, Direction, Transforms, apply};

fn configuration(value: &Value) -> Configuration {
    let mut errors = FieldErrors::new();
    Configuration::from_json(value, &At::field("configuration"), &mut errors).unwrap()
}

fn object(value: Value) -> JsonObject {
    let Value::Object(object) = value else { panic!("an object is needed") };
    object
}

fn run(settings: &Value, transforms: &Transforms, direction: Direction, record: Value) -> Result<Value, ApplyError> {
    apply(&configuration(settings), transforms, direction, &object(record)).map(Value::Object)
}

/// The first row of the source's example, with the table that its `statusMapping` needs.
fn servicenow() -> Value {
    let example: Value = serde_json::from_str(include_str!("example.json")).unwrap();
    let mut settings = example["data"]["rows"][0]["configuration"].clone();
    settings["transforms"] = json!({ "statusMapping": { "open": 1, "reopened": 1, "closed": "7" } });
    settings
}

#[test]
fn a_record_goes_there_and_back() {
    let ticket = json!({ "ticketNumber": "T-1", "subject": "Printer", "status": "open" });
    let incident = json!({ "number": "T-1", "short_description": "Printer", "state": 1 });
    let none = Transforms::new();
    assert_eq!(run(&servicenow(), &none, Direction::ToTarget, ticket.clone()), Ok(incident.clone()));
    assert_eq!(run(&servicenow(), &none, Direction::ToSource, incident), Ok(ticket));
}

#[test]
fn what_a_record_has_decides_what_comes_out() {
    for (record, expected, why) in [
        (json!({}), json!({}), "nothing"),
        (
            json!({ "subject": "a", "other": 1 }),
            json!({ "short_description": "a" }),
            "fields that no mapping names are left out",
        ),
        (json!({ "status": null }), json!({ "state": null }), "null stays null"),
        (
            json!({ "subject": { "a": [1] } }),
            json!({ "short_description": { "a": [1] } }),
            "any value passes without a transform",
        ),
    ] {
        assert_eq!(run(&servicenow(), &Transforms::new(), Direction::ToTarget, record), Ok(expected), "{why}");
    }
    for (state, expected) in [(json!(7), "closed"), (json!("7"), "closed"), (json!("1"), "open")] {
        let back = run(&servicenow(), &Transforms::new(), Direction::ToSource, json!({ "state": state }));
        assert_eq!(back, Ok(json!({ "status": expected })), "numbers and their texts are the same to a table");
    }
}

#[test]
fn an_unknown_transform_is_named() {
    let example: Value = serde_json::from_str(include_str!("example.json")).unwrap();
    let settings = &example["data"]["rows"][1]["configuration"];
    let expected =
        ApplyError::UnknownTransform { transform: "priorityMapping".to_owned(), field: "priority".to_owned() };
    for direction in [Direction::ToTarget, Direction::ToSource] {
        assert_eq!(run(settings, &Transforms::new(), direction, json!({})), Err(expected.clone()));
    }
    assert!(expected.to_string().contains("priorityMapping"));
}

#[test]
fn what_a_transform_refuses_is_named() {
    for (direction, record) in [
        (Direction::ToTarget, json!({ "status": "lost" })),
        (Direction::ToTarget, json!({ "status": ["open"] })),
        (Direction::ToSource, json!({ "state": 9 })),
    ] {
        let refused = run(&servicenow(), &Transforms::new(), direction, record);
        assert!(
            matches!(&refused, Err(ApplyError::Refused { transform, .. }) if transform == "statusMapping"),
            "{refused:?}"
        );
    }
    let mut settings = servicenow();
    settings["transforms"]["statusMapping"] = json!("open=1");
    let refused = run(&settings, &Transforms::new(), Direction::ToTarget, json!({ "status": "open" }));
    assert!(matches!(refused, Err(ApplyError::Refused { .. })));
}

#[test]
fn a_registered_transform_is_asked_and_the_configuration_wins() {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| "it takes texts".to_owned());
    let transforms = || {
        Transforms::new().with(
            "statusMapping",
            (
                move |value: &Value| text(value).map(|text| Value::from(text.to_uppercase())),
                move |value: &Value| text(value).map(|text| Value::from(text.to_lowercase())),
            ),
        )
    };
    let mut settings = servicenow();
    assert_eq!(
        run(&settings, &transforms(), Direction::ToTarget, json!({ "status": "open" })),
        Ok(json!({ "state": 1 }))
    );
    settings["transforms"] = json!({});
    assert_eq!(
        run(&settings, &transforms(), Direction::ToTarget, json!({ "status": "open" })),
        Ok(json!({ "state": "OPEN" }))
    );
    assert_eq!(
        run(&settings, &transforms(), Direction::ToSource, json!({ "state": "OPEN" })),
        Ok(json!({ "status": "open" }))
    );
    let refused = run(&settings, &transforms(), Direction::ToTarget, json!({ "status": 1 }));
    assert!(matches!(refused, Err(ApplyError::Refused { reason, .. }) if reason == "it takes texts"));
}

#[test]
fn the_first_mapping_to_a_field_wins() {
    let settings = json!({ "fieldMappings": [
        { "sourceField": "a", "targetField": "x" },
        { "sourceField": "b", "targetField": "x" },
        { "sourceField": "a", "targetField": "y", "transform": null },
    ] });
    let none = Transforms::new();
    for (direction, record, expected) in [
        (Direction::ToTarget, json!({ "a": 1, "b": 2 }), json!({ "x": 1, "y": 1 })),
        (Direction::ToTarget, json!({ "b": 2 }), json!({ "x": 2 })),
        (Direction::ToSource, json!({ "x": 1, "y": 2 }), json!({ "a": 1, "b": 1 })),
        (Direction::ToSource, json!({ "y": 2 }), json!({ "a": 2 })),
    ] {
        assert_eq!(run(&settings, &none, direction, record), Ok(expected));
    }
    assert_eq!(run(&json!({}), &none, Direction::ToTarget, json!({ "a": 1 })), Ok(json!({})));
}
