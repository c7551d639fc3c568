//! What the tests of forms share.

use crm_core::input::{At, FromBody, FromJson, JsonObject};
use crm_core::{FieldErrors, PublicTenantId};
use crm_forms::{CustomFieldsInput, Form, FormError, NewFields, NewForm, OwnField};
use serde_json::Value;

pub(crate) fn object(text: &str) -> JsonObject {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn new_form(text: &str) -> NewForm {
    NewForm::from_body(&object(text)).unwrap()
}

pub(crate) fn input(text: &str) -> CustomFieldsInput {
    read::<CustomFieldsInput>(text, "customFields").unwrap()
}

/// The form of some resource with these fields, where no record has any value.
pub(crate) fn form(own: &'static [OwnField], fields: &str) -> Result<Form, FieldErrors> {
    let tenant: PublicTenantId = "acme".parse().unwrap();
    let new = read::<NewFields>(fields, "fields")?;
    match Form::default_of(own, &tenant).replaced(&new, |_| Ok([].into())) {
        Ok(form) => Ok(form),
        Err(FormError::Invalid(errors)) => Err(errors),
        Err(other) => panic!("{other}"),
    }
}

/// `field code` of each problem, in order.
pub(crate) fn problems(errors: &FieldErrors) -> Vec<String> {
    errors.as_slice().iter().map(|error| format!("{} {}", error.field, error.code)).collect()
}

fn read<T: FromJson>(text: &str, field: &str) -> Result<T, FieldErrors> {
    let value: Value = serde_json::from_str(text).unwrap();
    let mut errors = FieldErrors::new();
    T::from_json(&value, &At::field(field), &mut errors).ok_or(errors)
}
