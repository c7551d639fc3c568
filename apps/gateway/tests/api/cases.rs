//! `/cases/cases` (docs/compatibility.md, "Cases and case types").

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};

fn source(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Makes a case and gives its path.
fn make(client: &Client, body: &Value) -> String {
    let made = client.post("/cases/cases", body);
    format!("/cases/cases/{}", made.item(201)["id"].as_str().unwrap())
}

/// What happened to a case, newest first: `from > to`, or the comment.
fn happened(client: &Client, path: &str) -> Vec<String> {
    let line = |activity: &Value| match activity["to"].as_str() {
        Some(to) => format!("{} > {to}", activity["from"].as_str().unwrap()),
        None => activity["comment"].as_str().unwrap().to_owned(),
    };
    client.get(&format!("{path}/activities?size=200")).items().iter().map(line).collect()
}

both_databases! {
    /// The examples of the source as printed, in the tenant that they name: make, find, change, delete in bulk.
    fn the_sources_examples_work(database) {
        let api = Api::start(database);
        let client = api.tenant("tenant-id-example");
        for number in 1..=4 {
            client.post("/directory/organizations", &json!({ "name": format!("O{number}") })).item(201);
        }
        for number in 1..=7 {
            client.post("/directory/contacts", &json!({ "name": format!("C{number}") })).item(201);
        }
        client.post("/cases/tags/cases", &json!({ "label": "cases-tags" })).item(201);
        let sent = source(include_str!("fixtures/cases/post_case.json"));

        let made = client.post("/cases/cases", &sent);
        let item = made.item(201);
        assert_eq!(made.header("location"), "/cases/cases/1");
        for (name, value) in sent.as_object().unwrap().iter().filter(|(name, _)| name.as_str() != "status") {
            assert_eq!(&item[name], value, "{name} comes back as it was sent");
        }
        assert_eq!(
            (&item["status"], &item["organization"], &item["contact"]),
            (&json!("Open"), &json!({ "id": "4", "name": "O4" }), &json!({ "id": "7", "name": "C7" }))
        );
        let found = client.get("/cases/cases?page=1&size=10&sort=asc&orderBy=createdOn&status=open");
        assert_eq!(found.items(), std::slice::from_ref(item));

        let sent = source(include_str!("fixtures/cases/patch_case.json"));
        let patched = client.patch("/cases/cases/1", &sent);
        let item = patched.item(200);
        for name in ["title", "status", "description", "assignee", "customFields", "lastUpdatedBy"] {
            assert_eq!(item[name], sent[name], "{name}");
        }
        assert_eq!(item["tags"][0]["label"], "cases-tags");
        assert_ne!(patched.header("etag"), made.header("etag"));
        let activities = client.get("/cases/cases/1/activities");
        let [activity] = activities.items().as_slice() else { panic!("{}", activities.text) };
        assert_eq!(
            [&activity["from"], &activity["to"], &activity["transition"], &activity["comment"], &activity["user"]],
            [&json!("Open"), &json!("In Progress"), &json!("Start"), &Value::Null, &sent["lastUpdatedBy"]]
        );

        let bulk = json!({ "entity": "case", "action": "delete", "ids": ["1", "2", "3"] });
        assert_eq!(client.post("/cases/bulk-actions", &bulk).body, json!({ "deleted": ["1"], "notFound": ["2", "3"] }));
        client.get("/cases/cases/1").problem(404, "not_found");
        client.get("/cases/cases/1/activities").problem(404, "not_found");
        client.post("/pipeline/bulk-actions", &bulk).refuses(&[("entity", "invalid_value")]);
    }

    /// What is told of a change of status that cannot be.
    fn refusals_say_what_is_possible(database) {
        let api = Api::start(database);
        let mut sent = source(include_str!("fixtures/cases/post_case_type.json"));
        sent["tenantId"] = json!("acme");
        let case_type = api.acme.post("/cases/types/cases", &sent);
        let case_type = &case_type.item(201)["id"];
        let case = json!({
            "title": "t", "caseTypeId": case_type, "contactId": "1", "organizationId": "1",
            "owner": { "id": "o" }, "assignee": { "id": "a" }
        });
        api.acme.post("/directory/organizations", &json!({ "name": "O" })).item(201);
        api.acme.post("/directory/contacts", &json!({ "name": "C" })).item(201);
        let path = make(&api.acme, &case);

        let refused = api.acme.patch(&path, &json!({ "status": "Reopened" }));
        refused.problem(409, "transition_not_allowed");
        assert_eq!(refused.body["allowed"], json!(["In Progress", "Closed", "Resolved"]));
        let refused = api.acme.patch(&path, &json!({ "status": "in-progress", "lastUpdatedBy": { "id": "x" } }));
        refused.problem(403, "not_authorized_for_transition");
        assert_eq!(refused.body["authorizedUsers"], json!(["owner", "assignee"]));
        api.acme.patch(&path, &json!({ "status": "Resolved" })).refuses(&[("comment", "required")]);
        api.acme.patch(&path, &json!({ "comment": "c" })).refuses(&[("comment", "conflicting")]);
        api.acme.patch(&path, &json!({ "status": "Lost" })).refuses(&[("status", "invalid_value")]);
        assert!(happened(&api.acme, &path).is_empty());
        let taken = api.acme.patch(&path, &json!({ "status": "in-progress", "lastUpdatedBy": { "id": "x" }, "assignee": { "id": "x" } }));
        assert_eq!(taken.item(200)["status"], "In Progress");
    }

    /// Comments have their own route; they leave the case and its ETag as they are.
    fn comments_stand_beside_the_case(database) {
        let api = Api::start(database);
        let path = make(&api.acme, &json!({ "title": "t" }));
        let etag = api.acme.get(&path).header("etag").to_owned();
        let activities = format!("{path}/activities");
        let said = api.acme.post(&activities, &json!({ "comment": "hello", "user": { "id": "u" }, "tenantId": "acme" }));
        assert_eq!((said.item(201)["comment"].as_str(), said.header("location")), (Some("hello"), activities.as_str()));
        assert_eq!(api.acme.get(&path).header("etag"), etag);
        api.acme.patch(&path, &json!({ "status": "Closed", "comment": "off" })).item(200);
        assert_eq!(happened(&api.acme, &path), ["Open > Closed", "hello"]);
        assert_eq!(api.acme.get(&format!("{activities}?sort=asc&size=1&includeTotal=true")).body["total"], 2);
        api.acme.post(&activities, &json!({ "comment": "" })).refuses(&[("comment", "required")]);
        api.acme.post(&activities, &json!({ "comment": "x", "tenantId": "other" })).problem(403, "tenant_mismatch");
        api.acme.read_only().post(&activities, &json!({ "comment": "x" })).problem(403, "read_only_key");
        api.tenant("other").post(&activities, &json!({ "comment": "x" })).problem(404, "not_found");
    }

    /// A case follows the records that it points at.
    fn deletion_and_merging_reach_cases(database) {
        let api = Api::start(database);
        for name in ["one", "two", "three"] {
            api.acme.post("/directory/organizations", &json!({ "name": name })).item(201);
            api.acme.post("/directory/contacts", &json!({ "name": name })).item(201);
        }
        let path = make(&api.acme, &json!({ "title": "t", "organizationId": "1", "contactId": "1" }));
        let points_at = || {
            let case = api.acme.get(&path);
            ["organization", "contact"].map(|name| case.item(200)[name]["name"].as_str().unwrap_or("nobody").to_owned())
        };
        assert_eq!(points_at(), ["one", "one"]);
        api.acme.post("/directory/organizations/2/merge", &json!({ "sourceId": ["1"] })).item(200);
        api.acme.post("/directory/contacts/2/merge", &json!({ "sourceId": ["1"] })).item(200);
        assert_eq!(points_at(), ["two", "two"]);
        assert_eq!(api.acme.delete("/directory/contacts/2").status, 204);
        let bulk = json!({ "entity": "organization", "action": "delete", "ids": ["2"] });
        assert_eq!(api.acme.post("/directory/bulk-actions", &bulk).status, 200);
        assert_eq!(points_at(), ["nobody", "nobody"]);
        for (field, id) in [("organizationId", "2"), ("contactId", "9")] {
            api.acme.patch(&path, &json!({ field: id })).refuses(&[(field, "unknown_reference")]);
            api.acme.post("/cases/cases", &json!({ "title": "t", field: id })).refuses(&[(field, "unknown_reference")]);
        }
    }
}
