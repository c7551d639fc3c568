//! Leads against real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod changes;
mod create;
mod links;
mod list;
mod plans;

use crm_core::input::FromBody;
use crm_core::page::{Page, PageRequest};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{DbConnection, FieldErrors, LeadId, Scope, Timestamp};
use crm_forms::{Form, FormKind, NewForm, PIPELINE};
use crm_leads::{Lead, LeadError, LeadFilter, LeadPatch, LeadSort, NewLead};
use crm_tags::{NewTag, TagKind, TagOption};
use diesel::RunQueryDsl;
use serde_json::{Value, json};

/// A body as a type of the crate reads it.
fn read<T: FromBody>(body: &Value) -> Result<T, FieldErrors> {
    T::from_body(body.as_object().unwrap())
}

/// The default form of the scope's tenant.
fn form(scope: &Scope) -> Form {
    Form::default_of(PIPELINE, scope.public_tenant())
}

/// The default form with these custom fields behind its own.
fn form_with(connection: &mut DbConnection, scope: &Scope, custom: &[Value]) -> Form {
    let fields = [
        &[json!({ "id": "title", "label": "Title", "category": "default", "type": "text", "required": true })],
        custom,
    ]
    .concat();
    let new: NewForm = read(&json!({ "fields": fields })).unwrap();
    connection
        .write(|connection| crm_forms::replace(connection, scope, FormKind::Pipeline, &new, |_, _| Ok(false)))
        .unwrap()
}

fn try_create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Result<Lead, LeadError> {
    let new: NewLead = read(body)?;
    connection.write(|connection| crm_leads::create(connection, scope, &new, &form(scope)))
}

fn create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Lead {
    try_create(connection, scope, body).unwrap()
}

fn try_patch(connection: &mut DbConnection, scope: &Scope, id: LeadId, body: &Value) -> Result<Lead, LeadError> {
    let patch: LeadPatch = read(body)?;
    connection.write(|connection| crm_leads::update(connection, scope, id, &patch, &form(scope)))
}

fn patch(connection: &mut DbConnection, scope: &Scope, id: LeadId, body: &Value) -> Lead {
    try_patch(connection, scope, id, body).unwrap()
}

fn get(connection: &mut DbConnection, scope: &Scope, id: LeadId) -> Lead {
    crm_leads::get(connection, scope, id, &form(scope)).unwrap()
}

fn json_of(lead: &Lead) -> Value {
    serde_json::to_value(lead).unwrap()
}

/// The field and code of each problem.
fn problems(error: &FieldErrors) -> Vec<(&str, &str)> {
    error.as_slice().iter().map(|error| (error.field.as_str(), error.code.as_str())).collect()
}

fn invalid(outcome: Result<Lead, LeadError>) -> FieldErrors {
    match outcome {
        Err(LeadError::Invalid(errors)) => errors,
        other => panic!("expected problems of fields, not {other:?}"),
    }
}

/// The same tenant at another time.
fn at(scope: &Scope, moment: &str) -> Scope {
    Scope::new(scope.tenant(), scope.public_tenant().clone(), moment.parse().unwrap())
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
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
    connection.write(|connection| crm_tags::create(connection, scope, TagKind::Lead, &new)).unwrap()
}

/// All parameters of the list.
struct Asked {
    filter: LeadFilter,
    page: PageRequest<LeadSort>,
}

impl FromParams for Asked {
    fn from_params(params: &mut ParamReader) -> Self {
        Self { filter: LeadFilter::from_params(params), page: PageRequest::from_params(params) }
    }
}

fn asked(params: &[(&str, &str)]) -> Result<Asked, FieldErrors> {
    let given = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ParamReader::new(given).read()
}

fn list(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> Page<Lead> {
    let Asked { filter, page } = asked(params).unwrap();
    crm_leads::list(connection, scope, &filter, &page, &form(scope)).unwrap()
}
