//! Every place of the API document where the id of a record may stand: in a path, a filter or a body.

use serde_json::{Map, Value, json};

use crate::operations::{COMMITTED, NO_COMMENT, Operation, operations};
use crate::resources::RESOURCES;

use super::world::{CLIENT_MAPS, World};

const CONTACTS: &str = "/directory/contacts";
const ORGANIZATIONS: &str = "/directory/organizations";
const PIPELINES: &str = "/pipeline/pipelines/opportunities";
const CASE_TYPES: &str = "/cases/types/cases";

/// One place for an id.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) operation: Operation,
    /// Where records of the kind that it names are made.
    pub(super) kind: &'static str,
    at: At,
    /// What a bulk action calls the kind.
    entity: Option<&'static str>,
}

#[derive(Clone)]
enum At {
    Path,
    Query(String),
    Body(Vec<Step>),
}

#[derive(Clone)]
enum Step {
    Member(String),
    Item,
}

/// A request that has an id at a place.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl Place {
    /// The method, the path and the place in it.
    pub(super) fn name(&self) -> String {
        let at = match &self.at {
            At::Path => "path".to_owned(),
            At::Query(name) => format!("?{name}"),
            At::Body(steps) => {
                steps.iter().map(|step| if let Step::Member(name) = step { name } else { "[]" }).collect()
            }
        };
        format!("{} at {at} {}", self.operation.name(), self.entity.unwrap_or_default())
    }

    /// Whether the place is a number of the client's own choice for what it makes.
    pub(super) fn is_chosen(&self) -> bool {
        matches!(&self.at, At::Body(steps) if matches!(steps.as_slice(), [Step::Member(name)] if name == "id"))
    }

    /// Whether the records named are deleted, one by one, where they are the tenant's.
    pub(super) fn is_bulk(&self) -> bool {
        self.entity.is_some()
    }

    /// Whether it is about what is in the trash.
    pub(super) fn is_of_trash(&self) -> bool {
        self.operation.path.starts_with("/trash/")
    }

    /// Whether the record named may be gone afterwards, or no more as it was.
    pub(super) fn takes_away(&self) -> bool {
        let path = self.operation.path.as_str();
        self.operation.method == "DELETE"
            || self.is_of_trash()
            || ["/bulk-actions", "/merge", "/convert"].iter().any(|end| path.ends_with(end))
    }

    /// Whether its operation is a list, which can count its matches.
    fn counts(&self) -> bool {
        !["/summary", "/export"].iter().any(|end| self.operation.path.ends_with(end))
    }

    /// The request that has this id there; whatever else it names is of this world.
    pub(super) fn ask(&self, id: &str, world: &World) -> Asked {
        let path = self.operation.path.as_str();
        let of_path = kind_in(path).map(|kind| world.id(kind));
        let mut body = body(&self.operation, self.entity, world);
        let path = path.replace("{commentId}", NO_COMMENT);
        let path = match (&self.at, of_path) {
            (At::Path, _) => path.replace("{id}", id),
            (At::Query(name), _) if self.counts() => format!("{path}?{name}={id}&includeTotal=true"),
            (At::Query(name), _) => format!("{path}?{name}={id}"),
            (At::Body(_), of_path) => {
                path.replace("{id}", of_path.unwrap_or_default()).replace("{externalId}", "theirs")
            }
        };
        if let (At::Body(steps), Some(body)) = (&self.at, &mut body) {
            set(body, steps, id);
            if let Some(of) = self.operation.path.strip_suffix("/batch") {
                let item = &mut body["items"][0];
                if item["id"].is_null() {
                    item["id"] = json!(world.id(of));
                }
            }
        }
        Asked { path, body }
    }
}

/// Puts an id at a place of a body.
fn set(body: &mut Value, steps: &[Step], id: &str) {
    match steps {
        [] => *body = json!(id),
        [Step::Member(name), rest @ ..] => {
            let mut inner = Value::Null;
            set(&mut inner, rest, id);
            if body.is_null() {
                *body = json!({});
            }
            body[name] = inner;
        }
        [Step::Item, rest @ ..] => {
            let mut inner = Value::Null;
            set(&mut inner, rest, id);
            *body = json!([inner]);
        }
    }
}

/// What an operation is sent, good but for the ids that a place puts into it.
fn body(operation: &Operation, entity: Option<&str>, world: &World) -> Option<Value> {
    let path = operation.path.as_str();
    let body = match path.rsplit('/').next() {
        _ if !operation.takes_body => return None,
        Some("merge") => json!({ "sourceId": [world.other(kind_in(path)?)] }),
        Some("updateStatus") => json!({ "status": "won" }),
        Some("sync") => json!({ "syncStatus": "success" }),
        Some("replay") => json!({ "since": "2025-01-01T00:00:00.000Z" }),
        Some("updateStage") => json!({ "stage": "last" }),
        Some("activities" | "comments" | "{commentId}") => json!({ "comment": "Not theirs" }),
        Some("bulk-actions") => json!({ "entity": entity, "action": "delete" }),
        Some("{externalId}") => World::body(path.strip_suffix("/external/{externalId}")?)?,
        Some("batch") => json!({ "mode": "update" }),
        Some("{id}") => World::change(kind_in(path)?),
        _ => World::body(path).unwrap_or_else(|| json!({})),
    };
    Some(body)
}

