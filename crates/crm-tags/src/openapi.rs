//! How the inputs of tags describe themselves in an OpenAPI document.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::{TagLabel, TagRefs};

impl PartialSchema for TagLabel {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("1 to 64 characters without commas."))
            .min_length(Some(1))
            .max_length(Some(Self::LIMIT))
            .examples([serde_json::json!("high-priority")])
            .into()
    }
}

impl ToSchema for TagLabel {}

impl PartialSchema for TagRefs {
    fn schema() -> RefOr<Schema> {
        let text = |description| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A tag by its id or else its label; other members of a tag are ignored."))
            .property("id", crm_core::Uuid::schema())
            .property("label", text("The label, in any case."));
        let entry = OneOfBuilder::new().item(text("The label, in any case, or the id of a tag.")).item(object);
        OneOfBuilder::new()
            .item(text("Labels or ids of tags, with commas between them; an empty string means none."))
            .item(ArrayBuilder::new().items(entry).max_items(Some(Self::LIMIT)))
            .description(Some("At most 50 tags of this kind of record."))
            .examples([serde_json::json!("lead-tags,another-tag")])
            .into()
    }
}

impl ToSchema for TagRefs {}
