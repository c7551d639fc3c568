use std::collections::HashMap;

use crm_core::error::collision;
use crm_core::page::{Page, PageRequest};
use crm_core::records::Stored;
use crm_core::values::Title;
use crm_core::{Condition, DbConnection, PipelineId, Scope, records, wait_for_turn};
use crm_history::{Action, ChangeId, Fields, Kind, NewChange, What};
use diesel::QueryResult;

use super::row::PipelineRow;
use super::told::ToldPipeline;
use super::{NewPipeline, NewStages, Pipeline, PipelineError, PipelinePatch, PipelineSort, queries, stages};

/// The most pipelines that a tenant has.
pub const MOST_PIPELINES: i64 = 200;

/// Makes a pipeline. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`PipelineError::IdTaken`], nothing changed; [`PipelineError::LimitReached`], after which the transaction can only be
/// rolled back; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewPipeline) -> Result<Pipeline, PipelineError> {
    let NewPipeline { id, name, is_default, stages } = new;
    let id = id.unwrap_or_else(PipelineId::random);
    let row = queries::insert(connection, scope, id, name)?.ok_or(PipelineError::IdTaken(id))?;
    let places: Vec<_> = (1_i16..).zip(stages.as_slice()).collect();
    stages::add(connection, scope, id, &places)?;
    let ousted = if *is_default {
        make_default(connection, scope, id)?
    } else {
        queries::set_default_if_none(connection, scope, id)?;
        None
    };
    wait_for_turn(connection, scope, "all pipelines")?;
    if queries::count(connection, scope)? > MOST_PIPELINES {
        return Err(PipelineError::LimitReached);
    }
    let made = complete_one(connection, scope, row)?;
    let change = NewChange::new(Kind::Pipeline, Action::Created);
    let change = crm_history::record(connection, scope, change, ToldPipeline::of(&made).whole()?)?;
    record_ousted(connection, scope, ousted, change)?;
    Ok(made)
}

/// Makes a pipeline the default one, and gives the one that was it before, which is locked.
fn make_default(connection: &mut DbConnection, scope: &Scope, id: PipelineId) -> QueryResult<Option<PipelineId>> {
    let before = queries::default_id(connection, scope)?.filter(|before| *before != id);
    if let Some(before) = before {
        // For its own change. Nobody waits for this one who has that one: it would have to be the default one by now.
        queries::find_locked(connection, scope, before)?;
        if queries::default_id(connection, scope)? != Some(before) {
            return Err(collision("another pipeline was made the default one"));
        }
    }
    queries::set_default(connection, scope, id)?;
    Ok(before)
}

/// Writes down that a pipeline is the default one no more.
fn record_ousted(
    connection: &mut DbConnection,
    scope: &Scope,
    ousted: Option<PipelineId>,
    cause: ChangeId,
) -> QueryResult<()> {
    let Some(id) = ousted else { return Ok(()) };
    let what = What::changed(id, Fields::none().changed("isDefault", &true, &false))?;
    crm_history::record(connection, scope, NewChange::new(Kind::Pipeline, Action::Updated).following(cause), what)?;
    Ok(())
}

/// Gives a new tenant its pipeline, "Sales pipeline" (docs/compatibility.md, "Opportunities and pipelines"). A tenant that has a pipeline already is
/// left as it is. Call it in the [`DbConnection::write`] that makes the tenant.
///
/// # Errors
/// The database's.
pub fn provision(connection: &mut DbConnection, scope: &Scope) -> Result<(), PipelineError> {
    if queries::default_id(connection, scope)?.is_some() {
        return Ok(());
    }
    let name = Title::stored("Sales pipeline".to_owned());
    create(connection, scope, &NewPipeline { id: None, name, is_default: true, stages: NewStages::of_a_new_tenant() })?;
    Ok(())
}

/// One pipeline.
///
/// # Errors
/// [`PipelineError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: PipelineId) -> Result<Pipeline, PipelineError> {
    let row = queries::find(connection, scope, id)?.ok_or(PipelineError::NotFound)?;
    complete_one(connection, scope, row)
}

/// A page of the tenant's pipelines, in three statements however many they are, and one more to count all where that
/// is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    request: &PageRequest<PipelineSort>,
) -> Result<Page<Pipeline>, PipelineError> {
    let page = request.load(connection, scope, || queries::all(scope), PipelineRow::place)?;
    Ok(page.try_map(|rows| complete(connection, scope, rows))?)
}

