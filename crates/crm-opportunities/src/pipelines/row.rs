use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::values::{Color, Title};
use crm_core::{Db, PipelineId, Scope, Timestamp};
use diesel::prelude::*;

use super::{Pipeline, PipelineSort, Stage, StageKey};
use crate::schema::{pipeline_stages, pipelines};

/// A row of `pipelines`, without its tenant.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = pipelines, check_for_backend(Db))]
pub(super) struct PipelineRow {
    pub(super) id: PipelineId,
    name: String,
    name_folded: String,
    created_on: Timestamp,
    last_updated_on: Timestamp,
}

/// A row of `pipeline_stages`, without its tenant.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = pipeline_stages, check_for_backend(Db))]
pub(super) struct StageRow {
    pub(super) pipeline_id: PipelineId,
    key: String,
    position: i16,
    label: String,
    probability: Option<i16>,
    color: String,
}

impl PipelineRow {
    /// Where the row stands in an order.
    pub(super) fn place(&self, order_by: PipelineSort, _: Direction) -> (SortKey, PipelineId) {
        let key = match order_by {
            PipelineSort::CreatedOn => SortKey::Moment(self.created_on),
            PipelineSort::LastUpdatedOn => SortKey::Moment(self.last_updated_on),
            PipelineSort::Name => SortKey::Text(self.name_folded.clone()),
        };
        (key, self.id)
    }

    /// The pipeline that this row is, with what other tables have of it.
    pub(super) fn into_pipeline(self, scope: &Scope, is_default: bool, stages: Vec<Stage>) -> Pipeline {
        let Self { id, name, name_folded: _, created_on, last_updated_on } = self;
        Pipeline {
            id,
            tenant_id: scope.public_tenant().clone(),
            name: Title::stored(name),
            is_default,
            stages,
            created_on,
            last_updated_on,
        }
    }
}

impl StageRow {
    pub(super) fn into_stage(self) -> Stage {
        let Self { pipeline_id: _, key, position, label, probability, color } = self;
        Stage {
            key: StageKey::stored(key),
            label: Title::stored(label),
            order: position,
            probability,
            color: Color::stored(color),
        }
    }
}
