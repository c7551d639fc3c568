//! The records that a round is about.
//!
//! The **kept** ones may be merged into each other and are never deleted, and nobody patches what they point at, so
//! that the answers say where every reference must have gone; the **loose** ones may be changed and deleted at will.

use std::ops::Range;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;

use super::log::{Log, id};

pub(super) const LEADS: &str = "/pipeline/leads";
pub(super) const OPPORTUNITIES: &str = "/pipeline/opportunities";
pub(super) const PIPELINES: &str = "/pipeline/pipelines/opportunities";
pub(super) const CONTACTS: &str = "/directory/contacts";
pub(super) const ORGANIZATIONS: &str = "/directory/organizations";
pub(super) const CASES: &str = "/cases/cases";
pub(super) const CASE_TYPES: &str = "/cases/types/cases";

/// The statuses that a case type of a round always has.
pub(super) const STATUSES: [&str; 4] = ["New", "Open", "Waiting", "Done"];
/// One that comes and goes.
pub(super) const SOMETIMES: &str = "Sometimes";

/// The paths of a round's records.
pub(super) struct Round {
    /// Stands in the name of each record.
    pub(super) name: String,
    pub(super) organizations: Kept,
    pub(super) contacts: Kept,
    /// Contacts that are neither merged nor moved, each of the kept organization at its place.
    pub(super) members: Vec<String>,
    pub(super) leads: Kept,
    pub(super) opportunities: Kept,
    pub(super) cases: Kept,
    pub(super) pipelines: Kept,
    pub(super) case_types: Kept,
}

/// Records of one kind, the kept ones first.
pub(super) struct Kept {
    all: Vec<String>,
    kept: usize,
}

impl Kept {
    pub(super) fn all(&self) -> &[String] {
        &self.all
    }

    pub(super) fn kept(&self) -> &[String] {
        &self.all[..self.kept]
    }

    pub(super) fn loose(&self) -> &[String] {
        &self.all[self.kept..]
    }
}

/// The address of the contact at this place; half of the contacts share another one, in different spellings.
pub(super) fn address(name: &str, place: usize) -> String {
    format!("Contact{place}.{}@example.com", name.replace(' ', ""))
}

/// A workflow in which every status leads to the next, and to the one behind it.
pub(super) fn workflow(also: &[&str]) -> Value {
    let labels = [&STATUSES, also].concat();
    let node = |label: &&str| {
        let sla = *label == "Done";
        json!({ "id": format!("id-{label}"), "type": "node", "data": { "label": label, "recordResolutionSLA": sla } })
    };
    let edge = |from: usize, step: usize| json!({ "label": "Go", "source": labels[from], "target": (labels[(from + step) % labels.len()]) });
    let edges: Vec<Value> = (0..labels.len()).flat_map(|from| [edge(from, 1), edge(from, 2)]).collect();
    json!({ "status": labels.iter().map(node).collect::<Vec<_>>(), "transition": edges })
}

/// Stages of these keys.
pub(super) fn stages(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "key": key, "label": format!("Stage {key}") })).collect()
}

/// Makes the records of a round.
struct Maker<'a> {
    client: &'a Client,
    log: &'a mut Log,
}

impl Maker<'_> {
    fn one(&mut self, path: &str, body: &Value) -> String {
        let answer = self.client.post(path, body);
        answer.item(201);
        self.log.made(&answer);
        answer.header("location").to_owned()
    }

    fn many(&mut self, path: &str, kept: usize, places: Range<usize>, body: impl Fn(usize) -> Value) -> Kept {
        Kept { all: places.map(|place| self.one(path, &body(place))).collect(), kept }
    }
}

impl Round {
    pub(super) fn new(client: &Client, name: &str, log: &mut Log) -> Self {
        let mut maker = Maker { client, log };
        let organizations = maker.many(
            ORGANIZATIONS,
            4,
            0..10,
            |_| json!({ "name": name, "email": [{ "value": "info@example.com" }], "tags": "a" }),
        );
        let shared = |place: usize| if place.is_multiple_of(2) { "Office@example.com" } else { "office@EXAMPLE.com" };
        let contacts = maker.many(CONTACTS, 8, 0..20, |place| {
            json!({
                "name": name, "organizationId": id(&organizations.all[place % 10]), "tags": (["a", "b", "c"][place % 3]),
                "email": [{ "value": address(name, place) }, { "value": shared(place) }],
                "phone": [{ "value": format!("+1 555 {}", place % 4) }],
            })
        });
        let members = maker.many(
            CONTACTS,
            4,
            0..4,
            |place| json!({ "name": format!("Member, {name}"), "organizationId": id(&organizations.all[place]) }),
        );
        let pipelines = maker.many(
            PIPELINES,
            1,
            0..2,
            |_| json!({ "id": Uuid::new_v4(), "name": name, "stages": stages(&["a", "b", "c", "d"]) }),
        );
        let case_types = maker.many(
            CASE_TYPES,
            1,
            0..2,
            |place| json!({ "label": format!("{name}, {place}"), "workflow": workflow(&[SOMETIMES]) }),
        );
        // Of the kept organization and contact at their place, with the contact and the two behind it taking part.
        let pointing = |place: usize| {
            let participants: Vec<Value> =
                (0..3).map(|next| json!({ "id": id(&contacts.all[(place + next) % 8]) })).collect();
            json!({
                "title": name, "organizationId": id(&organizations.all[place % 4]),
                "contactId": id(&contacts.all[place % 8]), "participants": participants, "tags": "a,b",
            })
        };
        let leads = maker.many(LEADS, 8, 0..20, pointing);
        let opportunities = maker.many(OPPORTUNITIES, 8, 0..16, |place| {
            let mut body = pointing(place);
            body["pipelineId"] = id(&pipelines.all[place / 8]).into();
            body
        });
        let cases = maker.many(CASES, 8, 0..16, |place| {
            let mut body = pointing(place);
            body["caseTypeId"] = id(&case_types.all[place / 14]).into();
            body.as_object_mut().unwrap().remove("participants");
            body
        });
        let name = name.to_owned();
        Self { name, organizations, contacts, members: members.all, leads, opportunities, cases, pipelines, case_types }
    }
}
