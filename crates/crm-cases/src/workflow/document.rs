use std::collections::HashMap;

use crm_core::input::{At, FromJson, JsonObject, read_list};
use crm_core::text::{folded, is_visible};
use crm_core::values::{Document, read_text};
use crm_core::{FieldCode, FieldErrors};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::workflow::{Edge, Node, Roles, Workflow};

/// A workflow as a graph editor sent it, `{ status: Node[], transition: Edge[] }`: given back member for member,
/// those that mean nothing here included. What has a meaning was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct WorkflowDocument(Document);

/// A document as a row has it, where only checked ones are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct StoredDocument(pub(crate) WorkflowDocument);

impl<'de> Deserialize<'de> for StoredDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Document::deserialize(deserializer).map(|document| Self(WorkflowDocument(document)))
    }
}

/// What of a document has a meaning. The rest, which can be a megabyte, is passed over when a graph is read.
#[derive(Serialize, Deserialize)]
struct Meant {
    status: Option<Vec<MeantNode>>,
    transition: Option<Vec<MeantEdge>>,
}

#[derive(Serialize, Deserialize)]
struct MeantNode {
    id: Option<Value>,
    data: Option<MeantDetails>,
}

#[derive(Serialize, Deserialize)]
struct MeantEdge {
    label: Option<Value>,
    source: Option<Value>,
    target: Option<Value>,
    data: Option<MeantDetails>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MeantDetails {
    label: Option<Value>,
    #[serde(rename = "recordResolutionSLA")]
    records_resolution: Option<Value>,
    record_comment: Option<Value>,
    authorized_users: Option<Value>,
}

impl WorkflowDocument {
    /// The most nodes of a workflow.
    pub const MOST_NODES: usize = 100;
    /// The most edges of a workflow.
    pub const MOST_EDGES: usize = 1_000;

    /// The document.
    #[must_use]
    pub fn to_object(&self) -> JsonObject {
        self.0.to_object()
    }

    /// The graph that it draws.
    ///
    /// # Errors
    /// What is wrong with the document: nothing, unless somebody else wrote into its row.
    pub fn graph(&self) -> Result<Workflow, FieldErrors> {
        let mut errors = FieldErrors::new();
        match read_graph(&self.meant(), &At::field("workflow"), &mut errors) {
            Some(workflow) if errors.is_empty() => Ok(workflow),
            _ => Err(errors),
        }
    }
}

impl WorkflowDocument {
    /// The members that a graph is read from; all of them where one is of a type that a checked document has not.
    fn meant(&self) -> JsonObject {
        let meant = serde_json::from_str::<Meant>(self.0.as_str()).and_then(serde_json::to_value);
        match meant {
            Ok(Value::Object(meant)) => meant,
            _ => self.to_object(),
        }
    }
}

impl FromJson for WorkflowDocument {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { status, transition }");
            return None;
        };
        read_graph(members, at, errors)?;
        let document = Document::of(value)?;
        // Whoever draws the graph iterates over both.
        let transitions = match given(members, "transition") {
            Some(_) => return Some(Self(document)),
            None => RawValue::from_string("[]".to_owned()).ok()?,
        };
        // Among the texts: a copy of the tree would take many times the document.
        let mut members = document.members();
        match members.iter_mut().find(|(name, _)| name == "transition") {
            Some((_, value)) => *value = &transitions,
            None => members.push(("transition".into(), &transitions)),
        }
        Some(Self(members.into_iter().collect()))
    }
}

/// The graph of a document, `None` after a problem was noted.
fn read_graph(members: &JsonObject, at: &At<'_>, errors: &mut FieldErrors) -> Option<Workflow> {
    let place = at.key("status");
    let nodes: Option<Vec<Node>> = match given(members, "status") {
        None => missing(&place, errors),
        Some(Value::Array(entries)) if entries.is_empty() => {
            errors.push(place, FieldCode::Required, "must have at least one status");
            None
        }
        Some(value) => read_list(value, &place, WorkflowDocument::MOST_NODES, errors),
    };
    let edges: Option<Vec<Edge>> = match given(members, "transition") {
        None => Some(Vec::new()),
        Some(value) => read_list(value, &at.key("transition"), WorkflowDocument::MOST_EDGES, errors),
    };
    let nodes = nodes?;
    check_names(&nodes, &place, errors).then_some(Workflow::new(nodes, edges?))
}

/// Ids and labels are unique in any case. They share one namespace, because a status can be named by either: the
/// id of one node that is the label of another would mean both.
fn check_names(nodes: &[Node], at: &At<'_>, errors: &mut FieldErrors) -> bool {
    let mut taken: HashMap<String, usize> = HashMap::with_capacity(nodes.len() * 2);
    let mut unique = true;
    for (index, node) in nodes.iter().enumerate() {
        let at = at.index(index);
        let data = at.key("data");
        for (name, place) in [(&node.id, at.key("id")), (&node.label, data.key("label"))] {
            if *taken.entry(folded(name)).or_insert(index) != index {
                errors.push(place, FieldCode::Duplicate, "is the id or label of another status");
                unique = false;
            }
        }
    }
    unique
}

