//! What a tool takes, as JSON Schema: put together of what the API document says of bodies and parameters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::{CUT, TOKEN};
use crate::document::{Document, JsonObject, Operation, SCHEMAS};
use crate::kinds::Kind;
use crate::tools::Given;

/// Where a schema's own definitions are.
const DEFINITIONS: &str = "#/$defs/";
/// What the document says of members that a body may bring and that change nothing: they would only keep a model busy.
const IGNORED: [&str; 2] = ["Read-only:", "Ignored."];
/// Members that say in another way what others say.
const OTHER_SPELLINGS: [&str; 3] = ["tenantId", "organization", "contact"];
/// A schema that is longer, and stands there more than once, is written once.
const LONGEST_REPEATED: usize = 90;

/// An object of named members.
pub(crate) struct Members<'a> {
    document: &'a Document,
    properties: JsonObject,
    required: Vec<Value>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(document: &'a Document) -> Self {
        Self { document, properties: JsonObject::new(), required: Vec::new() }
    }

    pub(crate) fn optional(mut self, name: &str, schema: Value) -> Self {
        self.properties.insert(name.to_owned(), schema);
        self
    }

    pub(crate) fn required(mut self, name: &str, schema: Value) -> Self {
        self.required.push(name.into());
        self.optional(name, schema)
    }

    /// Which kind of records.
    pub(crate) fn kind(self, kinds: &[Kind]) -> Self {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        self.required("kind", json!({ "type": "string", "enum": names, "description": "The kind of record." }))
    }

    pub(crate) fn id(self, name: &str, about: &str) -> Self {
        self.required(name, json!({ "type": "string", "description": about, "examples": ["42"] }))
    }

    pub(crate) fn token(self) -> Self {
        let about = "The continuationToken of the result before, to go on from there; with the same other arguments.";
        self.optional(TOKEN, json!({ "type": "string", "description": about }))
    }

    pub(crate) fn if_match(self) -> Self {
        let about = "The etag of the record as it was read: the change is made only while that is how it stands; otherwise \
                     the problem is precondition_failed, and the record must be read again.";
        self.optional("ifMatch", json!({ "type": "string", "description": about }))
    }

    pub(crate) fn idempotency_key(self) -> Self {
        let about = "A new text of your own, such as a UUID. Where it is not known whether a call was done, the same call \
                     with the same key is done once and answered as the first time; for 24 hours.";
        self.optional("idempotencyKey", json!({ "type": "string", "maxLength": 255, "description": about }))
    }

    /// The members of the body of an operation, beside the others.
    pub(crate) fn body_of(mut self, operation: Option<Operation<'_>>) -> Self {
        let Some(body) = operation.and_then(Operation::body) else { return self };
        let body = cleared(self.document.resolved(body));
        self.required.extend(body.get("required").and_then(Value::as_array).into_iter().flatten().cloned());
        if let Some(Value::Object(members)) = body.get("properties").cloned() {
            self.properties.extend(members);
        }
        self
    }

    /// Parameters of the query string as an object of filters: those of all kinds in one, each with the kinds that have it.
    pub(crate) fn filters(self, operations: &[(Kind, Operation<'_>)], without: &[&str]) -> Self {
        let mut all: Vec<(&str, Vec<(Kind, &Value)>)> = Vec::new();
        for (kind, operation) in operations {
            for parameter in operation.query() {
                let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
                if without.contains(&name) {
                    continue;
                }
                match all.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, of)) => of.push((*kind, parameter)),
                    None => all.push((name, vec![(*kind, parameter)])),
                }
            }
        }
        let (mut properties, mut patterns) = (JsonObject::new(), JsonObject::new());
        for (name, of) in all {
            let schema = filter(&of, operations.len());
            // A family of parameters: its schema is the object of all of them.
            let family =
                of.first().and_then(|(_, parameter)| parameter.get("schema")?.get("propertyNames")?.get("pattern"));
            match family.and_then(Value::as_str) {
                Some(pattern) => patterns.insert(pattern.to_owned(), schema),
                None => properties.insert(name.to_owned(), schema),
            };
        }
        let mut filters = json!({
            "type": "object",
            "description": "Only records that all of these let through. Where a filter takes several values, commas stand between them.",
            "properties": properties,
            "additionalProperties": false,
        });
        if !patterns.is_empty() {
            filters["patternProperties"] = Value::Object(patterns);
        }
        self.optional("filters", filters)
    }

    /// The schema of the arguments.
    pub(crate) fn finish(self) -> JsonObject {
        let Self { document, properties, required } = self;
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            schema["required"] = Value::Array(required);
        }
        let mut definitions = JsonObject::new();
        define(&mut schema, document, &mut definitions);
        write_once(&mut schema, &mut definitions);
        if !definitions.is_empty() {
            schema["$defs"] = Value::Object(definitions);
        }
        match schema {
            Value::Object(schema) => schema,
            _ => JsonObject::new(),
        }
    }
}

