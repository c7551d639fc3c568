//! Settings, case types, each with its workflow as a picture and as tables.

use std::collections::HashSet;

use crm_cases::CaseType;
use crm_cases::workflow::Workflow;
use crm_core::keys::{Access, Area};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::form::{self, Field, Typed};
use crate::graph;
use crate::icon::Icon;
use crate::record::hidden;
use crate::rows::{self, Row, text};
use crate::{Frame, Place, assets, show};

const PATH: &str = "/console/settings/case-types";
/// How many rows are offered for new statuses and transitions.
const NEW: usize = 2;
/// Who may walk a transition: roles and words.
const ROLES: [(&str, &str); 3] = [("owner", "owner"), ("assignee", "assignee"), ("requestor", "whoever made it")];

/// The list, with a form for a new one.
#[must_use]
pub fn list(frame: &Frame, types: &[CaseType], notice: Option<&str>, typed: &Typed) -> Markup {
    let may_write = frame.may(Area::Cases, Access::Write);
    let content = html! {
        (show::head("Case types", &html! {}))
        p class="lead" { "Each has its own form, and a workflow that its cases walk." }
        @if let Some(words) = notice { (show::done(words)) }
        @if types.is_empty() { div class="empty" { p { "There are no case types." } } }
        @else {
            ul class="rows card" {
                @for of_type in types {
                    li {
                        span {
                            a href={ (PATH) "/" (of_type.id) } { (of_type.label.as_str()) }
                            @if of_type.is_default { " " span class="pill" { "default" } }
                        }
                        a class="small" href={ (PATH) "/" (of_type.id) "/form" } aria-label={ "Form of " (of_type.label.as_str()) } { "Form" }
                    }
                }
            }
        }
        @if may_write {
            section class="card" aria-labelledby="new-type" {
                h2 id="new-type" { "New case type" }
                form class="grid-form" method="post" action=(PATH) {
                    (form::token(frame))
                    (typed.summary(&["label"]))
                    (Field { name: "label", label: "Label", hint: "It begins with the form and workflow of the default type.", required: true }.line(typed, "text", ""))
                    div class="actions" { button class="button button-main" type="submit" { (Icon::Plus.draw()) "Make the case type" } }
                }
            }
        }
    };
    frame.page(Place::CaseTypes, "Case types", &content)
}

/// A case type on its page.
pub struct Editor<'a> {
    /// The type.
    pub of_type: &'a CaseType,
    /// What it was when this page was made.
    pub seen: &'a str,
    /// Its label, as it stands in the form.
    pub label: &'a str,
    /// Its workflow, as it stands in the form.
    pub document: &'a Value,
    /// By what each of its transitions is known again.
    pub origins: &'a [String],
    /// The graph of that; where it has none, that of the type.
    pub workflow: &'a Workflow,
    /// What somebody else saved meanwhile, where that was just found out.
    pub theirs: Option<&'a Workflow>,
    /// What has just been done.
    pub notice: Option<&'a str>,
    /// What was refused.
    pub typed: &'a Typed,
}

