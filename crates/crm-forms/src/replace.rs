use std::collections::{BTreeMap, HashMap, HashSet};

use crm_core::{FieldCode, FieldErrors, PublicTenantId, Uuid};
use diesel::QueryResult;

use crate::field::NewField;
use crate::{Category, Field, FieldType, Form, FormError, NewFields, OwnField, OwnOptions};

impl Form {
    /// The most custom fields that are off a form while records have values in them, as many as a form has. What a
    /// record keeps would grow without end otherwise: each form can have other fields than the one before.
    pub const MOST_RETIRED: usize = NewFields::LIMIT;

    /// The form that takes the place of this one, see [`replace`](crate::replace). `in_use` says in which of these
    /// custom fields any record has a value; it is asked once at most.
    ///
    /// # Errors
    /// [`FormError::Invalid`]; [`FormError::FieldInUse`]; the error of `in_use`.
    pub fn replaced(
        &self,
        new: &NewFields,
        in_use: impl FnOnce(&[&str]) -> QueryResult<HashSet<String>>,
    ) -> Result<Self, FormError> {
        let fields = checked(new, self.own, &self.tenant).map_err(FormError::Invalid)?;
        let custom = fields.iter().filter(|field| field.category == Category::Custom);
        let types: HashMap<&str, FieldType> = custom.map(|field| (field.id.as_str(), field.field_type)).collect();
        let changed = self.types_with_values().filter(|(id, before)| types.get(id) != Some(before));
        let changed: BTreeMap<&str, FieldType> = changed.collect();
        let ids: Vec<&str> = changed.keys().copied().collect();
        let used = if ids.is_empty() { HashSet::new() } else { in_use(&ids)? };
        // A field without values needs no memory: none can come while it is off the form.
        let used = changed.into_iter().filter(|(id, _)| used.contains(*id));
        let (blocked, retired): (Vec<_>, Vec<_>) = used.partition(|(id, _)| types.contains_key(id));
        if !blocked.is_empty() {
            return Err(FormError::FieldInUse(blocked.into_iter().map(|(id, _)| id.to_owned()).collect()));
        }
        if retired.len() > Self::MOST_RETIRED {
            let message = format!(
                "records have values in more than {} fields that would be off the form: clear some of them first",
                Self::MOST_RETIRED
            );
            return Err(FieldErrors::of(&new.place, FieldCode::TooMany, message).into());
        }
        let retired = retired.into_iter().map(|(id, before)| (id.to_owned(), before)).collect();
        Ok(Self::new(self.own, &self.tenant, fields, retired))
    }

    /// The custom fields that may have values, on the form and off it, with the type of the values.
    fn types_with_values(&self) -> impl Iterator<Item = (&str, FieldType)> {
        let on = self.fields.iter().filter(|field| field.category == Category::Custom);
        let on = on.map(|field| (field.id.as_str(), field.field_type));
        on.chain(self.retired.iter().map(|(id, field_type)| (id.as_str(), *field_type)))
    }
}

/// The fields of a form of this resource: its own fields are what they are, ids are unique, the fields that
/// are on every form are there.
fn checked(new: &NewFields, own: &[OwnField], tenant: &PublicTenantId) -> Result<Vec<Field>, FieldErrors> {
    let mut errors = FieldErrors::new();
    let given: HashSet<&str> = new.fields.iter().filter_map(|field| field.id.as_deref()).collect();
    let left_out = own.iter().filter(|own| own.always_required && !given.contains(own.id));
    let mut fields: Vec<Field> = left_out.map(|own| own.to_field(tenant)).collect();
    let mut seen = HashSet::new();
    for (index, field) in new.fields.iter().enumerate() {
        let place = format!("{}[{index}]", new.place);
        if let Some(id) = &field.id
            && !seen.insert(id.as_str())
        {
            errors.push(format_args!("{place}.id"), FieldCode::Duplicate, "another field of the form has this id");
        }
        let known = own.iter().find(|own| field.id.as_deref() == Some(own.id));
        check_field(field, known, &place, &mut errors);
        fields.push(Field {
            id: field.id.clone().unwrap_or_else(|| Uuid::random().to_string()),
            label: field.label.clone(),
            category: field.category,
            field_type: field.field_type,
            required: field.required.unwrap_or_else(|| known.is_some_and(|own| own.always_required)),
            options: field.options.clone(),
            label_options: field.label_options.clone(),
            tenant_id: tenant.clone(),
        });
    }
    if fields.len() > NewFields::LIMIT {
        let message = format!("must have at most {} entries, those that every form has included", NewFields::LIMIT);
        errors.push(&new.place, FieldCode::TooMany, message);
    }
    errors.into_result(fields)
}

/// Checks one field against the resource's own field of the same id, where there is one.
fn check_field(field: &NewField, known: Option<&OwnField>, place: &str, errors: &mut FieldErrors) {
    let own = match (field.category, known) {
        (Category::Custom, None) => return,
        (Category::Custom, Some(_)) => {
            let message = "is the id of a field of the resource itself: choose another, or the category default";
            errors.push(format_args!("{place}.id"), FieldCode::Conflicting, message);
            return;
        }
        (Category::Default, None) => {
            let message = "a default field is one of the resource's own fields; others have the category custom";
            errors.push(format_args!("{place}.id"), FieldCode::InvalidValue, message);
            return;
        }
        (Category::Default, Some(own)) => own,
    };
    if field.field_type != own.field_type {
        let message = format!("the type of this field is {}", own.field_type.as_str());
        errors.push(format_args!("{place}.type"), FieldCode::InvalidValue, message);
    }
    if own.always_required && field.required == Some(false) {
        errors.push(format_args!("{place}.required"), FieldCode::InvalidValue, "this field is required on every form");
    }
    for (index, option) in field.options.iter().flatten().enumerate() {
        let allowed = match own.options {
            OwnOptions::Never => false,
            OwnOptions::Free(_) => true,
            OwnOptions::Closed(known) => known.contains(&option.id()),
        };
        if !allowed {
            errors.push(
                format_args!("{place}.options[{index}]"),
                FieldCode::InvalidValue,
                "this field has no such option",
            );
        }
    }
}