impl FromJson for Node {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { id, type, position, data }");
            return None;
        };
        let id = read_name(members, at, "id", errors);
        let place = at.key("data");
        let data = match given(members, "data") {
            None => missing(&place, errors),
            Some(data) => as_object(data, &place, errors),
        };
        let label = data.and_then(|data| read_name(data, &place, "label", errors));
        let records_resolution =
            data.map_or(Some(false), |data| read_flag(data, &place, "recordResolutionSLA", errors));
        Some(Self { id: id?, label: label?, records_resolution: records_resolution? })
    }
}

impl FromJson for Edge {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { id, type, label, source, target, data }");
            return None;
        };
        let label = match given(members, "label") {
            None => Some(None),
            Some(value) => read_text(value, &at.key("label"), LONGEST_NAME, true, errors)
                .map(|text| (!text.is_empty()).then(|| text.to_owned())),
        };
        let (source, target) = (read_name(members, at, "source", errors), read_name(members, at, "target", errors));
        let place = at.key("data");
        let nothing = JsonObject::new();
        let data = match given(members, "data") {
            None => Some(&nothing),
            Some(data) => as_object(data, &place, errors),
        };
        let records_comment = data.and_then(|data| read_flag(data, &place, "recordComment", errors));
        let authorized = data.and_then(|data| read_roles(data, &place, errors));
        Some(Self {
            label: label?,
            source: source?,
            target: target?,
            records_comment: records_comment?,
            authorized: authorized?,
        })
    }
}

/// The most characters of an id or label, as of every label.
const LONGEST_NAME: usize = 255;

/// A member that is there and not null.
fn given<'a>(members: &'a JsonObject, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn missing<T>(at: &At<'_>, errors: &mut FieldErrors) -> Option<T> {
    errors.push(at, FieldCode::Required, "is required");
    None
}

fn as_object<'a>(value: &'a Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<&'a JsonObject> {
    let object = value.as_object();
    if object.is_none() {
        errors.push(at, FieldCode::WrongType, "must be an object");
    }
    object
}

/// A text that names a status: trimmed for comparing and storing, though the document keeps it as it was sent.
fn read_name(members: &JsonObject, at: &At<'_>, name: &str, errors: &mut FieldErrors) -> Option<String> {
    let at = at.key(name);
    let Some(value) = given(members, name) else { return missing(&at, errors) };
    match read_text(value, &at, LONGEST_NAME, true, errors)? {
        text if is_visible(text) => Some(text.to_owned()),
        _ => missing(&at, errors),
    }
}

fn read_flag(members: &JsonObject, at: &At<'_>, name: &str, errors: &mut FieldErrors) -> Option<bool> {
    given(members, name).map_or(Some(false), |value| bool::from_json(value, &at.key(name), errors))
}

fn read_roles(members: &JsonObject, at: &At<'_>, errors: &mut FieldErrors) -> Option<Roles> {
    let at = at.key("authorizedUsers");
    let Some(value) = given(members, "authorizedUsers") else { return Some(Roles::default()) };
    let Value::Array(entries) = value else {
        errors.push(at, FieldCode::WrongType, "must be an array of owner, assignee, requestor");
        return None;
    };
    let mut roles = Roles::default();
    for (index, entry) in entries.iter().enumerate() {
        match entry.as_str() {
            Some("owner") => roles.owner = true,
            Some("assignee") => roles.assignee = true,
            Some("requestor") => roles.requestor = true,
            _ => {
                let message = "must be one of owner, assignee, requestor";
                errors.push(at.index(index), FieldCode::InvalidValue, message);
                // One is enough to know, and a body can hold half a million.
                return None;
            }
        }
    }
    Some(roles)
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for WorkflowDocument {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Type};
        let object = || {
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        };
        let name = |description: &str| {
            let text = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
            text.max_length(Some(LONGEST_NAME)).pattern(Some(r"\S"))
        };
        let list = |most: usize, description: &str, items: ObjectBuilder| {
            ArrayBuilder::new().items(items).max_items(Some(most)).description(Some(description))
        };
        let node = serde_json::json!({
            "id": "open", "type": "node", "position": { "x": 100, "y": 100 },
            "data": { "label": "Open", "recordResolutionSLA": false, "color": "#ff0000" }
        });
        let edge = serde_json::json!({
            "id": "start", "type": "labeledEdge", "label": "Start",
            "source": "Open", "sourceHandle": null, "target": "In Progress", "targetHandle": null,
            "data": { "isEditing": false, "recordComment": false, "authorizedUsers": ["owner", "assignee"] }
        });
        let label = object().property("label", name("What people call it, and cases show.")).required("label");
        let node = object().property("id", name("Its id.")).property("data", label).examples([node]);
        let node = node.required("id").required("data");
        let edge = object().property("source", name("The status that it leaves.")).examples([edge]);
        let edge = edge.property("target", name("The status that it enters.")).required("source").required("target");
        let nodes = list(Self::MOST_NODES, "The statuses; ids and labels are unique, in any case.", node);
        object()
            .description(Some("The statuses of a case type and the transitions between them, given back as sent."))
            .property("status", nodes.min_items(Some(1)))
            .required("status")
            .property("transition", list(Self::MOST_EDGES, "The transitions, by the ids or labels of statuses.", edge))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for WorkflowDocument {}
