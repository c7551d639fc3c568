//! The stages of pipelines, and the places in them that opportunities take.

use std::collections::HashMap;

use crm_core::error::collision;
use crm_core::records::Stored;
use crm_core::sql::among;
use crm_core::{
    DbConnection, FieldCode, FieldErrors, ForShareExt, ForUpdateExt, OpportunityId, PipelineId, PortableExt, Scope,
    TenantId, columns, each_backend,
};
use diesel::prelude::*;

use super::queries;
use super::row::StageRow;
use super::{NewStage, NewStages, PipelineError, Stage, StageKey};
use crate::schema::{opportunities, pipeline_stages};

/// Where an opportunity is: what its row holds of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pipeline_id: PipelineId,
    pub(crate) stage: StageKey,
    pub(crate) position: i16,
}

/// The place that a body names: the default pipeline and the first stage unless it says. What does not exist is a
/// problem of its field, and gives `None`. The stage is locked, so that it stays, and in its place, until the end of the
/// transaction.
pub(crate) fn place(
    connection: &mut DbConnection,
    scope: &Scope,
    pipeline: Option<PipelineId>,
    stage: Option<&StageKey>,
    errors: &mut FieldErrors,
) -> QueryResult<Option<Place>> {
    let pipeline_id = match pipeline {
        Some(id) => id,
        None => match default_id(connection, scope)? {
            Some(id) => id,
            None => {
                errors.push(
                    "pipelineId",
                    FieldCode::Required,
                    "is required, because the tenant has no default pipeline",
                );
                return Ok(None);
            }
        },
    };
    if let Some(place) = Held::place(scope, pipeline_id, stage) {
        return Ok(Some(place));
    }
    let of_pipeline = pipeline_stages::table
        .filter(pipeline_stages::tenant_id.eq(scope.tenant()))
        .filter(pipeline_stages::pipeline_id.eq(pipeline_id));
    let columns = (pipeline_stages::key, pipeline_stages::position);
    let found: Option<(String, i16)> = match stage {
        Some(key) => {
            let this = of_pipeline.filter(pipeline_stages::key.eq(key.as_str()));
            this.select(columns).shared().get_result(connection).optional()?
        }
        None => {
            let first = of_pipeline.order(pipeline_stages::position).limit(1);
            first.select(columns).shared().get_result(connection).optional()?
        }
    };
    if let Some((key, position)) = found {
        return Ok(Some(Place { pipeline_id, stage: StageKey::stored(key), position }));
    }
    match (queries::find(connection, scope, pipeline_id)?, stage) {
        (None, _) => {
            let message = format_args!("no pipeline has the id {pipeline_id}");
            errors.push("pipelineId", FieldCode::UnknownReference, message);
        }
        (Some(_), Some(key)) => {
            let message = format_args!("the pipeline {pipeline_id} has no stage {key}");
            errors.push("stage", FieldCode::UnknownReference, message);
        }
        // Every pipeline has one.
        (Some(_), None) => return Err(collision("the first stage was removed")),
    }
    Ok(None)
}

/// The stages that a transaction of many changes ([`Scope::remembering`]) has locked, in order, and the default pipeline that it has
/// found: none of its changes asks again.
#[derive(Default)]
struct Held {
    stages: HashMap<PipelineId, Vec<(i16, String)>>,
    default: Option<PipelineId>,
}

impl Held {
    /// The place that [`place`] would give, where it is held.
    fn place(scope: &Scope, pipeline_id: PipelineId, stage: Option<&StageKey>) -> Option<Place> {
        scope.memory()?.with(|Self { stages, .. }| {
            let mut stages = stages.get(&pipeline_id)?.iter();
            let (position, key) = stages.find(|(_, key)| stage.is_none_or(|stage| stage.as_str() == key))?;
            Some(Place { pipeline_id, stage: StageKey::stored(key.clone()), position: *position })
        })
    }
}