/// The kind of the record that a path names.
fn kind_in(path: &str) -> Option<&'static str> {
    let (of, _) = path.split_once("/{id}")?;
    if let Some(entity) = of.strip_prefix("/trash/") {
        return RESOURCES.iter().find(|resource| resource.bulk.1 == entity).map(|resource| resource.path);
    }
    if of == "/imports" {
        // Made of a file, and never deleted: uploads.rs has those of two tenants.
        return None;
    }
    let of = of.replace("/pipeline/lead", "/pipeline/leads").replace("leadss", "leads");
    let kind = World::kinds().into_iter().find(|kind| *kind == of);
    assert!(kind.is_some(), "if you are here because an operation is new: World makes no record for {path}");
    kind
}

/// The kind of what a member or a filter names.
fn kind_named(name: &str, path: &str, entity: Option<&str>) -> &'static str {
    let resource = || {
        let is_it = |path_of: &str| path == path_of || path.starts_with(&format!("{path_of}/"));
        let of_path = RESOURCES.iter().find(|resource| is_it(resource.path));
        of_path.or_else(|| RESOURCES.iter().find(|resource| Some(resource.bulk.1) == entity)).unwrap()
    };
    match name {
        "contact" | "contactId" | "participants" => CONTACTS,
        "organization" | "organizationId" => ORGANIZATIONS,
        "caseType" | "caseTypeId" => CASE_TYPES,
        "pipelineId" => PIPELINES,
        "tags" => resource().tags,
        "ids" | "sourceId" => resource().path,
        "id" => World::kinds().into_iter().find(|kind| *kind == path.trim_end_matches("/batch")).unwrap(),
        _ => panic!("if you are here because {name} of {path} is new: say here what its ids are those of"),
    }
}

/// Every place of the document.
pub(super) fn places() -> Vec<Place> {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut places = Vec::new();
    // What an operator names by an id is a tenant, and none of a tenant's records.
    for operation in operations().into_iter().filter(|operation| operation.scheme.as_deref() != Some("adminKey")) {
        if let Some(kind) = kind_in(&operation.path) {
            places.push(Place { operation: operation.clone(), kind, at: At::Path, entity: None });
        }
        let declared = &document["paths"][&operation.path][operation.method.to_lowercase()];
        for parameter in declared["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            if name == "tags" || is_id(&parameter["schema"]) {
                let kind = kind_named(name, &operation.path, None);
                places.push(Place { operation: operation.clone(), kind, at: At::Query(name.to_owned()), entity: None });
            }
        }
        let Some(schema) = declared.pointer("/requestBody/content/application~1json/schema") else { continue };
        let mut found = Vec::new();
        ids_in(&document, schema, &mut Vec::new(), &mut found);
        for steps in found {
            for entity in entities(&document, schema) {
                let name = match steps.as_slice() {
                    // An item of a batch names what the body of its own operation does.
                    [Step::Member(items), Step::Item, Step::Member(name), ..] if items == "items" => name,
                    [Step::Member(name), ..] => name,
                    _ => panic!("a body is an object"),
                };
                let kind = kind_named(name, &operation.path, entity);
                places.push(Place { operation: operation.clone(), kind, at: At::Body(steps.clone()), entity });
            }
        }
    }
    let spelled =
        places.iter().filter_map(|place| Some(Place { operation: place.operation.other_spelling()?, ..place.clone() }));
    let spelled: Vec<Place> = spelled.collect();
    places.extend(spelled);
    assert!(places.len() > 120, "a walk over so few places would prove little: {}", places.len());
    assert!(places.iter().any(|place| place.kind == CLIENT_MAPS), "ticketing is walked as well");
    places
}

/// What a bulk action may be about; of any other operation, nothing in particular.
fn entities(document: &Value, schema: &Value) -> Vec<Option<&'static str>> {
    let names = resolved(document, schema)["properties"]["entity"]["enum"].as_array();
    let known = |name: &Value| RESOURCES.iter().map(|resource| resource.bulk.1).find(|entity| name == entity);
    names.map_or(vec![None], |names| names.iter().map(|name| Some(known(name).unwrap())).collect())
}

fn resolved<'a>(document: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(place) = schema["$ref"].as_str() {
        schema = document.pointer(place.trim_start_matches('#')).unwrap();
    }
    schema
}

/// Whether a schema is that of ids; the document tells by a pattern or a format.
fn is_id(schema: &Value) -> bool {
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    schema["format"] == "uuid" || pattern.contains("[1-9][0-9]{0,18}") || pattern.contains("[0-9A-Fa-f]{8}")
}

fn ids_in(document: &Value, schema: &Value, steps: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    let schema = resolved(document, schema);
    let is_tag = matches!(steps.as_slice(), [Step::Member(name), Step::Item] if name == "tags");
    if is_id(schema) || (is_tag && schema["type"] == "string") {
        found.push(steps.clone());
    }
    for one in ["oneOf", "anyOf", "allOf"].iter().flat_map(|name| schema[*name].as_array()).flatten() {
        ids_in(document, one, steps, found);
    }
    for (name, inner) in schema["properties"].as_object().unwrap_or(&Map::new()) {
        steps.push(Step::Member(name.clone()));
        ids_in(document, inner, steps, found);
        steps.pop();
    }
    if schema["items"].is_object() {
        steps.push(Step::Item);
        ids_in(document, &schema["items"], steps, found);
        steps.pop();
    }
}
