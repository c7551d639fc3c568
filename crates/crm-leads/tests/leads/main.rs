//! Leads against real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod changes;
mod create;
mod links;
mod list;
mod plans;
mod values;

use crm_core::page::Page;
use crm_core::values::ReferencedRecords;
use crm_core::{Condition, DbConnection, FieldErrors, LeadId, Scope, Timestamp};
use crm_forms::{FormKind, NewForm};
use crm_leads::{Lead, LeadError, LeadFilter, LeadPatch, LeadSort, NewLead};
use crm_tags::{NewTag, TagKind, TagOption};
use crm_testkit::records::{asked, at, contacts, json_of, organizations, problems, read};
use diesel::RunQueryDsl;
use serde_json::{Value, json};

/// All parameters of the list.
type Asked = crm_testkit::records::Asked<LeadFilter, LeadSort>;

/// Gives the tenant the default form with these custom fields behind its own.
fn add_fields(connection: &mut DbConnection, scope: &Scope, custom: &[Value]) {
    let fields = [
        &[json!({ "id": "title", "label": "Title", "category": "default", "type": "text", "required": true })],
        custom,
    ]
    .concat();
    let new: NewForm = read(&json!({ "fields": fields })).unwrap();
    connection
        .write(|connection| {
            crm_forms::replace(connection, scope, FormKind::Pipeline, &Condition::none(), &new, |_, _| Ok([].into()))
        })
        .unwrap();
}

fn try_create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Result<Lead, LeadError> {
    let new: NewLead = read(body)?;
    connection.write(|connection| crm_leads::create(connection, scope, &new, ReferencedRecords::unchecked))
}

fn create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Lead {
    try_create(connection, scope, body).unwrap()
}

fn try_patch(connection: &mut DbConnection, scope: &Scope, id: LeadId, body: &Value) -> Result<Lead, LeadError> {
    let patch: LeadPatch = read(body)?;
    connection.write(|connection| {
        crm_leads::update(connection, scope, id, &Condition::none(), &patch, ReferencedRecords::unchecked)
    })
}

fn patch(connection: &mut DbConnection, scope: &Scope, id: LeadId, body: &Value) -> Lead {
    try_patch(connection, scope, id, body).unwrap()
}

fn get(connection: &mut DbConnection, scope: &Scope, id: LeadId) -> Lead {
    crm_leads::get(connection, scope, id).unwrap()
}

/// Deletes leads that nothing points at.
fn deleted(connection: &mut DbConnection, scope: &Scope, ids: &[LeadId]) -> Result<Vec<LeadId>, LeadError> {
    let deletion = crm_leads::record_deletion(connection, scope, ids)?;
    crm_leads::delete(connection, scope, deletion)
}

fn invalid(outcome: Result<Lead, LeadError>) -> FieldErrors {
    match outcome {
        Err(LeadError::Invalid(errors)) => errors,
        other => panic!("expected problems of fields, not {other:?}"),
    }
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tag(connection: &mut DbConnection, scope: &Scope, label: &str) -> TagOption {
    let new: NewTag = read(&json!({ "label": label })).unwrap();
    connection.write(|connection| crm_tags::create(connection, scope, TagKind::Lead, &new)).unwrap()
}

fn list(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> Page<Lead> {
    let Asked { filter, page } = asked::<Asked>(params).unwrap();
    crm_leads::list(connection, scope, &filter, &page).unwrap()
}
