//! Cases and case types against real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod activities;
mod changes;
mod create;
mod links;
mod list;
mod plans;
mod together;
mod types;
mod walk;

use crm_cases::{
    Activity, Case, CaseError, CaseFilter, CasePatch, CaseSort, CaseType, CaseTypeError, CaseTypePatch, NewCase,
    NewCaseType, activities as timeline, cases, types as case_types,
};
use crm_core::input::FromBody;
use crm_core::page::{Page, PageRequest};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{CaseId, CaseTypeId, DbConnection, FieldErrors, Scope};
use crm_tags::{NewTag, TagKind, TagOption};
use crm_testkit::TestDatabase;
use diesel::RunQueryDsl;
use serde_json::{Value, json};

/// A body as a type of the crate reads it.
fn read<T: FromBody>(body: &Value) -> Result<T, FieldErrors> {
    T::from_body(body.as_object().unwrap())
}

/// An example of the source, as it is printed there.
fn source(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A tenant with its default case type, which has the id 1.
fn tenant(database: &TestDatabase, id: &str) -> Scope {
    let scope = database.tenant(id);
    database.connect().write(|connection| case_types::provision(connection, &scope)).unwrap();
    scope
}

fn try_create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Result<Case, CaseError> {
    let new: NewCase = read(body)?;
    connection.write(|connection| cases::create(connection, scope, &new))
}

fn create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Case {
    try_create(connection, scope, body).unwrap()
}

fn try_patch(connection: &mut DbConnection, scope: &Scope, id: CaseId, body: &Value) -> Result<Case, CaseError> {
    let patch: CasePatch = read(body)?;
    connection.write(|connection| cases::update(connection, scope, id, &patch))
}

fn patch(connection: &mut DbConnection, scope: &Scope, id: CaseId, body: &Value) -> Case {
    try_patch(connection, scope, id, body).unwrap()
}

fn get(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> Case {
    cases::get(connection, scope, id).unwrap()
}

fn try_create_type(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Result<CaseType, CaseTypeError> {
    let new: NewCaseType = read(body)?;
    connection.write(|connection| case_types::create(connection, scope, &new))
}

fn create_type(connection: &mut DbConnection, scope: &Scope, body: &Value) -> CaseType {
    try_create_type(connection, scope, body).unwrap()
}

fn try_patch_type(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseTypeId,
    body: &Value,
) -> Result<CaseType, CaseTypeError> {
    let patch: CaseTypePatch = read(body)?;
    connection.write(|connection| case_types::update(connection, scope, id, &patch))
}

fn json_of(resource: &impl serde::Serialize) -> Value {
    serde_json::to_value(resource).unwrap()
}

/// The field and code of each problem.
fn problems(error: &FieldErrors) -> Vec<(&str, &str)> {
    error.as_slice().iter().map(|error| (error.field.as_str(), error.code.as_str())).collect()
}

fn invalid(outcome: Result<Case, CaseError>) -> FieldErrors {
    match outcome {
        Err(CaseError::Invalid(errors)) => errors,
        other => panic!("expected problems of fields, not {other:?}"),
    }
}

/// What happened to a case, newest first, each in a line: `from > to (transition) "comment" user`.
fn happened(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> Vec<String> {
    let page = timeline::list(connection, scope, id, &PageRequest::first(200)).unwrap();
    page.items.iter().map(line_of).collect()
}

fn line_of(activity: &Activity) -> String {
    let mut line = String::new();
    if let (Some(from), Some(to)) = (&activity.from, &activity.to) {
        line.push_str(&format!("{from} > {to} "));
    }
    if let Some(transition) = &activity.transition {
        line.push_str(&format!("({transition}) "));
    }
    if let Some(comment) = &activity.comment {
        line.push_str(&format!("{:?} ", comment.as_str()));
    }
    line.push_str(activity.user.as_ref().map_or("nobody", |user| user.id()));
    line
}

/// A workflow of nodes `(id, label)` and edges `(source, target)`, for everybody and without comments.
fn workflow(nodes: &[(&str, &str)], edges: &[(&str, &str)]) -> Value {
    let node = |(id, label): &(&str, &str)| json!({ "id": id, "type": "node", "data": { "label": label } });
    let edge = |(source, target): &(&str, &str)| json!({ "label": "Go", "source": source, "target": target });
    json!({
        "status": nodes.iter().map(node).collect::<Vec<_>>(),
        "transition": edges.iter().map(edge).collect::<Vec<_>>()
    })
}

/// The same tenant at another time.
fn at(scope: &Scope, moment: &str) -> Scope {
    Scope::new(scope.tenant(), scope.public_tenant().clone(), moment.parse().unwrap())
}

/// Organizations and contacts belong to another crate, of which this one knows the tables' keys only.
fn record(connection: &mut DbConnection, scope: &Scope, table: &str, id: i64) {
    diesel::sql_query(format!(
        "INSERT INTO {table} (tenant_id, id, name, name_lower, custom_fields, created_on, last_updated_on) \
         VALUES ({}, {id}, 'N', 'n', '{{}}', '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z')",
        scope.tenant().as_i64()
    ))
    .execute(connection)
    .unwrap();
}

fn organizations(connection: &mut DbConnection, scope: &Scope, ids: &[i64]) {
    ids.iter().for_each(|id| record(connection, scope, "organizations", *id));
}

fn contacts(connection: &mut DbConnection, scope: &Scope, ids: &[i64]) {
    ids.iter().for_each(|id| record(connection, scope, "contacts", *id));
}

fn tag(connection: &mut DbConnection, scope: &Scope, label: &str) -> TagOption {
    let new: NewTag = read(&json!({ "label": label })).unwrap();
    connection.write(|connection| crm_tags::create(connection, scope, TagKind::Case, &new)).unwrap()
}

/// All parameters of the list.
struct Asked {
    filter: CaseFilter,
    page: PageRequest<CaseSort>,
}

impl FromParams for Asked {
    fn from_params(params: &mut ParamReader) -> Self {
        Self { filter: CaseFilter::from_params(params), page: PageRequest::from_params(params) }
    }
}

fn asked<T: FromParams>(params: &[(&str, &str)]) -> Result<T, FieldErrors> {
    let given = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ParamReader::new(given).read()
}

fn list(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> Page<Case> {
    let Asked { filter, page } = asked(params).unwrap();
    cases::list(connection, scope, &filter, &page).unwrap()
}
