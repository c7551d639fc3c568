//! The values of custom fields: for each type what is taken, what comes back, and what is refused under
//! which name.

use crm_core::FieldErrors;
use crm_forms::{FieldType, Form, PIPELINE};
use serde_json::Value;

use crate::cases::{CASES, Case, DROPDOWN_OPTIONS, LISTS, MOMENTS, TAG_OPTIONS};
use crate::common::{form, input, problems};

/// The form with one custom field `f` of a type.
fn form_with(field_type: FieldType, required: bool) -> Form {
    let options = match field_type {
        FieldType::Dropdown => DROPDOWN_OPTIONS,
        FieldType::TagPicker => TAG_OPTIONS,
        _ => "null",
    };
    let name = field_type.as_str();
    let fields = format!(
        r#"[{{"id": "f", "label": "F", "category": "custom", "type": "{name}", "required": {required}, "options": {options}}}]"#
    );
    form(PIPELINE, &fields).unwrap()
}

fn check(form: &Form, value: &str) -> Result<String, FieldErrors> {
    let mut errors = FieldErrors::new();
    let checked = form.check_new(Some(&input(&format!(r#"{{"f": {value}}}"#))), &mut errors);
    errors.into_result(checked.to_object().get("f").map_or_else(String::new, Value::to_string))
}

#[test]
fn every_type_takes_its_values_and_refuses_others_under_the_name_of_the_field() {
    let mut tested = Vec::new();
    for Case { field_type, taken, refused } in CASES.iter().chain(MOMENTS).chain(LISTS) {
        let form = form_with(*field_type, false);
        let name = field_type.as_str();
        for (sent, back) in *taken {
            assert_eq!(check(&form, sent).as_deref(), Ok(*back), "{name} takes {sent}");
        }
        for (sent, place, code, why) in *refused {
            let Err(errors) = check(&form, sent) else { panic!("{name} must refuse {sent}: {why}") };
            assert_eq!(problems(&errors), [format!("customFields.f{place} {code}")], "{name} refuses {sent}: {why}");
        }
        assert!(!taken.is_empty() && refused.len() >= 5, "{name} has too few cases");
        tested.push(*field_type);
    }
    for field_type in FieldType::ALL {
        assert!(tested.contains(field_type), "{} is not tested", field_type.as_str());
    }
}

#[test]
fn lengths_count_characters_and_not_bytes() {
    for (field_type, limit) in
        [(FieldType::Text, 1_000), (FieldType::TextArea, 10_000), (FieldType::Combobox, 255), (FieldType::Tel, 64)]
    {
        let form = form_with(field_type, false);
        let longest = format!("\"{}\"", "\u{e9}".repeat(limit));
        assert_eq!(check(&form, &longest), Ok(longest), "{}", field_type.as_str());
        let longer = format!("\"{}\"", "e".repeat(limit + 1));
        assert_eq!(
            problems(&check(&form, &longer).unwrap_err()),
            ["customFields.f too_long"],
            "{}",
            field_type.as_str()
        );
    }
}

#[test]
fn no_value_is_stored_for_null_a_blank_text_or_an_empty_list() {
    for field_type in FieldType::ALL {
        assert_eq!(check(&form_with(*field_type, false), "null"), Ok(String::new()), "{}", field_type.as_str());
    }
    for field_type in
        [FieldType::Text, FieldType::TextArea, FieldType::Combobox, FieldType::Email, FieldType::Tel, FieldType::Url]
    {
        assert_eq!(check(&form_with(field_type, false), r#"" ""#), Ok(String::new()), "{}", field_type.as_str());
    }
    for field_type in [
        FieldType::Dropdown,
        FieldType::TagPicker,
        FieldType::PeoplePicker,
        FieldType::EmailLabeled,
        FieldType::TelLabeled,
    ] {
        let form = form_with(field_type, true);
        assert_eq!(problems(&check(&form, "[]").unwrap_err()), ["customFields.f required"], "{}", field_type.as_str());
    }
}

#[test]
fn a_wrong_value_of_a_required_field_is_one_problem_and_not_two() {
    let form = form_with(FieldType::Date, true);
    assert_eq!(problems(&check(&form, r#""soon""#).unwrap_err()), ["customFields.f invalid_date"]);
    let mut errors = FieldErrors::new();
    form.check_new(None, &mut errors);
    assert_eq!(problems(&errors), ["customFields.f required"]);
}
