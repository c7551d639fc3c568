//! Opportunities and pipelines against real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod changes;
mod create;
mod links;
mod list;
mod pipelines;
mod plans;
mod races;
mod summary;

use crm_core::page::{Page, PageRequest};
use crm_core::values::ReferencedRecords;
use crm_core::{Condition, DbConnection, FieldErrors, OpportunityId, Scope, Timestamp};
use crm_opportunities::{
    NewOpportunity, NewPipeline, Opportunity, OpportunityError, OpportunityFilter, OpportunityPatch, OpportunitySort,
    Pipeline, PipelineError, PipelinePatch, PipelineSort, StageChange, StageKey, StatusChange,
};
use crm_tags::{NewTag, TagKind, TagOption};
use crm_testkit::TestDatabase;
use crm_testkit::records::{asked, at, contacts, json_of, organizations, problems, read};
use diesel::RunQueryDsl;
use serde_json::{Value, json};

/// All parameters of the list.
type Asked = crm_testkit::records::Asked<OpportunityFilter, OpportunitySort>;

/// A tenant with its "Sales pipeline".
fn tenant(database: &TestDatabase, id: &str) -> Scope {
    let scope = database.tenant(id);
    database.connect().write(|connection| crm_opportunities::pipelines::provision(connection, &scope)).unwrap();
    scope
}

fn try_create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Result<Opportunity, OpportunityError> {
    let new: NewOpportunity = read(body)?;
    connection.write(|connection| crm_opportunities::create(connection, scope, &new, ReferencedRecords::unchecked))
}

fn create(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Opportunity {
    try_create(connection, scope, body).unwrap()
}

fn try_patch(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    body: &Value,
) -> Result<Opportunity, OpportunityError> {
    let patch: OpportunityPatch = read(body)?;
    connection.write(|connection| {
        crm_opportunities::update(connection, scope, id, &Condition::none(), &patch, ReferencedRecords::unchecked)
    })
}

fn patch(connection: &mut DbConnection, scope: &Scope, id: OpportunityId, body: &Value) -> Opportunity {
    try_patch(connection, scope, id, body).unwrap()
}

fn try_status(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    body: &Value,
) -> Result<Opportunity, OpportunityError> {
    let change: StatusChange = read(body)?;
    connection.write(|connection| crm_opportunities::update_status(connection, scope, id, &Condition::none(), &change))
}

fn try_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    body: &Value,
) -> Result<Opportunity, OpportunityError> {
    let change: StageChange = read(body)?;
    connection.write(|connection| crm_opportunities::update_stage(connection, scope, id, &Condition::none(), &change))
}

fn get(connection: &mut DbConnection, scope: &Scope, id: OpportunityId) -> Opportunity {
    crm_opportunities::get(connection, scope, id).unwrap()
}

fn try_pipeline(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Result<Pipeline, PipelineError> {
    let new: NewPipeline = read(body)?;
    connection.write(|connection| crm_opportunities::pipelines::create(connection, scope, &new))
}

fn pipeline(connection: &mut DbConnection, scope: &Scope, body: &Value) -> Pipeline {
    try_pipeline(connection, scope, body).unwrap()
}

fn try_patch_pipeline(
    connection: &mut DbConnection,
    scope: &Scope,
    pipeline: &Pipeline,
    body: &Value,
) -> Result<Pipeline, PipelineError> {
    let patch: PipelinePatch = read(body)?;
    connection.write(|connection| {
        crm_opportunities::pipelines::update(connection, scope, pipeline.id, &Condition::none(), &patch)
    })
}

fn pipelines_of(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> Page<Pipeline> {
    let page: PageRequest<PipelineSort> = asked(params).unwrap();
    crm_opportunities::pipelines::list(connection, scope, &page).unwrap()
}

fn default_pipeline(connection: &mut DbConnection, scope: &Scope) -> Pipeline {
    let mut defaults = pipelines_of(connection, scope, &[("size", "200")]).items;
    defaults.retain(|pipeline| pipeline.is_default);
    assert_eq!(defaults.len(), 1, "exactly one pipeline is the default one");
    defaults.remove(0)
}

/// Deletes opportunities that nothing points at.
fn deleted(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OpportunityId],
) -> Result<Vec<OpportunityId>, OpportunityError> {
    let deletion = crm_opportunities::record_deletion(connection, scope, ids)?;
    crm_opportunities::delete(connection, scope, deletion)
}

fn invalid(outcome: Result<Opportunity, OpportunityError>) -> FieldErrors {
    match outcome {
        Err(OpportunityError::Invalid(errors)) => errors,
        other => panic!("expected problems of fields, not {other:?}"),
    }
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A lead that was converted, of which this crate knows the table's key only.
fn lead(connection: &mut DbConnection, scope: &Scope, id: i64) {
    diesel::sql_query(format!(
        "INSERT INTO leads (tenant_id, id, title, title_folded, title_search, followers, custom_fields, is_archived, created_on, \
         last_updated_on) VALUES ({}, {id}, 'L', 'l', 'l', '[]', '{{}}', FALSE, '2025-01-01T00:00:00.000Z', \
         '2025-01-01T00:00:00.000Z')",
        scope.tenant().as_i64()
    ))
    .execute(connection)
    .unwrap();
}

fn tag(connection: &mut DbConnection, scope: &Scope, label: &str) -> TagOption {
    let new: NewTag = read(&json!({ "label": label })).unwrap();
    connection.write(|connection| crm_tags::create(connection, scope, TagKind::Opportunity, &new)).unwrap()
}

fn list(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> Page<Opportunity> {
    let Asked { filter, page } = asked::<Asked>(params).unwrap();
    crm_opportunities::list(connection, scope, &filter, &page).unwrap()
}
