//! Whoever asks to be forgotten is: no value of an erased record stays anywhere (docs/compatibility.md, "The trash").

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crm_core::DbConnection;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::{QueryableByName, RunQueryDsl};
use serde_json::{Value, json};

use crate::access::key;
use crate::client::{Answer, Api, Client};
use crate::dump::dump;
use crate::process::is_installed;
use crate::receiver::{Receiver, Says};
use crate::resources::{RESOURCES, Resource, prepare};
use crate::uploads::{LINES, import};

/// A part of every text of whoever is erased, and of nothing else.
const STEM: &str = "kwxqj";
/// Letters of their titles whose order stands in the index of texts alone.
const RARE: &str = "ʬʭɮ";
/// Digits of their numbers.
const DIGITS: &str = "8154711";
/// The day that is theirs.
const DAY: &str = "1907-08-09";
const MARKS: [&str; 4] = [STEM, "ʭɮ", DIGITS, DAY];
/// What others have, and keep.
const WITNESS: &str = "ptarmigan";

const CONTACTS: &str = "/directory/contacts";
const ORGANIZATIONS: &str = "/directory/organizations";
const LEADS: &str = "/pipeline/leads";

/// Members that are ids of something else, or words out of a list.
const WORDS: [&str; 8] = ["origin", "leadRating", "code", "organizationId", "contactId", "priority", "tags", "stage"];

/// The same body with every value that can be anything replaced by one that is theirs.
fn marked(body: &Value, name: &str, parent: &str, number: &mut u32) -> Value {
    *number += 1;
    match body {
        Value::Object(members) => {
            let marked = members.iter().map(|(name_of, value)| (name_of.clone(), marked(value, name_of, name, number)));
            Value::Object(marked.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| marked(item, name, name, number)).collect()),
        Value::Number(_) => json!(8_154_711.25),
        Value::String(text) if WORDS.contains(&name) => json!(text),
        Value::String(_) => json!(match (parent, name) {
            ("participants", "id") => return body.clone(),
            ("customFields", "age") => DIGITS.to_owned(),
            ("phone", "value") => format!("+49 {DIGITS} {number}"),
            (_, "expectedDate") => DAY.to_owned(),
            ("email", "value") | (_, "email") => format!("{STEM}{number}@{STEM}.example"),
            (_, "website" | "linkedin") => format!("https://{STEM}.example/{number}"),
            (_, "title" | "name") => format!("{STEM} {RARE} {number}"),
            _ => format!("{STEM} {number}"),
        }),
        other => other.clone(),
    }
}

/// A person's, their organization's or their matter's whole record.
fn whole(resource: &Resource, contact: &str, organization: &str) -> Value {
    let mut body = marked(&(resource.full)(), "", "", &mut 0);
    let members = body.as_object_mut().unwrap();
    // Whoever did something is named in the changes, and stays there.
    members.remove("lastUpdatedBy");
    members.remove("creator");
    members.insert("externalId".to_owned(), json!(format!("{STEM}-{}", resource.bulk.1)));
    for (name, id) in [("contactId", contact), ("organizationId", organization)] {
        if let Some(value) = members.get_mut(name) {
            *value = json!(id);
        }
    }
    if let Some(participants) = members.get_mut("participants") {
        participants[0]["id"] = json!(contact);
    }
    body
}

