use std::collections::BTreeMap;

use actix_web::http::Method;
use crm_core::FieldCode;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::{Array, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, RefOr};

use crate::error::ProblemCode;

use super::handler::Api;
use super::operation::{KEY_SCHEME, TOKEN_SCHEME};
use super::ticketing;

/// The whole document, OpenAPI 3.1.
#[must_use]
pub fn document(api: &Api) -> OpenApi {
    let mut paths = Paths::new();
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    for doc in api.docs() {
        paths.add_path_operation(doc.path, vec![http_method(&doc.method)], doc.operation());
        schemas.extend(doc.schemas.iter().cloned());
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    schemas.insert(ticketing::ERROR_SCHEMA.to_owned(), ticketing::error_schema());
    let key = ApiKey::Header(ApiKeyValue::with_description(
        "Ocp-Apim-Subscription-Key",
        "A tenant's primary key (`crm_rw_…`, reads and writes) or secondary key (`crm_ro_…`, reads only). \
         The query parameters `subscription-key` and `key` are accepted too; the header wins.",
    ));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token of the operator's issuer with the realm role `ticket_admin` or `tenant_admin`."));
    let info = InfoBuilder::new()
        .title("CRM API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("openapi.md")))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(KEY_SCHEME, SecurityScheme::ApiKey(key))
        .security_scheme(TOKEN_SCHEME, SecurityScheme::Http(token.build()))
        .build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

fn http_method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

/// RFC 9457, with the members that every problem here has.
fn problem_schema() -> RefOr<Schema> {
    let string = |text: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(text.to_owned()));
    let codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    let field_codes: Vec<&str> = FieldCode::ALL.iter().map(|code| code.as_str()).collect();
    let error = ObjectBuilder::new()
        .property("field", string("A path such as `email[0].value`, or a parameter's name."))
        .property("code", string("What kind of problem it is.").enum_values(Some(field_codes)))
        .property("message", string("What to change, for a person."))
        .required("field")
        .required("code")
        .required("message");
    ObjectBuilder::new()
        .description(Some("What went wrong (RFC 9457). `code` is stable; docs/errors.md lists every one."))
        .property("type", string("`/problems/` and the code."))
        .property("title", string("The same for every occurrence of the code."))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).description(Some("The HTTP status.")))
        .property("code", string("The stable name.").enum_values(Some(codes)))
        .property("detail", string("What happened here, for a person."))
        .property("requestId", string("The same as in the header X-Request-Id."))
        .property("errors", Array::new(error))
        .property("opportunityId", string("Under `already_converted`: the opportunity that exists."))
        .required("type")
        .required("title")
        .required("status")
        .required("code")
        .required("detail")
        .required("requestId")
        .into()
}
