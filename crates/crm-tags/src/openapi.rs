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
        let label = ObjectBuilder::new().schema_type(Type::String).description(Some("The label, in any case."));
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A tag by its id or else its label, one of which is there."))
            .property("id", or_null(crm_core::Uuid::schema()))
            .property("label", or_null(label.into()))
            .property("color", ignored())
            .property("tenantId", ignored())
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let entry = OneOfBuilder::new().item(text("The label, in any case, or the id of a tag.", r"\S")).item(object);
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
