//! The steps that a case can take, each by the transition that is walked.

use crm_cases::workflow::{Roles, Transition, Workflow, WorkflowDocument};
use crm_cases::{Case, CasePatch, types};
use crm_console::graph::Picture;
use crm_console::record::{Ahead, Step};
use crm_core::input::{FromBody, JsonObject};
use crm_core::values::User;
use crm_core::{CaseId, Condition, DbConnection, FieldCode, FieldErrors, Scope};
use crm_suite::cases;
use serde_json::Value;

use crate::auth::{Visitor, Write, area};
use crate::endpoint::{Answer, Form, Html};
use crate::error::Failure;

use super::kind::Numbered;
use super::{again, named_as_in_form, records};

/// A step, as a workflow allows it to whoever looks.
struct Way {
    transition: Option<String>,
    target: String,
    takes_comment: bool,
}

impl Way {
    /// How a form names it: with a comment and without one, a workflow leads to a status by one transition each.
    fn id(&self) -> String {
        format!("{}:{}", if self.takes_comment { "said" } else { "plain" }, self.target)
    }

    fn step(&self) -> Step {
        let name = self.transition.as_ref().map_or_else(String::new, |name| format!("{name} → "));
        let words = format!("{name}{}", self.target);
        Step { id: self.id(), words, takes_comment: self.takes_comment, ..Step::default() }
    }
}

fn roles(case: &Case, scope: &Scope) -> Roles {
    let Some(user) = scope.author(None) else { return Roles::default() };
    let is = |person: &Option<User>| person.as_ref().is_some_and(|person| person.id() == user.id());
    Roles { owner: is(&case.owner), assignee: is(&case.assignee), requestor: is(&case.creator) }
}

/// The ways that whoever looks may go with a case, in this workflow.
fn ways(scope: &Scope, case: &Case, workflow: &Workflow) -> Vec<Way> {
    let (here, actor) = (case.status.as_str(), roles(case, scope));
    let mut ways = Vec::new();
    for status in workflow.statuses().iter().filter(|status| Some(*status) != workflow.status(here)) {
        let target = &status.label;
        let mut add = |transition: Option<&Transition>, takes_comment| {
            let transition = transition.and_then(|transition| transition.label.clone());
            ways.push(Way { transition, target: target.clone(), takes_comment });
        };
        if let Ok(transition) = workflow.allowed(here, target, actor, false) {
            add(transition, false);
        }
        if let Ok(Some(transition)) = workflow.allowed(here, target, actor, true)
            && transition.records_comment
        {
            add(Some(transition), true);
        }
    }
    ways
}

/// The workflow of a case, as its type has it and as a graph.
fn workflow_of(
    connection: &mut DbConnection,
    scope: &Scope,
    case: &Case,
) -> Result<(WorkflowDocument, Workflow), Failure> {
    let document = types::get(connection, scope, case.case_type_id)?.workflow;
    let workflow = document.graph()?;
    Ok((document, workflow))
}

/// The steps that whoever looks may take with a case, in the picture of its workflow.
pub(super) fn of(connection: &mut DbConnection, scope: &Scope, case: &Case) -> Result<Ahead, Failure> {
    let (document, workflow) = workflow_of(connection, scope, case)?;
    let steps = ways(scope, case, &workflow).iter().map(Way::step).collect();
    let (document, here) = (Value::Object(document.to_object()), case.status.as_str().to_owned());
    Ok(Ahead { steps, picture: Some(Picture { document, workflow, here }) })
}

/// The step that a form chose, with what it says about it.
fn chosen(ways: &[Way], form: &Form) -> Result<(String, Option<String>), FieldErrors> {
    let refused = |field, code, words: &str| Err(FieldErrors::of(field, code, words));
    let wanted = form.value("step").unwrap_or_default();
    let Some(way) = ways.iter().find(|way| way.id() == wanted) else {
        return refused("step", FieldCode::InvalidValue, "leads nowhere from where the case is now: choose again");
    };
    let said = form.value("said").filter(|said| !said.trim().is_empty());
    let is_other = |other: &&Way| other.takes_comment && other.target == way.target;
    match (way.takes_comment, said) {
        (true, None) => refused("said", FieldCode::Required, "is required by this step"),
        (false, Some(_)) if ways.iter().any(|other| is_other(&other)) => refused(
            "said",
            FieldCode::Conflicting,
            "goes with another step to this status: choose that one, or leave it out",
        ),
        _ => Ok((way.target.clone(), said.map(str::to_owned))),
    }
}

/// Walks a case on.
pub(super) async fn walk(visitor: Visitor<area::Cases, Write>, Numbered(id): Numbered<CaseId>) -> Answer<Html> {
    let form = visitor.form().clone();
    let walked = visitor.write(move |connection, scope| {
        let case = cases::get(connection, scope, id)?;
        let (status, comment) = chosen(&ways(scope, &case, &workflow_of(connection, scope, &case)?.1), &form)?;
        let mut patch = JsonObject::from_iter([("status".to_owned(), status.into())]);
        if let Some(comment) = comment {
            patch.insert("comment".to_owned(), comment.replace("\r\n", "\n").into());
        }
        let patch = CasePatch::from_body(&patch)?;
        cases::update(connection, scope, id, &Condition::<Case>::none(), &patch)?;
        Ok(Html::see_other(format!("/console/cases/{id}?done=done")))
    });
    // The page has another field for comments.
    let names = [("comment", "said"), ("status", "step")];
    let walked = walked.await.map_err(|problem| named_as_in_form(problem, &names));
    again(visitor.form(), walked, |typed| records::show::<Case, _>(&visitor, id, typed)).await
}
