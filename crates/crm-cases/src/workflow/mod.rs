//! Workflows: the statuses of a case type and the transitions between them (docs/compatibility.md, "Cases and
//! case types"). Nothing here knows the database.

mod document;
mod graph;

pub(crate) use document::StoredDocument;
pub use document::WorkflowDocument;
pub use graph::{Edge, Listed, Node, Refusal, Roles, Status, Transition, Workflow};
