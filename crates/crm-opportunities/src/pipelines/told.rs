//! What changes tell of pipelines.

use crm_core::values::Title;
use crm_core::{PipelineId, Timestamp};

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
        id "id": PipelineId,
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
}