/// What a tool answers: what it gives, and what every result may have. None of them is required, and others may come: a part of
/// a long result has what there was room for, and a problem has members of its own.
pub(crate) fn result(gives: &[Given]) -> JsonObject {
    let mut properties = JsonObject::new();
    for Given(name, of, about) in gives {
        properties.insert((*name).to_owned(), json!({ "type": of, "description": about }));
    }
    for name in [TOKEN, CUT] {
        properties.insert(name.to_owned(), json!({ "type": "string" }));
    }
    JsonObject::from_iter([("type".to_owned(), "object".into()), ("properties".to_owned(), properties.into())])
}

/// Whether the members of a body may be null, which clears them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    Clear,
    /// There is nothing to clear: what is not to be said is left out.
    SayNothing,
}

/// The bodies of an operation of several kinds, as one member: what several of them have stands there once, with the kinds that
/// have it.
pub(crate) fn bodies(document: &Document, operations: &[(Kind, Operation<'_>)], about: &str, nulls: Nulls) -> Value {
    let mut all: Vec<(String, Vec<(Kind, Value)>)> = Vec::new();
    let mut required: BTreeMap<String, Vec<Kind>> = BTreeMap::new();
    for (kind, operation) in operations {
        let Some(mut body) = operation.body().map(|body| cleared(document.resolved(body))) else { continue };
        for name in body.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            required.entry(name.to_owned()).or_default().push(*kind);
        }
        let members = body.get_mut("properties").and_then(Value::as_object_mut).map(std::mem::take);
        for (name, mut member) in members.into_iter().flatten() {
            if nulls == Nulls::SayNothing {
                forbid_null(&mut member);
            }
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some((_, of)) => of.push((*kind, member)),
                None => all.push((name, vec![(*kind, member)])),
            }
        }
    }
    let properties: JsonObject = all
        .into_iter()
        .map(|(name, of)| {
            let needing = required.get(&name).map_or(&[][..], Vec::as_slice);
            let schema = of_kinds(&of, operations.len(), needing);
            (name, schema)
        })
        .collect();
    json!({ "type": "object", "description": about, "properties": properties, "additionalProperties": false })
}

/// A member that these kinds have, of which some need it.
fn of_kinds(of: &[(Kind, Value)], kinds: usize, needing: &[Kind]) -> Value {
    let without_words = |member: &Value| {
        let mut member = member.clone();
        if let Value::Object(members) = &mut member {
            members.remove("description");
        }
        member
    };
    let mut different: Vec<&Value> = Vec::new();
    for (_, member) in of {
        if !different.iter().any(|known| without_words(known) == without_words(member)) {
            different.push(member);
        }
    }
    let mut schema = match different.as_slice() {
        [only] => (*only).clone(),
        several => json!({ "anyOf": several }),
    };
    let names = |kinds: &[Kind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let having: Vec<Kind> = of.iter().map(|(kind, _)| *kind).collect();
    let about = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let of = (having.len() < kinds && having != needing).then(|| format!("Of: {}.", names(&having)));
    let needed = (!needing.is_empty()).then(|| format!("Required of: {}.", names(needing)));
    let words: Vec<String> =
        [Some(about).filter(|about| !about.is_empty()), of, needed].into_iter().flatten().collect();
    if let Value::Object(members) = &mut schema
        && !words.is_empty()
    {
        members.insert("description".to_owned(), words.join(" ").into());
    }
    schema
}

/// The schema of a filter, of those that each kind has under its name.
fn filter(of: &[(Kind, &Value)], kinds: usize) -> Value {
    let mut schemas: Vec<Value> = Vec::new();
    for (_, parameter) in of {
        let schema = parameter.get("schema").cloned().unwrap_or_default();
        let schema = schema.get("additionalProperties").filter(|values| values.is_object()).cloned().unwrap_or(schema);
        let schema = shown(schema);
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }
    let mut schema = if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) };
    let about = of.first().and_then(|(_, parameter)| parameter.get("description")?.as_str()).unwrap_or_default();
    let names: Vec<&str> = of.iter().map(|(kind, _)| kind.name()).collect();
    let about = if of.len() == kinds { about.to_owned() } else { format!("{about} Of: {}.", names.join(", ")) };
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), about.into());
    }
    schema
}

