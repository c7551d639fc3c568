#![doc = include_str!("../README.md")]

mod error;
#[cfg(feature = "openapi")]
mod openapi;
mod opportunities;
pub mod pipelines;
mod schema;

pub use crm_forms::LeadRating;
pub use error::OpportunityError;
pub use opportunities::*;
pub use pipelines::{
    NewPipeline, NewStage, NewStages, Pipeline, PipelineError, PipelinePatch, PipelineSort, Stage, StageKey,
    StageOrBlank,
};
