//! Values of custom fields of every type, and the forms that they are checked by. What was accepted is accepted again.
#![no_main]

use std::sync::OnceLock;

use crm_core::FieldErrors;
use crm_core::input::{At, FromBody, FromJson};
use crm_forms::{CustomFieldsInput, FieldType, Form, NewForm, PIPELINE};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn form() -> &'static Form {
    static FORM: OnceLock<Form> = OnceLock::new();
    FORM.get_or_init(|| {
        let default = Form::default_of(PIPELINE, &"default".parse().expect("an id of a tenant"));
        let options =
            json!([{ "id": "a", "label": "A", "color": "#AA0000" }, { "id": "b", "label": "B", "color": "#00AA00" }]);
        let of_type = |field_type: &FieldType| {
            let name = field_type.as_str();
            let mut field = json!({ "id": name, "label": name, "category": "custom", "type": name });
            if field_type.has_options() {
                field["options"] = options.clone();
            }
            field
        };
        let body = json!({ "fields": FieldType::ALL.iter().map(of_type).collect::<Vec<_>>() });
        let new = NewForm::from_body(body.as_object().expect("an object")).expect("a form of every type");
        let form =
            default.replaced(&new.fields, |_| Ok(std::collections::HashSet::new())).expect("a form of every type");
        assert!(form.fields().len() > FieldType::ALL.len(), "the form has a field of every type");
        form
    })
}

fuzz_target!(|text: &str| {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let mut errors = FieldErrors::new();
    let Some(input) = CustomFieldsInput::from_json(&value, &At::field("customFields"), &mut errors) else { return };
    let checked = form().check_new(Some(&input), &mut errors);
    if errors.is_empty() {
        let again = Value::Object(checked.to_object());
        let input = CustomFieldsInput::from_json(&again, &At::field("customFields"), &mut errors).expect("an object");
        assert_eq!(form().check_new(Some(&input), &mut errors), checked, "it is as it was");
        assert!(errors.is_empty(), "what was stored is refused: {errors:?}");
    }
});
