//! `POST /pipeline/leads/{id}/convert` (docs/compatibility.md, "Leads"). What comes in between is a campaign.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;
use crate::converted::{assert_whole, lead};

both_databases! {
    /// Everything that the contract lists comes along; tags by label, made where they are missing.
    fn an_opportunity_is_what_its_lead_was(database) {
        let api = Api::start(database);
        let client = &api.acme;
        client.post("/directory/organizations", &json!({ "name": "Acme" })).item(201);
        client.post("/directory/contacts", &json!({ "name": "Jane" })).item(201);
        client.post("/directory/contacts", &json!({ "name": "John" })).item(201);
        for (label, color) in [("Hot", "#ff0000"), ("new", "#00ff00")] {
            client.post("/pipeline/tags/leads", &json!({ "label": label, "color": color })).item(201);
        }
        let known = client.post("/pipeline/tags/opportunities", &json!({ "label": "HOT", "color": "#0000ff" })).item(201).clone();
        let form = json!({ "fields": [{ "id": "mood", "label": "Mood", "category": "custom", "type": "text", "required": false }] });
        assert_eq!(client.put("/pipeline/forms/opportunities", &form).status, 200);
        let user = |id: &str| json!({ "id": id, "name": id, "email": null });
        let body = json!({
            "title": "Deal", "value": { "amount": 10.10, "code": "EUR" }, "origin": "referral", "leadRating": "2_warm",
            "note": "Call back", "organizationId": "1", "contactId": "1", "owner": user("owner"), "creator": user("maker"),
            "followers": [user("one"), user("two")], "participants": [{ "id": "2", "name": "J" }],
            "tags": "hot,new", "customFields": { "mood": "good" }
        });
        let id = lead(client, &body);

        // By now the form requires what the lead does not have.
        let stricter = json!({ "fields": [form["fields"][0], { "id": "budget", "label": "B", "category": "custom", "type": "text", "required": true }] });
        assert_eq!(client.put("/pipeline/forms/opportunities", &stricter).status, 200);
        let made = client.post(&format!("/pipeline/leads/{id}/convert"), &json!({ "stage": "proposal", "lastUpdatedBy": user("converter") }));
        let opportunity = made.item(201);
        assert_eq!(made.header("location"), "/pipeline/opportunities/1");
        for name in ["title", "value", "origin", "leadRating", "note", "organizationId", "contactId", "owner", "followers", "participants", "customFields"] {
            assert_eq!(opportunity[name], body[name], "{name}");
        }
        assert_eq!(opportunity["organization"]["name"], "Acme");
        let labels: Vec<(&Value, &Value)> = opportunity["tags"].as_array().unwrap().iter().map(|tag| (&tag["label"], &tag["color"])).collect();
        assert_eq!(labels, [(&json!("HOT"), &json!("#0000ff")), (&json!("new"), &json!("#00ff00"))]);
        assert_eq!(opportunity["tags"][0]["id"], known["id"]);
        assert_eq!((&opportunity["stage"], &opportunity["status"], &opportunity["leadId"]), (&json!("proposal"), &json!("open"), &json!(id)));
        assert_eq!((&opportunity["creator"], &opportunity["lastUpdatedBy"]), (&user("converter"), &user("converter")));
        assert_eq!(client.get("/pipeline/opportunities/1").header("etag"), made.header("etag"));
        let converted = client.get(&format!("/pipeline/leads/{id}"));
        assert_eq!(converted.item(200)["lastUpdatedBy"], user("converter"));
        assert_whole(client, &id, "Deal", true);
    }

    /// What cannot be converted, and that nothing is left of the attempt.
    fn a_lead_is_converted_once_and_not_from_the_archive(database) {
        let api = Api::start(database);
        let client = &api.acme;
        client.post("/pipeline/tags/leads", &json!({ "label": "t" })).item(201);
        let id = lead(client, &json!({ "title": "Deal", "tags": "t" }));
        let path = format!("/pipeline/leads/{id}/convert");
        client.post(&path, &json!({ "pipelineId": "c4d5e6f7-8901-2345-6789-abcdef012345" })).refuses(&[("pipelineId", "unknown_reference")]);
        client.post(&path, &json!({ "stage": "nowhere" })).refuses(&[("stage", "unknown_reference")]);
        client.post(&path, &json!({ "pipeline": "x" })).refuses(&[("pipeline", "unknown_field")]);
        client.patch(&format!("/pipeline/leads/{id}/archive"), &json!({})).item(200);
        client.post(&path, &json!({})).problem(409, "lead_archived");
        client.patch(&format!("/pipeline/leads/{id}/unarchive"), &json!({})).item(200);
        assert_whole(client, &id, "Deal", false);
        assert!(client.get("/pipeline/tags/opportunities").items().is_empty(), "no tag was made");
        client.send("POST", &path, &[("If-Match", "\"stale\"")], None).problem(412, "precondition_failed");
        client.read_only().post(&path, &json!({})).problem(403, "read_only_key");
        client.post("/pipeline/leads/999/convert", &json!({})).problem(404, "not_found");
        api.tenant("other").post(&path, &json!({})).problem(404, "not_found");

        let made = client.send("POST", &path, &[], None).item(201)["id"].clone();
        assert_eq!(client.post(&path, &json!({})).problem(409, "already_converted").body["opportunityId"], made);
        client.patch(&format!("/pipeline/leads/{id}/archive"), &json!({})).item(200);
        client.post(&path, &json!({})).problem(409, "already_converted");
    }

    /// What is left of one when the other is deleted.
    fn a_lead_and_its_opportunity_outlive_each_other(database) {
        let api = Api::start(database);
        let client = &api.acme;
        let pair = |title: &str| {
            let id = lead(client, &json!({ "title": title }));
            let made = client.post(&format!("/pipeline/leads/{id}/convert"), &json!({}));
            made.item(201);
            (format!("/pipeline/leads/{id}"), made.header("location").to_owned())
        };
        let (lead, opportunity) = pair("first");
        assert_eq!(client.delete(&opportunity).status, 204);
        let left = client.get(&lead).item(200).clone();
        assert_eq!((&left["isConverted"], &left["opportunityId"]), (&json!(true), &Value::Null));
        let refused = client.post(&format!("{lead}/convert"), &json!({}));
        assert_eq!(refused.problem(409, "already_converted").body["opportunityId"], Value::Null);
        let (lead, opportunity) = pair("second");
        assert_eq!(client.delete(&lead).status, 204);
        assert_eq!(client.get(&opportunity).item(200)["leadId"], Value::Null);
    }
}
