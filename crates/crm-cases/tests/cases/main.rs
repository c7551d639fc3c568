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
use crm_core::page::{Page, PageRequest};
use crm_core::values::ReferencedRecords;
use crm_core::{CaseId, CaseTypeId, Condition, DbConnection, FieldErrors, Scope};
use crm_tags::{NewTag, TagKind, TagOption};
use crm_testkit::TestDatabase;
use crm_testkit::records::{asked, at, contacts, json_of, organizations, problems, read};
use serde_json::{Value, json};

/// An example of the source, as it is printed there.
fn source(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// All parameters of the list.
type Asked = crm_testkit::records::Asked<CaseFilter, CaseSort>;

/// A tenant with its default case type, which has the id 1.
fn tenant(database: &TestDatabase, id: &str) -> Scope {
    let scope = database.tenant(id);
    database.connect().write(|connection| case_types::provision(connection, &scope)).unwrap();
    scope
}

fn try_create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Result<Case, CaseError> {
    let new: NewCase = read(body)?;
    connection.write(|connection| cases::create(connection, scope, &new, ReferencedRecords::unchecked))
}

fn create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Case {
    try_create(connection, scope, body).unwrap()
}

fn try_patch(connection: &mut DbConnection, scope: &Scope, id: CaseId, body: &Value) -> Result<Case, CaseError> {
    let patch: CasePatch = read(body)?;
    connection.write(|connection| {
        cases::update(connection, scope, id, &Condition::none(), &patch, ReferencedRecords::unchecked)
    })
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
    connection.write(|connection| case_types::update(connection, scope, id, &Condition::none(), &patch))
}

fn deleted(connection: &mut DbConnection, scope: &Scope, ids: &[CaseId]) -> Result<Vec<CaseId>, CaseError> {
    let deletion = cases::record_deletion(connection, scope, ids)?;
    cases::delete(connection, scope, deletion)
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

fn tag(connection: &mut DbConnection, scope: &Scope, label: &str) -> TagOption {
    let new: NewTag = read(&json!({ "label": label })).unwrap();
    connection.write(|connection| crm_tags::create(connection, scope, TagKind::Case, &new)).unwrap()
}

fn list(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> Page<Case> {
    let Asked { filter, page } = asked::<Asked>(params).unwrap();
    cases::list(connection, scope, &filter, &page).unwrap()
}
