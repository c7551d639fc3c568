use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::{Method, StatusCode};
use crm_core::input::{FromBody, describe};
use crm_core::keys::{Access, Right};
use crm_core::openapi::or_null;
use crm_core::page::Page;
use crm_core::params::{ParamDescription, ParamKind};
use crm_suite::merge::Repointed;
use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AnyOfBuilder, Array, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required};
use utoipa::{PartialSchema, ToSchema};

use crate::error::ProblemCode;
use crate::wire::Dialect;

use super::examples::Examples;
use super::headers;
use super::problems::Refusal;

/// The name of the security scheme for keys.
pub(super) const KEY_SCHEME: &str = "subscriptionKey";
/// The name of the security scheme for tokens.
pub(super) const TOKEN_SCHEME: &str = "bearerToken";
/// The name of the security scheme for the operator's key.
pub(super) const ADMIN_SCHEME: &str = "adminKey";
const JSON: &str = "application/json";

/// What the document says of one operation.
pub struct OperationDoc {
    /// The method.
    pub method: Method,
    /// The path with its parameters in braces, as actix writes them too.
    pub path: String,
    /// By which generated clients name their function; empty where the document leaves it out.
    pub id: String,
    pub(super) tag: &'static str,
    pub(super) summary: String,
    pub(super) description: String,
    /// Whether a tenant's key is needed.
    pub needs_key: bool,
    /// Whether a token of somebody who administers ticketing is needed.
    pub needs_token: bool,
    /// Whether the operator's key is needed.
    pub needs_admin_key: bool,
    /// The right that a key or token must have, where one is needed.
    pub scope: Option<Right>,
    pub(super) is_documented: bool,
    parameters: Vec<Parameter>,
    request: Option<(RefOr<Schema>, bool)>,
    /// What the body is.
    request_types: &'static [&'static str],
    responses: BTreeMap<u16, Success>,
    /// What an answer can be beside JSON.
    pub(super) media_types: Vec<&'static str>,
    problems: BTreeSet<ProblemCode>,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

/// An answer that is no problem.
struct Success {
    description: String,
    content: Vec<(&'static str, RefOr<Schema>)>,
    headers: Vec<&'static str>,
}

impl OperationDoc {
    pub(super) fn new(method: Method, path: &str, tag: &'static str) -> Self {
        let problems = [ProblemCode::NotAcceptable, ProblemCode::InternalError].into();
        Self {
            method,
            path: path.to_owned(),
            id: String::new(),
            tag,
            summary: String::new(),
            description: String::new(),
            needs_key: false,
            needs_token: false,
            needs_admin_key: false,
            scope: None,
            is_documented: true,
            parameters: Vec::new(),
            request: None,
            request_types: &[JSON],
            responses: BTreeMap::new(),
            media_types: Vec::new(),
            problems,
            schemas: Vec::new(),
        }
    }

    /// A problem that the operation can end in.
    pub fn problem(&mut self, code: ProblemCode) {
        self.problems.insert(code);
    }

    /// The operation needs a tenant's key or somebody's token, with this right where one is needed.
    pub fn key(&mut self, needed: Option<Right>) {
        self.needs_key = true;
        self.scope = needed;
        for code in [
            ProblemCode::MissingKey,
            ProblemCode::InvalidKey,
            ProblemCode::ExpiredKey,
            ProblemCode::InvalidToken,
            ProblemCode::TokenExpired,
            ProblemCode::TwoCredentials,
            ProblemCode::InvalidHeader,
            ProblemCode::ForeignTenant,
            ProblemCode::UnknownTenant,
            ProblemCode::IssuerUnavailable,
            ProblemCode::Overloaded,
            ProblemCode::DatabaseUnavailable,
            ProblemCode::MalformedQuery,
            ProblemCode::ValidationFailed,
        ] {
            self.problem(code);
        }
        if let Some(right) = needed {
            self.problem(ProblemCode::MissingScope);
            if right.access == Access::Write {
                self.problem(ProblemCode::ReadOnlyKey);
                self.problem(ProblemCode::TenantFrozen);
            }
        }
        self.limited_and_repeatable();
    }

