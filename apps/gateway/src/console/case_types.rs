//! Settings, case types and their workflows.

use std::borrow::Cow;
use std::collections::HashMap;

use crm_cases::workflow::{Workflow, WorkflowDocument};
use crm_cases::{CaseType, CaseTypePatch, NewCaseType, types};
use crm_console::case_types::{Editor, NO_COLOR, list};
use crm_console::form::Typed;
use crm_core::input::{At, FromBody, FromJson, JsonObject};
use crm_core::page::PageRequest;
use crm_core::text::folded;
use crm_core::{CaseTypeId, Condition, FieldErrors, Uuid};
use serde_json::{Value, json};

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Form, Html, Query, etag_of};

use super::kind::Numbered;
use super::rows::{Row, rows};
use super::{Done, again, as_seen, body, done, frame, is_told_of_change, seen, seen_by};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/settings/case-types", types_page).undocumented();
    api.post("/console/settings/case-types", make).undocumented();
    api.get("/console/settings/case-types/{id}", type_page).undocumented();
    api.post("/console/settings/case-types/{id}", change).undocumented();
    api.post("/console/settings/case-types/{id}/delete", remove).undocumented();
}

const PATH: &str = "/console/settings/case-types";
/// How many case types the list has.
const MOST: i64 = 200;

async fn types_page(visitor: Visitor<area::Cases, Read>, _: Query<(Done,)>) -> Answer<Html> {
    show_list(&visitor, Typed::default()).await
}

async fn show_list<D>(visitor: &Visitor<area::Cases, D>, typed: Typed) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let page = visitor.read(move |connection, scope| {
        let all = types::list(connection, scope, &PageRequest::first(MOST))?.items;
        Ok(Html::page(list(&frame, &all, notice, &typed)))
    });
    page.await
}

async fn make(visitor: Visitor<area::Cases, Write>) -> Answer<Html> {
    let form = visitor.form().clone();
    let made = visitor.write(move |connection, scope| {
        let made = types::create(connection, scope, &NewCaseType::from_body(&body(&form, &["label"]))?)?;
        Ok(Html::see_other(format!("{PATH}/{}?done=made", made.id)))
    });
    again(visitor.form(), made.await, |typed| show_list(&visitor, typed)).await
}

async fn type_page(
    visitor: Visitor<area::Cases, Read>,
    Numbered(id): Numbered<CaseTypeId>,
    _: Query<(Done,)>,
) -> Answer<Html> {
    show(&visitor, id, None, Typed::default()).await
}

/// The graph that a document draws, if it draws one.
fn graph_of(document: &Value) -> Option<Workflow> {
    let read = WorkflowDocument::from_json(document, &At::field("workflow"), &mut FieldErrors::new());
    read.and_then(|document| document.graph().ok())
}

/// What a form says that was not stored.
#[derive(Clone)]
struct Stated {
    label: String,
    document: Value,
    /// What each of its transitions was, before somebody changed it.
    origins: Vec<String>,
}

async fn show<D>(
    visitor: &Visitor<area::Cases, D>,
    id: CaseTypeId,
    stated: Option<Stated>,
    typed: Typed,
) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let page = visitor.read(move |connection, scope| {
        let of_type = types::get(connection, scope, id)?;
        let stored = of_type.workflow.graph()?;
        let theirs = is_told_of_change(&typed).then_some(&stored);
        let document = Value::Object(of_type.workflow.to_object());
        let as_stored = || Stated {
            label: of_type.label.as_str().to_owned(),
            origins: origins(document["transition"].as_array().map_or(&[], Vec::as_slice)),
            document: document.clone(),
        };
        let shown = stated.as_ref().map_or_else(|| Cow::Owned(as_stored()), Cow::Borrowed);
        let drawn = graph_of(&shown.document);
        let editor = Editor {
            of_type: &of_type,
            seen: &seen_by(&typed, &of_type)?,
            label: &shown.label,
            document: &shown.document,
            origins: &shown.origins,
            workflow: drawn.as_ref().unwrap_or(&stored),
            theirs,
            notice,
            typed: &typed,
        };
        Ok(Html::page(editor.page(&frame)))
    });
    page.await
}

