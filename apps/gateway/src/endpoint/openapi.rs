use std::collections::BTreeMap;

use actix_web::http::Method;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, RefOr,
    ServerBuilder,
};

use super::examples::Examples;
use super::handler::Api;
use super::operation::{ADMIN_SCHEME, KEY_SCHEME, TOKEN_SCHEME};
use super::schemas::Sent;
use super::{headers, links, problems, schemas};

/// The whole document, OpenAPI 3.1.
///
/// # Errors
/// When the recorded examples cannot be read, which is a bug.
pub fn document(api: &Api) -> serde_json::Result<OpenApi> {
    let examples = Examples::recorded()?;
    let mut responses: BTreeMap<String, Response> = BTreeMap::new();
    let mut paths = Paths::new();
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    let mut sent = Sent::default();
    for doc in api.docs() {
        let dialect = api.dialects().of_path(&doc.path);
        let mut operation = doc.operation(dialect, &examples);
        links::add(&mut operation, doc, dialect, api.docs());
        paths.add_path_operation(&doc.path, vec![http_method(&doc.method)], operation);
        schemas.extend(doc.schemas.iter().cloned());
        sent.add(doc.request_schema())?;
        responses.extend(doc.refusals(dialect).iter().map(|refusal| (refusal.name(), refusal.response(&examples))));
    }
    schemas.extend(problems::schemas(api.dialects()));
    sent.close_over(&schemas)?;
    schemas::require_what_is_always_printed(&mut schemas, &sent);
    schemas::lend_descriptions(&mut schemas);
    let key = ApiKey::Header(ApiKeyValue::with_description(
        "Ocp-Apim-Subscription-Key",
        "A tenant's primary key (`crm_rw_…`, reads and writes), secondary key (`crm_ro_…`, reads only), or one with the \
         scopes that each operation names. The query parameters `subscription-key` and `key` are accepted too; the header \
         wins.",
    ));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "A token of the operator's issuer. Ticketing wants the realm role `ticket_admin` or `tenant_admin`; everywhere \
             else the realm roles give the scopes that each operation names, and `x-tenantid` chooses the tenant where the \
             token names several.",
        ));
    let admin = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The operator's key, the setting `CRM_ADMIN_KEY`."));
    let info = InfoBuilder::new()
        .title("CRM API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("openapi.md")))
        .contact(Some(ContactBuilder::new().name(Some("The maintainers of the gateway")).build()))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    let mut components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .responses_from_iter(responses)
        .security_scheme(KEY_SCHEME, SecurityScheme::ApiKey(key))
        .security_scheme(TOKEN_SCHEME, SecurityScheme::Http(token.build()))
        .security_scheme(ADMIN_SCHEME, SecurityScheme::Http(admin.build()))
        .build();
    components.headers.extend(headers::components());
    let here = ServerBuilder::new().url(".").description(Some("Where this document came from.")).build();
    let document = OpenApiBuilder::new().info(info).servers(Some([here])).tags(Some(api.tags())).paths(paths);
    Ok(document.components(Some(components)).build())
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
