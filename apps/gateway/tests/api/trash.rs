//! What is deleted is in the trash, and comes back from there (docs/compatibility.md, "The trash").

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::access::key;
use crate::client::{Answer, Api, Client};
use crate::resources::RESOURCES;

/// What is in the trash, newest first: kind, id and title.
fn listed(client: &Client, query: &str) -> Vec<[String; 3]> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let items = client.get(&format!("/trash?{query}")).items().clone();
    items.iter().map(|item| ["kind", "id", "title"].map(|name| text(item, name))).collect()
}

fn restore(client: &Client, kind: &str, id: &str) -> Answer {
    client.post(&format!("/trash/{kind}/{id}/restore"), &json!({}))
}

both_databases! {
    /// Of each kind: gone for every other route, shown in the trash as it was, restored once, and the same again.
    fn what_is_deleted_comes_back(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for resource in RESOURCES {
            let (path, kind) = (resource.path, resource.bulk.1);
            other.post(path, &json!({ resource.text: "Theirs" })).item(201);
            let made = api.acme.post(path, &json!({ resource.text: "Ours" }));
            let (record, id) = (made.item(201).clone(), made.item(201)["id"].as_str().unwrap());
            restore(&api.acme, kind, id).problem(404, "not_found");
            assert_eq!(api.acme.delete(&format!("{path}/{id}")).status, 204);
            api.acme.get(&format!("{path}/{id}")).problem(404, "not_found");
            assert_eq!(listed(&api.acme, &format!("kinds={kind}")), [[kind, id, "Ours"].map(str::to_owned)]);
            let shown = api.acme.get(&format!("/trash/{kind}/{id}"));
            assert_eq!((shown.item(200), shown.header("etag")), (&record, made.header("etag")));
            for stranger in [&other, &api.acme.read_only()] {
                assert_ne!(restore(stranger, kind, id).status, 200, "{kind}");
            }
            let restored = restore(&api.acme, kind, id).item(200).clone();
            assert_ne!(restored["lastUpdatedOn"], record["lastUpdatedOn"], "{kind}");
            let as_it_was = |mut record: Value| { record["lastUpdatedOn"] = Value::Null; record };
            assert_eq!(as_it_was(restored), as_it_was(record), "{kind}");
            assert_eq!(api.acme.get(&format!("{path}/{id}")).status, 200);
            restore(&api.acme, kind, id).problem(404, "not_found");
            let history = api.acme.get(&format!("{path}/{id}/history")).items().clone();
            let actions: Vec<&str> = history.iter().map(|change| change["action"].as_str().unwrap()).collect();
            assert_eq!(actions, ["restored", "deleted", "created"], "{kind}");

            assert_eq!(api.acme.delete(&format!("{path}/{id}")).status, 204);
            assert_eq!(api.acme.delete(&format!("/trash/{kind}/{id}")).status, 204);
            api.acme.delete(&format!("/trash/{kind}/{id}")).problem(404, "not_found");
            restore(&api.acme, kind, id).problem(404, "not_found");
        }
        assert_eq!(listed(&api.acme, ""), Vec::<[String; 3]>::new());
        assert_eq!(listed(&other, ""), Vec::<[String; 3]>::new());
    }

    /// Each key sees what it may read, page by page.
    fn the_trash_shows_what_a_key_may_read(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            for number in 0..3 {
                let made = api.acme.post(resource.path, &json!({ resource.text: format!("T{number}") }));
                let id = made.item(201)["id"].as_str().unwrap();
                assert_eq!(api.acme.delete(&format!("{}/{id}", resource.path)).status, 204);
            }
        }
        let kinds = |client: &Client, query: &str| {
            listed(client, query).into_iter().map(|[kind, ..]| kind).collect::<BTreeSet<_>>()
        };
        let set = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<BTreeSet<_>>();
        let (_, directory) = key(&api.acme, &["directory:read"]);
        assert_eq!(kinds(&directory, "size=100"), set(&["contact", "organization"]));
        assert_eq!(kinds(&directory, "kinds=contact,lead"), set(&["contact"]));
        assert_eq!(kinds(&key(&api.acme, &["settings:write"]).1, ""), set(&[]));
        api.acme.get("/trash?kinds=tag").refuses(&[("kinds", "invalid_value")]);
        let mut seen = Vec::new();
        let mut query = "size=4&includeTotal=true".to_owned();
        loop {
            let page = api.acme.get(&format!("/trash?{query}"));
            seen.extend(page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned() + item["kind"].as_str().unwrap()));
            assert_eq!(page.body["total"], 15);
            let Some(token) = page.body["continuationToken"].as_str() else { break };
            query = format!("size=4&includeTotal=true&continuationToken={token}");
        }
        assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (15, 15));
    }

    /// A merge shows its target in the trash, and is undone.
    fn a_merge_is_undone(database) {
        let api = Api::start(database);
        for name in ["Target", "Source"] {
            api.acme.post("/directory/contacts", &json!({ "name": name, "email": [{ "value": format!("{name}@example.com") }] })).item(201);
        }
        api.acme.post("/pipeline/leads", &json!({ "title": "L", "contactId": "2", "participants": [{ "id": "2" }] })).item(201);
        api.acme.post("/directory/contacts/1/merge", &json!({ "sourceId": ["2"] })).item(200);
        let shown = api.acme.get("/trash").items().clone();
        assert_eq!((&shown[0]["mergedInto"], &shown[0]["title"]), (&json!("1"), &json!("Source")));
        restore(&api.acme, "contact", "2").item(200);
        let lead = api.acme.get("/pipeline/leads/1").item(200).clone();
        assert_eq!((&lead["contactId"], &lead["participants"][0]["id"]), (&json!("2"), &json!("2")));
        let target = api.acme.get("/directory/contacts/1").item(200).clone();
        assert_eq!(target["email"].as_array().unwrap().len(), 2, "what it took over stays");
    }

    /// What comes back is linked again, and who is linked again is changed by that: a new time, another ETag, a change that
    /// follows from the restoring one.
    fn neighbours_that_are_linked_again_are_changed(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let made = |path: &str, body: Value| format!("{path}/{}", acme.post(path, &body).item(201)["id"].as_str().unwrap());
        let organization = made("/directory/organizations", json!({ "name": "Acme" }));
        let contact = made("/directory/contacts", json!({ "name": "Ann" }));
        let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let refers = json!({ "title": "Refers", "organizationId": id(&organization) });
        let takes_part = json!({ "title": "Takes part", "participants": [{ "id": id(&contact) }] });
        for (kind, gone, member, neighbours) in [
            ("organization", &organization, "organizationId", ["/pipeline/leads", "/pipeline/opportunities"].map(|path| made(path, refers.clone()))),
            ("contact", &contact, "participants", ["/pipeline/leads", "/pipeline/opportunities"].map(|path| made(path, takes_part.clone()))),
        ] {
            let linked = neighbours.each_ref().map(|path| acme.get(path));
            assert_eq!(acme.delete(gone).status, 204);
            let without = neighbours.each_ref().map(|path| acme.get(path));
            thread::sleep(std::time::Duration::from_millis(5));
            restore(acme, kind, &id(gone)).item(200);
            let restoring = acme.get(&format!("{gone}/history")).items()[0]["id"].clone();
            for ((path, linked), without) in neighbours.iter().zip(&linked).zip(&without) {
                let again = acme.get(path);
                assert_ne!(linked.item(200)[member], without.item(200)[member], "{path}: {member}");
                assert_eq!(again.item(200)[member], linked.item(200)[member], "{path}: {member}");
                let updated = |answer: &Answer| answer.item(200)["lastUpdatedOn"].as_str().unwrap().to_owned();
                assert!(updated(&again) > updated(without), "{path}: {} after {}", updated(&again), updated(without));
                assert_ne!(again.header("etag"), without.header("etag"), "{path}");
                assert_ne!(again.header("etag"), linked.header("etag"), "{path}: the time is another");
                let change = acme.get(&format!("{path}/history")).items()[0].clone();
                assert_eq!(change["cause"], restoring, "{path}: {change}");
                assert_eq!(acme.send("PATCH", path, &[("If-Match", without.header("etag"))], Some("{}")).status, 412, "{path}");
            }
        }
    }

    /// Restored by many at once, once.
    fn of_many_who_restore_one_does(database) {
        let api = Api::start(database);
        for round in 1..=5 {
            api.acme.post("/pipeline/leads", &json!({ "title": "L" })).item(201);
            assert_eq!(api.acme.delete(&format!("/pipeline/leads/{round}")).status, 204);
            let begin = Barrier::new(8);
            let mut statuses: Vec<u16> = thread::scope(|scope| {
                let one = |_| {
                    let (client, begin) = (api.acme.apart(), &begin);
                    scope.spawn(move || { begin.wait(); restore(&client, "lead", &round.to_string()).status })
                };
                let all: Vec<_> = (0..8).map(one).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 404, 404, 404, 404, 404, 404, 404]);
        }
    }

    /// Without a trash a deletion is final.
    fn without_a_trash_nothing_comes_back(database) {
        let api = Api::start_with(database, &[("CRM_TRASH_DAYS", "0")]);
        api.acme.post("/pipeline/leads", &json!({ "title": "L" })).item(201);
        assert_eq!(api.acme.delete("/pipeline/leads/1").status, 204);
        assert_eq!(listed(&api.acme, ""), Vec::<[String; 3]>::new());
        restore(&api.acme, "lead", "1").problem(404, "not_found");
    }
}