/// Without what nobody reads: patterns, which the API looks at all the same, lengths that its description tells, and a choice
/// between a type and null where that is written as two types.
fn shown(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            // A member of an object may be called so.
            members.retain(|name, value| name != "pattern" || !value.is_string());
            members.values_mut().for_each(|value| *value = shown(std::mem::take(value)));
            let about = members.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase();
            for limit in ["maxLength", "maxItems"] {
                if members.get(limit).is_some_and(|most| about.contains(&format!("at most {most} "))) {
                    members.remove(limit);
                }
            }
            allow_null(members);
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| *entry = shown(std::mem::take(entry))),
        _ => {}
    }
    schema
}

/// `{ "oneOf": [{ "type": "string" }, { "type": "null" }] }` is `{ "type": ["string", "null"] }`.
fn allow_null(members: &mut JsonObject) {
    let Some(Value::Array(choices)) = members.get("oneOf") else { return };
    let [Value::Object(one), null] = choices.as_slice() else { return };
    let Some(Value::String(kind)) = one.get("type") else { return };
    if *null != json!({ "type": "null" }) {
        return;
    }
    let mut merged = one.clone();
    merged.insert("type".to_owned(), json!([kind, "null"]));
    if let Some(Value::Array(values)) = merged.get_mut("enum") {
        values.push(Value::Null);
    }
    let around = std::mem::take(members).into_iter().filter(|(name, _)| name != "oneOf");
    merged.extend(around);
    *members = merged;
}

/// The same schema without null.
fn forbid_null(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if let Some(Value::Array(kinds)) = members.get("type")
        && let [kind, Value::String(null)] = kinds.as_slice()
        && null == "null"
    {
        let kind = kind.clone();
        members.insert("type".to_owned(), kind);
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = members.get("oneOf")
        && let [Value::Object(one), null] = choices.as_slice()
        && *null == json!({ "type": "null" })
    {
        let mut only = one.clone();
        only.extend(std::mem::take(members).into_iter().filter(|(name, _)| name != "oneOf"));
        *members = only;
    }
}

/// A schema without what changes nothing and what is said twice.
fn cleared(schema: &Value) -> Value {
    let mut schema = shown(schema.clone());
    clear(&mut schema);
    schema
}

fn clear(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                properties.retain(|name, member| {
                    let about = member.get("description").and_then(Value::as_str).unwrap_or_default();
                    !OTHER_SPELLINGS.contains(&name.as_str())
                        && !IGNORED.iter().any(|ignored| about.starts_with(ignored))
                });
            }
            members.values_mut().for_each(clear);
        }
        Value::Array(entries) => entries.iter_mut().for_each(clear),
        _ => {}
    }
}

/// Makes references to the document's schemas references to definitions of this one, which it adds.
fn define(schema: &mut Value, document: &Document, definitions: &mut JsonObject) {
    match schema {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix(SCHEMAS));
            if let Some(name) = name.map(str::to_owned) {
                members.insert("$ref".to_owned(), format!("{DEFINITIONS}{name}").into());
                if !definitions.contains_key(&name) {
                    // Before what it refers to itself is looked at: it may be among that.
                    definitions.insert(name.clone(), Value::Null);
                    let mut defined = document.schema(&name).map(cleared).unwrap_or_default();
                    define(&mut defined, document, definitions);
                    definitions.insert(name, defined);
                }
            }
            members.values_mut().for_each(|value| define(value, document, definitions));
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| define(entry, document, definitions)),
        _ => {}
    }
}

/// Writes a member once that stands in several objects, under its own name.
fn write_once(schema: &mut Value, definitions: &mut JsonObject) {
    let mut seen = BTreeMap::new();
    each_member(schema, &mut |name, member| *seen.entry((name.to_owned(), member.to_string())).or_insert(0) += 1);
    each_member(schema, &mut |name, member| {
        let text = member.to_string();
        let is_repeated = seen.get(&(name.to_owned(), text.clone())).is_some_and(|times| *times > 1);
        if !is_repeated || text.len() <= LONGEST_REPEATED {
            return;
        }
        let is_free = definitions.get(name).is_none_or(|known| known == member);
        if is_free {
            definitions.insert(name.to_owned(), member.clone());
            *member = json!({ "$ref": format!("{DEFINITIONS}{name}") });
        }
    });
}

/// Shows every member of every object that the schema tells of.
fn each_member(schema: &mut Value, see: &mut impl FnMut(&str, &mut Value)) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                properties.iter_mut().for_each(|(name, member)| see(name, member));
            }
            members.values_mut().for_each(|value| each_member(value, see));
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| each_member(entry, see)),
        _ => {}
    }
}
