//! Which lists of fields are a form.

use crm_core::FieldErrors;
use crm_core::input::FromBody;
use crm_forms::{CONTACTS, Category, FieldType, Form, FormKind, NewForm, OwnField, PIPELINE};

use crate::common::{form, object, problems};

fn ids(form: &Form) -> Vec<&str> {
    form.fields().iter().map(|field| field.id.as_str()).collect()
}

#[test]
fn every_kind_has_a_default_form_of_its_own_fields() {
    for kind in FormKind::ALL {
        let form = Form::default_of(kind.own_fields(), &"acme".parse().unwrap());
        assert_eq!(ids(&form), kind.own_fields().iter().map(|own| own.id).collect::<Vec<_>>());
        assert!(form.fields().iter().all(|field| field.category == Category::Default));
        let required: Vec<_> = form.fields().iter().filter(|field| field.required).map(|field| &*field.id).collect();
        assert_eq!(required, [if *kind == FormKind::Pipeline { "title" } else { "name" }]);
        let with_options: Vec<_> =
            form.fields().iter().filter(|field| field.options.is_some()).map(|field| &*field.id).collect();
        let expected: &[&str] = if *kind == FormKind::Pipeline { &["origin", "leadRating"] } else { &[] };
        assert_eq!(with_options, expected);
        // What a client reads it may send back.
        let printed = serde_json::to_string(form.fields()).unwrap();
        assert_eq!(crate::common::form(kind.own_fields(), &printed).unwrap().fields(), form.fields());
    }
}

