//! Making, patching and showing the custom fields of a record.

use crm_core::FieldErrors;
use crm_forms::{CustomFields, Form, PIPELINE};

use crate::common::{form, input, problems};

const FIELDS: &str = r#"[
    {"id": "must", "label": "Must", "category": "custom", "type": "text", "required": true},
    {"id": "may", "label": "May", "category": "custom", "type": "number"},
    {"id": "people", "label": "People", "category": "custom", "type": "people-picker"}
]"#;

fn printed(fields: &CustomFields) -> String {
    serde_json::to_string(fields).unwrap()
}

fn stored(text: &str) -> CustomFields {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_new_record_has_known_fields_and_the_required_ones() {
    let form = form(PIPELINE, FIELDS).unwrap();
    for (sent, expected, why) in [
        (r#"{}"#, vec!["customFields.must required"], "nothing"),
        (r#"{"must": null}"#, vec!["customFields.must required"], "null is nothing"),
        (r#"{"must": "  "}"#, vec!["customFields.must required"], "a blank is nothing"),
        (r#"{"must": "x", "other": 1}"#, vec!["customFields.other unknown_custom_field"], "a field of no form"),
        (r#"{"must": "x", "title": "y"}"#, vec!["customFields.title unknown_custom_field"], "an own field"),
        (
            r#"{"may": "x", "people": [{}]}"#,
            vec!["customFields.may invalid_value", "customFields.people[0].id required", "customFields.must required"],
            "all problems together",
        ),
        (r#"{"must": "x", "may": null}"#, vec![], "all there"),
    ] {
        let mut errors = FieldErrors::new();
        form.check_new(Some(&input(sent)), &mut errors);
        assert_eq!(problems(&errors), expected, "{why}: {sent}");
    }
}

#[test]
fn a_patch_merges_by_key() {
    let form = form(PIPELINE, FIELDS).unwrap();
    let before = stored(r#"{"may":1,"must":"x","retired":[1.10]}"#);
    for (sent, expected, why) in [
        ("{}", r#"{"may":1,"must":"x","retired":[1.10]}"#, "nothing changes"),
        (r#"{"may": null}"#, r#"{"must":"x","retired":[1.10]}"#, "null removes, and the others keep their order"),
        (r#"{"may": 2.50}"#, r#"{"may":2.50,"must":"x","retired":[1.10]}"#, "a value replaces"),
        (
            r#"{"people": [{"id": "a"}]}"#,
            r#"{"may":1,"must":"x","retired":[1.10],"people":[{"id":"a","name":null,"email":null}]}"#,
            "a new one",
        ),
    ] {
        let mut errors = FieldErrors::new();
        let after = form.check_patch(&before, &input(sent), &mut errors);
        assert_eq!((problems(&errors).is_empty(), printed(&after).as_str()), (true, expected), "{why}");
    }
}

#[test]
fn a_patch_clears_no_required_field_and_sets_no_unknown_one() {
    let form = form(PIPELINE, FIELDS).unwrap();
    for (sent, expected) in [
        (r#"{"must": null}"#, "customFields.must not_nullable"),
        (r#"{"must": ""}"#, "customFields.must not_nullable"),
        (r#"{"retired": [2]}"#, "customFields.retired unknown_custom_field"),
        (r#"{"retired": null}"#, "customFields.retired unknown_custom_field"),
    ] {
        let mut errors = FieldErrors::new();
        form.check_patch(&stored(r#"{"must":"x","retired":[1]}"#), &input(sent), &mut errors);
        assert_eq!(problems(&errors), [expected], "{sent}");
    }
}

#[test]
fn a_record_from_before_a_field_was_required_can_be_patched_elsewhere() {
    let form = form(PIPELINE, FIELDS).unwrap();
    let mut errors = FieldErrors::new();
    let after = form.check_patch(&stored("{}"), &input(r#"{"may": 1}"#), &mut errors);
    assert_eq!((problems(&errors), printed(&after)), (vec![], r#"{"may":1}"#.to_owned()));
}

#[test]
fn clearing_all_of_them_leaves_what_is_not_on_the_form() {
    let optional: Form = form(PIPELINE, &FIELDS.replace("true", "false")).unwrap();
    let before = stored(r#"{"must":"x","retired":[1]}"#);
    let mut errors = FieldErrors::new();
    assert_eq!(printed(&optional.check_clear(&before, &mut errors)), r#"{"retired":[1]}"#);
    assert!(errors.is_empty());
    form(PIPELINE, FIELDS).unwrap().check_clear(&before, &mut errors);
    assert_eq!(problems(&errors), ["customFields.must not_nullable"]);
}

#[test]
fn only_fields_of_the_form_are_shown() {
    let form = form(PIPELINE, FIELDS).unwrap();
    assert_eq!(printed(&form.visible(&stored(r#"{"retired":[1],"may":1.50,"title":"x"}"#))), r#"{"may":1.50}"#);
}

/// Patch upon patch, values of fields that are off the form included: what a record keeps has a bound.
#[test]
fn a_record_keeps_a_mebibyte() {
    let form = form(PIPELINE, r#"[{"id": "a", "label": "A", "category": "custom", "type": "text"}]"#).unwrap();
    // `{"retired":"…","a":"x"}`
    for (length, expected) in [(1024 * 1024 - 22, &[][..]), (1024 * 1024 - 21, &["customFields too_long"])] {
        let before = stored(&format!(r#"{{"retired":"{}"}}"#, "x".repeat(length)));
        let mut errors = FieldErrors::new();
        form.check_patch(&before, &input(r#"{"a":"x"}"#), &mut errors);
        assert_eq!(problems(&errors), expected, "{length}");
    }
}

#[test]
fn a_merge_fills_what_is_missing() {
    let filled = stored(r#"{"a":1}"#).filled_from(&stored(r#"{"a":2,"b":3}"#));
    assert_eq!(printed(&filled), r#"{"a":1,"b":3}"#);
}

#[test]
fn a_record_takes_to_another_form_what_that_has_with_the_same_type() {
    let fields = |a: &str, b: &str| {
        let field = |id: &str, field_type: &str| {
            format!(r#"{{"id": "{id}", "label": "F", "category": "custom", "type": "{field_type}"}}"#)
        };
        form(PIPELINE, &format!("[{}, {}]", field(a, "text"), field(b, "number"))).unwrap()
    };
    let (from, to) = (fields("same", "changed"), fields("same", "new"));
    let before = stored(r#"{"same":"x","changed":1,"new":2,"retired":[1]}"#);
    assert_eq!(printed(&to.carried_over(&before, &from)), r#"{"same":"x"}"#);
    let other_type = fields("changed", "same");
    assert_eq!(printed(&other_type.carried_over(&before, &from)), "{}");
}
