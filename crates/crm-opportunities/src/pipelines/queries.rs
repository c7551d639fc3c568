//! The SQL of pipelines. Every query starts at the tenant of a scope.

use std::collections::HashMap;

use crm_core::text::folded;
use crm_core::values::Title;
use crm_core::{Db, DbConnection, ForUpdateExt, PipelineId, PortableExt, Scope, columns};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::row::PipelineRow;
use crate::schema::{default_pipelines, opportunities, pipelines};

/// All pipelines of the tenant, in no order.
pub(super) fn all(scope: &Scope) -> pipelines::BoxedQuery<'static, Db> {
    pipelines::table.filter(pipelines::tenant_id.eq(scope.tenant())).into_boxed::<Db>()
}

/// What each of the tenant's pipelines is called.
pub(super) fn names(connection: &mut DbConnection, scope: &Scope) -> QueryResult<HashMap<PipelineId, String>> {
    let query = pipelines::table.filter(pipelines::tenant_id.eq(scope.tenant()));
    let names: Vec<(PipelineId, String)> = query.select((pipelines::id, pipelines::name)).load(connection)?;
    Ok(names.into_iter().collect())
}

/// How many pipelines the tenant has.
pub(super) fn count(connection: &mut DbConnection, scope: &Scope) -> QueryResult<i64> {
    pipelines::table.filter(pipelines::tenant_id.eq(scope.tenant())).count().get_result(connection)
}

pub(super) fn find(connection: &mut DbConnection, scope: &Scope, id: PipelineId) -> QueryResult<Option<PipelineRow>> {
    pipelines::table.find((scope.tenant(), id)).select(columns::<PipelineRow>()).first(connection).optional()
}

pub(super) fn find_locked(
    connection: &mut DbConnection,
    scope: &Scope,
    id: PipelineId,
) -> QueryResult<Option<PipelineRow>> {
    pipelines::table
        .find((scope.tenant(), id))
        .select(columns::<PipelineRow>())
        .locked()
        .get_result(connection)
        .optional()
}

/// Makes a pipeline; `None` where the id is taken, which leaves the transaction usable.
pub(super) fn insert(
    connection: &mut DbConnection,
    scope: &Scope,
    id: PipelineId,
    name: &Title,
) -> QueryResult<Option<PipelineRow>> {
    diesel::insert_into(pipelines::table)
        .values((
            pipelines::tenant_id.eq(scope.tenant()),
            pipelines::id.eq(id),
            pipelines::name.eq(name.as_str()),
            pipelines::name_folded.eq(folded(name.as_str())),
            pipelines::created_on.eq(scope.now()),
            pipelines::last_updated_on.eq(scope.now()),
        ))
        .on_conflict_do_nothing()
        .returning(columns::<PipelineRow>())
        .portable()
        .get_result(connection)
        .optional()
}

/// Writes the name, where there is a new one, and that the pipeline was changed.
pub(super) fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: PipelineId,
    name: Option<&Title>,
) -> QueryResult<PipelineRow> {
    let name = name
        .map(|name| (pipelines::name.eq(name.as_str().to_owned()), pipelines::name_folded.eq(folded(name.as_str()))));
    diesel::update(pipelines::table.find((scope.tenant(), id)))
        .set((name, pipelines::last_updated_on.eq(scope.now())))
        .returning(columns::<PipelineRow>())
        .portable()
        .get_result(connection)
}

/// Whether opportunities are in a pipeline, or in these stages of it, which are locked.
pub(super) fn has_opportunities(
    connection: &mut DbConnection,
    scope: &Scope,
    id: PipelineId,
    stages: Option<&[&str]>,
) -> QueryResult<bool> {
    let of_pipeline = opportunities::table
        .filter(opportunities::tenant_id.eq(scope.tenant()))
        .filter(opportunities::pipeline_id.eq(id));
    match stages {
        None => diesel::select(diesel::dsl::exists(of_pipeline)).get_result(connection),
        Some([]) => Ok(false),
        Some(stages) => {
            let in_them = of_pipeline.filter(opportunities::stage_key.eq_any(stages));
            diesel::select(diesel::dsl::exists(in_them)).get_result(connection)
        }
    }
}

pub(super) fn delete(connection: &mut DbConnection, scope: &Scope, id: PipelineId) -> QueryResult<()> {
    diesel::delete(pipelines::table.find((scope.tenant(), id))).execute(connection)?;
    Ok(())
}

/// The tenant's default pipeline; `None` where it has no pipeline at all.
pub(super) fn default_id(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Option<PipelineId>> {
    default_pipelines::table.find(scope.tenant()).select(default_pipelines::pipeline_id).first(connection).optional()
}

/// Makes a pipeline the default one, whichever was it before.
pub(super) fn set_default(connection: &mut DbConnection, scope: &Scope, id: PipelineId) -> QueryResult<()> {
    diesel::insert_into(default_pipelines::table)
        .values((default_pipelines::tenant_id.eq(scope.tenant()), default_pipelines::pipeline_id.eq(id)))
        .on_conflict(default_pipelines::tenant_id)
        .do_update()
        .set(default_pipelines::pipeline_id.eq(excluded(default_pipelines::pipeline_id)))
        .portable()
        .execute(connection)?;
    Ok(())
}

/// Makes a pipeline the default one unless the tenant has one; whether it is now.
pub(super) fn set_default_if_none(connection: &mut DbConnection, scope: &Scope, id: PipelineId) -> QueryResult<bool> {
    let made = diesel::insert_into(default_pipelines::table)
        .values((default_pipelines::tenant_id.eq(scope.tenant()), default_pipelines::pipeline_id.eq(id)))
        .on_conflict_do_nothing()
        .portable()
        .execute(connection)?;
    Ok(made > 0)
}
