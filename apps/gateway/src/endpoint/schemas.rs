//! What the schemas of the document say that no type says by itself, read off all of them together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// The names of the schemas that requests are made of: there, a member may be left out.
#[derive(Default)]
pub(super) struct Sent(BTreeSet<String>);

impl Sent {
    /// Adds what the body of a request refers to.
    pub(super) fn add(&mut self, body: Option<&RefOr<Schema>>) -> serde_json::Result<()> {
        if let Some(schema) = body {
            self.0.extend(referred(schema)?);
        }
        Ok(())
    }

    /// Adds what those refer to in turn.
    pub(super) fn close_over(&mut self, schemas: &Schemas) -> serde_json::Result<()> {
        let mut open: Vec<String> = self.0.iter().cloned().collect();
        while let Some(name) = open.pop() {
            for next in schemas.get(&name).map(referred).transpose()?.unwrap_or_default() {
                if self.0.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        Ok(())
    }
}

/// The names of the schemas that this one refers to.
fn referred(schema: &RefOr<Schema>) -> serde_json::Result<BTreeSet<String>> {
    fn walk(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                let place = members.get("$ref").and_then(Value::as_str);
                names.extend(place.and_then(|place| place.strip_prefix("#/components/schemas/")).map(str::to_owned));
                members.values().for_each(|member| walk(member, names));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    walk(&serde_json::to_value(schema)?, &mut names);
    Ok(names)
}

/// In an answer a member that can be null is always there: what an answer leaves out is declared as never null. So what can be
/// null is required, and a client of a typed language has one way to say that there is none, not two.
pub(super) fn require_what_is_always_printed(schemas: &mut Schemas, sent: &Sent) {
    for (name, schema) in schemas {
        if sent.0.contains(name) {
            continue;
        }
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        let left_out: Vec<String> =
            object.properties.keys().filter(|name| !object.required.contains(name)).cloned().collect();
        object.required.extend(left_out.into_iter().filter(|name| is_nullable(&object.properties[name])));
    }
}

fn is_nullable(schema: &RefOr<Schema>) -> bool {
    let is_null = |schema: &RefOr<Schema>| {
        matches!(schema, RefOr::T(Schema::Object(Object { schema_type: SchemaType::Type(Type::Null), .. })))
    };
    let allows_null = |kind: &SchemaType| matches!(kind, SchemaType::Array(types) if types.contains(&Type::Null));
    match schema {
        RefOr::T(Schema::Object(object)) => allows_null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => allows_null(&array.schema_type),
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter().any(is_null),
        _ => false,
    }
}

/// What a member of `Lead` is, it is in `NewLead` and `LeadPatch` too: it is described once, where it is answered.
pub(super) fn lend_descriptions(schemas: &mut Schemas) {
    let described: BTreeMap<String, BTreeMap<String, String>> = schemas
        .iter()
        .filter_map(|(name, schema)| match schema {
            RefOr::T(Schema::Object(object)) => Some((name.clone(), descriptions(object))),
            _ => None,
        })
        .collect();
    for (name, schema) in schemas {
        let of = name.strip_prefix("New").or_else(|| name.strip_suffix("Patch"));
        let (Some(lender), RefOr::T(Schema::Object(object))) = (of.and_then(|of| described.get(of)), schema) else {
            continue;
        };
        for (member, schema) in &mut object.properties {
            if let (None, Some(description)) = (description(schema), lender.get(member)) {
                describe(schema, description);
            }
        }
    }
}

fn descriptions(object: &Object) -> BTreeMap<String, String> {
    let members = object.properties.iter();
    members.filter_map(|(member, schema)| Some((member.clone(), description(schema)?))).collect()
}

/// What is said of a member where it stands; of one that may be null, beside its type.
fn description(schema: &RefOr<Schema>) -> Option<String> {
    match schema {
        RefOr::Ref(reference) => Some(reference.description.clone()).filter(|text| !text.is_empty()),
        RefOr::T(Schema::Object(object)) => object.description.clone(),
        RefOr::T(Schema::Array(array)) => array.description.clone(),
        RefOr::T(Schema::OneOf(one_of)) => {
            one_of.description.clone().or_else(|| one_of.items.first().and_then(description))
        }
        RefOr::T(Schema::AllOf(all_of)) => all_of.description.clone(),
        RefOr::T(Schema::AnyOf(any_of)) => any_of.description.clone(),
        RefOr::T(_) => None,
    }
}

fn describe(schema: &mut RefOr<Schema>, text: &str) {
    let text = text.to_owned();
    match schema {
        RefOr::Ref(reference) => reference.description = text,
        RefOr::T(Schema::Object(object)) => object.description = Some(text),
        RefOr::T(Schema::Array(array)) => array.description = Some(text),
        RefOr::T(Schema::OneOf(one_of)) => one_of.description = Some(text),
        RefOr::T(Schema::AllOf(all_of)) => all_of.description = Some(text),
        RefOr::T(Schema::AnyOf(any_of)) => any_of.description = Some(text),
        RefOr::T(_) => {}
    }
}
