//! How the input types describe themselves in an OpenAPI document.

use crm_core::Uuid;
use crm_core::values::{Color, Title};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema, openapi::RefOr};

use crate::pipelines::{NewStages, StageKey};

impl PartialSchema for StageKey {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The key of a stage of a pipeline."))
            .pattern(Some("^[A-Za-z0-9_-]{1,64}$"))
            .examples([serde_json::Value::from(Uuid::from_bytes([0x39; 16]).to_string())])
            .into()
    }
}

impl ToSchema for StageKey {}

impl PartialSchema for NewStages {
    fn schema() -> RefOr<Schema> {
        let percents = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some("How likely an opportunity in this stage is won, in whole percents."))
            .minimum(Some(0_i64))
            .maximum(Some(100_i64));
        let stage = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("key", StageKey::schema())
            .property("label", Title::schema())
            .property("probability", percents)
            .property("color", Color::schema())
            .property("order", ObjectBuilder::new().description(Some("Ignored: the place in the list counts.")))
            .required("label");
        ArrayBuilder::new()
            .items(stage)
            .min_items(Some(1))
            .max_items(Some(Self::LIMIT))
            .description(Some("The stages in their order; keys and labels are unique."))
            .into()
    }
}

impl ToSchema for NewStages {}
