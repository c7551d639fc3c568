//! Documents of workflows, and walks through their graphs.
#![no_main]

use crm_cases::workflow::{Roles, WorkflowDocument};
use crm_core::FieldErrors;
use crm_core::input::{At, FromJson};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let mut errors = FieldErrors::new();
    let Some(document) = WorkflowDocument::from_json(&value, &At::field("workflow"), &mut errors) else {
        assert!(!errors.is_empty(), "a refusal has a reason");
        return;
    };
    let graph = document.graph().expect("what was checked is a graph");
    let statuses = &graph.statuses()[..graph.statuses().len().min(8)];
    for from in statuses {
        assert!(graph.status(&from.label).is_some(), "a status goes by its label");
        for to in statuses {
            let walked = graph.allowed(&from.label, &to.label, Roles::default(), true);
            assert!(from != to || walked.is_ok(), "a case may stay where it is");
        }
    }
});
