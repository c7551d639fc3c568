//! Who is said to have done what (docs/compatibility.md, "Tokens on every route"): every write that takes an author.

use std::collections::BTreeSet;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::access::{as_person, token};
use crate::client::{Answer, Api, Client};
use crate::operations::{COMMITTED, operations};
use crate::resources::RESOURCES;
use crate::ticketing_errors::SECRET;

/// Members of a body that name who does it.
const AUTHORS: [&str; 2] = ["lastUpdatedBy", "user"];

/// A person as a token has them.
fn person(id: &str) -> Value {
    json!({ "id": id, "name": format!("{id}'s name"), "email": format!("{id}@example.com") })
}

/// The properties of a body that the document tells, whatever it is made of.
fn properties(document: &Value, schema: &Value) -> BTreeSet<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return properties(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let parts = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|name| schema[name].as_array()).flatten();
    own.chain(parts.flat_map(|part| properties(document, part))).collect()
}

/// Every operation of the document whose body names its author, with the member that does.
fn naming_authors() -> Vec<(String, &'static str)> {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut found = Vec::new();
    // Who puts a comment in other words is told in its record's history: the comment keeps who said it first.
    for operation in operations().into_iter().filter(|operation| !operation.names_a_comment()) {
        let body = &document["paths"][&operation.path][operation.method.to_lowercase()]["requestBody"];
        let names = properties(&document, &body["content"]["application/json"]["schema"]);
        let author = AUTHORS.into_iter().find(|name| names.contains(*name));
        found.extend(author.map(|author| (operation.name(), author)));
    }
    found
}

/// A request that changes something, and where to read what it changed.
struct Change {
    method: &'static str,
    path: String,
    body: Value,
    changed: Vec<String>,
    /// Whether what it answers was made by it.
    makes: bool,
}

impl Change {
    fn by_key(&self, client: &Client) -> Answer {
        client.send(self.method, &self.path, &[], Some(&self.body.to_string()))
    }

    fn by(&self, client: &Client, token: &str) -> Answer {
        as_person(client, token, self.method, &self.path, Some(&self.body))
    }

    fn with(mut self, author: &str, user: &Value) -> Self {
        self.body[author] = user.clone();
        self
    }
}

