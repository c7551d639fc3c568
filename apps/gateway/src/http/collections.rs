//! What every collection of records has alike, under the path of each: records by external id, and many at once.

use crm_cases::Case;
use crm_core::RecordId;
use crm_directory::{Contact, Organization};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::batch::{self, BatchRequest, Outcome};
use crm_suite::external::{self, Upsert, Upserted};
use crm_suite::resource::Resource;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::{Caller, InArea, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, Item, PathExternalId, Plain, Precondition, Put};
use crate::error::{Failure, Problem, ProblemCode};

/// The collection of a kind of records.
pub(super) trait Collection: Resource + Serialize + ToSchema {
    /// Whose rights count.
    type Area: InArea;
    /// Its path.
    const PATH: &'static str;
    /// Its word for one of its records, in ids of operations.
    const ONE: &'static str;
}

macro_rules! collections {
    ($($record:ty, $area:ty, $path:literal, $one:literal;)*) => {
        $(impl Collection for $record {
            type Area = $area;
            const PATH: &'static str = $path;
            const ONE: &'static str = $one;
        })*
    };
}

collections! {
    Lead, area::Pipeline, "/pipeline/leads", "lead";
    Opportunity, area::Pipeline, "/pipeline/opportunities", "opportunity";
    Contact, area::Directory, "/directory/contacts", "contact";
    Organization, area::Directory, "/directory/organizations", "organization";
    Case, area::Cases, "/cases/cases", "case";
}

/// Declares what the collection has beside its own routes.
pub(super) fn routes<R: Collection>(api: &mut Api) {
    let (path, one) = (R::PATH, R::ONE);
    let external = format!("{path}/external/{{externalId}}");
    api.get(&external, read_external::<R>)
        .named(&format!("read_external_{one}"), "Read by external id")
        .about("The record to which another system gave this id, percent-encoded in the path.");
    api.put(&external, put_external::<R>)
        .named(&format!("put_external_{one}"), "Make or change by external id")
        .about(
            "Makes the record with this external id, from a body as of POST, or changes the one that has it, by a body \
             as of PATCH; of any number of requests at once one makes it. Send the same body again and nothing changes. \
             `If-None-Match: *` only makes it, `If-Match: *` only changes it.",
        )
        .problem(ProblemCode::ExternalIdTaken);
    api.post(&format!("{path}/batch"), batch::<R>)
        .named(&format!("batch_{one}"), "Make and change many")
        .about(
            "Up to 500 items in one transaction, each as the body of POST or PATCH would be, in their order. `mode` is \
             `create`, `update` or `upsert`; the latter two change the record that an item matches by its `id` (of \
             `update`, unless `matchBy` says otherwise), its `externalId` (of `upsert`), or, where the records have them, any \
             of its `email` addresses or its `name`. What is wrong with one item stops no other; with `atomic: true` it \
             undoes all, and the answer is a 400 with the results so far.",
        )
        .problem(ProblemCode::BatchUndone);
}

/// What became of the items of a batch.
#[derive(Debug, Serialize, ToSchema)]
struct BatchOutcome {
    /// One for each item, in their order.
    results: Vec<ItemOutcome>,
    /// How many records were made.
    created: usize,
    /// How many were changed.
    updated: usize,
    /// How many were as the item has them already.
    unchanged: usize,
    /// How many items failed.
    failed: usize,
}

/// What became of one item.
#[derive(Debug, Serialize, ToSchema)]
struct ItemOutcome {
    /// Its place among the items, from 0.
    index: usize,
    /// `created`, `updated`, `unchanged` or `failed`.
    #[schema(examples("created"))]
    action: &'static str,
    /// The id of the record; null where the item failed.
    #[schema(examples("42"))]
    id: Option<String>,
    /// What is wrong with it, as the answer to a request of its own would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false)]
    problem: Option<Value>,
}

/// The most problems of fields that one item tells of.
const MOST_OF_ITEM: usize = 10;

impl ItemOutcome {
    fn of<I: RecordId>(index: usize, outcome: Outcome<I>) -> Result<Self, Failure> {
        let (action, id) = (outcome.action(), outcome.id().map(|id| id.to_string()));
        let problem = match outcome {
            Outcome::Failed(error) => match Failure::from(error) {
                Failure::Problem(problem) => Some(problem.to_value()),
                failure => return Err(failure),
            },
            Outcome::Created(_) | Outcome::Updated(_) | Outcome::Unchanged(_) => None,
        };
        let problem = problem.map(|mut problem| {
            if let Some(Value::Array(errors)) = problem.get_mut("errors") {
                errors.truncate(MOST_OF_ITEM);
            }
            problem
        });
        Ok(Self { index, action, id, problem })
    }
}

async fn batch<R: Collection>(
    caller: Caller<R::Area, Write>,
    Body(batch): Body<BatchRequest<R>>,
) -> Answer<Plain<BatchOutcome>> {
    caller
        .write(move |connection, scope| {
            let outcomes = batch::run(connection, scope, &batch)?;
            let results = outcomes.into_iter().enumerate().map(|(index, outcome)| ItemOutcome::of(index, outcome));
            let results: Vec<ItemOutcome> = results.collect::<Result<_, Failure>>()?;
            let count = |action| results.iter().filter(|result| result.action == action).count();
            let (created, updated, unchanged) = (count("created"), count("updated"), count("unchanged"));
            let failed = count("failed");
            if batch.atomic && failed > 0 {
                let detail = format!("The item {} failed, so that nothing was done.", results.len() - 1);
                return Err(Problem::new(ProblemCode::BatchUndone, detail).with("results", json!(results)).into());
            }
            Ok(Plain(BatchOutcome { results, created, updated, unchanged, failed }))
        })
        .await
}

async fn read_external<R: Collection>(
    caller: Caller<R::Area, Read>,
    PathExternalId(external_id): PathExternalId,
) -> Answer<Item<R>> {
    caller.read(move |connection, scope| Ok(Item(external::get::<R>(connection, scope, &external_id)?))).await
}

async fn put_external<R: Collection>(
    caller: Caller<R::Area, Write>,
    PathExternalId(external_id): PathExternalId,
    Precondition(condition): Precondition<Item<R>>,
    Body(wanted): Body<Upsert<R>>,
) -> Answer<Put<R>> {
    caller
        .write(move |connection, scope| {
            Ok(match external::put(connection, scope, &external_id, &condition, &wanted)? {
                Upserted::Created(item) => Put::Created(created(item)),
                Upserted::Updated(item) => Put::Changed(Item(item)),
            })
        })
        .await
}

/// The answer to what made a record.
pub(super) fn created<R: Collection>(item: R) -> Created<R> {
    Created { location: format!("{}/{}", R::PATH, item.id()), item }
}
