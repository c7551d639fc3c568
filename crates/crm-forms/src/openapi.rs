//! How the inputs of forms describe themselves in an OpenAPI document.

use crm_core::openapi::or_null;
use crm_core::values::{Color, Title};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::field::{LabelOption, NewField};
use crate::{CustomFields, CustomFieldsInput, FieldOption, NewFields};

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

impl PartialSchema for LabelOption {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A label of labeled values, at most 64 characters."))
            .max_length(Some(64))
            .pattern(Some(r"\S"))
            .examples([serde_json::json!("Work")])
            .into()
    }
}

impl ToSchema for LabelOption {}

/// An option that is no plain text, with a name, so that generated clients have one for it.
const OPTION_WITH_ID: &str = "OptionWithId";

fn option_with_id() -> Schema {
    let id = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What a value names, unique in the field; at most 128 characters."))
        .max_length(Some(128))
        .pattern(Some(r"\S"));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("An option with an id; a tag picker's always has a colour."))
        .property("id", id)
        .property("label", Title::schema())
        .property("color", or_null(Color::schema()))
        .required("id")
        .required("label")
        .into()
}

impl PartialSchema for FieldOption {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .description(Some(
                "One thing that a dropdown or tag picker offers; a plain text, in a dropdown, is its own id.",
            ))
            .item(Title::schema())
            .item(Ref::from_schema_name(OPTION_WITH_ID))
            .into()
    }
}

impl ToSchema for FieldOption {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OPTION_WITH_ID.to_owned(), option_with_id().into()));
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
