//! What can go wrong, in the document. Many operations share the same list of codes under a status: each list is one
//! response of the components, named after its codes.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::StatusCode;
use crm_core::FieldCode;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Array, ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::db::Outcome;
use crate::error::ProblemCode;
use crate::wire::{Dialect, Dialects};

use super::examples::Examples;
use super::headers;

const SCHEMA: &str = "Problem";
const OUTCOME: &str = "Under `overloaded` and `database_unavailable`: whether nothing was done, or that is not known.";

/// The problems of one operation that have the same status.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    codes: Vec<ProblemCode>,
    dialect: &'static dyn Dialect,
}

impl Refusal {
    /// These problems, by status.
    pub(super) fn by_status(problems: &BTreeSet<ProblemCode>, dialect: &'static dyn Dialect) -> Vec<Self> {
        let mut by_status: BTreeMap<StatusCode, Vec<ProblemCode>> = BTreeMap::new();
        for code in problems {
            by_status.entry(code.status()).or_default().push(*code);
        }
        by_status.into_iter().map(|(status, codes)| Self { status, codes, dialect }).collect()
    }

    /// Its name among the components.
    pub(super) fn name(&self) -> String {
        let codes: Vec<&str> = self.codes.iter().map(|code| code.as_str()).collect();
        format!("{}{}", self.dialect.prefix(), codes.join("."))
    }

    /// What is under the name.
    pub(super) fn response(&self, examples: &Examples) -> Response {
        let line = |code: &ProblemCode| format!("`{}`: {}. {}", self.dialect.code(*code), code.title(), code.advice());
        let lines: Vec<String> = self.codes.iter().map(line).collect();
        let content = |schema| ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)));
        let content = match self.dialect.schema() {
            Some((own, _)) => content(own),
            None => examples.of_problems(&self.codes, content(SCHEMA)),
        };
        let response = ResponseBuilder::new().description(lines.join("\n\n"));
        let mut response = response.content(self.dialect.media_type(), content.build()).build();
        headers::add(&mut response, headers::REQUEST_ID);
        match self.status {
            StatusCode::UNAUTHORIZED => headers::add(&mut response, headers::WWW_AUTHENTICATE),
            StatusCode::TOO_MANY_REQUESTS => {
                headers::RATE_LIMIT.iter().for_each(|name| headers::add(&mut response, name));
                headers::add(&mut response, headers::RETRY_AFTER);
            }
            StatusCode::SERVICE_UNAVAILABLE => headers::add(&mut response, headers::RETRY_AFTER),
            _ => {}
        }
        response
    }
}

/// The schemas of refusals: RFC 9457, with the members that every problem here has, and those of other dialects.
pub(super) fn schemas(dialects: &Dialects) -> impl Iterator<Item = (String, RefOr<Schema>)> {
    let others = dialects.all().filter_map(Dialect::schema);
    ours().into_iter().chain(others).map(|(name, schema)| (name.to_owned(), schema))
}

/// Each by its name: a generator would make up one for what has none.
fn ours() -> [(&'static str, RefOr<Schema>); 6] {
    let string = |text: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(text.to_owned()));
    let codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    let code = string("The stable name of what went wrong.").enum_values(Some(codes));
    let field_codes: Vec<&str> = FieldCode::ALL.iter().map(|code| code.as_str()).collect();
    let field_code = string("What kind of problem a field has.").enum_values(Some(field_codes));
    let outcome = string(OUTCOME).enum_values(Some([Outcome::NotDone, Outcome::Unknown].map(Outcome::as_str)));
    let integer = |text: &str| ObjectBuilder::new().schema_type(Type::Integer).description(Some(text.to_owned()));
    let status = ObjectBuilder::new()
        .description(Some("Under `in_use`: a status of the workflow that cases are in."))
        .property("status", string("Its label."))
        .property("cases", integer("How many."));
    let error = ObjectBuilder::new()
        .description(Some("What is wrong with a field, a parameter or a header."))
        .property("field", string("A path such as `email[0].value`, or a parameter's name."))
        .property("code", Ref::from_schema_name("FieldProblemCode"))
        .property("message", string("What to change, for a person."));
    let error = ["field", "code", "message"].into_iter().fold(error, ObjectBuilder::required);
    let problem = ObjectBuilder::new()
        .description(Some("What went wrong (RFC 9457). `code` is stable; docs/errors.md lists every one."))
        .property("type", string("`/problems/` and the code."))
        .property("title", string("The same for every occurrence of the code."))
        .property("status", integer("The HTTP status."))
        .property("code", Ref::from_schema_name("ProblemCode"))
        .property("detail", string("What happened here, for a person."))
        .property("requestId", string("The same as in the header X-Request-Id."))
        .property("errors", Array::new(Ref::from_schema_name("FieldProblem")))
        .property("opportunityId", string("Under `already_converted`: the opportunity that exists."))
        .property("location", string("Under `answer_not_kept`: the path of what was made."))
        .property("allowed", Array::new(string("Under `transition_not_allowed`: a status that is allowed now.")))
        .property("authorizedUsers", Array::new(string("Under `not_authorized_for_transition`: who may.")))
        .property("fields", Array::new(string("Under `field_in_use`: the id of a field.")))
        .property("outcome", Ref::from_schema_name("Outcome"))
        .property("cases", integer("Under `in_use`: how many cases have the type."))
        .property("statuses", Array::new(Ref::from_schema_name("StatusInUse")));
    let problem =
        ["type", "title", "status", "code", "detail", "requestId"].into_iter().fold(problem, ObjectBuilder::required);
    [
        (SCHEMA, problem.into()),
        ("ProblemCode", code.into()),
        ("FieldProblem", error.into()),
        ("FieldProblemCode", field_code.into()),
        ("Outcome", outcome.into()),
        ("StatusInUse", status.into()),
    ]
}
