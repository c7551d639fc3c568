//! How the inputs of tags describe themselves in an OpenAPI document.

use crm_core::openapi::{COMMA_SEPARATED, or_null};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
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

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

/// An entry of a list of tags: a text or an object, each with a name, so that generated clients have one for it.
const ENTRY: &str = "TagEntry";
const REFERENCE: &str = "TagReference";

fn entry() -> Schema {
    let label_or_id = text("The label, in any case, or the id of a tag.").pattern(Some(r"\S"));
    OneOfBuilder::new().item(label_or_id).item(Ref::from_schema_name(REFERENCE)).into()
}

fn reference() -> Schema {
    let ignored = || ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("Ignored."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("A tag by its id or else its label, one of which is there."))
        .property("id", or_null(crm_core::Uuid::schema()))
        .property("label", or_null(text("The label, in any case.").into()))
        .property("color", ignored())
        .property("tenantId", ignored())
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .into()
}

impl PartialSchema for TagRefs {
    fn schema() -> RefOr<Schema> {
        let nothing_or = format!(r"^\s*$|{COMMA_SEPARATED}");
        let joined = text("Labels or ids of tags, with commas between them; an empty string means none.");
        OneOfBuilder::new()
            .item(joined.pattern(Some(nothing_or)))
            .item(ArrayBuilder::new().items(Ref::from_schema_name(ENTRY)).max_items(Some(Self::LIMIT)))
            .description(Some("At most 50 tags of this kind of record."))
            .examples([serde_json::json!("lead-tags,another-tag")])
            .into()
    }
}

impl ToSchema for TagRefs {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ENTRY.to_owned(), entry().into()));
        schemas.push((REFERENCE.to_owned(), reference().into()));
    }
}
