//! How the input types describe themselves in an OpenAPI document.

use crm_core::Uuid;
use crm_core::openapi::or_null;
use crm_core::values::{Color, Title};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema, openapi::RefOr};

use crate::pipelines::{NewStages, StageKey, StageOrBlank};

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

impl PartialSchema for StageOrBlank {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The key of a stage of a pipeline; an empty one counts as left out."))
            .pattern(Some("^[A-Za-z0-9_-]{0,64}$"))
            .examples([serde_json::Value::from(Uuid::from_bytes([0x39; 16]).to_string())])
            .into()
    }
}

impl ToSchema for StageOrBlank {}

impl PartialSchema for NewStages {
    fn schema() -> RefOr<Schema> {
        let percents = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
            .description(Some("How likely an opportunity in this stage is won, in whole percents."))
            .minimum(Some(0_i64))
            .maximum(Some(100_i64));
        let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let stage = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("key", or_null(StageOrBlank::schema()))
            .property("label", Title::schema())
            .property("probability", percents)
            .property("color", or_null(Color::schema()))
            .property("order", anything.description(Some("Ignored: the place in the list counts.")))
            .required("label")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        ArrayBuilder::new()
            .items(stage)
            .min_items(Some(1))
            .max_items(Some(Self::LIMIT))
            .description(Some("The stages in their order; keys and labels are unique."))
            .into()
    }
}

impl ToSchema for NewStages {}
