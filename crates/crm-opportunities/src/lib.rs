#![doc = include_str!("../README.md")]

mod error;
#[cfg(feature = "openapi")]
mod openapi;
mod opportunities;
pub mod pipelines;
mod schema;

pub use error::OpportunityError;
pub use opportunities::{
    ConvertedLead, KeptOpportunity, LostReason, MonthClosed, NewOpportunity, OWNERS, Opportunity, OpportunityFilter,
    OpportunityPatch, OpportunitySort, OpportunityStatus, SOUGHT, StageChange, StageSummary, StatusChange, by_stage,
    closed_by_month, create, create_from_lead, custom_fields_in_use, delete, get, list, lock, record_deletion,
    relink_contacts, relink_leads, relink_organizations, remember, repoint_contacts, repoint_organizations, restore,
    summary, titles, unlink_contacts, unlink_leads, unlink_organizations, update, update_stage, update_status,
    with_external_ids,
};
pub use pipelines::{
    NewPipeline, NewStage, NewStages, Pipeline, PipelineError, PipelinePatch, PipelineSort, Stage, StageKey,
    StageOrBlank,
};