/// The default pipeline of the tenant. A transaction of many changes asks once.
fn default_id(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Option<PipelineId>> {
    if let Some(known) = scope.memory().and_then(|memory| memory.with(|held: &mut Held| held.default)) {
        return Ok(Some(known));
    }
    let found = queries::default_id(connection, scope)?;
    if let Some(memory) = scope.memory() {
        memory.with(|held: &mut Held| held.default = found);
    }
    Ok(found)
}

/// Locks the stages of these pipelines as a new opportunity locks its own, `None` being the default pipeline, and of those that these
/// opportunities are in: for many that are written at once, none of which asks or waits for a stage then.
///
/// # Errors
/// The database's.
pub fn hold_stages(
    connection: &mut DbConnection,
    scope: &Scope,
    pipelines: &[Option<PipelineId>],
    of: &[OpportunityId],
) -> QueryResult<()> {
    if pipelines.is_empty() {
        return Ok(());
    }
    let mut wanted: Vec<PipelineId> = pipelines.iter().copied().flatten().collect();
    if pipelines.contains(&None) {
        wanted.extend(default_id(connection, scope)?);
    }
    if !of.is_empty() {
        let theirs = opportunities::table.filter(among(scope, opportunities::tenant_id, opportunities::id, of));
        let theirs: Vec<PipelineId> = theirs.select(opportunities::pipeline_id).distinct().load(connection)?;
        wanted.extend(theirs);
    }
    let held: Vec<(PipelineId, i16, String)> = pipeline_stages::table
        .filter(among(scope, pipeline_stages::tenant_id, pipeline_stages::pipeline_id, wanted))
        .order((pipeline_stages::pipeline_id, pipeline_stages::key))
        .select((pipeline_stages::pipeline_id, pipeline_stages::position, pipeline_stages::key))
        .shared()
        .load(connection)?;
    if let Some(memory) = scope.memory() {
        memory.with(|Held { stages, .. }: &mut Held| {
            for (pipeline, position, key) in held {
                stages.entry(pipeline).or_default().push((position, key));
            }
            stages.values_mut().for_each(|stages| stages.sort_unstable());
        });
    }
    Ok(())
}

/// The stages of each of these pipelines, in order, in one statement.
pub(super) fn of(
    connection: &mut DbConnection,
    scope: &Scope,
    pipelines: &[PipelineId],
) -> QueryResult<HashMap<PipelineId, Vec<Stage>>> {
    let rows: Vec<StageRow> = pipeline_stages::table
        .filter(among(scope, pipeline_stages::tenant_id, pipeline_stages::pipeline_id, pipelines))
        .order(pipeline_stages::position)
        .select(columns::<StageRow>())
        .load(connection)?;
    let mut stages: HashMap<PipelineId, Vec<Stage>> = HashMap::with_capacity(pipelines.len());
    for row in rows {
        stages.entry(row.pipeline_id).or_default().push(row.into_stage());
    }
    Ok(stages)
}

#[derive(Insertable)]
#[diesel(table_name = pipeline_stages, treat_none_as_default_value = false)]
struct InsertedStage<'a> {
    tenant_id: TenantId,
    pipeline_id: PipelineId,
    key: &'a str,
    #[diesel(embed)]
    values: StageValues<'a>,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = pipeline_stages, treat_none_as_default_value = false, treat_none_as_null = true)]
struct StageValues<'a> {
    position: i16,
    label: &'a str,
    probability: Option<i16>,
    color: &'a str,
}

impl<'a> StageValues<'a> {
    fn new(position: i16, stage: &'a NewStage) -> Self {
        let NewStage { key: _, label, probability, color } = stage;
        Self { position, label: label.as_str(), probability: *probability, color: color.as_str() }
    }
}

/// Adds these stages at their places.
pub(super) fn add(
    connection: &mut DbConnection,
    scope: &Scope,
    pipeline: PipelineId,
    stages: &[(i16, &NewStage)],
) -> QueryResult<()> {
    if stages.is_empty() {
        return Ok(());
    }
    let rows: Vec<InsertedStage<'_>> = stages
        .iter()
        .map(|(position, stage)| InsertedStage {
            tenant_id: scope.tenant(),
            pipeline_id: pipeline,
            key: stage.key.as_str(),
            values: StageValues::new(*position, stage),
        })
        .collect();
    let insert = diesel::insert_into(pipeline_stages::table).values(&rows);
    each_backend!(connection, connection => insert.execute(connection))?;
    Ok(())
}

