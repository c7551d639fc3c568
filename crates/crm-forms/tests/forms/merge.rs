//! The custom fields of a record through patches, beside a model: a map to which each patch is merged (RFC 7396).

use std::collections::{BTreeMap, HashSet};

use crm_core::FieldErrors;
use crm_core::input::{At, FromBody, FromJson};
use crm_forms::{CustomFieldsInput, Form, NewForm, PIPELINE};
use proptest::prelude::*;
use serde_json::{Value, json};

const FIELDS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn form() -> Form {
    let fields = FIELDS.map(|id| json!({ "id": id, "label": id, "category": "custom", "type": "text" }));
    let new = NewForm::from_body(json!({ "fields": fields }).as_object().unwrap()).unwrap();
    Form::default_of(PIPELINE, &"acme".parse().unwrap()).replaced(&new.fields, |_| Ok(HashSet::new())).unwrap()
}

/// Some of the fields, each with a text, or with `null`, or with an empty text, which is no value either.
fn values() -> impl Strategy<Value = BTreeMap<&'static str, Option<String>>> {
    let value = prop_oneof![Just(None), Just(Some(String::new())), "[a-c]{1,2}".prop_map(Some)];
    prop::collection::btree_map(prop::sample::select(&FIELDS), value, 0..FIELDS.len())
}

fn input(values: &BTreeMap<&str, Option<String>>) -> CustomFieldsInput {
    CustomFieldsInput::from_json(&json!(values), &At::field("customFields"), &mut FieldErrors::new()).unwrap()
}

fn merge(model: &mut BTreeMap<&'static str, String>, patch: BTreeMap<&'static str, Option<String>>) {
    for (id, value) in patch {
        match value.filter(|text| !text.is_empty()) {
            Some(text) => drop(model.insert(id, text)),
            None => drop(model.remove(id)),
        }
    }
}

proptest! {
    #[test]
    fn patches_are_merged_as_into_a_map(first in values(), patches in prop::collection::vec(values(), 0..6)) {
        let (form, mut errors, mut model) = (form(), FieldErrors::new(), BTreeMap::new());
        let mut stored = form.check_new(Some(&input(&first)), &mut errors);
        merge(&mut model, first);
        for patch in patches {
            stored = form.check_patch(&stored, &input(&patch), &mut errors);
            merge(&mut model, patch);
            let found = Value::Object(stored.to_object());
            prop_assert_eq!(&found, &json!(model));
        }
        prop_assert!(errors.is_empty(), "{:?}", errors);
        prop_assert!(form.check_clear(&stored, &mut errors).is_empty(), "cleared, nothing is left");
    }
}
