//! Pipelines: the stages that opportunities pass through (docs/compatibility.md, "Opportunities and pipelines").

mod error;
mod model;
mod queries;
mod row;
mod service;
mod stage;
mod stages;
mod told;

pub use error::PipelineError;
pub use model::{NewPipeline, Pipeline, PipelinePatch, PipelineSort};
pub use service::*;
pub use stage::{NewStage, NewStages, Stage, StageKey, StageOrBlank};
pub use stages::hold_stages;

pub(crate) use stages::{Place, place};
