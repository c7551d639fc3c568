//! What the clients ask for, at random.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Client};
use crate::settings::Random;

use super::log::{Log, id};
use super::round::{
    CASE_TYPES, CASES, CONTACTS, Kept, LEADS, OPPORTUNITIES, ORGANIZATIONS, Round, SOMETIMES, STATUSES, stages,
    workflow,
};

const TAGS: [&str; 4] = ["a", "b", "c", "comes and goes"];

/// One client in a round.
pub(super) struct Actor<'a> {
    pub(super) client: &'a Client,
    pub(super) round: &'a Round,
    pub(super) random: Random,
    pub(super) log: Log,
    /// The custom field that nobody else writes.
    pub(super) field: String,
}

/// The form of leads and opportunities: a field for each client, and sometimes one more.
pub(super) fn form(with_another: bool) -> Value {
    let field = |id: String| json!({ "id": id, "label": id, "category": "custom", "type": "text" });
    let own = (0..super::THREADS).map(|number| field(own_field(number)));
    let another = with_another.then(|| field("another".to_owned()));
    json!({ "fields": own.chain(another).collect::<Vec<_>>() })
}

/// The custom field of the client of this number.
pub(super) fn own_field(number: usize) -> String {
    format!("of-{number}")
}

impl Actor<'_> {
    /// Asks for something, and notes what was answered.
    pub(super) fn act(&mut self) {
        let answer = match self.random.below(20) {
            0..6 => self.directory(),
            6..11 => self.leads(),
            11..15 => self.opportunities(),
            15..19 => self.cases(),
            _ => self.settings(),
        };
        check_answer(&answer);
        *self.log.statuses.entry(answer.status).or_default() += 1;
    }

    fn directory(&mut self) -> Answer {
        let (organizations, contacts) = (&self.round.organizations, &self.round.contacts);
        match self.random.below(13) {
            0 | 1 => self.merge(contacts.kept(), contacts.kept()),
            2 => self.merge(contacts.all(), contacts.loose()),
            3 | 4 => self.merge(organizations.kept(), organizations.kept()),
            5 => self.merge(organizations.all(), organizations.loose()),
            6 => self.delete(contacts),
            7 => self.delete(organizations),
            8 => self.bulk("/directory", "contact", CONTACTS, contacts),
            9 => self.bulk("/directory", "organization", ORGANIZATIONS, organizations),
            10 => {
                let mut body = self.change();
                let other = format!("x{}@y.z", self.random.below(9));
                body["email"] = json!([{ "value": "Office@example.com" }, { "value": other }]);
                body["organizationId"] = id(self.random.one_of(organizations.all())).into();
                self.patch(contacts.loose(), &body)
            }
            11 => {
                let mut body = self.change();
                body["phone"] = json!([{ "value": "+1" }]);
                self.patch(organizations.all(), &body)
            }
            _ => {
                let body = self.change();
                self.patch(contacts.kept(), &body)
            }
        }
    }

    fn leads(&mut self) -> Answer {
        let leads = &self.round.leads;
        match self.random.below(10) {
            0 | 1 => self.convert(),
            2 => self.patch_references(leads),
            3 => {
                let body = self.change();
                self.patch(leads.kept(), &body)
            }
            4 => self.own_field(leads),
            5 => {
                let action = *self.random.one_of(&["archive", "unarchive", "unarchive"]);
                let path = self.random.one_of(leads.all()).clone();
                self.change_of(&path, "PATCH", &format!("/{action}"), &json!({}))
            }
            6 => self.delete(leads),
            7 => self.bulk("/pipeline", "lead", LEADS, leads),
            // Those that are kept have who takes part in them, and no others.
            8 => self.merge(leads.loose(), leads.loose()),
            _ => self.make(LEADS),
        }
    }

    fn opportunities(&mut self) -> Answer {
        let opportunities = &self.round.opportunities;
        let stage = json!({ "stage": *self.random.one_of(&["a", "b", "c", "d"]) });
        match self.random.below(10) {
            0 => {
                let path = self.random.one_of(opportunities.all()).clone();
                self.change_of(&path, "PATCH", "/updateStage", &stage)
            }
            1 => {
                let status = json!({ "status": *self.random.one_of(&["won", "lost", "open", "open"]) });
                let path = self.random.one_of(opportunities.all()).clone();
                self.change_of(&path, "PATCH", "/updateStatus", &status)
            }
            2 | 3 => self.patch_references(opportunities),
            4 => {
                let pipeline = id(self.random.one_of(self.round.pipelines.all()));
                self.patch(opportunities.loose(), &json!({ "pipelineId": pipeline }))
            }
            5 => {
                let body = self.change();
                self.patch(opportunities.kept(), &body)
            }
            6 => self.own_field(opportunities),
            7 => self.delete(opportunities),
            8 => self.bulk("/pipeline", "opportunity", OPPORTUNITIES, opportunities),
            _ => self.make(OPPORTUNITIES),
        }
    }

    fn cases(&mut self) -> Answer {
        let cases = &self.round.cases;
        match self.random.below(10) {
            0..4 => {
                let status = *self.random.one_of(&[STATUSES.as_slice(), &[SOMETIMES]].concat());
                let path = self.random.one_of(cases.all()).clone();
                let comment = Uuid::new_v4().to_string();
                let answer = self.change_of(&path, "PATCH", "", &json!({ "status": status, "comment": comment }));
                self.say(answer, 200, path, comment)
            }
            4 => {
                let path = self.random.one_of(cases.all()).clone();
                let comment = Uuid::new_v4().to_string();
                let answer = self.client.post(&format!("{path}/activities"), &json!({ "comment": comment }));
                self.say(answer, 201, path, comment)
            }
            5 => self.patch_references(cases),
            6 => {
                let case_type = id(self.random.one_of(self.round.case_types.all()));
                self.patch(cases.loose(), &json!({ "caseTypeId": case_type }))
            }
            7 => self.delete(cases),
            8 => self.bulk("/cases", "case", CASES, cases),
            _ => self.make(CASES),
        }
    }

    /// Forms, pipelines and case types, which the others use meanwhile.
    fn settings(&mut self) -> Answer {
        let (pipelines, case_types) = (&self.round.pipelines, &self.round.case_types);
        let shown = self.random.below(2) == 0;
        match self.random.below(7) {
            0 => self.change_of("/pipeline/forms/opportunities", "PUT", "", &form(shown)),
            1 | 2 => {
                let orders: [&[&str]; 3] = [&["a", "b", "c", "d"], &["d", "c", "b", "a"], &["b", "c", "a"]];
                let order = *self.random.one_of(&orders);
                let stages = stages(order);
                self.patch(pipelines.all(), &json!({ "stages": stages }))
            }
            3 => self.patch(pipelines.all(), &json!({ "isDefault": true })),
            4 => self.delete(pipelines),
            5 => {
                let also: &[&str] = if shown { &[SOMETIMES] } else { &[] };
                self.patch(case_types.all(), &json!({ "workflow": workflow(also) }))
            }
            _ => self.delete(case_types),
        }
    }

    /// What anybody may change in any record.
    fn change(&mut self) -> Value {
        json!({ "owner": { "id": format!("user-{}", self.random.below(5)) }, "tags": self.random.some_of(&TAGS, 3) })
    }

    /// The same, and references to anything.
    fn references(&mut self, path: &str) -> Value {
        let mut body = self.change();
        body["organizationId"] = id(self.random.one_of(self.round.organizations.all())).into();
        body["contactId"] = id(self.random.one_of(self.round.contacts.all())).into();
        if !path.starts_with(CASES) {
            let some = self.random.some_of(self.round.contacts.all(), 4);
            body["participants"] = some.iter().map(|path| json!({ "id": id(path) })).collect();
        }
        body
    }

    fn patch(&mut self, paths: &[String], body: &Value) -> Answer {
        let path = self.random.one_of(paths).clone();
        self.change_of(&path, "PATCH", "", body)
    }

    /// Changes what is at this path by an action on it: every other time on the condition that it is as it was read
    /// just before.
    fn change_of(&mut self, path: &str, method: &str, action: &str, body: &Value) -> Answer {
        let tag =
            if self.random.below(2) == 0 { self.client.get(path).header("etag").to_owned() } else { String::new() };
        let body = (!body.is_null()).then(|| body.to_string());
        let headers = [("If-Match", tag.as_str())];
        let headers = if tag.is_empty() { &[][..] } else { &headers[..] };
        self.log.conditional += u64::from(!tag.is_empty());
        self.client.send(method, &format!("{path}{action}"), headers, body.as_deref())
    }

    fn patch_references(&mut self, records: &Kept) -> Answer {
        let path = self.random.one_of(records.loose()).clone();
        let body = self.references(&path);
        self.change_of(&path, "PATCH", "", &body)
    }

    fn make(&mut self, path: &str) -> Answer {
        let mut body = self.references(path);
        body["title"] = format!("Made meanwhile, {}", self.round.name).into();
        let answer = self.client.post(path, &body);
        self.log.made(&answer);
        answer
    }

    /// Stores the next value in the field that nobody else writes.
    fn own_field(&mut self, records: &Kept) -> Answer {
        let path = self.random.one_of(records.kept()).clone();
        let value = Uuid::new_v4().to_string();
        let body = json!({ "customFields": { self.field.as_str(): value } });
        let answer = self.change_of(&path, "PATCH", "", &body);
        if answer.status == 200 {
            self.log.fields.insert((path, self.field.clone()), value);
        }
        answer
    }

    /// Converts a lead; the opportunity of a loose one is sometimes deleted again.
    fn convert(&mut self) -> Answer {
        let leads = &self.round.leads;
        let lead = self.random.one_of(leads.all()).clone();
        let answer = self.change_of(&lead, "POST", "/convert", &json!({}));
        self.log.made(&answer);
        if answer.status != 201 {
            return answer;
        }
        let opportunity = answer.header("location").to_owned();
        let is_left = leads.kept().contains(&lead) || self.random.below(2) == 0;
        self.log.converted.push((lead, opportunity.clone()));
        if is_left {
            return answer;
        }
        let deleted = self.change_of(&opportunity, "DELETE", "", &Value::Null);
        self.log.deleted(&deleted, &opportunity);
        deleted
    }

    fn delete(&mut self, records: &Kept) -> Answer {
        let path = self.random.one_of(records.loose()).clone();
        let answer = self.change_of(&path, "DELETE", "", &Value::Null);
        self.log.deleted(&answer, &path);
        answer
    }

    fn bulk(&mut self, area: &str, entity: &str, path: &str, records: &Kept) -> Answer {
        let some = self.random.some_of(records.loose(), 3);
        let ids: Vec<&str> = some.iter().map(id).collect();
        let body = json!({ "entity": entity, "action": "delete", "ids": ids });
        let answer = self.client.post(&format!("{area}/bulk-actions"), &body);
        self.log.deleted_in_bulk(&answer, path);
        answer
    }

    fn merge(&mut self, targets: &[String], sources: &[String]) -> Answer {
        let target = self.random.one_of(targets).clone();
        let mut sources = self.random.some_of(sources, 3);
        sources.retain(|source| *source != target);
        if sources.is_empty() {
            return self.client.get(&target);
        }
        let ids: Vec<&str> = sources.iter().map(id).collect();
        let answer = self.change_of(&target, "POST", "/merge", &json!({ "sourceId": ids }));
        if answer.status == 200 {
            self.log.merged.extend(sources.into_iter().map(|source| (source, target.clone())));
        }
        answer
    }

    fn say(&mut self, answer: Answer, done: u16, path: String, comment: String) -> Answer {
        if answer.status == done {
            self.log.said.insert((path, comment));
        }
        answer
    }
}

