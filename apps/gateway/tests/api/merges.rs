//! Merging leads, and what a merge of any kind would come to.

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client};
use crate::dump::dump;
use crate::resources::RESOURCES;

const LEADS: &str = "/pipeline/leads";

fn made(client: &Client, path: &str, body: &Value) -> String {
    client.post(path, body).item(201)["id"].as_str().unwrap().to_owned()
}

fn merge(client: &Client, target: &str, sources: &Value) -> Answer {
    client.post(&format!("{LEADS}/{target}/merge"), &json!({ "sourceId": sources }))
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

/// Organizations and contacts 1 to 3, tags and a form.
fn prepare(client: &Client) {
    for number in 1..=3 {
        made(client, "/directory/organizations", &json!({ "name": format!("O{number}") }));
        made(client, "/directory/contacts", &json!({ "name": format!("C{number}") }));
    }
    for label in ["red", "green", "blue"] {
        made(client, "/pipeline/tags/leads", &json!({ "label": label }));
    }
    let field = |id: &str| json!({ "id": id, "label": id, "category": "custom", "type": "text", "required": false });
    let form = json!({ "fields": [field("a"), field("b"), field("c")] });
    assert_eq!(client.put("/pipeline/forms/opportunities", &form).status, 200);
}

/// Everything that is kept, but when a key was last used.
fn kept(database: &TestDatabase) -> Vec<String> {
    dump(database).into_iter().filter(|line| !line.starts_with("api_keys:")).collect()
}

fn user(id: &str) -> Value {
    json!({ "id": id, "name": null, "email": null })
}

both_databases! {
    /// The target keeps what it has and takes what it lacks in the order of the sources; lists become unions.
    fn a_lead_is_filled_in_the_order_of_its_sources(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        prepare(acme);
        made(acme, LEADS, &json!({
            "title": "Target", "note": "first", "tags": "red", "creator": user("maker"), "origin": "website",
            "participants": [{ "id": "1" }], "followers": [user("f")], "customFields": { "a": "1" },
        }));
        made(acme, LEADS, &json!({
            "title": "Two", "value": { "amount": 2, "code": "EUR" }, "note": "two", "tags": "blue,red", "organizationId": "2",
            "contactId": "2", "participants": [{ "id": "2", "name": "Second" }, { "id": "1", "name": "First" }], "owner": user("two"),
            "leadRating": "2_warm", "externalId": "two", "customFields": { "a": "2", "b": "2" },
        }));
        made(acme, LEADS, &json!({
            "title": "Three", "value": { "amount": 3, "code": "USD" }, "note": "three", "tags": "green", "organizationId": "3",
            "origin": "other", "followers": [user("g"), user("f")], "externalId": "three", "customFields": { "b": "3", "c": "3" },
        }));
        for number in 1..=3 {
            acme.post(&format!("{LEADS}/{number}/comments"), &json!({ "comment": format!("of {number}") })).item(201);
        }
        let body = json!({ "sourceId": ["3", "2", "3"], "lastUpdatedBy": user("merger") });
        let answer = acme.post(&format!("{LEADS}/1/merge"), &body);
        let merged = answer.item(200);
        for (member, expected) in [
            ("title", json!("Target")),
            ("value", json!({ "amount": 3, "code": "USD" })),
            ("origin", json!("website")),
            ("leadRating", json!("2_warm")),
            ("note", json!("first\n\nthree\n\ntwo")),
            ("organization", json!({ "id": "3", "name": "O3" })),
            ("contact", json!({ "id": "2", "name": "C2" })),
            ("owner", user("two")),
            ("creator", user("maker")),
            ("lastUpdatedBy", user("merger")),
            ("followers", json!([user("f"), user("g")])),
            ("participants", json!([{ "id": "1", "name": "First" }, { "id": "2", "name": "Second" }])),
            ("externalId", json!("three")),
            ("customFields", json!({ "a": "1", "b": "3", "c": "3" })),
        ] {
            assert_eq!(merged[member], expected, "{member}");
        }
        let labels: Vec<&Value> = merged["tags"].as_array().unwrap().iter().map(|tag| &tag["label"]).collect();
        assert_eq!(labels, ["blue", "green", "red"]);
        let read = acme.get(&format!("{LEADS}/1"));
        assert_eq!((read.item(200), read.header("etag")), (merged, answer.header("etag")));
        assert_eq!(acme.get(&format!("{LEADS}?customFields.c=3")).items().len(), 1, "its values are found");
        assert_eq!(acme.get(&format!("{LEADS}/1/comments")).items().len(), 3);
        for gone in ["2", "3"] {
            acme.get(&format!("{LEADS}/{gone}")).problem(404, "not_found");
        }

        let last = |id: &str| acme.get(&format!("{LEADS}/{id}/history?size=1")).items()[0].clone();
        let (target, source) = (last("1"), last("2"));
        assert_eq!((&target["action"], &target["sources"]), (&json!("merged"), &json!(["3", "2"])));
        assert_eq!((&source["action"], &source["target"], &source["cause"]), (&json!("mergedInto"), &json!("1"), &target["id"]));
        assert_eq!((&source["record"]["title"], &source["by"]), (&json!("Two"), &user("merger")));

        // Undone, in any order: what the target took over stays with it.
        assert_eq!(ids(&acme.get("/trash?kinds=lead&sort=asc").body["items"]).len(), 2);
        let restore = |id: &str| acme.post(&format!("/trash/lead/{id}/restore"), &json!({})).item(200).clone();
        let two = restore("2");
        assert_eq!((&two["externalId"], &two["participants"][0]["name"]), (&json!("two"), &json!("Second")));
        assert_eq!(restore("3")["externalId"], Value::Null, "the target has it");
        for number in 1..=3 {
            assert_eq!(acme.get(&format!("{LEADS}/{number}/comments")).items()[0]["comment"], format!("of {number}"));
        }
        assert_eq!(acme.get(&format!("{LEADS}/1")).item(200)["participants"], merged["participants"]);
    }

    /// What is refused has changed nothing.
    fn leads_that_cannot_be_merged(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        prepare(acme);
        let [converted, long, other] = ["Converted", "Long", "Other"].map(|title| made(acme, LEADS, &json!({ "title": title })));
        let opportunity = acme.post(&format!("{LEADS}/{converted}/convert"), &json!({})).item(201)["id"].clone();
        acme.patch(&format!("{LEADS}/{long}"), &json!({ "note": "n".repeat(9_999) })).item(200);
        acme.patch(&format!("{LEADS}/{other}"), &json!({ "note": "n" })).item(200);
        let umbrella = api.tenant("umbrella");
        let before = kept(database);
        let refused = merge(acme, &other, &json!([converted]));
        assert_eq!(refused.problem(409, "already_converted").body["opportunityId"], opportunity);
        merge(acme, &long, &json!([other])).problem(409, "note_too_long");
        merge(acme, &other, &json!([other])).refuses(&[("sourceId", "conflicting")]);
        let detail = merge(acme, &other, &json!([long, "99", "98"])).problem(404, "not_found").body["detail"].clone();
        assert_eq!(detail, "No lead has the id 99, 98.");
        merge(acme, "97", &json!([long])).problem(404, "not_found");
        let stale = [("If-Match", "\"stale\"")];
        let body = json!({ "sourceId": [long] }).to_string();
        acme.send("POST", &format!("{LEADS}/{other}/merge"), &stale, Some(&body)).problem(412, "precondition_failed");
        acme.read_only().post(&format!("{LEADS}/{other}/merge"), &json!({ "sourceId": [long] })).problem(403, "read_only_key");
        umbrella.post(&format!("{LEADS}/{other}/merge"), &json!({ "sourceId": [long] })).problem(404, "not_found");
        assert_eq!(kept(database), before);
        // A target that was converted stays so.
        let merged = merge(acme, &converted, &json!([other])).item(200).clone();
        assert_eq!((&merged["isConverted"], &merged["opportunityId"]), (&json!(true), &opportunity));
    }

    /// A lead has as many participants and followers as one that is made, at the most.
    fn a_union_is_no_longer_than_a_list_may_be(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let contacts: Vec<Value> = (0..101).map(|number| json!({ "name": format!("C{number}") })).collect();
        let made_all = acme.post("/directory/contacts/batch", &json!({ "mode": "create", "items": contacts }));
        assert_eq!(made_all.body["created"], 101);
        let of = |range: std::ops::RangeInclusive<usize>| range.map(|id| json!({ "id": id.to_string() })).collect::<Vec<_>>();
        for member in ["participants", "followers"] {
            let lead = |range| made(acme, LEADS, &json!({ "title": "L", member: of(range) }));
            let (target, source, more) = (lead(1..=60), lead(40..=100), lead(101..=101));
            merge(acme, &target, &json!([source, more])).refuses(&[("sourceId", "too_many")]);
            let merged = merge(acme, &target, &json!([source])).item(200).clone();
            assert_eq!(merged[member].as_array().unwrap().len(), 100, "{member}");
            let again = acme.patch(&format!("{LEADS}/{target}"), &json!({ member: merged[member] }));
            assert_eq!(again.item(200)["lastUpdatedOn"], merged["lastUpdatedOn"], "it can be sent back");
        }
    }

    /// A dry run answers what the merge then does, and leaves every row as it is.
    fn a_dry_run_tells_what_a_merge_does(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for (path, expected) in [
            ("/directory/organizations", [1, 2, 1, 1, 2]),
            ("/directory/contacts", [0, 2, 1, 1, 2]),
            (LEADS, [0, 0, 0, 0, 2]),
        ] {
            let resource = RESOURCES.iter().find(|resource| resource.path == path).unwrap();
            let make = |text: &str| made(acme, path, &json!({ resource.text: text, "note": text, "externalId": format!("{path} {text}") }));
            let (target, source, other) = (make("Target"), make("Source"), make("Other"));
            let reference = if path == "/directory/contacts" { "contactId" } else { "organizationId" };
            let mut pointing = Vec::new();
            for (of, text) in [("/directory/contacts", "name"), (LEADS, "title"), ("/pipeline/opportunities", "title"), ("/cases/cases", "title")] {
                if path != LEADS && of != path {
                    let skipped = reference == "contactId" && of == "/directory/contacts";
                    if !skipped {
                        let id = made(acme, of, &json!({ text: "Points", reference: source }));
                        pointing.push(format!("{of}/{id}"));
                    }
                }
            }
            if path != LEADS {
                let body = match reference {
                    "contactId" => json!({ "title": "Points too", "participants": [{ "id": other }] }),
                    _ => json!({ "title": "Points too", "organizationId": other }),
                };
                made(acme, LEADS, &body);
            }
            for id in [&source, &other, &target] {
                acme.post(&format!("{path}/{id}/comments"), &json!({ "comment": "Said" })).item(201);
            }
            let (url, body) = (format!("{path}/{target}/merge"), json!({ "sourceId": [source, other], "lastUpdatedBy": user("merger") }));
            let etags = || -> Vec<String> {
                let records = [&target, &source, &other].map(|id| format!("{path}/{id}"));
                records.iter().chain(&pointing).map(|record| acme.get(record).header("etag").to_owned()).collect()
            };
            let (before, tags_before) = (kept(database), etags());
            let dry = acme.post(&format!("{url}?dryRun=true"), &body);
            let would = dry.item(200).clone();
            assert_eq!(dry.header("etag"), "", "{path}");
            let [contacts, leads, opportunities, cases, comments] = expected;
            let repointed = json!({
                "contacts": contacts, "leads": leads, "opportunities": opportunities, "cases": cases, "comments": comments,
            });
            assert_eq!(dry.body["repointed"], repointed, "{path}");
            let stale = [("If-Match", "\"stale\"")];
            acme.send("POST", &format!("{url}?dryRun=true"), &stale, Some(&body.to_string())).problem(412, "precondition_failed");
            acme.post(&format!("{url}?dryRun=true"), &json!({ "sourceId": ["999"] })).problem(404, "not_found");
            acme.post(&format!("{url}?dryRun=maybe"), &body).refuses(&[("dryRun", "invalid_value")]);
            acme.read_only().post(&format!("{url}?dryRun=true"), &body).problem(403, "read_only_key");
            assert_eq!((kept(database), etags()), (before, tags_before), "{path}");

            let done = acme.post(&format!("{url}?dryRun=false"), &body);
            assert_eq!(done.body["repointed"], Value::Null, "{path}");
            let mut merged = done.item(200).clone();
            merged["lastUpdatedOn"] = would["lastUpdatedOn"].clone();
            assert_eq!(merged, would, "{path}");
        }
    }
}