async fn change(visitor: Visitor<area::Cases, Write>, Numbered(id): Numbered<CaseTypeId>) -> Answer<Html> {
    let form = visitor.form().clone();
    let caller = visitor.caller();
    let now: CaseType = caller.find(move |connection, scope| Ok(types::get(connection, scope, id)?)).await?;
    let before = now.workflow.graph()?;
    let (document, origins) = redrawn(&form, now.workflow.to_object(), &before);
    let document = Value::Object(document);
    let label = form.value("label").unwrap_or_default().to_owned();
    let sent =
        JsonObject::from_iter([("label".to_owned(), label.clone().into()), ("workflow".to_owned(), document.clone())]);
    // What was read to be redrawn is what is changed, whatever the page has seen: what others added would be lost.
    let was = form.value("seen").map_or_else(|| seen(&now), |was| Ok(was.to_owned()));
    let was = was.map_err(super::own)?;
    let changed = visitor.write(move |connection, scope| {
        types::update(connection, scope, id, &as_seen(Some(was.clone())), &CaseTypePatch::from_body(&sent)?)?;
        Ok(Html::see_other(format!("{PATH}/{id}?done=saved")))
    });
    let stated = Some(Stated { label, document, origins });
    again(visitor.form(), changed.await, |typed| show(&visitor, id, stated, typed)).await
}

async fn remove(visitor: Visitor<area::Cases, Write>, Numbered(id): Numbered<CaseTypeId>) -> Answer<Html> {
    let removed = visitor.write(move |connection, scope| {
        types::delete(connection, scope, id, &Condition::none())?;
        Ok(Html::see_other(format!("{PATH}?done=deleted")))
    });
    again(visitor.form(), removed.await, |typed| show(&visitor, id, None, typed)).await
}

/// The document with what the form says, and what its transitions were before; whatever else its nodes and edges have stays as
/// it is.
fn redrawn(form: &Form, mut document: JsonObject, before: &Workflow) -> (JsonObject, Vec<String>) {
    let list =
        |document: &JsonObject, name: &str| document.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (old_nodes, old_edges) = (list(&document, "status"), list(&document, "transition"));
    let nodes = rows(form, "workflow.status", |row| row.text("id").is_none() && row.text("data.label").is_none());
    let nodes: Vec<Value> = nodes.iter().map(|row| node(row, &old_nodes)).collect();
    let edges = rows(form, "workflow.transition", |row| row.text("source").is_none() && row.text("target").is_none());
    let old: HashMap<String, &Value> = origins(&old_edges).into_iter().zip(&old_edges).collect();
    let edges: Vec<(Value, String)> = edges.iter().filter_map(|row| edge(row, &old, &nodes, before)).collect();
    let (edges, origins): (Vec<Value>, Vec<String>) = edges.into_iter().unzip();
    document.insert("status".to_owned(), nodes.into());
    document.insert("transition".to_owned(), edges.into());
    (document, origins)
}

/// The longest id of a transition by which it is known.
const LONGEST_ORIGIN: usize = 100;

/// By what transitions are known again, in whatever order and among whatever others: their ids, where they are their own, or
/// else all that they are.
fn origins(edges: &[Value]) -> Vec<String> {
    let id = |edge: &Value| edge["id"].as_str().filter(|id| id.len() <= LONGEST_ORIGIN).map(str::to_owned);
    let mut times: HashMap<String, usize> = HashMap::new();
    edges.iter().filter_map(id).for_each(|id| *times.entry(id).or_default() += 1);
    let origin = |edge| match id(edge).filter(|id| times[id] == 1) {
        Some(id) => format!("id {id}"),
        None => etag_of(edge).unwrap_or_default(),
    };
    edges.iter().map(origin).collect()
}

