//! The case type that a new tenant has (docs/compatibility.md, "Cases and case types").

use crm_core::input::{At, FromJson};
use crm_core::{FieldErrors, PublicTenantId};
use crm_forms::Form;
use serde_json::json;

use crate::types::model::CASES;
use crate::workflow::WorkflowDocument;

/// What it is called.
pub(crate) const LABEL: &str = "General";

/// Its form: all of a case's own fields.
pub(crate) fn form(tenant: &PublicTenantId) -> Form {
    Form::default_of(CASES, tenant)
}

/// Id, label, place in the editor, colour, and whether a case that enters it counts as resolved.
const STATUSES: &[(&str, &str, [i32; 2], &str, bool)] = &[
    ("open", "Open", [100, 100], "#ff0000", false),
    ("in-progress", "In Progress", [300, 100], "#ffa500", false),
    ("resolved", "Resolved", [500, 100], "#00ff00", true),
    ("closed", "Closed", [700, 100], "#0000ff", true),
    ("reopened", "Reopened", [500, 300], "#ff00ff", false),
];

/// Label, source, target, and whether it takes a comment: those of the source's example, for everybody.
const TRANSITIONS: &[(&str, &str, &str, bool)] = &[
    ("Close", "Open", "Closed", false),
    ("Start", "Open", "In Progress", false),
    ("Cancel", "Open", "Closed", true),
    ("Resolve", "Open", "Resolved", true),
    ("Resolve", "In Progress", "Resolved", true),
    ("Close", "In Progress", "Closed", true),
    ("Close", "Resolved", "Closed", true),
    ("Reopen", "Closed", "Reopened", true),
    ("Close", "Reopened", "Closed", true),
    ("Resolve", "Reopened", "Resolved", true),
    ("Reopen", "Resolved", "Reopened", true),
];

/// Its workflow.
///
/// # Errors
/// None: a test reads it.
pub(crate) fn workflow() -> Result<WorkflowDocument, FieldErrors> {
    let status = |(id, label, [x, y], color, resolves): &(&str, &str, [i32; 2], &str, bool)| {
        json!({
            "id": id, "type": "node", "position": { "x": x, "y": y },
            "data": { "label": label, "recordResolutionSLA": resolves, "color": color }
        })
    };
    let transition = |(number, (label, source, target, comment)): (usize, &(&str, &str, &str, bool))| {
        json!({
            "id": format!("transition-{}", number + 1), "type": "labeledEdge", "label": label,
            "source": source, "sourceHandle": null, "target": target, "targetHandle": null,
            "data": { "isEditing": false, "recordComment": comment }
        })
    };
    let document = json!({
        "status": STATUSES.iter().map(status).collect::<Vec<_>>(),
        "transition": TRANSITIONS.iter().enumerate().map(transition).collect::<Vec<_>>()
    });
    let mut errors = FieldErrors::new();
    WorkflowDocument::from_json(&document, &At::field("workflow"), &mut errors).ok_or(errors)
}
