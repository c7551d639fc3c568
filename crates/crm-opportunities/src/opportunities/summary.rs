//! What is in the stages of the pipelines (beyond the source).

use std::collections::BTreeMap;

use crm_core::counts;
use crm_core::records::Stored;
use crm_core::sql::{OneOf, Uid, one_of};
use crm_core::values::{Currency, MoneyTotal, Title};
use crm_core::{Db, DbConnection, PipelineId, Scope, TenantId};
use crm_forms::{Form, FormKind};
use diesel::dsl::Select;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
use serde::Serialize;

use super::{OpportunityFilter, OpportunityStatus, queries};
use crate::OpportunityError;
use crate::pipelines::StageKey;
use crate::schema::{opportunities, pipeline_stages};

/// The open opportunities in one stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StageSummary {
    /// The pipeline.
    pub pipeline_id: PipelineId,
    /// The stage.
    pub stage: StageKey,
    /// What people call the stage.
    pub label: Title,
    /// Its place in the pipeline, from 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub order: i16,
    /// How likely an opportunity in this stage is won, in whole percents.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 100))]
    pub probability: Option<i16>,
    /// How many opportunities are in it, with a value or without.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub count: i64,
    /// The sum of their values by currency.
    pub values: Vec<MoneyTotal>,
    /// The same times the probability; empty where the stage has none.
    pub weighted_values: Vec<MoneyTotal>,
}

/// The form, where the filter asks for custom fields: one statement more.
fn form_for(connection: &mut DbConnection, scope: &Scope, filter: &OpportunityFilter) -> QueryResult<Form> {
    if !filter.fields.asks_custom_fields() {
        return Ok(Form::default_of(crm_forms::PIPELINE, scope.public_tenant()));
    }
    crm_forms::get(connection, scope, FormKind::Pipeline)
}

type Columns =
    (opportunities::pipeline_id, opportunities::stage_key, opportunities::value_code, opportunities::value_units);

/// The open opportunities that match, as they are added up.
fn open(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
) -> Result<Select<queries::Query, Columns>, OpportunityError> {
    let form = form_for(connection, scope, filter)?;
    let resolved = queries::resolve(connection, scope, filter, &form)?;
    let open =
        queries::matching(scope, filter, &resolved).filter(opportunities::status.eq(OpportunityStatus::Open.as_str()));
    Ok(open.select((
        opportunities::pipeline_id,
        opportunities::stage_key,
        opportunities::value_code,
        opportunities::value_units,
    )))
}

/// What the open opportunities that match add up to, for every stage of every pipeline that the filter allows, in the
/// order of pipelines and stages. One statement, and more to find what a filter names; where it asks for pipelines and
/// stages alone, none of the opportunities is read.
///
/// # Errors
/// The database's.
pub fn summary(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
) -> Result<Vec<StageSummary>, OpportunityError> {
    let OpportunityFilter { pipeline_id, stage, .. } = filter;
    let pipelines = pipeline_id.as_ref().map(|ids| one_of(pipeline_stages::pipeline_id, ids));
    let stages = stage.as_ref().map(|keys| one_of(pipeline_stages::key, keys));
    let tenant = scope.tenant();
    let rows: Vec<TotalRow> = if filter.is_by_stages_alone() {
        Stages { tenant, pipelines, stages, totals: Kept(tenant) }.load(connection)?
    } else {
        let totals = Summed(open(connection, scope, filter)?);
        Stages { tenant, pipelines, stages, totals }.load(connection)?
    };
    // By pipeline and place; the rows come in that order, one for each currency.
    let mut stages: BTreeMap<(PipelineId, i16), StageSummary> = BTreeMap::new();
    for row in rows {
        let stage = stages.entry((row.pipeline_id, row.position)).or_insert_with(|| row.empty_stage());
        row.add_to(stage)
            .ok_or_else(|| DieselError::DeserializationError("a sum of more digits than a decimal has".into()))?;
    }
    Ok(stages.into_values().collect())
}

#[derive(Debug, Queryable)]
struct TotalRow {
    pipeline_id: PipelineId,
    key: String,
    position: i16,
    label: String,
    probability: Option<i16>,
    value_code: Option<String>,
    records: Option<i64>,
    billions: Option<i64>,
    rest: Option<i64>,
}

