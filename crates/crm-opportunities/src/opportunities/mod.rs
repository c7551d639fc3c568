//! Opportunities: chances of a sale that go through the stages of a pipeline (docs/compatibility.md, "Opportunities and pipelines").

mod check;
mod closed;
mod filter;
mod links;
mod model;
mod participants;
mod queries;
mod restore;
mod row;
mod service;
mod status;
mod summary;
mod target;
mod told;
mod transitions;

pub use closed::{MonthClosed, closed_by_month};
pub use filter::{OWNERS, OpportunityFilter, OpportunitySort};
pub use links::{
    custom_fields_in_use, lock, relink_leads, relink_organizations, repoint_organizations, titles, unlink_leads,
    unlink_organizations,
};
pub use model::{ConvertedLead, NewOpportunity, Opportunity, OpportunityPatch};
pub use participants::{relink_contacts, repoint_contacts, unlink_contacts};
pub use queries::{SOUGHT, remember, with_external_ids};
pub use restore::{KeptOpportunity, restore};
pub use service::*;
pub use status::{LostReason, OpportunityStatus};
pub use summary::{StageSummary, summary};
pub use transitions::{StageChange, StatusChange, update_stage, update_status};