fn node(row: &Row<'_>, old: &[Value]) -> Value {
    let id = row.text("id");
    let found = old.iter().find(|node| id.is_some() && node["id"].as_str().map(str::trim) == id);
    let mut node = found.cloned().unwrap_or_else(
        || json!({ "id": id.map_or_else(|| Uuid::random().to_string(), str::to_owned), "type": "node" }),
    );
    if !node["data"].is_object() {
        node["data"] = json!({});
    }
    node["data"]["label"] = row.raw("data.label").into();
    let color = row.raw("data.color");
    if node["data"]["color"].as_str() != Some(color)
        && (color != NO_COLOR || node["data"]["color"].is_string())
        && !color.is_empty()
    {
        node["data"]["color"] = color.into();
    }
    flag(&mut node, "recordResolutionSLA", row.is_ticked("data.recordResolutionSLA"));
    for (axis, member) in [("x", "position.x"), ("y", "position.y")] {
        // The field shows whole numbers: what was not touched keeps its fraction.
        let shown = node["position"][axis].as_f64().map(|at| format!("{at:.0}"));
        match row.number(member) {
            Value::Null => {}
            at if shown.as_deref() != row.text(member) => {
                if !node["position"].is_object() {
                    node["position"] = json!({});
                }
                node["position"][axis] = at;
            }
            _ => {}
        }
    }
    node
}

/// Sets what is not so already: a member that is left out means no.
fn flag(item: &mut Value, member: &str, is_set: bool) {
    if item["data"][member].as_bool().unwrap_or(false) != is_set {
        item["data"][member] = is_set.into();
    }
}

/// A transition; none where one of its statuses is removed.
fn edge(row: &Row<'_>, old: &HashMap<String, &Value>, nodes: &[Value], before: &Workflow) -> Option<(Value, String)> {
    let origin = row.raw("origin");
    let new = || json!({ "id": Uuid::random().to_string(), "type": "labeledEdge", "data": {} });
    let mut edge = old.get(origin).map_or_else(new, |edge| (*edge).clone());
    for member in ["source", "target"] {
        let chosen = row.text(member).unwrap_or_default();
        let is_there = nodes.iter().any(|node| node["id"].as_str().map(str::trim) == Some(chosen));
        let was_there = before.statuses().iter().any(|status| status.node.as_deref() == Some(chosen));
        if was_there && !is_there {
            return None;
        }
        edge[member] = named(edge[member].as_str(), chosen, nodes, before).into();
    }
    let label = row.raw("label");
    if edge["label"].as_str().unwrap_or_default() != label {
        edge["label"] = label.into();
    }
    flag(&mut edge, "recordComment", row.is_ticked("data.recordComment"));
    let takes = |role: &&&str| row.is_ticked(&format!("data.authorizedUsers.{role}"));
    let roles: Vec<&str> = ["owner", "assignee", "requestor"].iter().filter(takes).copied().collect();
    let had: Vec<&str> =
        edge["data"]["authorizedUsers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !roles.iter().all(|role| had.contains(role)) || !had.iter().all(|role| roles.contains(role)) {
        edge["data"]["authorizedUsers"] = roles.into();
    }
    Some((edge, origin.to_owned()))
}

/// How an edge names a status: as it did, where that is still the one; by the label that it has now, where it was named by
/// the one before.
fn named(was: Option<&str>, chosen: &str, nodes: &[Value], before: &Workflow) -> String {
    let Some(was) = was else { return chosen.to_owned() };
    let status = before.status(was);
    let is_same = status.is_some_and(|status| status.node.as_deref().unwrap_or(&status.label) == chosen);
    if !is_same {
        return chosen.to_owned();
    }
    let node = nodes.iter().find(|node| node["id"].as_str().map(str::trim) == Some(chosen));
    let label = node.and_then(|node| node["data"]["label"].as_str()).map(str::trim).filter(|label| !label.is_empty());
    let is_by_id = folded(was.trim()) == folded(chosen);
    match label {
        Some(label) if !is_by_id && folded(was.trim()) != folded(label) => label.to_owned(),
        _ => was.to_owned(),
    }
}