impl TotalRow {
    fn empty_stage(&self) -> StageSummary {
        StageSummary {
            pipeline_id: self.pipeline_id,
            stage: StageKey::stored(self.key.clone()),
            label: Title::stored(self.label.clone()),
            order: self.position,
            probability: self.probability,
            count: 0,
            values: Vec::new(),
            weighted_values: Vec::new(),
        }
    }

    /// Adds what this row counts to its stage; `None` where a sum has too many digits.
    fn add_to(&self, stage: &mut StageSummary) -> Option<()> {
        stage.count += self.records.unwrap_or(0);
        let currency = self.value_code.as_deref().and_then(|code| code.parse::<Currency>().ok());
        if let (Some(currency), Some(billions), Some(rest)) = (currency, self.billions, self.rest) {
            let total = MoneyTotal::from_units(i128::from(billions) * BILLION + i128::from(rest), currency)?;
            stage.values.push(total);
            if let Some(probability) = stage.probability {
                stage.weighted_values.push(total.percent(probability)?);
            }
        }
        Some(())
    }
}

const BILLION: i128 = counts::BILLION as i128;

/// What all opportunities add up to, as it is [kept](counts).
struct Kept(TenantId);

impl QueryFragment<Db> for Kept {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql(
            "SELECT group_id AS pipeline_id, group_key AS stage_key, nullif(value_code, '') AS value_code, \
             CAST(sum(records) AS BIGINT) AS records, CAST(sum(billions) AS BIGINT) AS billions, \
             CAST(sum(rest) AS BIGINT) AS rest FROM record_counts WHERE tenant_id = ",
        );
        pass.push_bind_param::<BigInt, _>(&self.0)?;
        pass.push_sql(" AND kind = ");
        pass.push_sql(OPPORTUNITIES);
        pass.push_sql(" GROUP BY group_id, group_key, value_code HAVING sum(records) <> 0");
        Ok(())
    }
}

/// The number of their kind in what is kept.
const OPPORTUNITIES: &str = "2";

/// What some opportunities add up to.
///
/// An amount has up to 18 digits in units, so that ten of them can be too many for the 64 bits of SQLite's sum, which
/// fails then. The billions and the rest are added up by themselves: both sums are exact for billions of rows, on both
/// databases, whose divisions round towards zero alike.
struct Summed<Q>(Q);

impl<Q: QueryFragment<Db>> QueryFragment<Db> for Summed<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql(
            "SELECT pipeline_id, stage_key, value_code, count(*) AS records, \
             CAST(sum(value_units / 1000000000) AS BIGINT) AS billions, \
             CAST(sum(value_units % 1000000000) AS BIGINT) AS rest FROM (",
        );
        self.0.walk_ast(pass.reborrow())?;
        pass.push_sql(") AS matching GROUP BY pipeline_id, stage_key, value_code");
        Ok(())
    }
}

/// The stages, each with its `totals`.
struct Stages<Q> {
    tenant: TenantId,
    pipelines: Option<OneOf<pipeline_stages::pipeline_id>>,
    stages: Option<OneOf<pipeline_stages::key>>,
    totals: Q,
}

impl<Q: QueryFragment<Db>> QueryFragment<Db> for Stages<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql(
            "SELECT pipeline_stages.pipeline_id, pipeline_stages.key, pipeline_stages.position, pipeline_stages.label, pipeline_stages.probability, \
             totals.value_code, totals.records, totals.billions, totals.rest FROM pipeline_stages LEFT JOIN (",
        );
        self.totals.walk_ast(pass.reborrow())?;
        pass.push_sql(
            ") AS totals \
             ON totals.pipeline_id = pipeline_stages.pipeline_id AND totals.stage_key = pipeline_stages.key WHERE pipeline_stages.tenant_id = ",
        );
        pass.push_bind_param::<BigInt, _>(&self.tenant)?;
        if let Some(pipelines) = &self.pipelines {
            pass.push_sql(" AND ");
            pipelines.walk_ast(pass.reborrow())?;
        }
        if let Some(stages) = &self.stages {
            pass.push_sql(" AND ");
            stages.walk_ast(pass.reborrow())?;
        }
        pass.push_sql(" ORDER BY pipeline_stages.pipeline_id, pipeline_stages.position, totals.value_code");
        Ok(())
    }
}

impl<Q> QueryId for Stages<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Stages<Q> {
    type SqlType = (
        Uid,
        Text,
        SmallInt,
        Text,
        Nullable<SmallInt>,
        Nullable<Text>,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<BigInt>,
    );
}

impl<Q> RunQueryDsl<DbConnection> for Stages<Q> {}