/// Has everything stand in the file itself, as soon as nobody reads what was before.
fn checkpoint(database: &TestDatabase) {
    #[derive(QueryableByName)]
    struct Checkpoint {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        busy: i32,
    }
    let began = Instant::now();
    let mut connection = database.connect();
    let DbConnection::Sqlite(sqlite) = &mut connection else { unreachable!() };
    while diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<Checkpoint>(sqlite).unwrap().busy != 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "somebody reads for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Everything that stands in the database, as bytes: its files, or what a dump of it says.
fn everything(database: &TestDatabase) -> Option<Vec<u8>> {
    if let Some(file) = database.url().file() {
        checkpoint(database);
        let beside = fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        return Some(beside.flat_map(|path| fs::read(path).unwrap()).collect());
    }
    if !is_installed("pg_dump") {
        println!("SKIPPED: pg_dump is not installed");
        return None;
    }
    let dumped = Command::new("pg_dump").arg(database.url_text()).output().unwrap();
    assert!(dumped.status.success());
    Some(dumped.stdout)
}

/// Where a text stands, as it is or, in what PostgreSQL shows of bytes, in digits: with what is around it.
fn places(everything: &[u8], mark: &str) -> Vec<String> {
    let digits: String = mark.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut places = Vec::new();
    for text in [mark.as_bytes(), digits.as_bytes()] {
        let found = everything.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
        places.extend(found.map(|(at, _)| {
            let around = &everything[at.saturating_sub(300)..(at + 100).min(everything.len())];
            String::from_utf8_lossy(around).replace(|c: char| c.is_control(), " ")
        }));
    }
    places
}

struct World {
    client: Client,
    keys: u32,
}

impl World {
    /// Sends something under a key, so that its answer is kept.
    fn post(&mut self, path: &str, body: &Value, status: u16) -> Answer {
        self.keys += 1;
        let answer = self.client.send(
            "POST",
            path,
            &[("Idempotency-Key", &format!("once-{}", self.keys))],
            Some(&body.to_string()),
        );
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
        answer
    }

    fn made(&mut self, path: &str, body: &Value) -> String {
        self.post(path, body, 201).item(201)["id"].as_str().unwrap().to_owned()
    }

    /// What somebody does with a record: makes it, is refused, changes it, says something about it.
    fn live(&mut self, resource: &Resource, contact: &str, organization: &str) -> String {
        let body = whole(resource, contact, organization);
        let id = self.made(resource.path, &body);
        self.post(resource.path, &body, 409);
        let mut unreadable = body.clone();
        unreadable[resource.text] = json!({ STEM: STEM });
        unreadable[format!("{STEM} is no member")] = json!(STEM);
        let refused = self.post(resource.path, &unreadable, 400);
        let batch =
            self.post(&format!("{}/batch", resource.path), &json!({ "mode": "create", "items": [unreadable] }), 200);
        assert!(refused.text.contains(STEM) && batch.text.contains(STEM), "{} {}", refused.text, batch.text);
        let path = format!("{}/{id}", resource.path);
        let patch =
            json!({ resource.note: format!("{STEM} again"), "customFields": { "mood": format!("{STEM} too") } });
        self.client.patch(&path, &patch).item(200);
        let said = if resource.path.starts_with("/cases") { "activities" } else { "comments" };
        self.post(&format!("{path}/{said}"), &json!({ "comment": format!("{STEM} said"), "user": { "id": "u" } }), 201);
        id
    }
}

/// Others, so many that what is written about them moves what is there from page to page.
fn crowd(client: &Client) {
    for resource in RESOURCES {
        for _ in 0..60 {
            let body = json!({ resource.text: format!("A {WITNESS} among many"), resource.note: WITNESS.repeat(20) });
            client.post(resource.path, &body).item(201);
        }
    }
}

/// Receivers that repeat what they get, of which one takes nothing.
fn receivers(client: &Client) -> [(Receiver, String); 2] {
    [200, 500].map(|status| {
        let receiver = Receiver::start(move |received, _| Says::Status(status, "", received.text.clone()));
        let body = json!({ "url": receiver.url(), "events": ["*"] });
        let made = client.post("/settings/webhooks", &body);
        let log = format!("/settings/webhooks/{}/deliveries?size=200", made.item(201)["id"].as_str().unwrap());
        (receiver, log)
    })
}

/// Waits until so many of the deliveries in this state are as that says.
fn wait_for(client: &Client, log: &str, state: &str, enough: impl Fn(&[Value]) -> bool) {
    let began = Instant::now();
    let path = format!("{log}&state={state}");
    while !enough(client.get(&path).items()) {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", client.get(&path).text);
        std::thread::sleep(Duration::from_millis(50));
    }
}

both_databases! {
    /// A person with a value in every field of every kind of record that is about them: as they lived, were merged, took part in
    /// what others have, were told to webhooks that took it and that did not.
    fn nothing_of_whoever_is_erased_is_left(database) {
        let api = Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")]);
        let other = api.tenant("other");
        other.post(LEADS, &json!({ "title": WITNESS })).item(201);
        prepare(&api.acme);
        crowd(&api.acme);
        let [(taking, taken), (refusing, refused)] = receivers(&api.acme);
        let mut world = World { client: api.acme.clone(), keys: 0 };
        let resource = |path: &str| RESOURCES.iter().find(|resource| resource.path == path).unwrap();
        let organization = world.live(resource(ORGANIZATIONS), "", "");
        let person = world.live(resource(CONTACTS), "", &organization);
        // The same person, entered twice, and their organization.
        let twice = |number: &str| json!({ "name": format!("{STEM} twice"), "externalId": format!("{STEM}{number}") });
        let [source, again] = ["s", "t"].map(|number| world.made(CONTACTS, &twice(number)));
        let branch = world.made(ORGANIZATIONS, &twice("o"));
        let once = format!("once-{}", world.keys);
        // Others know them: one who stays, and one who is in the trash.
        let participants = json!([{ "id": person, "name": format!("{STEM} first") }, { "id": source, "name": format!("{STEM} second") }]);
        let knows = json!({ "title": WITNESS, "contactId": person, "organizationId": organization, "participants": participants });
        let [stays, _] = ["", ""].map(|_| world.made(LEADS, &knows));
        let trashed = world.made(LEADS, &knows);
        api.acme.patch(&format!("{LEADS}/{stays}"), &json!({ "note": WITNESS })).item(200);
        assert_eq!(api.acme.delete(&format!("{LEADS}/{trashed}")).status, 204);
        world.post(&format!("{CONTACTS}/{source}/merge"), &json!({ "sourceId": [again] }), 200);
        world.post(&format!("{CONTACTS}/{person}/merge"), &json!({ "sourceId": [source] }), 200);
        world.post(&format!("{ORGANIZATIONS}/{organization}/merge"), &json!({ "sourceId": [branch] }), 200);
        let mut gone = Vec::new();
        for resource in RESOURCES.iter().filter(|resource| !resource.path.starts_with("/directory")) {
            let id = world.live(resource, &person, &organization);
            gone.push((resource, id));
        }
        gone.extend([(resource(CONTACTS), person), (resource(ORGANIZATIONS), organization)]);
        let theirs = |delivery: &Value| delivery["attempts"][0]["response"].as_str().is_some_and(|text| text.contains(STEM));
        wait_for(&api.acme, &taken, "delivered", |all| all.iter().filter(|one| theirs(one)).count() >= 12);
        wait_for(&api.acme, &refused, "pending", |all| all.iter().filter(|one| theirs(one)).count() >= 8);

        let row = json!({ "name": format!("{STEM} of a file"), "email": [{ "value": STEM }] });
        let import = import(&api.acme, "kind=contact", LINES, &row.to_string());
        let failed = format!("/imports/{}/problems", import["id"].as_str().unwrap());
        assert!(api.acme.get(&failed).text.contains(STEM));
        crowd(&api.acme);
        let Some(before) = everything(database) else { return };
        for mark in MARKS {
            let is_of_index = mark == "ʭɮ" && database.url().file().is_none();
            assert!(is_of_index || !places(&before, mark).is_empty(), "{mark} would not be found where it is");
        }
        for (resource, id) in &gone {
            assert_eq!(api.acme.delete(&format!("{}/{id}", resource.path)).status, 204);
        }
        for (number, (resource, id)) in gone.iter().enumerate() {
            let (kind, path) = (resource.bulk.1, format!("/trash/{}/{id}", resource.bulk.1));
            if number % 2 == 0 {
                // Gone for good some time before.
                assert_eq!(api.acme.delete(&path).status, 204);
            }
            assert_eq!(api.acme.delete(&format!("{path}?erase=true")).status, 204, "{kind}");
            api.acme.delete(&format!("{path}?erase=true")).problem(404, "not_found");
            api.acme.post(&format!("{path}/restore"), &json!({})).problem(404, "not_found");
            let history = api.acme.get(&format!("{}/{id}/history", resource.path)).items().clone();
            let (erased, rest) = history.split_first().unwrap();
            assert_eq!((&erased["action"], &erased["changes"]), (&json!("erased"), &json!([])), "{kind}");
            assert!(!rest.is_empty(), "{kind}");
            for change in rest {
                let values = (&change["erased"], &change["changes"], &change["record"]);
                assert_eq!(values, (&json!(true), &json!([]), &Value::Null), "{kind}");
            }
        }
        for id in [&source, &again] {
            api.acme.post(&format!("/trash/contact/{id}/restore"), &json!({})).problem(404, "not_found");
        }
        let erased = api.acme.get("/changes?size=1000&actions=erased").items().len();
        assert_eq!(erased, gone.len() + 3, "with those that were merged");
        assert!(!api.acme.get("/changes?size=1000").text.contains(STEM));
        // What is sent from now on says nothing of them either.
        wait_for(&api.acme, &taken, "delivered", |all| all.iter().filter(|one| one["event"] == "contact.erased").count() == 3);
        assert!(taking.received().iter().all(|one| !one.text.contains(STEM) || one.body["type"] != "contact.erased"));
        assert!(refusing.count() > 0);

        // What an earlier version of a row left where it stood before it was moved goes with this (docs/operations.md).
        if database.url().file().is_some() {
            database.connect().batch_execute("VACUUM").unwrap();
        }
        let after = everything(database).unwrap();
        for mark in MARKS {
            let places = places(&after, mark);
            assert!(places.is_empty(), "{mark} is in {} places: {:#?}", places.len(), &places[..places.len().min(8)]);
        }
        assert!(places(&after, WITNESS).len() > 3, "what others have stays");
        assert!(!api.acme.get(&failed).text.contains(STEM));
        // What was done once is known still, and not done again.
        let again = api.acme.send("POST", ORGANIZATIONS, &[("Idempotency-Key", &once)], Some(&twice("o").to_string()));
        again.problem(409, "answer_not_kept");
        // And what is in the trash comes back, without a name.
        let restored = api.acme.post(&format!("/trash/lead/{trashed}/restore"), &json!({})).item(200).clone();
        assert_eq!((&restored["title"], &restored["participants"]), (&json!(WITNESS), &json!([])));
    }

    /// What is on its way while somebody is erased, of them and of others who know them, is not written down after that.
    fn what_is_on_its_way_is_not_written_down_afterwards(database) {
        let api = Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")]);
        let (erased, is_erased) = std::sync::mpsc::channel();
        let is_erased = std::sync::Mutex::new(is_erased);
        let receiver = Receiver::start(move |received, _| {
            if received.text.contains(STEM) {
                let _: Result<(), _> = is_erased.lock().unwrap().recv_timeout(Duration::from_secs(60));
            }
            Says::Status(500, "", received.text.clone())
        });
        let person = api.acme.post(CONTACTS, &json!({ "name": format!("{STEM} {STEM}") })).item(201)["id"].as_str().unwrap().to_owned();
        let knows = json!({ "title": WITNESS, "contactId": person });
        let lead = api.acme.post(LEADS, &knows).item(201)["id"].as_str().unwrap().to_owned();
        let body = json!({ "url": receiver.url(), "events": ["*"] });
        let made = api.acme.post("/settings/webhooks", &body);
        let log = format!("/settings/webhooks/{}/deliveries?size=200", made.item(201)["id"].as_str().unwrap());
        let told = |text: &str| receiver.received().iter().any(|one| one.text.contains(text) && one.text.contains(STEM));
        let wait = |text: &str| {
            let began = Instant::now();
            while !told(text) {
                assert!(began.elapsed() < Duration::from_secs(60), "{:?}", receiver.received());
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        api.acme.patch(&format!("{LEADS}/{lead}"), &json!({ "note": "n" })).item(200);
        wait("lead.updated");
        assert_eq!(api.acme.delete(&format!("{CONTACTS}/{person}")).status, 204);
        assert_eq!(api.acme.delete(&format!("/trash/contact/{person}?erase=true")).status, 204);
        erased.send(()).unwrap();
        wait_for(&api.acme, &log, "pending", |all| {
            all.iter().any(|one| one["event"] == "lead.updated" && one["attempts"][0]["status"] == 500)
        });
        assert!(!api.acme.get(&log).text.contains(STEM));
        let rows = dump(database);
        let found: Vec<&String> = rows.iter().filter(|row| row.contains(STEM)).collect();
        assert!(found.is_empty(), "{found:#?}");
        // The next try tells of the lead as it is then.
        let began = Instant::now();
        let of_lead = || receiver.received().into_iter().filter(|one| one.body["type"] == "lead.updated").collect::<Vec<_>>();
        while of_lead().len() < 2 {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(50));
        }
        let all = of_lead();
        assert!(all[1].id() == all[0].id() && !all[1].text.contains(STEM) && all[1].text.contains(WITNESS));
    }

    /// Who may not write a kind erases none of it, nor another tenant's; who is there is not erased, and who is not gone in vain.
    fn only_what_is_gone_is_erased_and_by_whoever_may(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        let id = api.acme.post(CONTACTS, &json!({ "name": STEM })).item(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/trash/contact/{id}?erase=true");
        let before = dump(database);
        api.acme.delete(&path).problem(404, "not_found");
        assert_eq!(dump(database), before, "it is there");
        assert_eq!(api.acme.delete(&format!("{CONTACTS}/{id}")).status, 204);
        let (_, stranger) = key(&api.acme, &["pipeline:write"]);
        let before = dump(database);
        api.acme.read_only().delete(&path).problem(403, "read_only_key");
        stranger.delete(&path).problem(403, "missing_scope");
        other.delete(&path).problem(404, "not_found");
        api.acme.delete(&format!("/trash/contact/{id}?erase=yes")).refuses(&[("erase", "invalid_value")]);
        let refused = api.acme.send("DELETE", &path, &[("If-Match", "\"another\"")], None);
        refused.problem(412, "precondition_failed");
        assert_eq!(dump(database), before, "nothing is changed");
        assert_eq!(api.acme.get(&format!("/trash/contact/{id}")).item(200)["name"], STEM);
        // Brought back, it is there, and its past with it.
        api.acme.post(&format!("/trash/contact/{id}/restore"), &json!({})).item(200);
        api.acme.delete(&path).problem(404, "not_found");
        assert!(api.acme.get(&format!("{CONTACTS}/{id}/history")).text.contains(STEM));
    }
}
