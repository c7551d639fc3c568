use crm_core::{DbConnection, FieldCode, FieldErrors, PipelineId, Scope};
use diesel::QueryResult;

use super::row::OpportunityValues;
use crate::pipelines::{self, Place, StageKey};

/// Where an opportunity is locked to move to.
#[derive(Debug)]
pub(super) enum Target {
    /// It stays where it is.
    Stays,
    /// This stage, which is locked and stays where it is until the end of the transaction.
    Place(Place),
    /// There is no such place.
    Unknown(FieldErrors),
}

impl Target {
    /// The place that a change names for an opportunity that is in this pipeline and stage. The pipeline that it is in,
    /// sent back without a stage, is no move.
    pub(super) fn of(
        connection: &mut DbConnection,
        scope: &Scope,
        (in_pipeline, in_stage): &(PipelineId, String),
        pipeline: Option<PipelineId>,
        stage: Option<&StageKey>,
    ) -> QueryResult<Self> {
        let pipeline = pipeline.unwrap_or(*in_pipeline);
        if pipeline == *in_pipeline && stage.is_none_or(|stage| stage.as_str() == in_stage) {
            return Ok(Self::Stays);
        }
        let mut errors = FieldErrors::new();
        let place = pipelines::place(connection, scope, Some(pipeline), stage, &mut errors)?;
        Ok(place.map_or(Self::Unknown(errors), Self::Place))
    }

    /// The place that a change takes the opportunity to; `None` where it stays, or after a problem was noted: what it was
    /// not locked for does not exist.
    pub(super) fn place_for(
        self,
        values: &OpportunityValues,
        pipeline: Option<PipelineId>,
        stage: Option<&StageKey>,
        errors: &mut FieldErrors,
    ) -> Option<Place> {
        let pipeline = pipeline.unwrap_or(values.pipeline_id);
        if pipeline == values.pipeline_id && stage.is_none_or(|stage| values.is_in(stage)) {
            return None;
        }
        match self {
            Self::Place(place) if place.pipeline_id == pipeline && stage.is_none_or(|stage| *stage == place.stage) => {
                return Some(place);
            }
            Self::Unknown(problems) => errors.append(problems),
            Self::Place(_) | Self::Stays => {
                errors.push(
                    "stage",
                    FieldCode::UnknownReference,
                    "is not the stage that the opportunity is locked for",
                );
            }
        }
        None
    }
}
