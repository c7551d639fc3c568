//! A tenant's requests at random, alone and with another tenant at work beside it: the same answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Api, Client};
use crate::resources::{RESOURCES, Resource, prepare};
use crate::settings::{Random, figure, rounds};

/// Requests of a round; a long run has ten thousand.
const REQUESTS: u64 = 300;
/// Ids that are asked for: more than there are records at first, and fewer than in the end.
const IDS: usize = 40;
/// Orders that moments decide, of which two may fall into the same millisecond or not.
const OF_MOMENTS: [&str; 3] = ["lastUpdatedOn", "updatedAt", "closedOn"];

/// One tenant at work. What it asks for depends on its random numbers and its own answers alone.
struct Run {
    client: Client,
    random: Random,
    tag: String,
    list: Option<(String, String)>,
    etag: String,
    names: Names,
}

impl Run {
    fn new(client: Client, random: Random) -> Self {
        prepare(&client);
        let (tag, etag) = (Uuid::nil().to_string(), "\"none\"".to_owned());
        Self { client, random, tag, list: None, etag, names: Names::default() }
    }

    fn id(&mut self) -> usize {
        1 + self.random.below(IDS)
    }

    /// Asks for something, and gives what was asked and answered.
    fn act(&mut self) -> String {
        let resource = &RESOURCES[self.random.below(RESOURCES.len())];
        let id = self.id();
        let one = format!("{}/{id}", resource.path);
        let (method, path, body) = match self.random.below(16) {
            0..4 => ("POST", resource.path.to_owned(), Some((resource.full)())),
            4 => ("POST", resource.path.to_owned(), Some(json!({ resource.text: format!("Number {id}") }))),
            5 => ("PATCH", one, Some((resource.patch)())),
            6 => (
                "PATCH",
                one,
                Some(json!({ resource.text: format!("Changed {id}"), "customFields": { "mood": null } })),
            ),
            7 => ("DELETE", one, None),
            8 => self.action(resource, &one),
            9 => {
                let (bulk, entity) = resource.bulk;
                let ids = [id, self.id()].map(|id| id.to_string());
                ("POST", bulk.to_owned(), Some(json!({ "entity": entity, "action": "delete", "ids": ids })))
            }
            10 => {
                let label = format!("label {}", self.random.below(9));
                ("POST", resource.tags.to_owned(), Some(json!({ "label": label })))
            }
            11 => ("DELETE", format!("{}/{}", resource.tags, self.tag), None),
            12 => ("POST", format!("/pipeline/leads/{id}/convert"), Some(json!({}))),
            13 => ("GET", one, None),
            14 => (
                "GET",
                [resource.tags, resource.form, "/pipeline/opportunities/summary"][self.random.below(3)].to_owned(),
                None,
            ),
            _ => ("GET", self.list(resource), None),
        };
        let (etag, once) = (self.etag.clone(), format!("once {id}").replace(' ', "-"));
        let headers: &[(&str, &str)] = match (method, self.random.below(4)) {
            ("POST", 0) => &[("Idempotency-Key", &once)],
            ("PATCH" | "DELETE", 0) => &[("If-Match", &etag)],
            ("GET", 0) => &[("If-None-Match", &etag)],
            _ => &[],
        };
        let answer = self.client.send(method, &path, headers, body.as_ref().map(Value::to_string).as_deref());
        // Which tag it is, and when the last record of a page was made, is chance.
        let asked = path.replace(&self.tag, "TAG");
        let asked = asked.split("continuationToken=").next().unwrap_or_default();
        self.learn(&path, &answer);
        format!(
            "{method} {asked} {:?}: {} {}",
            headers.first().map(|(name, _)| name),
            answer.status,
            self.names.without_chance(&answer)
        )
    }

    fn action(&mut self, resource: &Resource, one: &str) -> (&'static str, String, Option<Value>) {
        if resource.actions.is_empty() {
            let status = ["In Progress", "Resolved", "Closed"][self.random.below(3)];
            return ("PATCH", one.to_owned(), Some(json!({ "status": status, "comment": "on" })));
        }
        let (method, action, body) = resource.actions[self.random.below(resource.actions.len())];
        let body = if action == "/merge" { json!({ "sourceId": [self.id().to_string()] }) } else { body() };
        (method, format!("{one}{action}"), Some(body))
    }