/// Makes and deletes a tag of each kind, and case types, that the others use meanwhile.
pub(super) fn come_and_go(client: &Client, log: &mut Log) {
    for kind in super::TAGS_OF_KINDS {
        // A conversion may have made it for opportunities already.
        let made = client.post(kind, &json!({ "label": "Comes and goes" }));
        assert!(matches!(made.status, 201 | 409), "{}", made.text);
        std::thread::yield_now();
        let tags = client.get(kind);
        let tag = tags.items().iter().find(|tag| tag["label"].as_str().unwrap().eq_ignore_ascii_case(TAGS[3])).unwrap();
        let deleted = client.delete(&format!("{kind}/{}", tag["id"].as_str().unwrap()));
        assert_eq!(deleted.status, 204, "{}", deleted.text);
    }
    let made = client.post(CASE_TYPES, &json!({ "label": "Comes and goes" }));
    log.made(&made);
    let path = made.header("location");
    let deleted = client.delete(path);
    log.deleted(&deleted, path);
    assert_eq!((made.status, deleted.status), (201, 204), "{}{}", made.text, deleted.text);
}

/// A clash with somebody else is told as such, and nothing fails.
fn check_answer(answer: &Answer) {
    let clash = |error: &Value| match (error["field"].as_str(), error["code"].as_str()) {
        (_, Some("unknown_reference" | "unknown_tag")) => true,
        // The status that comes and goes, and one in which the case is already.
        (Some("status"), Some("invalid_value")) | (Some("comment"), Some("conflicting")) => true,
        _ => false,
    };
    let fine = match answer.status {
        200..=299 | 404 | 409 | 412 => true,
        400 => answer.body["errors"].as_array().is_some_and(|errors| errors.iter().all(clash)),
        _ => false,
    };
    assert!(fine, "{}: {}", answer.status, answer.text);
}
