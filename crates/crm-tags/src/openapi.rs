//! How the inputs of tags describe themselves in an OpenAPI document.

use crm_core::openapi::{COMMA_SEPARATED, or_null};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::{TagLabel, TagRefs};

impl PartialSchema for TagLabel {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("1 to 64 characters without commas."))
            .pattern(Some(r"^[^,]*[^,\s][^,]*$"))
            .max_length(Some(Self::LIMIT))
            .examples([serde_json::json!("high-priority")])
            .into()
    }
}

impl ToSchema for TagLabel {}

impl PartialSchema for TagRefs {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str, pattern: &str| {
            ObjectBuilder::new().schema_type(Type::String).description(Some(description)).pattern(Some(pattern))
        };
        let ignored = || ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("Ignored."));
        let object = |description: &str| {
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .description(Some(description))
                .property("color", ignored())
                .property("tenantId", ignored())
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let by_id = object("A tag by its id.")
            .property("id", crm_core::Uuid::schema())
            .property(
                "label",
                or_null(ObjectBuilder::new().schema_type(Type::String).description(Some("Ignored.")).into()),
            )
            .required("id");
        let by_label = object("A tag by its label.")
            .property("id", ObjectBuilder::new().schema_type(Type::Null))
            .property("label", text("The label, in any case.", r"\S"))
            .required("label");
        let entry = OneOfBuilder::new()
            .item(text("The label, in any case, or the id of a tag.", r"\S"))
            .item(by_id)
            .item(by_label);
        let nothing_or = format!(r"^\s*$|{COMMA_SEPARATED}");
        OneOfBuilder::new()
            .item(text("Labels or ids of tags, with commas between them; an empty string means none.", &nothing_or))
            .item(ArrayBuilder::new().items(entry).max_items(Some(Self::LIMIT)))
            .description(Some("At most 50 tags of this kind of record."))
            .examples([serde_json::json!("lead-tags,another-tag")])
            .into()
    }
}

impl ToSchema for TagRefs {}