#[test]
fn a_field_that_is_always_there_is_added_where_it_was_left_out() {
    let form = form(CONTACTS, r#"[{"id": "x", "label": "X", "category": "custom", "type": "text"}]"#).unwrap();
    assert_eq!(ids(&form), ["name", "x"]);
    assert!(form.fields()[0].required && !form.fields()[1].required);
    assert_eq!(form.fields()[0].field_type, FieldType::Text);
}

#[test]
fn a_custom_field_without_an_id_gets_a_uuid() {
    let form = form(PIPELINE, r#"[{"label": "X", "category": "custom", "type": "text"}, {"id": null, "label": "X", "category": "custom", "type": "text"}]"#).unwrap();
    let made: Vec<_> = ids(&form).into_iter().filter(|id| id.parse::<crm_core::Uuid>().is_ok()).collect();
    assert_eq!(made.len(), 2);
    assert_ne!(made[0], made[1]);
}

#[test]
fn options_come_back_as_they_were_sent() {
    let sent = r##"[{"id": "d", "label": "D", "category": "custom", "type": "dropdown", "required": false, "options": ["plain", {"id": "1", "label": "One"}, {"id": "2", "label": "Two", "color": "#FF7a00"}]}]"##;
    let form = form(PIPELINE, sent).unwrap();
    let printed = serde_json::to_string(&form.fields()[1].options).unwrap();
    assert_eq!(printed, r##"["plain",{"id":"1","label":"One"},{"id":"2","label":"Two","color":"#FF7a00"}]"##);
}

/// A list of fields of the pipeline, the problems, and why.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("{}", &["fields wrong_type"], "no array"),
    ("[5]", &["fields[0] wrong_type"], "no object"),
    (
        "[{}]",
        &["fields[0].label required", "fields[0].category required", "fields[0].type required"],
        "nothing of a field",
    ),
    (
        r#"[{"id": "a b", "label": " ", "category": "own", "type": "string", "required": "yes", "x": 1}]"#,
        &[
            "fields[0].x unknown_field",
            "fields[0].id invalid_id",
            "fields[0].label required",
            "fields[0].category invalid_value",
            "fields[0].type invalid_value",
            "fields[0].required wrong_type",
        ],
        "all of it wrong, reported together",
    ),
    (
        r#"[{"id": "a.b", "label": "X", "category": "custom", "type": "text"}]"#,
        &["fields[0].id invalid_id"],
        "a dot in an id",
    ),
    (
        r#"[{"id": "x", "label": "X", "category": "custom", "type": "text"}, {"id": "x", "label": "Y", "category": "custom", "type": "date"}]"#,
        &["fields[1].id duplicate"],
        "one id twice",
    ),
    (
        r#"[{"id": "stage", "label": "Stage", "category": "default", "type": "text"}]"#,
        &["fields[0].id invalid_value"],
        "no own field",
    ),
    (
        r#"[{"label": "No id", "category": "default", "type": "text"}]"#,
        &["fields[0].id invalid_value"],
        "a default field needs its id",
    ),
    (
        r#"[{"id": "note", "label": "Note", "category": "custom", "type": "text"}]"#,
        &["fields[0].id conflicting"],
        "an own field as a custom one",
    ),
    (
        r#"[{"id": "value", "label": "Value", "category": "default", "type": "number"}]"#,
        &["fields[0].type invalid_value"],
        "an own field of another type",
    ),
    (
        r#"[{"id": "title", "label": "Title", "category": "default", "type": "text", "required": false}]"#,
        &["fields[0].required invalid_value"],
        "the title cannot be optional",
    ),
    (
        r#"[{"id": "leadRating", "label": "Rating", "category": "default", "type": "dropdown", "options": ["1_cold", "4_burning"]}]"#,
        &["fields[0].options[1] invalid_value"],
        "a rating that no lead can have",
    ),
    (
        r#"[{"id": "d", "label": "D", "category": "custom", "type": "dropdown"}]"#,
        &["fields[0].options required"],
        "a dropdown of nothing",
    ),
    (
        r#"[{"id": "d", "label": "D", "category": "custom", "type": "dropdown", "options": ["a", "b", "a"]}]"#,
        &["fields[0].options[2] duplicate"],
        "an option twice",
    ),
    (
        r#"[{"id": "d", "label": "D", "category": "custom", "type": "dropdown", "options": [{"id": "a"}, {"id": "", "label": "B", "color": "red"}]}]"#,
        &[
            "fields[0].options[0].label required",
            "fields[0].options[1].id required",
            "fields[0].options[1].color invalid_color",
        ],
        "options without label and id, a colour by name",
    ),
    (
        r#"[{"id": "t", "label": "T", "category": "custom", "type": "tag-picker", "options": ["a", {"id": "b", "label": "B"}]}]"#,
        &["fields[0].options[0] required", "fields[0].options[1] required"],
        "a tag has an id, a label and a colour",
    ),
    (
        r#"[{"id": "t", "label": "T", "category": "custom", "type": "text", "options": ["a"]}]"#,
        &["fields[0].options conflicting"],
        "options of a text",
    ),
    (
        r#"[{"id": "t", "label": "T", "category": "custom", "type": "text", "labelOptions": ["a"]}]"#,
        &["fields[0].labelOptions conflicting"],
        "labels of a text",
    ),
];

#[test]
fn a_list_that_is_no_form_is_refused_with_all_its_problems() {
    for (fields, expected, why) in REFUSED {
        let errors = form(PIPELINE, fields).err().unwrap_or_default();
        assert_eq!(problems(&errors), *expected, "{why}: {fields}");
    }
}

#[test]
fn the_id_of_a_field_has_1_to_64_characters() {
    let with = |id: String| {
        form(PIPELINE, &format!(r#"[{{"id": "{id}", "label": "X", "category": "custom", "type": "text"}}]"#))
    };
    assert!(with("aZ09_-".repeat(10) + "abcd").is_ok());
    for id in [String::new(), "a".repeat(65), "\u{e9}".to_owned(), "a'b".to_owned(), "$.a".to_owned()] {
        assert_eq!(problems(&with(id.clone()).unwrap_err()), ["fields[0].id invalid_id"], "{id:?}");
    }
}

#[test]
fn a_form_has_at_most_200_fields() {
    let field = |number: usize| format!(r#"{{"id": "f{number}", "label": "F", "category": "custom", "type": "text"}}"#);
    let fields = |count: usize| format!("[{}]", (0..count).map(field).collect::<Vec<_>>().join(","));
    assert_eq!(form(PIPELINE, &fields(199)).unwrap().fields().len(), 200, "the title is one of them");
    assert_eq!(problems(&form(PIPELINE, &fields(200)).unwrap_err()), ["fields too_many"]);
    assert_eq!(problems(&form(PIPELINE, &fields(201)).unwrap_err()), ["fields too_many"]);
}

#[test]
fn the_body_of_a_put_has_fields_and_nothing_unknown() {
    let refuse = |body: &str| problems(&NewForm::from_body(&object(body)).unwrap_err());
    assert_eq!(refuse("{}"), ["fields required"]);
    assert_eq!(refuse(r#"{"fields": [], "creator": {}, "items": []}"#), ["creator.id required", "items unknown_field"]);
    assert!(NewForm::from_body(&object(r#"{"fields": [], "tenantId": "acme", "creator": null}"#)).is_ok());
}

#[test]
fn the_options_of_a_default_field_narrow_its_values() {
    let check = |form: &Form, field, value| {
        let mut errors = FieldErrors::new();
        form.check_own(field, value, &mut errors);
        problems(&errors)
    };
    let default = Form::default_of(PIPELINE, &"acme".parse().unwrap());
    assert_eq!(check(&default, "origin", Some("website")), [""; 0]);
    assert_eq!(check(&default, "origin", None), [""; 0]);
    assert_eq!(check(&default, "origin", Some("Website")), ["origin invalid_value"]);
    let free =
        form(PIPELINE, r#"[{"id": "origin", "label": "O", "category": "default", "type": "dropdown"}]"#).unwrap();
    assert_eq!(check(&free, "origin", Some("anything")), [""; 0]);
    assert_eq!(check(&form(PIPELINE, "[]").unwrap(), "origin", Some("anything")), [""; 0], "not on the form");
}

/// A resource of another crate brings its own fields, as case types do.
#[test]
fn a_form_works_for_any_resource() {
    const OWN: &[OwnField] = &[
        OwnField::always("title", "Title", FieldType::Text),
        OwnField::plain("assignee", "Assignee", FieldType::Combobox),
    ];
    let form =
        form(OWN, r#"[{"id": "assignee", "label": "A", "category": "default", "type": "combobox", "required": true}]"#)
            .unwrap();
    let mut errors = FieldErrors::new();
    form.require_patch(|field| field == "assignee", &mut errors);
    assert_eq!(problems(&errors), ["assignee not_nullable"]);
    let stored = serde_json::to_string(&form.to_stored()).unwrap();
    let back = Form::stored(OWN, &"acme".parse().unwrap(), serde_json::from_str(&stored).unwrap());
    assert_eq!(back.fields(), form.fields());
}
