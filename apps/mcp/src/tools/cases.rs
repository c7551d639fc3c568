//! `walk_case`.

use serde_json::{Value, json};

use crate::answer::{Answer, Outcome, TOKEN};
use crate::api::{Method, Request};
use crate::arguments::{Arguments, given};
use crate::document::JsonObject;
use crate::kinds::{CASE_TYPES, Kind};
use crate::schema::Members;

use super::writing::body;
use super::{Call, ETAG, Effect, Given, Needs, Shape, Tool, encoded};

pub(super) const TOOLS: &[Tool] = &[Tool {
    name: "walk_case",
    title: "See and take the next step of a case",
    description: "A case changes its status along the workflow of its type. Without `to`, the result tells the statuses that the \
        case may go to now, whether the step needs a comment, and for whom it is, where it is not for all: for the case's owner, \
        assignee or requestor (who made it), of whom one must be lastUpdatedBy then. With `to`, it goes there, with the comment. \
        Look first, then go: to close a case may take several steps.",
    effect: Effect::Changes,
    needs: Needs::One("PATCH /cases/cases/{id}"),
    schema,
    gives: &[
        Given(
            "steps",
            "array",
            "Without `to`: where the case may go, each with to, needsComment, and authorizedUsers where it is not for all.",
        ),
        Given("id", "string", "Without `to`: the case's id."),
        Given("title", "string", "Without `to`: its title."),
        ETAG,
        Given("item", "object", "With `to`: the case."),
    ],
    run: |call, arguments| Box::pin(walk(call, arguments)),
}];

fn schema(shape: &Shape<'_>) -> JsonObject {
    let to = json!({ "type": "string", "description": "The status to go to, by its id or label. Left out, the steps are told." });
    let comment = json!({ "type": "string", "maxLength": 10_000, "description": "Why, for the timeline of the case; some steps need it." });
    let by = json!({ "$ref": "#/components/schemas/User", "description": "Who goes, where the step is not for all." });
    Members::of(shape.document)
        .id("id", "The id of the case.")
        .optional("to", to)
        .optional("comment", comment)
        .optional("lastUpdatedBy", by)
        .if_match()
        .token()
        .finish()
}

async fn walk(call: Call<'_>, mut arguments: Arguments) -> Outcome {
    let id = arguments.id("id");
    let id = arguments.required("id", id);
    let (to, comment) = (arguments.text("to"), arguments.text("comment"));
    let by = arguments.object("lastUpdatedBy");
    let (etag, token) = (arguments.if_match(), arguments.text(TOKEN));
    if to.is_none() && (comment.is_some() || by.is_some() || etag.is_some()) {
        arguments.refuse("to", "required", "is required where the case is to go somewhere");
    }
    arguments.finish()?;
    let case = format!("{}/{}", Kind::Case.collection(), encoded(&given(id)?));
    let Some(to) = to else { return steps(call, case, token).await };
    let mut change = body(JsonObject::new(), &[("status", Some(to)), ("comment", comment)]);
    change.extend(by.map(|by| ("lastUpdatedBy".to_owned(), by.into())));
    call.change(Request::new(Method::Patch, case).header("if-match", etag).body(change)).await
}

async fn steps(call: Call<'_>, case: String, token: Option<String>) -> Outcome {
    let case = call.read(case, "item").await?;
    let case_type = case.get("caseTypeId").and_then(Value::as_str).unwrap_or_default();
    let case_type = call.read(format!("{CASE_TYPES}/{}", encoded(case_type)), "item").await?;
    let status = case.get("status").and_then(Value::as_str).unwrap_or_default();
    let workflow = Workflow(&case_type["workflow"]);
    let mut members = JsonObject::new();
    for name in ["id", "title", "status"] {
        members.insert(name.to_owned(), case[name].clone());
    }
    members.insert("steps".to_owned(), workflow.steps(status).into());
    Ok(Answer::in_parts(members, token))
}

/// The workflow of a case type, as it was sent: its parts name statuses by id or label, in any case.
struct Workflow<'a>(&'a Value);

