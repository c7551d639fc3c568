//! What happened: the history of a record, and the feed of all changes (docs/compatibility.md, "Changes").

use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};

/// Everything after a token, once the change of this record is among it.
pub(crate) fn follow(client: &Client, since: &str, query: &str, record: &str) -> (Vec<Value>, String) {
    let (mut since, mut seen, until) = (since.to_owned(), Vec::new(), Instant::now() + Duration::from_secs(20));
    while Instant::now() < until {
        let page = client.get(&format!("/changes?since={since}&wait=5&size=1000{query}"));
        seen.extend(page.items().iter().cloned());
        since = page.body["next"].as_str().unwrap().to_owned();
        if seen.iter().any(|change: &Value| change["recordId"] == record) {
            return (seen, since);
        }
    }
    panic!("no change of {record} after {since}")
}

/// Where the feed ends.
pub(crate) fn now(client: &Client) -> String {
    client.get("/changes?since=now").body["next"].as_str().unwrap().to_owned()
}

/// A token behind all that has happened so far, what the tenant was made with too. `now` alone may be before something that
/// is done: the feed waits for any older transaction on the server, and other tests have theirs.
fn settled(client: &Client) -> String {
    let since = now(client);
    let mark = id(client.post("/cases/tags/cases", &json!({ "label": "a mark" })).item(201));
    follow(client, &since, "", &mark).1
}

/// Kinds, ids and actions.
fn lines(changes: &[Value]) -> Vec<String> {
    let text = |change: &Value, name: &str| change[name].as_str().unwrap().to_owned();
    changes
        .iter()
        .map(|one| format!("{} {} {}", text(one, "kind"), text(one, "recordId"), text(one, "action")))
        .collect()
}

fn id(item: &Value) -> String {
    item["id"].as_str().unwrap().to_owned()
}