/// Gives exactly these stages to a pipeline that is locked. Opportunities in one that gets another place go along.
///
/// # Errors
/// [`PipelineError::InUse`] where a stage with opportunities would be removed, nothing written; the database's.
pub(super) fn replace(
    connection: &mut DbConnection,
    scope: &Scope,
    pipeline: PipelineId,
    stages: &NewStages,
) -> Result<(), PipelineError> {
    let present = lock(connection, scope, pipeline)?;
    let present: HashMap<StageKey, Stage> = present.into_iter().map(|stage| (stage.key.clone(), stage)).collect();
    let wanted: HashMap<&StageKey, i16> = stages.as_slice().iter().map(|stage| &stage.key).zip(1_i16..).collect();
    let removed: Vec<&str> = present.keys().filter(|key| !wanted.contains_key(key)).map(StageKey::as_str).collect();
    if queries::has_opportunities(connection, scope, pipeline, Some(&removed))? {
        return Err(PipelineError::InUse);
    }
    if !removed.is_empty() {
        let gone = pipeline_stages::table
            .filter(pipeline_stages::tenant_id.eq(scope.tenant()))
            .filter(pipeline_stages::pipeline_id.eq(pipeline))
            .filter(pipeline_stages::key.eq_any(&removed));
        diesel::delete(gone).execute(connection)?;
    }
    let mut new = Vec::new();
    for (position, stage) in (1_i16..).zip(stages.as_slice()) {
        match present.get(&stage.key) {
            None => new.push((position, stage)),
            Some(before) if is_as_before(before, position, stage) => {}
            Some(_) => {
                diesel::update(pipeline_stages::table.find((scope.tenant(), pipeline, stage.key.as_str())))
                    .set(StageValues::new(position, stage))
                    .portable()
                    .execute(connection)?;
            }
        }
    }
    add(connection, scope, pipeline, &new)?;
    let moves = |stage: &&Stage| wanted.get(&stage.key).is_some_and(|position| *position != stage.order);
    let moved: Vec<&str> = present.values().filter(moves).map(|stage| stage.key.as_str()).collect();
    Ok(move_opportunities(connection, scope, pipeline, &moved)?)
}

/// The stages of a pipeline, locked: no opportunity comes into one until the end of the transaction, and none is on its
/// way into one.
pub(super) fn lock(connection: &mut DbConnection, scope: &Scope, pipeline: PipelineId) -> QueryResult<Vec<Stage>> {
    let rows: Vec<StageRow> = pipeline_stages::table
        .filter(pipeline_stages::tenant_id.eq(scope.tenant()))
        .filter(pipeline_stages::pipeline_id.eq(pipeline))
        .order(pipeline_stages::key)
        .select(columns::<StageRow>())
        .locked()
        .load(connection)?;
    Ok(rows.into_iter().map(StageRow::into_stage).collect())
}

/// Gives the opportunities of these stages, which are locked, the places that the stages have now. The opportunities are
/// locked in ascending order; their own `lastUpdatedOn` stays.
fn move_opportunities(
    connection: &mut DbConnection,
    scope: &Scope,
    pipeline: PipelineId,
    moved: &[&str],
) -> QueryResult<()> {
    if moved.is_empty() {
        return Ok(());
    }
    let in_them = || {
        opportunities::table
            .filter(opportunities::tenant_id.eq(scope.tenant()))
            .filter(opportunities::pipeline_id.eq(pipeline))
            .filter(opportunities::stage_key.eq_any(moved))
    };
    let _: Vec<OpportunityId> =
        in_them().order(opportunities::id).select(opportunities::id).locked().load(connection)?;
    let position = pipeline_stages::table
        .filter(pipeline_stages::tenant_id.eq(scope.tenant()))
        .filter(pipeline_stages::pipeline_id.eq(pipeline))
        .filter(pipeline_stages::key.eq(opportunities::stage_key))
        .select(pipeline_stages::position)
        .single_value()
        .assume_not_null();
    diesel::update(in_them()).set(opportunities::stage_position.eq(position)).execute(connection)?;
    Ok(())
}

fn is_as_before(before: &Stage, position: i16, stage: &NewStage) -> bool {
    let NewStage { key, label, probability, color } = stage;
    *before
        == Stage {
            key: key.clone(),
            label: label.clone(),
            order: position,
            probability: *probability,
            color: color.clone(),
        }
}
