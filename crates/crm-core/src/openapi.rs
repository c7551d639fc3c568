//! How our value types describe themselves in an OpenAPI document.

/// Describes a newtype as a string, inline: its description, an example, and what narrows it.
macro_rules! string_schema {
    ($type:ty, $description:expr, $example:expr $(, $narrow:ident: $value:expr)*) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($description))
                    .examples([serde_json::Value::from($example)])
                    $(.$narrow(Some($value)))*
                    .into()
            }
        }

        impl utoipa::ToSchema for $type {}
    };
}

pub(crate) use string_schema;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};

/// The pattern of texts with commas between them, none of which is blank.
pub const COMMA_SEPARATED: &str = r"^[^,]*[^,\s][^,]*(,[^,]*[^,\s][^,]*)*$";

/// The schema, or null.
#[must_use]
pub fn or_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    OneOfBuilder::new().item(schema).item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

string_schema!(crate::Timestamp, "A moment in UTC to the millisecond (RFC 3339).", "2025-07-10T12:34:56.789Z",
    format: SchemaFormat::KnownFormat(KnownFormat::DateTime));
string_schema!(crate::Uuid, "A UUID (RFC 9562).", "c4d5e6f7-8901-4345-8789-abcdef012345",
    format: SchemaFormat::Custom("uuid".to_owned()));
string_schema!(crate::PublicTenantId, "The tenant's id.", "default",
    pattern: "^[A-Za-z0-9._-]{1,64}$", max_length: 64);
