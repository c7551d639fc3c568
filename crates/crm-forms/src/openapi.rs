//! How the inputs of forms describe themselves in an OpenAPI document.

use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::field::NewField;
use crate::{CustomFields, CustomFieldsInput, NewFields};

impl PartialSchema for NewFields {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(Ref::from_schema_name(NewField::name()))
            .max_items(Some(Self::LIMIT))
            .description(Some("The fields of the form, in their order."))
            .into()
    }
}

impl ToSchema for NewFields {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((NewField::name().into_owned(), NewField::schema()));
        NewField::schemas(schemas);
    }
}

impl PartialSchema for CustomFields {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("The values of the custom fields by field id; the type of each is that of its field."))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .examples([serde_json::json!({ "custom_field_1": "Some Value" })])
            .into()
    }
}

impl ToSchema for CustomFields {}

impl PartialSchema for CustomFieldsInput {
    fn schema() -> RefOr<Schema> {
        CustomFields::schema()
    }
}

impl ToSchema for CustomFieldsInput {}
