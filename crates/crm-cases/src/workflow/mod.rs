//! Workflows: the statuses of a case type and the transitions between them (contract/cases, "Case type" and
//! "Walking the workflow"). Nothing here knows the database.

mod document;
mod graph;

pub use document::WorkflowDocument;
pub use graph::{Edge, Node, Refusal, Roles, Status, Transition, Workflow};
