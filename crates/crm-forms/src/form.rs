use std::collections::{BTreeMap, HashMap};

use crm_core::{FieldCode, FieldErrors, PublicTenantId};
use serde::{Deserialize, Serialize};

use crate::{Category, Field, FieldOption, FieldType, OwnField, OwnOptions};

/// A form: the fields that a kind of record has in a tenant, and the rules for their values.
///
/// It needs no table of its own: leads, contacts and organizations keep theirs by [`get`](crate::get) and
/// [`replace`](crate::replace), a case type keeps a [`StoredForm`] in its row.
#[derive(Debug, Clone)]
pub struct Form {
    pub(crate) own: &'static [OwnField],
    pub(crate) tenant: PublicTenantId,
    pub(crate) fields: Vec<Field>,
    /// The types of custom fields that were taken off and have values.
    pub(crate) retired: BTreeMap<String, FieldType>,
    /// Where each custom field stands in `fields`.
    custom: HashMap<String, usize>,
}

/// A form as a row keeps it. Opaque: [`Form::to_stored`] makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredForm {
    fields: Vec<StoredField>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    retired: BTreeMap<String, FieldType>,
}

/// A field without its tenant, which the row has beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredField {
    id: String,
    label: String,
    category: Category,
    #[serde(rename = "type")]
    field_type: FieldType,
    required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<Vec<FieldOption>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label_options: Option<Vec<String>>,
}

impl Form {
    pub(crate) fn new(
        own: &'static [OwnField],
        tenant: &PublicTenantId,
        fields: Vec<Field>,
        retired: BTreeMap<String, FieldType>,
    ) -> Self {
        let is_custom = |(_, field): &(usize, &Field)| field.category == Category::Custom;
        let custom =
            fields.iter().enumerate().filter(is_custom).map(|(index, field)| (field.id.clone(), index)).collect();
        Self { own, tenant: tenant.clone(), fields, retired, custom }
    }

    /// The form of a tenant that never changed it: all of the resource's own fields.
    #[must_use]
    pub fn default_of(own: &'static [OwnField], tenant: &PublicTenantId) -> Self {
        let fields = own.iter().map(|own| own.to_field(tenant)).collect();
        Self::new(own, tenant, fields, BTreeMap::new())
    }

    /// The form that a row keeps, which was checked when it was stored. No part of what others may use.
    #[doc(hidden)]
    #[must_use]
    pub fn stored(own: &'static [OwnField], tenant: &PublicTenantId, stored: StoredForm) -> Self {
        let StoredForm { fields, retired } = stored;
        let fields = fields.into_iter().map(|field| field.into_field(tenant)).collect();
        Self::new(own, tenant, fields, retired)
    }

    /// What a row keeps of it.
    #[must_use]
    pub fn to_stored(&self) -> StoredForm {
        StoredForm { fields: self.fields.iter().map(StoredField::of).collect(), retired: self.retired.clone() }
    }

    /// The fields, in their order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The custom field of this id, if it is on the form.
    pub(crate) fn custom(&self, id: &str) -> Option<&Field> {
        self.custom.get(id).map(|index| &self.fields[*index])
    }

    /// Checks the value of one of the resource's own fields, such as `origin`, against the `options` that
    /// the form gives it. Without options, or with the field not on the form, every value is right.
    pub fn check_own(&self, field: &str, value: Option<&str>, errors: &mut FieldErrors) {
        let options = self.default_field(field).and_then(|field| field.options.as_deref()).unwrap_or_default();
        let Some(value) = value else { return };
        if !options.is_empty() && !options.iter().any(|option| option.id() == value) {
            let mut message = "must be one of ".to_owned();
            for (index, option) in options.iter().enumerate() {
                message.push_str(if index > 0 { ", " } else { "" });
                message.push_str(option.id());
            }
            errors.push(field, FieldCode::InvalidValue, message);
        }
    }

    /// Checks that a new record has every default field that the form requires; `is_set` says whether it has
    /// the one of this id.
    pub fn require_new(&self, is_set: impl Fn(&str) -> bool, errors: &mut FieldErrors) {
        for field in self.required_default().filter(|field| !is_set(&field.id)) {
            errors.push(&field.id, FieldCode::Required, "is required by the form");
        }
    }

    /// Checks that a patch clears no default field that the form requires; `is_cleared` says whether it
    /// clears the one of this id.
    pub fn require_patch(&self, is_cleared: impl Fn(&str) -> bool, errors: &mut FieldErrors) {
        for field in self.required_default().filter(|field| is_cleared(&field.id)) {
            errors.push(&field.id, FieldCode::NotNullable, "is required by the form and cannot be cleared");
        }
    }

    fn default_field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.category == Category::Default && field.id == id)
    }

    /// The default fields that this form requires, without those that every form does: the resource's own
    /// rules see to them.
    fn required_default(&self) -> impl Iterator<Item = &Field> {
        let always = |id: &str| self.own.iter().any(|own| own.id == id && own.always_required);
        self.fields
            .iter()
            .filter(move |field| field.category == Category::Default && field.required && !always(&field.id))
    }
}

impl OwnField {
    /// The field as the default form has it.
    pub(crate) fn to_field(self, tenant: &PublicTenantId) -> Field {
        let options: &[&str] = match self.options {
            OwnOptions::Never => &[],
            OwnOptions::Free(options) | OwnOptions::Closed(options) => options,
        };
        let options: Vec<_> = options.iter().map(|option| FieldOption::Plain((*option).to_owned())).collect();
        Field {
            id: self.id.to_owned(),
            label: self.label.to_owned(),
            category: Category::Default,
            field_type: self.field_type,
            required: self.always_required,
            options: (!options.is_empty()).then_some(options),
            label_options: None,
            tenant_id: tenant.clone(),
        }
    }
}

impl StoredField {
    fn of(field: &Field) -> Self {
        let Field { id, label, category, field_type, required, options, label_options, tenant_id: _ } = field.clone();
        Self { id, label, category, field_type, required, options, label_options }
    }

    fn into_field(self, tenant: &PublicTenantId) -> Field {
        let Self { id, label, category, field_type, required, options, label_options } = self;
        Field { id, label, category, field_type, required, options, label_options, tenant_id: tenant.clone() }
    }
}
