//! What a body has, for the API document: what its reader asks for.

use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::input::{FromBody, FromJson, ObjectReader};
use crate::openapi::or_null;

/// The members of a body, as its [`FromBody`] reads them.
#[derive(Default)]
pub(super) struct BodyDescription {
    members: Vec<(&'static str, RefOr<Schema>)>,
    required: Vec<&'static str>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// The schema of a body, and the schemas that it refers to.
#[must_use]
pub fn describe<T: FromBody>() -> (Schema, Vec<(String, RefOr<Schema>)>) {
    let BodyDescription { members, required, schemas } = ObjectReader::describe::<T>();
    let mut object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    for (name, schema) in members {
        object = object.property(name, schema);
    }
    for name in required {
        object = object.required(name);
    }
    (object.into(), schemas)
}

impl BodyDescription {
    pub(super) fn add<T: ToSchema + FromJson>(&mut self, name: &'static str, required: bool, nullable: bool) {
        let mut schema = self.schema_of::<T>();
        // A blank text means that there is none, and here there must be one.
        if !nullable
            && T::means_nothing(&serde_json::Value::from(""))
            && let RefOr::T(Schema::Object(text)) = &mut schema
        {
            text.pattern = Some(r"\S".to_owned());
        }
        self.members.push((name, if nullable { or_null(schema) } else { schema }));
        if required {
            self.required.push(name);
        }
    }

    pub(super) fn add_reference<I: ToSchema>(&mut self, name: &'static str) {
        let id = self.schema_of::<I>();
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("The same reference as an object; members beside the id are ignored."))
            .property("id", id)
            .required("id");
        self.members.push((name, or_null(object.into())));
    }

    /// A member that may hold anything, since it is ignored.
    pub(super) fn add_read_only(&mut self, names: &[&'static str]) {
        for name in names {
            let text = "Read-only: accepted and ignored, so that a client may send back what it read.";
            let anything = ObjectBuilder::new().schema_type(utoipa::openapi::schema::SchemaType::AnyValue);
            let schema = if *name == "tenantId" {
                or_null(crate::PublicTenantId::schema())
            } else {
                anything.description(Some(text)).into()
            };
            self.members.push((name, schema));
        }
    }

    /// Objects by name, so that the document has each once; texts, lists and the like where they stand.
    fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let schema = T::schema();
        T::schemas(&mut self.schemas);
        let named = matches!(&schema, RefOr::T(Schema::Object(object)) if !object.properties.is_empty());
        if !named {
            return schema;
        }
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), schema));
        Ref::from_schema_name(name).into()
    }
}
