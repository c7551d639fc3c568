//! What changes tell of pipelines.

use crm_core::values::Title;
use crm_core::{Timestamp, Uuid};
use crm_history::What;
use diesel::QueryResult;

use super::{Pipeline, Stage};

crm_history::told! {
    /// A pipeline as changes tell of it.
    pub(super) struct ToldPipeline<'a>;
    compared {
        name "name": &'a Title,
        is_default "isDefault": bool,
        stages "stages": &'a [Stage],
    }
    members { }
    shown {
        id "id": Uuid,
        created_on "createdOn": Timestamp,
        last_updated_on "lastUpdatedOn": Timestamp,
    }
}

impl<'a> ToldPipeline<'a> {
    pub(super) fn of(pipeline: &'a Pipeline) -> Self {
        let Pipeline { id, tenant_id: _, name, is_default, stages, created_on, last_updated_on } = pipeline;
        Self {
            name,
            is_default: *is_default,
            stages,
            id: *id,
            created_on: *created_on,
            last_updated_on: *last_updated_on,
        }
    }

    /// What becomes of it between this and another state.
    pub(super) fn changed_to(&self, after: &Self) -> QueryResult<What> {
        What::changed(self.id, self.differences(after))
    }
}

/// The whole pipeline, for a change that makes or deletes it.
pub(super) fn whole(pipeline: &Pipeline) -> QueryResult<What> {
    What::whole(pipeline.id, &ToldPipeline::of(pipeline))
}
