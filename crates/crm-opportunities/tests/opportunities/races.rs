//! What two requests at once must not break. Whom another came in between runs again, as by the gateway's executor;
//! nobody waits for another in a circle.

use std::sync::Barrier;

use super::*;
use crm_core::PipelineId;
use crm_core::error::{Fault, fault};
use diesel::result::Error as DieselError;

const ROUNDS: usize = 20;

type Work<'a, T, E> = Box<dyn Fn(&mut DbConnection) -> Result<T, E> + Send + 'a>;

/// Runs each of `works` in a thread and transaction of its own, all beginning at once.
fn at_once<T: Send, E: Send + From<DieselError>>(
    database: &TestDatabase,
    works: Vec<Work<'_, T, E>>,
    database_error: fn(&E) -> Option<&DieselError>,
) -> Vec<Result<T, E>> {
    let barrier = Barrier::new(works.len());
    let run = &|work: &Work<'_, T, E>| {
        let mut connection = database.connect();
        barrier.wait();
        loop {
            let outcome = connection.write(|connection| work(connection));
            let error = outcome.as_ref().err().and_then(database_error);
            if error.is_none_or(|error| fault(error) != Fault::Collision) {
                return outcome;
            }
        }
    };
    std::thread::scope(|threads| {
        let started: Vec<_> = works.into_iter().map(|work| threads.spawn(move || run(&work))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn of_pipeline(error: &PipelineError) -> Option<&DieselError> {
    match error {
        PipelineError::Database(error) => Some(error),
        _ => None,
    }
}

type PipelineWork<'a> = Work<'a, (), PipelineError>;

crm_testkit::both_databases! {
    /// However many make a default pipeline, take one over or delete one, exactly one is the default one.
    fn one_default_survives_every_race(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let stages = json!([{ "label": "S" }]);
        for round in 0..ROUNDS {
            let new: NewPipeline = read(&json!({ "name": "new", "isDefault": true, "stages": stages })).unwrap();
            let two: Vec<PipelineId> = (0..2)
                .map(|_| pipeline(&mut connection, &scope, &json!({ "name": "old", "stages": stages })).id)
                .collect();
            let take: PipelinePatch = read(&json!({ "isDefault": true })).unwrap();
            let present = default_pipeline(&mut connection, &scope).id;
            let (scope, new, take) = (&scope, &new, &take);
            let make = || -> PipelineWork<'_> {
                Box::new(|connection| crm_opportunities::pipelines::create(connection, scope, new).map(drop))
            };
            let take = |id: PipelineId| -> PipelineWork<'_> {
                Box::new(move |connection| crm_opportunities::pipelines::update(connection, scope, id, &Condition::none(), take).map(drop))
            };
            let delete = |id: PipelineId| -> PipelineWork<'_> {
                Box::new(move |connection| crm_opportunities::pipelines::delete(connection, scope, id, &Condition::none()))
            };
            let works = vec![make(), make(), take(two[0]), take(two[1]), delete(two[0]), delete(present), take(present)];
            for outcome in at_once(database, works, of_pipeline) {
                assert!(
                    matches!(outcome, Ok(()) | Err(PipelineError::IsDefault | PipelineError::NotFound)),
                    "round {round}: {outcome:?}"
                );
            }
            default_pipeline(&mut connection, scope);
        }
    }

    /// A stage that is removed or moved while opportunities come into it: they are in a stage that exists, and in the
    /// order of its place.
    fn opportunities_are_always_in_a_stage(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        for round in 0..ROUNDS {
            let made = pipeline(&mut connection, &scope, &json!({ "name": "P", "stages": [
                { "key": "a", "label": "A" }, { "key": "b", "label": "B" },
            ] }));
            let moving = create(&mut connection, &scope, &json!({ "title": "x", "pipelineId": made.id })).id;
            let without: PipelinePatch = read(&json!({ "stages": [{ "key": "a", "label": "A" }] })).unwrap();
            let swapped: PipelinePatch = read(&json!({ "stages": [{ "key": "b", "label": "B" }, { "key": "a", "label": "A" }] })).unwrap();
            let new: NewOpportunity = read(&json!({ "title": "x", "pipelineId": made.id, "stage": "b" })).unwrap();
            let change: StageChange = read(&json!({ "stage": "b" })).unwrap();
            let (scope, without, swapped, new, change) = (&scope, &without, &swapped, &new, &change);
            let as_pipeline_error = |error| match error {
                OpportunityError::Invalid(errors) => PipelineError::Invalid(errors),
                OpportunityError::Database(error) => PipelineError::Database(error),
                other => panic!("{other}"),
            };
            let works: Vec<PipelineWork<'_>> = vec![
                Box::new(|connection| crm_opportunities::pipelines::update(connection, scope, made.id, &Condition::none(), without).map(drop)),
                Box::new(|connection| crm_opportunities::pipelines::update(connection, scope, made.id, &Condition::none(), swapped).map(drop)),
                Box::new(move |connection| {
                    crm_opportunities::create(connection, scope, new, ReferencedRecords::unchecked).map(drop).map_err(as_pipeline_error)
                }),
                Box::new(move |connection| {
                    crm_opportunities::update_stage(connection, scope, moving, &Condition::none(), change)
                        .map(drop)
                        .map_err(as_pipeline_error)
                }),
            ];
            for outcome in at_once(database, works, of_pipeline) {
                assert!(
                    matches!(outcome, Ok(()) | Err(PipelineError::InUse | PipelineError::Invalid(_))),
                    "round {round}: {outcome:?}"
                );
            }
            let now = crm_opportunities::pipelines::get(&mut connection, scope, made.id).unwrap();
            let id = made.id.to_string();
            let params = [("pipelineId", id.as_str()), ("orderBy", "stage"), ("sort", "asc")];
            let places: Vec<usize> = list(&mut connection, scope, &params)
                .items
                .iter()
                .map(|one| now.stages.iter().position(|stage| stage.key == one.stage).unwrap())
                .collect();
            assert!(places.is_sorted(), "round {round}: {places:?}");
        }
    }
}