impl Editor<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let may_write = frame.may(Area::Cases, Access::Write);
        let path = format!("{PATH}/{}", self.of_type.id);
        let actions = html! {
            a class="button" href={ (path) "/form" } { "Form" }
            @if may_write && !self.of_type.is_default { (hidden(frame, &format!("{path}/delete"), &[], "Delete")) }
        };
        let title = self.of_type.label.as_str();
        let content = html! {
            nav class="crumbs" aria-label="Where you are" { a href=(PATH) { "Case types" } }
            (show::head(title, &actions))
            @if let Some(words) = self.notice { (show::done(words)) }
            (self.typed.summary(&["label", "workflow.status[", "workflow.transition["]))
            @if let Some(theirs) = self.theirs { (self.lost(theirs, &path)) }
            form class="column" method="post" action=(path) data-workflow {
                (form::token(frame))
                input type="hidden" name="seen" value=(self.seen);
                div class="card graph-card" tabindex="0" role="region" aria-label="Picture" { (graph::draw(self.document, self.workflow, None)) }
                @if may_write { p class="quiet small" { "Drag a status to move it; drag from the circle at its edge to another status to draw a transition. Hold Ctrl and turn the wheel for a closer look. Nothing is saved before you say so." } }
                @if self.workflow.transitions().is_empty() { p class="quiet" { "There are no transitions: a case may go from each status to each other." } }
                @if may_write {
                    div class="card" { (Field { name: "label", label: "Label", hint: "", required: true }.line(&Typed::default(), "text", self.label)) @for problem in self.typed.problems("label") { p class="words bad" { (problem) } } }
                    (self.statuses())
                    (self.transitions())
                    div class="actions" { button class="button button-main" type="submit" { "Save" } }
                } @else { (self.words()) }
            }
            script type="module" src=(assets::path_of("order.js")) {}
            script type="module" src=(assets::path_of("workflow.js")) {}
        };
        frame.page(Place::CaseTypes, title, &content)
    }

    /// What of theirs would go if this were saved.
    fn lost(&self, theirs: &Workflow, path: &str) -> Markup {
        let (mine, theirs) = (told(self.workflow).into_iter().collect::<HashSet<String>>(), told(theirs));
        let lost: Vec<&String> = theirs.iter().filter(|words| !mine.contains(*words)).collect();
        html! {
            div class="notice notice-warn" {
                (Icon::Alert.draw())
                div {
                    p { a href=(path) target="_blank" { "Look at theirs" } " in another window." @if !lost.is_empty() { " To save yours takes away from it:" } }
                    @if !lost.is_empty() {
                        ul {
                            @for words in lost.iter().take(MOST_LOST) { li { (words) } }
                            @if lost.len() > MOST_LOST { li { "and " (lost.len() - MOST_LOST) " more" } }
                        }
                    }
                }
            }
        }
    }

    fn rows(&self, list: &str) -> Vec<Value> {
        let given = self.document[list].as_array().cloned().unwrap_or_default();
        given.into_iter().chain(std::iter::repeat_n(Value::Null, NEW)).collect()
    }

    fn statuses(&self) -> Markup {
        let heads = ["Place", "Status", "Colour", "Resolves", "Across", "Down", "Remove"];
        let given = self.rows("status");
        let drawn = given.iter().enumerate().map(|(index, node)| self.status(index, node));
        html! {
            section class="column" aria-labelledby="statuses" {
                h2 id="statuses" { "Statuses" }
                (rows::table("table-box", "Table of statuses", &heads, drawn))
                (rows::help())
                p class="quiet small" { "What cases are in cannot be removed. With a status its transitions go." }
            }
        }
    }

    fn status(&self, index: usize, node: &Value) -> Markup {
        let label = text(&node["data"], "label");
        let called = if node.is_null() { format!("the new status {}", index + 1) } else { label.clone() };
        let row = Row { list: "workflow.status", index, called: &called, typed: self.typed };
        html! {
            tr data-node=(text(node, "id")) {
                td data-handle { (row.hidden("id", &text(node, "id"))) (row.place()) (row.problems("id")) }
                td { (row.line("data.label", "Label", "text", &label)) }
                td { (row.line("data.color", "Colour", "color", graph::color(&node["data"]["color"]).unwrap_or(NO_COLOR))) }
                td { (row.tick("data.recordResolutionSLA", "Resolution", node["data"]["recordResolutionSLA"] == true)) }
                td { (row.line("position.x", "Place across", "number", &whole(&node["position"]["x"]))) }
                td { (row.line("position.y", "Place down", "number", &whole(&node["position"]["y"]))) }
                td { @if !node.is_null() { (row.tick("remove", "Removal", false)) } }
            }
        }
    }

    /// The statuses to choose from: what the form sends, and words.
    fn ends(&self) -> Vec<(String, String)> {
        let statuses = self.workflow.statuses().iter();
        let known =
            statuses.map(|status| (status.node.clone().unwrap_or_else(|| status.label.clone()), status.label.clone()));
        std::iter::once((String::new(), "–".to_owned())).chain(known).collect()
    }

    /// The one of them that an edge names.
    fn end(&self, edge: &Value, member: &str) -> String {
        let named = text(edge, member);
        let status = self.workflow.status(&named);
        status.map_or(named, |status| status.node.clone().unwrap_or_else(|| status.label.clone()))
    }

    fn transitions(&self) -> Markup {
        let heads = ["Place", "From", "To", "Name", "Comment", "Only for", "Remove"];
        let (ends, given) = (self.ends(), self.rows("transition"));
        let drawn = given.iter().enumerate().map(|(index, edge)| self.transition(index, edge, &ends));
        html! {
            section class="column" aria-labelledby="transitions" {
                h2 id="transitions" { "Transitions" }
                (rows::table("table-box", "Table of transitions", &heads, drawn))
            }
        }
    }

    fn transition(&self, index: usize, edge: &Value, ends: &[(String, String)]) -> Markup {
        let label = text(edge, "label");
        let called = match (edge.is_null(), label.is_empty()) {
            (true, _) => format!("the new transition {}", index + 1),
            (false, true) => format!("the transition {}", index + 1),
            (false, false) => label.clone(),
        };
        let row = Row { list: "workflow.transition", index, called: &called, typed: self.typed };
        let none = json!([]);
        let users = if edge["data"]["authorizedUsers"].is_array() { &edge["data"]["authorizedUsers"] } else { &none };
        let takes = |role: &str| users.as_array().into_iter().flatten().any(|user| user == role);
        html! {
            tr data-edge=(if edge.is_null() { "new" } else { "" }) {
                td data-handle { (row.hidden("origin", self.origins.get(index).map_or("", String::as_str))) (row.place()) }
                td { (row.choice("source", "From", ends, &self.end(edge, "source"))) }
                td { (row.choice("target", "To", ends, &self.end(edge, "target"))) }
                td { (row.line("label", "Name", "text", &label)) }
                td { (row.tick("data.recordComment", "Comment", edge["data"]["recordComment"] == true)) }
                td {
                    span class="boxes" {
                        @for (role, words) in ROLES {
                            label class="box" { input type="checkbox" name=(row.name(&format!("data.authorizedUsers.{role}"))) value="yes" checked[takes(role)]; span class="small" { (words) } }
                        }
                    }
                    (row.problems("data.authorizedUsers"))
                }
                td { @if !edge.is_null() { (row.tick("remove", "Removal", false)) } }
            }
        }
    }

    /// For whoever only reads: the picture in words.
    fn words(&self) -> Markup {
        let statuses = self.workflow.statuses();
        let name = |place: usize| statuses.get(place).map_or("", |status| &status.label);
        html! {
            section class="card" aria-labelledby="in-words" {
                h2 id="in-words" { "In words" }
                ul class="rows" {
                    @for transition in self.workflow.transitions() {
                        li {
                            span { (name(transition.source)) " → " (name(transition.target)) }
                            span class="quiet small" { (transition.label.as_deref().unwrap_or_default()) @if transition.records_comment { " with a comment" } }
                        }
                    }
                }
            }
        }
    }
}

/// The most that is told of what somebody else saved.
const MOST_LOST: usize = 20;

/// What a workflow says, line by line.
fn told(workflow: &Workflow) -> Vec<String> {
    let statuses = workflow.statuses();
    let name = |place: usize| statuses.get(place).map_or("", |status| &status.label);
    let status = statuses.iter().map(|status| {
        format!("the status {}{}", status.label, if status.records_resolution { ", which resolves" } else { "" })
    });
    let transition = workflow.transitions().iter().map(|transition| {
        let label = transition.label.as_deref().map_or_else(String::new, |label| format!(" {label}"));
        let comment = if transition.records_comment { ", with a comment" } else { "" };
        format!("the transition{label}: {} → {}{comment}", name(transition.source), name(transition.target))
    });
    status.chain(transition).collect()
}

/// What a status without a colour shows in its field.
pub const NO_COLOR: &str = "#808080";

fn whole(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, |at| format!("{at:.0}"))
}