    /// The operation needs the right of a kind of records that is found out on the way.
    pub fn key_of_kind(&mut self, access: Access) {
        self.problem(ProblemCode::MissingScope);
        if access == Access::Write {
            self.problem(ProblemCode::ReadOnlyKey);
        }
    }

    /// The operation needs the operator's key, where there is one.
    pub fn admin_key(&mut self) {
        self.needs_admin_key = true;
        for code in [
            ProblemCode::MissingAdminKey,
            ProblemCode::InvalidAdminKey,
            ProblemCode::UnknownRoute,
            ProblemCode::DatabaseUnavailable,
            ProblemCode::MalformedQuery,
            ProblemCode::ValidationFailed,
        ] {
            self.problem(code);
        }
    }

    /// What every operation on a tenant's data has: its rate is limited, and a POST can be sent again.
    fn limited_and_repeatable(&mut self) {
        self.problem(ProblemCode::RateLimited);
        if self.method != Method::POST {
            return;
        }
        self.header_parameter(
            "Idempotency-Key",
            "Up to 255 visible ASCII characters, new for each request. For 24 hours the same request with the same key is \
             done once, and a repeat gets the first answer again, with `Idempotent-Replayed: true`.",
            Some("^[!-~]{1,255}$"),
        );
        for code in [
            ProblemCode::InvalidIdempotencyKey,
            ProblemCode::IdempotencyKeyInFlight,
            ProblemCode::IdempotencyKeyReused,
            ProblemCode::AnswerNotKept,
        ] {
            self.problem(code);
        }
    }

    /// The operation needs a token, and the header that says which of its tenants is meant.
    pub fn token(&mut self) {
        self.needs_token = true;
        let tenant = ParameterBuilder::new()
            .name("x-tenantid")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some("The tenant, which the token must name."))
            .schema(Some(crm_core::Uuid::schema()));
        self.parameters.push(tenant.build());
        for code in [
            ProblemCode::MissingToken,
            ProblemCode::InvalidToken,
            ProblemCode::TokenExpired,
            ProblemCode::InvalidHeader,
            ProblemCode::MissingRole,
            ProblemCode::ForeignTenant,
            ProblemCode::UnknownTenant,
            ProblemCode::TokensNotConfigured,
            ProblemCode::IssuerUnavailable,
            ProblemCode::Overloaded,
            ProblemCode::DatabaseUnavailable,
            ProblemCode::MalformedQuery,
            ProblemCode::ValidationFailed,
        ] {
            self.problem(code);
        }
        if self.method != Method::GET {
            self.problem(ProblemCode::TenantFrozen);
        }
        self.limited_and_repeatable();
    }