    /// A list in some order, or the page behind the last one.
    fn list(&mut self, resource: &Resource) -> String {
        if let Some((list, token)) = self.list.take() {
            return format!("{list}&continuationToken={token}");
        }
        let orders: Vec<&&str> = resource.orders.iter().filter(|order| !OF_MOMENTS.contains(order)).collect();
        let order = **self.random.one_of(&orders);
        let filters = ["", "&tags=vip", "&ownerId=o", "&organizationId=1", "&searchValue=e"];
        let filter = self.random.one_of(&filters);
        let filter = if resource.path.starts_with("/directory") || *filter != "&searchValue=e" { filter } else { "" };
        let filter =
            if resource.path == "/directory/organizations" && filter.contains("organizationId") { "" } else { filter };
        format!(
            "{}?size=7&includeTotal=true&orderBy={order}&sort={}{filter}",
            resource.path,
            ["asc", "desc"][self.random.below(2)]
        )
    }

    fn learn(&mut self, path: &str, answer: &Answer) {
        if path.contains("/tags/") && answer.status == 201 {
            answer.item(201)["id"].as_str().unwrap().clone_into(&mut self.tag);
        }
        if let Some(token) = answer.body["continuationToken"].as_str() {
            let list = path.split("&continuationToken").next().unwrap_or_default();
            self.list = Some((list.to_owned(), token.to_owned()));
        }
        if !answer.header("etag").is_empty() {
            answer.header("etag").clone_into(&mut self.etag);
        }
    }
}

/// What chance and the clock put into answers, under names that are the same in every run.
#[derive(Default)]
struct Names(BTreeMap<Uuid, usize>);

impl Names {
    fn without_chance(&mut self, answer: &Answer) -> String {
        let mut body = answer.body.clone();
        self.rename(&mut body);
        // An ETag follows the moments of its record, and such an answer names it.
        let etag = if body["code"] == "precondition_failed" { "detail" } else { "requestId" };
        for (name, of_chance) in [("requestId", "R"), ("continuationToken", "C"), (etag, "R")] {
            if let Some(value) = body.get_mut(name) {
                *value = of_chance.into();
            }
        }
        body.to_string()
    }

    fn rename(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Ok(id) = text.parse::<Uuid>() {
                    let next = self.0.len();
                    *text = format!("uuid {}", self.0.entry(id).or_insert(next));
                } else if text.parse::<crm_core::Timestamp>().is_ok() {
                    "moment".clone_into(text);
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.rename(value)),
            Value::Object(members) => members.iter_mut().for_each(|(_, value)| self.rename(value)),
            _ => {}
        }
    }
}

/// The answers of a run in a database of its own, with another tenant beside it or without. Also how much the other did.
fn transcript(database: &TestDatabase, random: &Random, requests: u64, beside: bool) -> (Vec<String>, usize) {
    let api = Api::start(database);
    let mut run = Run::new(api.acme.clone(), random.clone());
    let mut other = beside.then(|| Run::new(api.tenant("other"), random.clone().fork()));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let busy = other.as_mut().map(|other| {
            let act = || {
                let mut count = 0;
                while !done.load(Ordering::Relaxed) {
                    other.act();
                    count += 1;
                }
                count
            };
            scope.spawn(act)
        });
        let answers = (0..requests).map(|_| run.act()).collect();
        done.store(true, Ordering::Relaxed);
        (answers, busy.map_or(0, |busy| busy.join().unwrap()))
    })
}

fn another(database: &TestDatabase) -> TestDatabase {
    match database.kind() {
        crm_core::BackendKind::Sqlite => TestDatabase::sqlite(),
        crm_core::BackendKind::Postgres => TestDatabase::postgres(),
    }
}

both_databases! {
    /// Ids, counts, pages, repeated requests and refusals of a tenant do not show that there is another.
    fn a_tenant_beside_another_gets_the_answers_of_one_alone(database) {
        let requests = REQUESTS * rounds(1);
        let random = Random::new();
        let (alone, _) = transcript(&another(database), &random, requests, false);
        let (beside, of_other) = transcript(database, &random, requests, true);
        for (number, (alone, beside)) in alone.iter().zip(&beside).enumerate() {
            assert_eq!(beside, alone, "request {number}");
        }
        assert!(of_other > 50, "the other one did nothing: {of_other}");
        figure(database, "tenants", format_args!("{requests} requests beside {of_other} of another tenant, answered as alone"));
    }
}