impl<'a> Workflow<'a> {
    fn each(&self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.0.get(name).and_then(Value::as_array).into_iter().flatten()
    }

    /// The label of the status that is named so.
    fn label(&self, name: &'a str) -> &'a str {
        let same = |text: Option<&Value>| text.and_then(Value::as_str).is_some_and(|text| is_same(text, name));
        let node = self.each("status").find(|node| same(node.get("id")) || same(node["data"].get("label")));
        node.and_then(|node| node["data"].get("label")?.as_str()).unwrap_or(name)
    }

    /// The statuses of the nodes, then those that only transitions name.
    fn statuses(&self) -> Vec<&'a str> {
        let nodes = self.each("status").filter_map(|node| node["data"].get("label")?.as_str());
        let ends = self.each("transition").flat_map(|edge| [&edge["source"], &edge["target"]]);
        let mut statuses: Vec<&str> = Vec::new();
        for status in nodes.chain(ends.filter_map(Value::as_str).map(|name| self.label(name))) {
            if !statuses.iter().any(|known| is_same(known, status)) {
                statuses.push(status);
            }
        }
        statuses
    }

    /// What a case in this status may do: of several transitions to one status, one that fits is enough.
    fn steps(&self, from: &'a str) -> Vec<Value> {
        let from = self.label(from);
        let others = self.statuses().into_iter().filter(|status| !is_same(status, from));
        if self.each("transition").next().is_none() {
            return others.map(|status| json!({ "to": status, "needsComment": false })).collect();
        }
        let steps = others.filter_map(|to| {
            let leads = |name: &'a Value, end: &str| name.as_str().is_some_and(|name| is_same(self.label(name), end));
            let edges: Vec<&Value> = self
                .each("transition")
                .filter(|edge| leads(&edge["source"], from) && leads(&edge["target"], to))
                .collect();
            let users = |edge: &&Value| edge["data"]["authorizedUsers"].as_array().cloned().unwrap_or_default();
            if edges.is_empty() {
                return None;
            }
            let needs = |edge: &&Value| edge["data"]["recordComment"] == true;
            let mut step = json!({ "to": to, "needsComment": edges.iter().all(needs) });
            if let Some(name) = edges.iter().find_map(|edge| edge["label"].as_str()) {
                step["transition"] = name.into();
            }
            if edges.iter().all(|edge| !users(edge).is_empty()) {
                let mut all: Vec<Value> = Vec::new();
                for user in edges.iter().flat_map(users) {
                    if !all.contains(&user) {
                        all.push(user);
                    }
                }
                step["authorizedUsers"] = all.into();
            }
            Some(step)
        });
        steps.collect()
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(source: &str, target: &str, comment: bool, users: &[&str]) -> Value {
        json!({ "label": format!("{source}>{target}"), "source": source, "target": target,
            "data": { "recordComment": comment, "authorizedUsers": users } })
    }

    #[test]
    fn the_steps_are_those_that_a_transition_leads_to() {
        let nodes = json!([{ "id": "o", "data": { "label": "Open" } }, { "id": "d", "data": { "label": "Done" } }]);
        let edges = [
            edge("OPEN", "d", true, &["owner"]),
            edge("o", "Done", true, &["assignee"]),
            edge("open", "Elsewhere", true, &[]),
            edge("o", "elsewhere", false, &["owner"]),
            edge("Done", "o", false, &[]),
        ];
        let workflow = json!({ "status": nodes, "transition": edges });
        assert_eq!(
            Value::from(Workflow(&workflow).steps("open")),
            json!([
                { "to": "Done", "needsComment": true, "transition": "OPEN>d", "authorizedUsers": ["owner", "assignee"] },
                { "to": "Elsewhere", "needsComment": false, "transition": "open>Elsewhere" },
            ])
        );
        assert_eq!(Value::from(Workflow(&workflow).steps("Elsewhere")), json!([]));
        let without = json!({ "status": nodes });
        assert_eq!(Value::from(Workflow(&without).steps("Open")), json!([{ "to": "Done", "needsComment": false }]));
    }
}