    pub(super) fn query_parameters(&mut self, described: Vec<ParamDescription>) {
        for ParamDescription { name, kind, description } in described {
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(description))
                .schema(Some(param_schema(&kind)));
            // Each member of the object is a parameter of its own.
            let is_object = matches!(kind, ParamKind::Prefixed(_));
            let parameter = if is_object {
                // Whoever tries the operation in a page of the document sends what the example is: nothing.
                parameter.style(Some(ParameterStyle::Form)).explode(Some(true)).example(Some(json!({})))
            } else {
                parameter
            };
            self.parameters.push(parameter.build());
        }
    }

    /// A header that may be sent, with values of this pattern only where there is one.
    pub fn header_parameter(&mut self, name: &str, description: &str, pattern: Option<&str>) {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).pattern(pattern)))
            .build();
        self.parameters.push(parameter);
    }

    pub(super) fn path_id<I: ToSchema>(&mut self) {
        self.path_parameter::<I>("id", "The id of the record.");
    }

    pub(super) fn path_parameter<I: ToSchema>(&mut self, name: &str, description: &str) {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(I::schema()))
            .build();
        self.parameters.push(parameter);
    }

    pub(super) fn request_body<T: FromBody>(&mut self, required: bool) {
        let name = schema_name::<T>();
        let (schema, referred) = describe::<T>();
        self.schemas.extend(referred);
        self.schemas.push((name.clone(), schema.into()));
        let body: RefOr<Schema> = Ref::from_schema_name(name).into();
        // A body that says nothing says so as `null` too.
        self.request = Some((if required { body } else { or_null(body) }, required));
    }

    /// The body is a file of one of these media types.
    pub(super) fn file_body(&mut self, media_types: &'static [&'static str]) {
        let file: Schema = ObjectBuilder::new().schema_type(Type::String).into();
        self.request = Some((file.into(), true));
        self.request_types = media_types;
    }

    pub(super) fn item_response<T: ToSchema>(
        &mut self,
        status: StatusCode,
        description: &str,
        headers: &[&'static str],
    ) {
        let item = self.schema_of::<T>();
        let envelope = ObjectBuilder::new().property("item", item).required("item");
        let envelope = self.named(format!("{}Item", T::name()), envelope.into());
        self.response(status, description, envelope, headers);
        self.conditional_get();
    }

    /// As of an item, and what a dry run says beside it.
    pub(super) fn merge_response<T: ToSchema>(&mut self) {
        let (item, repointed) = (self.schema_of::<T>(), self.schema_of::<Repointed>());
        let envelope = ObjectBuilder::new().property("item", item).required("item").property("repointed", repointed);
        let envelope = self.named(format!("{}Merge", T::name()), envelope.into());
        let told =
            "The record that is left; of a dry run, as it would be, without an ETag, and what would point at it.";
        self.response(StatusCode::OK, told, envelope, &[headers::ETAG]);
    }

    pub(super) fn items_response<T: ToSchema>(&mut self) {
        let item = self.schema_of::<T>();
        let envelope = ObjectBuilder::new().property("items", Array::new(item)).required("items");
        let envelope = self.named(format!("{}List", T::name()), envelope.into());
        self.response(StatusCode::OK, "All of them.", envelope, &[headers::ETAG]);
        self.conditional_get();
    }

    pub(super) fn page_response<T: ToSchema>(&mut self) {
        let item = self.schema_of::<T>();
        let page = self.named(format!("{}Page", T::name()), with_items::<T>(item));
        self.response(StatusCode::OK, "A page of records.", page, &[headers::LINK]);
    }

    pub(super) fn plain_response<T: ToSchema>(&mut self) {
        let schema = self.schema_of::<T>();
        self.response(StatusCode::OK, "What was done.", schema, &[]);
    }

    pub(crate) fn response(
        &mut self,
        status: StatusCode,
        description: &str,
        schema: RefOr<Schema>,
        headers: &[&'static str],
    ) {
        self.success(status, description, vec![(JSON, schema)], headers);
    }

    pub(super) fn empty_response(&mut self, status: StatusCode, description: &str, headers: &[&'static str]) {
        self.success(status, description, Vec::new(), headers);
    }

    /// The answer is a body of this media type, with nothing around it.
    pub(super) fn raw_response(&mut self, media_type: &'static str) {
        let kind = if media_type == JSON { Type::Object } else { Type::String };
        let schema = ObjectBuilder::new().schema_type(kind);
        self.success(StatusCode::OK, "See the description.", vec![(media_type, schema.into())], &[]);
    }

    /// The answer is a file of one of these media types, which a client may ask for beside JSON.
    pub(super) fn file_response(&mut self, media_types: &[&'static str]) {
        let schema = || RefOr::from(ObjectBuilder::new().schema_type(Type::String));
        let content = media_types.iter().map(|media_type| (*media_type, schema())).collect();
        self.success(StatusCode::OK, "The file.", content, &[headers::CONTENT_DISPOSITION]);
        self.media_types = media_types.to_vec();
    }

    fn success(
        &mut self,
        status: StatusCode,
        description: &str,
        content: Vec<(&'static str, RefOr<Schema>)>,
        headers: &[&'static str],
    ) {
        let success = Success { description: description.to_owned(), content, headers: headers.to_vec() };
        self.responses.insert(status.as_u16(), success);
    }

    pub(crate) fn conditional_get(&mut self) {
        if self.method == Method::GET {
            self.header_parameter(
                "If-None-Match",
                "An ETag that the client has; where it is still right, the answer is 304.",
                None,
            );
            let text = "The client has the current representation.";
            self.empty_response(StatusCode::NOT_MODIFIED, text, &[headers::ETAG]);
        }
    }

    /// Registers a type and everything that it refers to, and returns a reference to it.
    pub(crate) fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.named(T::name().into_owned(), T::schema())
    }

    /// Gives a schema its name, so that generated clients have a type of that name, and returns a reference to it.
    pub(crate) fn named(&mut self, name: String, schema: RefOr<Schema>) -> RefOr<Schema> {
        self.schemas.push((name.clone(), schema));
        Ref::from_schema_name(name).into()
    }

    /// The schema of the request's body, where it has one.
    pub(super) fn request_schema(&self) -> Option<&RefOr<Schema>> {
        self.request.as_ref().map(|(schema, _)| schema)
    }

    /// What can go wrong, by status.
    pub(super) fn refusals(&self, dialect: &'static dyn Dialect) -> Vec<Refusal> {
        Refusal::by_status(&self.problems, dialect)
    }

    pub(super) fn operation(
        &self,
        dialect: &'static dyn Dialect,
        examples: &Examples,
    ) -> utoipa::openapi::path::Operation {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id.as_str()))
            .tag(self.tag)
            .summary(Some(self.summary.as_str()))
            .description(Some(self.described()))
            .parameters(Some(self.parameters.clone()));
        if let Some((schema, required)) = &self.request {
            let required = if *required { Required::True } else { Required::False };
            let mut body = RequestBodyBuilder::new().required(Some(required));
            for (index, media_type) in self.request_types.iter().enumerate() {
                let content = ContentBuilder::new().schema(Some(schema.clone()));
                // The examples are of the first of them.
                let content = if index == 0 { examples.of_request(&self.id, content) } else { content };
                body = body.content(*media_type, content.build());
            }
            operation = operation.request_body(Some(body.build()));
        }
        for (status, success) in &self.responses {
            operation = operation.response(status.to_string(), self.success_response(*status, success, examples));
        }
        for refusal in self.refusals(dialect) {
            operation = operation.response(refusal.status.as_str(), Ref::from_response_name(refusal.name()));
        }
        if let Some(right) = self.scope {
            let scope = serde_json::Value::from(right.to_string());
            operation = operation.extensions(Some(Extensions::builder().add("x-required-scope", scope).build()));
        }
        operation.securities(Some(self.security())).build()
    }

    /// What is said of it beyond the summary, and in words who may call it.
    fn described(&self) -> String {
        let who = match self.scope {
            Some(right) => format!("Needs the scope `{right}`."),
            None if self.needs_key => "Any key or token of a tenant will do.".to_owned(),
            None if self.needs_token => "Needs the role `ticket_admin` or `tenant_admin`.".to_owned(),
            None if self.needs_admin_key => "Needs the operator's key.".to_owned(),
            None => return self.description.clone(),
        };
        if self.description.is_empty() { who } else { format!("{}\n\n{who}", self.description) }
    }

    /// Who may call it: any of these.
    fn security(&self) -> Vec<SecurityRequirement> {
        let scopes: Vec<String> = self.scope.iter().map(ToString::to_string).collect();
        let with = |scheme: &str| SecurityRequirement::new::<_, _, String>(scheme, scopes.clone());
        if self.needs_key {
            vec![with(KEY_SCHEME), with(TOKEN_SCHEME)]
        } else if self.needs_token {
            vec![with(TOKEN_SCHEME)]
        } else if self.needs_admin_key {
            vec![with(ADMIN_SCHEME)]
        } else {
            vec![SecurityRequirement::default()]
        }
    }

    fn success_response(&self, status: u16, success: &Success, examples: &Examples) -> Response {
        let mut response = ResponseBuilder::new().description(success.description.as_str());
        for (media_type, schema) in &success.content {
            let content = ContentBuilder::new().schema(Some(schema.clone()));
            response = response.content(*media_type, examples.of_response(&self.id, status, content).build());
        }
        let mut response = response.build();
        let mut names = success.headers.clone();
        names.push(headers::REQUEST_ID);
        if self.needs_key || self.needs_token {
            names.extend(headers::RATE_LIMIT);
            names.extend((self.method == Method::POST).then_some(headers::REPLAYED));
        }
        names.into_iter().for_each(|name| headers::add(&mut response, name));
        response
    }
}

/// The name of a type without its modules; those of its parameters follow, as in `MergeRequest_ContactId`.
fn schema_name<T>() -> String {
    let types = std::any::type_name::<T>().split(['<', '>', ',']).map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<&str> = types.filter_map(|path| path.rsplit("::").next()).collect();
    names.join("_")
}

/// The schema of [`Page`] with the items of this type; utoipa would name each page anew.
fn with_items<T: ToSchema>(item: RefOr<Schema>) -> RefOr<Schema> {
    let mut page = Page::<T>::schema();
    if let RefOr::T(Schema::Object(object)) = &mut page {
        object.properties.insert("items".to_owned(), Array::new(item).into());
    }
    page
}

/// Texts with commas between them, none of which is blank; what follows a backslash is no separator.
const ESCAPED_LIST: &str = r"^\s*(\\[\s\S]|[^,\\\s])(\\[\s\S]|[^,\\])*(,\s*(\\[\s\S]|[^,\\\s])(\\[\s\S]|[^,\\])*)*$";
const OF_ESCAPED_LIST: &str = r"Separated by commas; `\,` is a comma and `\\` a backslash.";

fn param_schema(kind: &ParamKind) -> Schema {
    let string = || ObjectBuilder::new().schema_type(Type::String);
    let words = |words: &[&str]| words.join("|");
    match kind {
        ParamKind::Text => string().min_length(Some(1)).max_length(Some(255)).into(),
        ParamKind::RecordIds => {
            string().pattern(Some("^[1-9][0-9]{0,18}( *, *[1-9][0-9]{0,18})*$")).examples([json!("123,234")]).into()
        }
        ParamKind::Uuids => {
            let one = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
            string().pattern(Some(format!("^ *{one} *(, *{one} *)*$"))).into()
        }
        ParamKind::Texts => string().pattern(Some(ESCAPED_LIST)).description(Some(OF_ESCAPED_LIST)).into(),
        ParamKind::Bool => ObjectBuilder::new().schema_type(Type::Boolean).into(),
        ParamKind::Timestamp => {
            let of_format = |format: &str| string().format(Some(SchemaFormat::Custom(format.to_owned())));
            Schema::AnyOf(AnyOfBuilder::new().item(of_format("date-time")).item(of_format("date")).build())
        }
        ParamKind::Integer(least, most) => {
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(*least)).maximum(Some(*most)).into()
        }
        ParamKind::Word(known) => string().enum_values(Some(known.clone())).into(),
        ParamKind::Words(known) => {
            let one = words(known);
            string().pattern(Some(format!("^({one})(,({one}))*$"))).into()
        }
        ParamKind::Object => string().examples([json!("{\"E-mail 1\":\"email.Work\"}")]).into(),
        ParamKind::Token => string().min_length(Some(1)).into(),
        ParamKind::Prefixed(prefix) => {
            let one = string().min_length(Some(1));
            let names = string().pattern(Some(format!(
                "^{}[A-Za-z0-9_-]{{1,64}}(\\.from|\\.to|\\.empty)?$",
                prefix.replace('.', "\\.")
            )));
            ObjectBuilder::new().property_names(Some(names)).additional_properties(Some(one)).into()
        }
    }
}