/// A record that somebody with a key made: its path.
fn made(client: &Client, path: &str, body: Value) -> String {
    let mut body = body;
    body["lastUpdatedBy"] = person("maker");
    format!("{path}/{}", client.post(path, &body).item(201)["id"].as_str().unwrap())
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// A change by this operation, of records that are made for it. One that the document has more of is one more arm.
fn change(client: &Client, operation: &str, nth: usize) -> Change {
    let (method, path) = operation.split_once(' ').unwrap();
    let kind = RESOURCES.iter().find(|resource| path.starts_with(resource.path));
    let text = kind.map_or("label", |kind| kind.text);
    let whole = path.strip_suffix("/{id}");
    let fresh = |of: &str| made(client, of, json!({ text: format!("Fresh {nth}") }));
    let owner = json!({ "id": "owner" });
    let changes = |method, record: String, body| Change {
        method,
        path: record.clone(),
        body,
        changed: vec![record],
        makes: false,
    };
    let acts = |method, record: String, action: &str, body| Change {
        method,
        path: format!("{record}{action}"),
        body,
        changed: vec![record],
        makes: false,
    };
    match (method, whole) {
        ("POST", None) if !path.contains("{id}") => {
            let body = json!({ text: format!("Made {nth}"), "owner": owner });
            return Change { method: "POST", path: path.to_owned(), body, changed: Vec::new(), makes: true };
        }
        ("PUT", None) if path.ends_with("/external/{externalId}") => {
            let record = fresh(kind.unwrap().path);
            let external_id = format!("external-{nth}");
            client.patch(&record, &json!({ "externalId": external_id })).item(200);
            return Change {
                method: "PUT",
                path: path.replace("{externalId}", &external_id),
                body: json!({ text: format!("Changed {nth}") }),
                changed: vec![record],
                makes: false,
            };
        }
        ("PATCH", Some(of)) => return changes("PATCH", fresh(of), json!({ text: format!("Changed {nth}") })),
        _ => {}
    }
    match operation {
        "PATCH /pipeline/leads/{id}/archive" => acts("PATCH", fresh("/pipeline/leads"), "/archive", json!({})),
        "PATCH /pipeline/leads/{id}/unarchive" => {
            let lead = fresh("/pipeline/leads");
            client.patch(&format!("{lead}/archive"), &json!({})).item(200);
            acts("PATCH", lead, "/unarchive", json!({}))
        }
        "POST /pipeline/leads/{id}/convert" => {
            let lead = made(client, "/pipeline/leads", json!({ "title": "Fresh", "owner": owner }));
            Change { makes: true, ..acts("POST", lead, "/convert", json!({})) }
        }
        "PATCH /pipeline/opportunities/{id}/updateStage" => {
            acts("PATCH", fresh("/pipeline/opportunities"), "/updateStage", json!({ "stage": "proposal" }))
        }
        "PATCH /pipeline/opportunities/{id}/updateStatus" => {
            acts("PATCH", fresh("/pipeline/opportunities"), "/updateStatus", json!({ "status": "won" }))
        }
        other if other.ends_with("/{id}/merge") => {
            let of = kind.unwrap().path;
            let source = fresh(of);
            acts("POST", fresh(of), "/merge", json!({ "sourceId": [id_of(&source)] }))
        }
        "POST /cases/cases/{id}/activities" => {
            let case = fresh("/cases/cases");
            let body = json!({ "comment": "Seen" });
            Change { method: "POST", path: format!("{case}/activities"), body, changed: Vec::new(), makes: false }
        }
        other if other.ends_with("/{id}/comments") => {
            let record = fresh(kind.unwrap().path);
            let body = json!({ "comment": "Seen" });
            Change { method: "POST", path: format!("{record}/comments"), body, changed: Vec::new(), makes: false }
        }
        other if other.starts_with("POST /trash/") => {
            let kind =
                RESOURCES.iter().find(|kind| other == format!("POST /trash/{}/{{id}}/restore", kind.bulk.1)).unwrap();
            let record = made(client, kind.path, json!({ kind.text: format!("Fresh {nth}") }));
            assert_eq!(client.delete(&record).status, 204);
            let path = format!("/trash/{}/{}/restore", kind.bulk.1, id_of(&record));
            Change { method: "POST", path, body: json!({}), changed: vec![record], makes: false }
        }
        other => panic!("a request for {other} is missing here"),
    }
}

/// Who is said to have done it, in its answer and wherever else it changed something.
fn authors(client: &Client, change: &Change, member: &str, answer: &Answer) -> Vec<Value> {
    assert!(matches!(answer.status, 200 | 201), "{} {}: {}", change.method, change.path, answer.text);
    let read = change.changed.iter().map(|path| client.get(path).item(200)["lastUpdatedBy"].clone());
    [answer.body["item"][member].clone()].into_iter().chain(read).collect()
}

both_databases! {
    /// With a token it is its person whatever the body says, and nobody else can be named; with a key it is whom the body
    /// names, and where it names nobody, whoever it was before.
    fn an_author_is_recorded_by_every_write(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let lee = token(&json!("acme"), &["crm_user"], "lee");
        let operations = naming_authors();
        assert!(operations.len() >= 18, "the walk proves nothing: {operations:?}");
        for (nth, (operation, member)) in operations.iter().enumerate() {
            let fresh = |of| change(&api.acme, operation, 10 * nth + of);
            let all = |change: &Change, answer: &Answer, who: &Value, how: &str| {
                for author in authors(&api.acme, change, member, answer) {
                    assert_eq!(author, *who, "{operation} {how}");
                }
            };
            let by_token = fresh(0);
            let answer = by_token.by(&api.acme, &lee);
            all(&by_token, &answer, &person("lee"), "with a token");
            if by_token.makes {
                assert_eq!(answer.body["item"]["creator"], person("lee"), "{operation}, who comes before the owner");
            }
            let by_herself = fresh(1).with(member, &json!({ "id": "lee", "name": "The Boss" }));
            all(&by_herself, &by_herself.by(&api.acme, &lee), &person("lee"), "by herself, under another name");
            let by_nobody = fresh(2).with(member, &Value::Null);
            all(&by_nobody, &by_nobody.by(&api.acme, &lee), &person("lee"), "by nobody");

            let by_another = fresh(3).with(member, &person("kim"));
            let records = || -> Vec<Value> {
                by_another.changed.iter().map(|path| api.acme.get(path).body["item"].clone()).collect()
            };
            let before = records();
            by_another.by(&api.acme, &lee).problem(403, "not_yourself");
            assert_eq!(records(), before, "{operation} changed something");
            all(&by_another, &by_another.by_key(&api.acme), &person("kim"), "with a key, which may name anybody");

            let unsaid = fresh(4);
            let before = if unsaid.makes || unsaid.changed.is_empty() { Value::Null } else { person("maker") };
            let answer = unsaid.by_key(&api.acme);
            assert_eq!(answer.body["item"][member], before, "{operation} with a key that names nobody");
        }
    }

    /// A creator may be another: what is entered for somebody is theirs.
    fn a_creator_can_be_named(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let lee = token(&json!("acme"), &["crm_user"], "lee");
        for resource in RESOURCES {
            let body = json!({ resource.text: "For Kim", "creator": person("kim"), "owner": person("owner") });
            let made = as_person(&api.acme, &lee, "POST", resource.path, Some(&body));
            assert_eq!(made.item(201)["creator"], person("kim"), "{}", resource.path);
            assert_eq!(made.body["item"]["lastUpdatedBy"], person("lee"), "{}", resource.path);
        }
    }

    /// What changes nothing names nobody: the record stays as it is.
    fn nobody_is_said_to_have_changed_nothing(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let lee = token(&json!("acme"), &["crm_user"], "lee");
        let paths = RESOURCES.iter().map(|resource| (resource.path, resource.text)).chain([("/cases/types/cases", "label")]);
        for (of, text) in paths {
            let record = made(&api.acme, of, json!({ text: "As it is" }));
            let before = api.acme.get(&record);
            for body in [json!({}), json!({ text: "As it is" }), json!({ text: "As it is", "lastUpdatedBy": { "id": "lee" } })] {
                let answer = as_person(&api.acme, &lee, "PATCH", &record, Some(&body));
                assert_eq!(answer.header("etag"), before.header("etag"), "{record}: {body} {}", answer.text);
            }
            // Alone it is a change, once.
            let herself = json!({ "lastUpdatedBy": { "id": "lee" } });
            let first = as_person(&api.acme, &lee, "PATCH", &record, Some(&herself));
            assert_eq!(first.item(200)["lastUpdatedBy"], person("lee"), "{record}");
            for body in [herself, json!({ "lastUpdatedBy": null })] {
                let again = as_person(&api.acme, &lee, "PATCH", &record, Some(&body));
                assert_eq!(again.header("etag"), first.header("etag"), "{record}: {body}");
            }
        }
        let opportunity = made(&api.acme, "/pipeline/opportunities", json!({ "title": "As it is" }));
        let lead = made(&api.acme, "/pipeline/leads", json!({ "title": "As it is" }));
        let stage = api.acme.get(&opportunity).item(200)["stage"].clone();
        for (record, action, body) in [
            (&opportunity, "updateStage", json!({ "stage": stage })),
            (&opportunity, "updateStatus", json!({ "status": "open" })),
            (&lead, "unarchive", json!({})),
        ] {
            as_person(&api.acme, &lee, "PATCH", &format!("{record}/{action}"), Some(&body)).item(200);
            assert_eq!(api.acme.get(record).item(200)["lastUpdatedBy"], person("maker"), "{record} {action}");
        }
    }

    /// Who deletes or merges a record changes those that point at it; where that was a key, they keep who changed them before.
    fn a_reference_is_taken_away_by_somebody(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let client = &api.acme;
        let [lee, kim] = ["lee", "kim"].map(|id| token(&json!("acme"), &["crm_user"], id));
        for (name, of) in
            [("organizationId", "/directory/organizations"), ("contactId", "/directory/contacts"), ("participants", "/directory/contacts")]
        {
            let [first, second, third] = ["First", "Second", "Third"].map(|text| made(client, of, json!({ "name": text })));
            let kinds = RESOURCES.iter().filter(|kind| !(kind.full)()[name].is_null());
            let pointing = kinds.map(|kind| {
                let to = if name == "participants" { json!([{ "id": id_of(&first) }]) } else { json!(id_of(&first)) };
                made(client, kind.path, json!({ kind.text: "Points", name: to }))
            });
            let pointing: Vec<String> = pointing.collect();
            assert!(pointing.len() > 1, "{name}");
            let are_changed_by = |author: &str, how: &str| {
                for record in &pointing {
                    assert_eq!(client.get(record).item(200)["lastUpdatedBy"], person(author), "{record} {name} {how}");
                }
            };
            let body = json!({ "sourceId": [id_of(&first)] });
            as_person(client, &lee, "POST", &format!("{second}/merge"), Some(&body)).item(200);
            are_changed_by("lee", "merged");
            let body = json!({ "sourceId": [id_of(&second)], "lastUpdatedBy": person("kim") });
            client.post(&format!("{third}/merge"), &body).item(200);
            are_changed_by("lee", "merged by a key");
            assert_eq!(as_person(client, &kim, "DELETE", &third, None).status, 204);
            are_changed_by("kim", "deleted");
        }
        let lead = made(client, "/pipeline/leads", json!({ "title": "Converted" }));
        let opportunity = client.post(&format!("{lead}/convert"), &json!({ "lastUpdatedBy": person("maker") }));
        let opportunity = format!("/pipeline/opportunities/{}", opportunity.item(201)["id"].as_str().unwrap());
        assert_eq!(as_person(client, &lee, "DELETE", &opportunity, None).status, 204);
        assert_eq!(client.get(&lead).item(200)["lastUpdatedBy"], person("lee"));
    }

    /// Whom a transition is for is asked of the token's person; of a key, it is whom the request names.
    fn a_workflow_and_its_timeline_know_the_person(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let [lee, kim] = ["lee", "kim"].map(|id| token(&json!("acme"), &["crm_user"], id));
        let node = |id: &str| json!({ "id": id, "data": { "label": id } });
        let workflow = json!({
            "status": [node("Open"), node("Done")],
            "transition": [{ "id": "t", "label": "Finish", "source": "Open", "target": "Done", "data": { "authorizedUsers": ["owner"] } }],
        });
        let made = api.acme.post("/cases/types/cases", &json!({ "label": "Guarded", "workflow": workflow }));
        let of_type = made.item(201)["id"].clone();
        let case = json!({ "title": "Guarded", "caseTypeId": of_type, "owner": person("kim") });
        let path = format!("/cases/cases/{}", api.acme.post("/cases/cases", &case).item(201)["id"].as_str().unwrap());
        let finish = json!({ "status": "Done" });
        as_person(&api.acme, &lee, "PATCH", &path, Some(&finish)).problem(403, "not_authorized_for_transition");
        let posing = json!({ "status": "Done", "lastUpdatedBy": person("kim") });
        as_person(&api.acme, &lee, "PATCH", &path, Some(&posing)).problem(403, "not_yourself");
        api.acme.patch(&path, &finish).problem(403, "not_authorized_for_transition");
        assert_eq!(as_person(&api.acme, &kim, "PATCH", &path, Some(&finish)).item(200)["status"], "Done");
        assert_eq!(api.acme.get(&format!("{path}/activities")).items()[0]["user"], person("kim"));
        let again = api.acme.post("/cases/cases", &case).item(201)["id"].as_str().unwrap().to_owned();
        let by_key = api.acme.patch(&format!("/cases/cases/{again}"), &posing);
        assert_eq!(by_key.item(200)["status"], "Done", "a key speaks for whom it names");
    }
}
