use crm_core::input::{At, JsonObject};
use crm_core::values::Document;
use crm_core::{FieldCode, FieldErrors, Patch};
use serde_json::Value;

use crate::value::{Reading, read_value, shown};
use crate::{Category, CustomFields, CustomFieldsInput, Field, FieldType, Form};

const PLACE: &str = "customFields";

impl Form {
    /// Checks the custom fields of a new record: every key is a custom field of the form, every value is
    /// right for it, and those that the form requires are there. What comes back is what to store; it means
    /// nothing once there are errors.
    pub fn check_new(&self, input: Option<&CustomFieldsInput>, errors: &mut FieldErrors) -> CustomFields {
        let empty = CustomFieldsInput::default();
        let mut values = JsonObject::new();
        for (field, value) in self.known(input.unwrap_or(&empty), errors) {
            if let Reading::Value(value) = read_value(field, value, &At::field(PLACE).key(&field.id), errors) {
                values.insert(field.id.clone(), value);
            }
        }
        for field in self.required_custom() {
            // One that is there and wrong has been reported as such.
            let was_given =
                input.is_some_and(|input| input.0.get(&field.id).is_some_and(|value| !is_nothing(field, value)));
            if !was_given {
                errors.push(At::field(PLACE).key(&field.id), FieldCode::Required, "is required by the form");
            }
        }
        CustomFields(values.into())
    }

    /// Merges the custom fields of a patch into those that a record has: `null` removes a value, unless the
    /// form requires it. Values of fields that are not on the form stay as they are, and what stands there already is
    /// taken by whatever rule it came. What comes back is what to store; it means nothing once there are errors.
    pub fn check_patch(
        &self,
        stored: &CustomFields,
        patch: &CustomFieldsInput,
        errors: &mut FieldErrors,
    ) -> CustomFields {
        let mut values = stored.to_object();
        for (field, value) in self.known(patch, errors) {
            if is_as_it_stands(field, value, values.get(&field.id)) {
                continue;
            }
            let at = At::field(PLACE);
            let at = at.key(&field.id);
            match read_value(field, value, &at, errors) {
                Reading::Value(value) => {
                    values.insert(field.id.clone(), value);
                }
                Reading::Nothing if field.required => {
                    let message = "is required by the form and cannot be cleared";
                    errors.push(at, FieldCode::NotNullable, message);
                }
                // Not `remove`, which would move the last value into the gap.
                Reading::Nothing => {
                    values.shift_remove(&field.id);
                }
                Reading::Wrong => {}
            }
        }
        let values = Document::from(values);
        if values.as_str().len() > CustomFields::MOST_BYTES {
            let message = "must have at most 1 MiB as JSON, with the values of fields that are off the form";
            errors.push(PLACE, FieldCode::TooLong, message);
        }
        CustomFields(values)
    }

    /// As [`check_patch`](Self::check_patch), for a patch with `"customFields": null`: removes the value of
    /// every field on the form.
    pub fn check_clear(&self, stored: &CustomFields, errors: &mut FieldErrors) -> CustomFields {
        let all = stored.0.members().into_iter().filter(|(id, _)| self.custom(id).is_some());
        let patch = CustomFieldsInput(all.map(|(id, _)| (id.into_owned(), Value::Null)).collect());
        self.check_patch(stored, &patch, errors)
    }

    /// As [`check_patch`](Self::check_patch), of a patch that may have no custom fields, or `null` for all of them.
    pub fn check_patched(
        &self,
        stored: &CustomFields,
        patch: &Patch<CustomFieldsInput>,
        errors: &mut FieldErrors,
    ) -> CustomFields {
        match patch {
            Patch::Keep => stored.clone(),
            Patch::Clear => self.check_clear(stored, errors),
            Patch::Set(input) => self.check_patch(stored, input, errors),
        }
    }

    /// What a client sees of a record's custom fields: without those that are not on the form, and options of tag pickers
    /// as the form has them now.
    #[must_use]
    pub fn visible(&self, stored: &CustomFields) -> CustomFields {
        let on_form = stored.only(|id| self.custom(id).is_some());
        // Few forms have one, and a document that is only shown need not become a tree.
        if !self.fields.iter().any(|field| field.field_type == FieldType::TagPicker && self.custom(&field.id).is_some())
        {
            return on_form;
        }
        let mut values = on_form.to_object();
        for (id, value) in &mut values {
            if let Some(field) = self.custom(id) {
                *value = shown(field, value);
            }
        }
        CustomFields(values.into())
    }

    /// What a record keeps of its custom fields when it moves from the form `from` to this one: the values of
    /// fields that both have, with one type. A value without a field here could come to stand in a field of
    /// another type later.
    #[must_use]
    pub fn carried_over(&self, stored: &CustomFields, from: &Self) -> CustomFields {
        stored.only(|id| match (from.custom(id), self.custom(id)) {
            (Some(before), Some(now)) => before.field_type == now.field_type,
            _ => false,
        })
    }

    /// The members of an input whose keys are custom fields of this form; the others are problems.
    fn known<'a>(&'a self, input: &'a CustomFieldsInput, errors: &mut FieldErrors) -> Vec<(&'a Field, &'a Value)> {
        let mut known = Vec::new();
        errors.each(&input.0, |(id, value), errors| match self.custom(id) {
            Some(field) => known.push((field, value)),
            None => {
                let message = "the form has no custom field of this id";
                errors.push(At::field(PLACE).key(id), FieldCode::UnknownCustomField, message);
            }
        });
        known
    }

    fn required_custom(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.category == Category::Custom && field.required)
    }
}

/// Whether a patch has for a field what the record has: what is stored, or what is shown of it.
fn is_as_it_stands(field: &Field, sent: &Value, stored: Option<&Value>) -> bool {
    match stored {
        Some(stored) => sent == stored || *sent == shown(field, stored),
        None => is_nothing(field, sent),
    }
}

fn is_nothing(field: &Field, value: &Value) -> bool {
    crate::value::means_nothing(field.field_type, value)
}