/// The names of all of the tenant's pipelines, of which it has at most [`MOST_PIPELINES`].
///
/// # Errors
/// The database's.
pub fn names(connection: &mut DbConnection, scope: &Scope) -> Result<HashMap<PipelineId, String>, PipelineError> {
    Ok(queries::names(connection, scope)?)
}

/// Changes a pipeline. What the patch has as it stands already is no change, and a patch without any leaves the pipeline
/// as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`PipelineError::NotFound`]; [`PipelineError::Unmet`]; [`PipelineError::IsDefault`] for a default one that is to be none;
/// [`PipelineError::InUse`] where a stage with opportunities would be removed; nothing written. The database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: PipelineId,
    condition: &Condition<Pipeline>,
    patch: &PipelinePatch,
) -> Result<Pipeline, PipelineError> {
    let mut row = queries::find_locked(connection, scope, id)?.ok_or(PipelineError::NotFound)?;
    let present = complete_one(connection, scope, row.clone())?;
    condition.check(|| Ok::<_, PipelineError>(present.clone()))?;
    let PipelinePatch { name, is_default, stages } = patch;
    let name = name.as_ref().filter(|name| **name != present.name);
    let is_default = is_default.filter(|is_default| *is_default != present.is_default);
    let stages = stages.as_ref().filter(|stages| !stages.are(&present.stages));
    if name.is_none() && is_default.is_none() && stages.is_none() {
        return Ok(present);
    }
    if is_default == Some(false) {
        return Err(PipelineError::IsDefault);
    }
    if let Some(stages) = stages {
        stages::replace(connection, scope, id, stages)?;
    }
    let ousted = if is_default == Some(true) { make_default(connection, scope, id)? } else { None };
    if name.is_some() || stages.is_some() {
        row = queries::update(connection, scope, id, name)?;
    }
    let changed = complete_one(connection, scope, row)?;
    let what = ToldPipeline::of(&present).changed_to(&ToldPipeline::of(&changed))?;
    let change = crm_history::record(connection, scope, NewChange::new(Kind::Pipeline, Action::Updated), what)?;
    record_ousted(connection, scope, ousted, change)?;
    Ok(changed)
}

/// Deletes a pipeline with its stages. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`PipelineError::NotFound`]; [`PipelineError::Unmet`]; [`PipelineError::IsDefault`]; [`PipelineError::InUse`] where opportunities are in it;
/// nothing written. The database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    id: PipelineId,
    condition: &Condition<Pipeline>,
) -> Result<(), PipelineError> {
    let row = queries::find_locked(connection, scope, id)?.ok_or(PipelineError::NotFound)?;
    let present = complete_one(connection, scope, row)?;
    condition.check(|| Ok::<_, PipelineError>(present.clone()))?;
    // Under the lock on the pipeline nobody can make it the default one after this.
    if queries::default_id(connection, scope)? == Some(id) {
        return Err(PipelineError::IsDefault);
    }
    // Under the locks on its stages no opportunity comes into it either.
    stages::lock(connection, scope, id)?;
    if queries::has_opportunities(connection, scope, id, None)? {
        return Err(PipelineError::InUse);
    }
    crm_history::record(
        connection,
        scope,
        NewChange::new(Kind::Pipeline, Action::Deleted),
        ToldPipeline::of(&present).whole()?,
    )?;
    Ok(queries::delete(connection, scope, id)?)
}

/// The pipelines of these rows with their stages, in two statements.
fn complete(connection: &mut DbConnection, scope: &Scope, rows: Vec<PipelineRow>) -> QueryResult<Vec<Pipeline>> {
    let ids: Vec<PipelineId> = rows.iter().map(|row| row.id).collect();
    let default = queries::default_id(connection, scope)?;
    let mut stages = stages::of(connection, scope, &ids)?;
    let pipeline = |row: PipelineRow| {
        let id = row.id;
        row.into_pipeline(scope, default == Some(id), stages.remove(&id).unwrap_or_default())
    };
    Ok(rows.into_iter().map(pipeline).collect())
}

fn complete_one(connection: &mut DbConnection, scope: &Scope, row: PipelineRow) -> Result<Pipeline, PipelineError> {
    Ok(records::only(complete(connection, scope, vec![row])?)?)
}