both_databases! {
    fn the_history_of_a_record_outlives_it(database) {
        let api = Api::start(database);
        let (acme, other) = (&api.acme, api.tenant("other"));
        let organization = id(acme.post("/directory/organizations", &json!({ "name": "Acme" })).item(201));
        let made = acme.post("/pipeline/leads", &json!({
            "title": "Tea", "organizationId": organization, "lastUpdatedBy": { "id": "u1", "name": "Ann" },
        }));
        let lead = id(made.item(201));
        let path = format!("/pipeline/leads/{lead}");
        let patch = json!({ "title": "Coffee", "value": { "amount": 0.1, "code": "EUR" }, "followers": [{ "id": "u2" }] });
        let headers = [("x-request-id", "the-request")];
        acme.send("PATCH", &path, &headers, Some(&patch.to_string())).item(200);
        acme.patch(&path, &patch).item(200);
        acme.patch(&format!("{path}/archive"), &json!({})).item(200);
        acme.delete(&format!("/directory/organizations/{organization}"));
        assert_eq!(acme.delete(&path).status, 204);
        acme.get(&path).problem(404, "not_found");

        let history = acme.get(&format!("{path}/history"));
        let actions: Vec<&Value> = history.items().iter().map(|change| &change["action"]).collect();
        assert_eq!(actions, ["deleted", "updated", "archived", "updated", "created"], "the same patch again is nothing");
        let [deleted, unlinked, _, updated, created] = history.items().as_slice() else { unreachable!("five") };
        assert_eq!(created["by"], json!({ "id": "u1", "name": "Ann", "email": null }));
        assert_eq!(created["record"]["organizationId"], organization.as_str());
        assert!(created["record"].get("organization").is_none(), "nobody's name: {created}");
        assert_eq!(updated["requestId"], "the-request");
        assert_eq!(updated["key"]["name"], "primary");
        assert_eq!(updated["changes"], json!([
            { "field": "title", "from": "Tea", "to": "Coffee" },
            { "field": "value", "from": null, "to": { "amount": 0.1, "code": "EUR" } },
            { "field": "followers", "from": [], "to": [{ "id": "u2", "name": null, "email": null }] },
        ]));
        assert_eq!(unlinked["changes"], json!([{ "field": "organizationId", "from": organization, "to": null }]));
        let of_organization = acme.get(&format!("/directory/organizations/{organization}/history"));
        assert_eq!(unlinked["cause"], of_organization.items()[0]["id"]);
        assert_eq!(deleted["record"]["title"], "Coffee");

        let page = acme.get(&format!("{path}/history?size=2&includeTotal=true"));
        assert_eq!((page.items().len(), &page.body["total"], &page.body["hasMore"]), (2, &json!(5), &json!(true)));
        let token = page.body["continuationToken"].as_str().unwrap();
        let next = acme.get(&format!("{path}/history?size=2&continuationToken={token}"));
        assert_eq!(next.items(), &history.items()[2..4]);
        let oldest = acme.get(&format!("{path}/history?sort=asc&size=1"));
        assert_eq!(&oldest.items()[0], created);
        other.get(&format!("{path}/history")).problem(404, "not_found");
        acme.get("/pipeline/leads/77/history").problem(404, "not_found");
    }

    fn the_feed_gives_every_change_once(database) {
        let api = Api::start(database);
        let (acme, other) = (&api.acme, api.tenant("other"));
        let since = settled(acme);
        let first = id(acme.post("/pipeline/leads", &json!({ "title": "One" })).item(201));
        acme.patch(&format!("/pipeline/leads/{first}"), &json!({ "title": "Two" })).item(200);
        other.post("/pipeline/leads", &json!({ "title": "Theirs" })).item(201);
        let tag = id(acme.post("/cases/tags/cases", &json!({ "label": "urgent" })).item(201));
        let (seen, next) = follow(acme, &since, "", &tag);
        assert_eq!(lines(&seen), [format!("lead {first} created"), format!("lead {first} updated"), format!("tag {tag} created")]);
        let nothing = acme.get(&format!("/changes?since={next}"));
        assert_eq!((nothing.items().len(), &nothing.body["hasMore"], &nothing.body["next"]), (0, &json!(false), &json!(next)));
        let part = acme.get(&format!("/changes?since={since}&size=1"));
        assert_eq!((part.items(), &part.body["hasMore"]), (&seen[..1].to_vec(), &json!(true)));
        let filtered = acme.get(&format!("/changes?since={since}&kinds=lead,case&actions=updated"));
        assert_eq!(filtered.items(), &seen[1..2]);
        let (from_the_start, _) = follow(acme, &next, "", &id(acme.post("/pipeline/leads", &json!({ "title": "Last" })).item(201)));
        assert_eq!(from_the_start.len(), 1);
        let all = acme.get("/changes?size=1000");
        assert!(lines(all.items()).contains(&"caseType 1 created".to_owned()), "what the tenant was made with");
        for (query, code) in [("since=x", "invalid_token"), ("since=1", "invalid_token"), ("kinds=house", "invalid_value"), ("size=1001", "out_of_range"), ("wait=26", "out_of_range")] {
            let refused = acme.get(&format!("/changes?{query}"));
            assert_eq!((refused.status, &refused.body["errors"][0]["code"]), (400, &json!(code)), "{query}");
        }
        acme.get("/changes?since=9000000000000000000-1").problem(410, "history_gone");
    }

    /// An answer without changes is held open until there is one, and no longer than was asked.
    fn who_waits_hears_of_it_at_once(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let since = settled(acme);
        let began = Instant::now();
        let empty = acme.get(&format!("/changes?since={since}&wait=1"));
        assert!(empty.items().is_empty() && began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| {
                let began = Instant::now();
                let page = acme.get(&format!("/changes?since={since}&wait=25&kinds=opportunity"));
                (lines(page.items()), began.elapsed())
            });
            std::thread::sleep(Duration::from_millis(600));
            acme.post("/pipeline/leads", &json!({ "title": "Not wanted" })).item(201);
            acme.post("/pipeline/opportunities", &json!({ "title": "Wanted" })).item(201);
            let (lines, took) = waiting.join().unwrap();
            assert_eq!(lines, ["opportunity 1 created"]);
            assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(20), "{took:?}");
        });
    }

    /// A key sees what it may read, and no setting of the others.
    fn the_feed_shows_what_a_key_may_read(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let since = settled(acme);
        acme.post("/pipeline/leads", &json!({ "title": "A lead" })).item(201);
        acme.post("/directory/contacts", &json!({ "name": "A contact" })).item(201);
        let made = acme.post("/settings/keys", &json!({ "name": "reader", "scopes": ["directory:read"] }));
        let (all, _) = follow(acme, &since, "", &id(made.item(201)));
        assert_eq!(lines(&all)[..2], ["lead 1 created".to_owned(), "contact 1 created".to_owned()]);
        assert!(!serde_json::to_string(&all).unwrap().contains(made.item(201)["key"].as_str().unwrap()), "no secret");
        let reader = acme.with_key(made.item(201)["key"].as_str());
        let page = reader.get(&format!("/changes?since={since}&size=1000"));
        assert_eq!(lines(page.items()), ["contact 1 created"]);
        assert!(reader.get(&format!("/changes?since={since}&kinds=lead,key")).items().is_empty());
        reader.get("/directory/contacts/1/history").items();
        reader.get("/pipeline/leads/1/history").problem(403, "missing_scope");
    }
}
