//! `/cases/types/cases` (docs/compatibility.md, "Cases and case types").

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;

fn source(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A workflow of these statuses, without transitions.
fn workflow(statuses: &[(&str, &str)]) -> Value {
    let status = |(id, label): &(&str, &str)| json!({ "id": id, "type": "node", "data": { "label": label } });
    json!({ "status": statuses.iter().map(status).collect::<Vec<_>>(), "transition": [] })
}

both_databases! {
    /// The examples of the source as printed, in the tenant that they name: dangling ends of transitions and
    /// repeated ids come back as they were sent.
    fn the_sources_examples_work(database) {
        let api = Api::start(database);
        let client = api.tenant("d745fd3e-c864-46bf-b945-024d4cad2890");
        let sent = source(include_str!("fixtures/cases/post_case_type.json"));
        let made = client.post("/cases/types/cases", &sent);
        let item = made.item(201);
        assert_eq!((made.header("location"), &item["isDefault"]), ("/cases/types/cases/2", &json!(false)));
        for name in ["label", "workflow", "owner", "creator"] {
            assert_eq!(item[name].to_string(), sent[name].to_string(), "{name} comes back member for member");
        }
        for (field, sent) in item["form"].as_array().unwrap().iter().zip(sent["form"].as_array().unwrap()) {
            for (name, value) in sent.as_object().unwrap() {
                assert_eq!(&field[name], value, "{name} of {}", field["id"]);
            }
        }
        let read = client.get("/cases/types/cases/2");
        assert_eq!((read.item(200), read.header("etag")), (item, made.header("etag")));

        let sent = source(include_str!("fixtures/cases/patch_case_type.json"));
        let patched = client.patch("/cases/types/cases/2", &sent);
        assert_eq!(patched.item(200)["label"], "Technical Support Request");
        assert_eq!(patched.body["item"]["form"].as_array().unwrap().len(), sent["form"].as_array().unwrap().len());
        assert_eq!(patched.body["item"]["workflow"], item["workflow"]);

        let listed = client.get("/cases/types/cases");
        let labels: Vec<&Value> = listed.items().iter().map(|one| &one["label"]).collect();
        assert_eq!(labels, ["Technical Support Request", "General"]);
        assert_eq!(client.get("/cases/types/cases?orderBy=label&sort=asc&offset=1&size=1").items()[0]["id"], "2");

        let missing = client.post("/cases/cases", &json!({ "title": "t", "caseTypeId": "2" }));
        missing.refuses(&[("contactId", "required"), ("organizationId", "required"), ("description", "required")]);
        // What was read can be sent back.
        client.patch("/cases/types/cases/2", &patched.body["item"]).item(200);
        assert_eq!(client.delete("/cases/types/cases/2").status, 204);
        client.get("/cases/types/cases/2").problem(404, "not_found");
    }

    /// A new tenant has a default type, which stays.
    fn the_default_type_stays(database) {
        let api = Api::start(database);
        let general = api.acme.get("/cases/types/cases/1");
        assert_eq!((&general.item(200)["label"], &general.body["item"]["isDefault"]), (&json!("General"), &json!(true)));
        api.acme.delete("/cases/types/cases/1").problem(409, "default_case_type");
        assert_eq!(api.acme.get("/cases/types/cases").items().len(), 1);
        api.acme.post("/cases/types/cases", &json!({ "label": "GENERAL" })).problem(409, "label_taken");
        api.acme.patch("/cases/types/cases/1", &json!({ "label": "Everything", "isDefault": false })).item(200);
        assert_eq!(api.acme.get("/cases/types/cases/1").body["item"]["isDefault"], true, "read-only");
    }

    /// What is in use is named, with the number of cases.
    fn what_is_in_use_stays(database) {
        let api = Api::start(database);
        let body = json!({
            "label": "T", "workflow": workflow(&[("1", "New"), ("2", "Done")]),
            "form": [{ "id": "x", "label": "X", "category": "custom", "type": "text" }]
        });
        api.acme.post("/cases/types/cases", &body).item(201);
        for _ in 0..2 {
            let case = json!({ "title": "t", "caseTypeId": "2", "customFields": { "x": "v" } });
            api.acme.post("/cases/cases", &case).item(201);
        }
        let path = "/cases/types/cases/2";
        let refused = api.acme.patch(path, &json!({ "workflow": workflow(&[("2", "Done")]) }));
        refused.problem(409, "in_use");
        assert_eq!(refused.body["statuses"], json!([{ "status": "New", "cases": 2 }]));
        let refused = api.acme.delete(path);
        refused.problem(409, "in_use");
        assert_eq!(refused.body["cases"], 2);
        let number = json!({ "form": [{ "id": "x", "label": "X", "category": "custom", "type": "number" }] });
        api.acme.patch(path, &number).problem(409, "field_in_use");
        // Another label under the same id is a new name: the cases follow it.
        api.acme.patch(path, &json!({ "workflow": workflow(&[("1", "Fresh"), ("2", "Done")]) })).item(200);
        assert_eq!(api.acme.get("/cases/cases?status=fresh&includeTotal=true").body["total"], 2);
        assert_eq!(api.acme.get("/cases/cases/1").item(200)["status"], "Fresh");
    }

    /// A type is changed where the client has seen its present state, by who may write, in its own tenant.
    fn types_are_guarded(database) {
        let api = Api::start(database);
        let path = "/cases/types/cases/1";
        let stale = api.acme.get(path).header("etag").to_owned();
        let current = api.acme.patch(path, &json!({ "label": "Now" })).header("etag").to_owned();
        for (method, body) in [("PATCH", Some("{\"label\":\"Then\"}")), ("DELETE", None)] {
            api.acme.send(method, path, &[("If-Match", &stale)], body).problem(412, "precondition_failed");
        }
        assert_eq!(api.acme.get(path).header("etag"), current);
        api.acme.read_only().patch(path, &json!({ "label": "Then" })).problem(403, "read_only_key");
        api.acme.post("/cases/types/cases", &json!({ "label": "T" })).item(201);
        api.tenant("other").get("/cases/types/cases/2").problem(404, "not_found");
        api.acme.get("/cases/types/cases?label=x").refuses(&[("label", "unknown_field")]);
        api.acme.get("/cases/types/cases/general").problem(404, "not_found");
        let bad = json!({ "label": "", "workflow": { "status": [{ "id": "a" }] }, "isdefault": true });
        api.acme.post("/cases/types/cases", &bad).refuses(&[
            ("label", "required"),
            ("workflow.status[0].data", "required"),
            ("isdefault", "unknown_field"),
        ]);
    }
}
