//! `/pipeline/opportunities` and `/pipeline/pipelines/opportunities` (docs/compatibility.md, "Opportunities and pipelines").

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};

/// The pipeline that the source's examples name.
const SOURCE_PIPELINE: &str = "c4d5e6f7-8901-2345-6789-abcdef012345";

/// Makes an opportunity and gives its path.
fn make(client: &Client, body: &Value) -> String {
    let made = client.post("/pipeline/opportunities", body);
    made.item(201);
    made.header("location").to_owned()
}

/// The default pipeline: exactly one.
fn default_pipeline(client: &Client) -> Value {
    let all = client.get("/pipeline/pipelines/opportunities?size=200");
    let defaults: Vec<&Value> = all.items().iter().filter(|one| one["isDefault"] == true).collect();
    assert_eq!(defaults.len(), 1, "{}", all.text);
    defaults[0].clone()
}

both_databases! {
    /// The source's examples of POST, PATCH, updateStatus and updateStage, one after the other, as printed.
    fn the_source_examples_work(database) {
        let api = Api::start(database);
        let client = api.tenant("tenant-id-example");
        for number in 1..=7 {
            client.post("/directory/organizations", &json!({ "name": format!("Organization {number}") })).item(201);
        }
        for number in 1..=123 {
            client.post("/directory/contacts", &json!({ "name": format!("Contact {number}") })).item(201);
        }
        client.post("/pipeline/tags/opportunities", &json!({ "label": "opportunity-tags", "color": "#800080" })).item(201);
        client.post("/pipeline/pipelines/opportunities", &json!({
            "id": SOURCE_PIPELINE, "name": "Source",
            "stages": [{ "label": "First" }, { "key": "stage-xyz", "label": "Second" }]
        })).item(201);
        let other = "727a1a94-dda3-4e68-92cb-343e3e3d4fbc";
        client.post("/pipeline/pipelines/opportunities", &json!({
            "id": other, "name": "Other",
            "stages": [{ "key": "start", "label": "Start" }, { "key": "395f9a11-c7d5-4d91-b4bb-8c964cf8d329", "label": "Next" }]
        })).item(201);

        let made = client.post("/pipeline/opportunities", &json!({
            "title": "New Opportunity - Example Corp",
            "value": { "amount": 50000, "code": "USD" },
            "stage": "stage-xyz",
            "pipelineId": SOURCE_PIPELINE,
            "origin": "inbound",
            "leadRating": "3_hot",
            "note": "Initial contact promising. Schedule demo.",
            "organization": { "id": "7", "name": "Example Corp" },
            "owner": { "id": "99999-dfds-4324-sdfsdf", "name": "Alex Kim", "email": "alex.kim@example.com" },
            "creator": { "id": "88888-dfds-4324-sdfsdf", "name": "Alex Kim", "email": "alex.kim@example.com" },
            "tenantId": "tenant-id-example"
        }));
        assert_eq!(made.item(201)["organization"], json!({ "id": "7", "name": "Organization 7" }));
        assert_eq!((&made.body["item"]["stage"], &made.body["item"]["status"]), (&json!("stage-xyz"), &json!("open")));
        let path = made.header("location");
        assert_eq!(path, "/pipeline/opportunities/1");

        let john = json!({ "id": "0b3f5c3e-1b3f-4b3f-8b3f-3b3f5b3f1b3f", "name": "John Doe", "email": "johndoe@me.com" });
        let edited = client.patch(path, &json!({
            "title": "Edited", "value": { "amount": 100, "code": "USD" }, "stage": "", "origin": "website",
            "leadRating": "1_cold", "note": "This is a note", "tags": "opportunity-tags", "owner": john,
            "organizationId": "1", "contactId": "1", "followers": [john],
            "participants": [{ "id": "123", "name": "John Doe" }], "pipelineId": other, "customFields": {}
        }));
        assert_eq!((&edited.item(200)["pipelineId"], &edited.body["item"]["stage"]), (&json!(other), &json!("start")));
        assert_eq!(edited.body["item"]["contact"], json!({ "id": "1", "name": "Contact 1" }));

        let stage = json!({ "stage": "395f9a11-c7d5-4d91-b4bb-8c964cf8d329" });
        assert_eq!(client.patch(&format!("{path}/updateStage"), &stage).item(200)["stage"], stage["stage"]);
        let status = format!("{path}/updateStatus");
        assert_eq!(client.patch(&status, &json!({ "status": "won" })).item(200)["status"], "won");
        let lost = client.patch(&status, &json!({
            "status": "lost",
            "lostReason": { "reasonId": "too_expensive", "comment": "Customer chose a cheaper competitor." },
            "lastUpdatedBy": { "id": "user-123", "name": "Alex Kim", "email": "alex.kim@example.com" }
        }));
        assert_eq!(lost.item(200)["lostReason"]["reasonId"], "too_expensive");
        assert_eq!(lost.body["item"]["closedOn"], lost.body["item"]["lastUpdatedOn"]);
        client.patch(&format!("{path}/updateStage"), &json!({ "stage": "start" })).problem(409, "opportunity_closed");
        client.patch(path, &json!({ "stage": "start" })).problem(409, "opportunity_closed");

        let found = client.get("/pipeline/opportunities?page=1&size=10&sort=asc&orderBy=title&contactId=1,2");
        assert_eq!(found.items(), std::slice::from_ref(lost.item(200)));
        client.get(&format!("/pipeline/pipelines/opportunities/{other}")).item(200);
        let answer = client.post("/pipeline/bulk-actions", &json!({ "entity": "opportunity", "action": "delete", "ids": ["1", "2", "3"] }));
        assert_eq!(answer.body, json!({ "deleted": ["1"], "notFound": ["2", "3"] }));
    }

    /// A new tenant's pipeline, and the rules of changing pipelines, as problems.
    fn pipelines_have_their_rules(database) {
        let api = Api::start(database);
        let client = &api.acme;
        let sales = default_pipeline(client);
        assert_eq!(sales["name"], "Sales pipeline");
        let stage = |key: &str, label: &str, order: u8, probability: u8| {
            json!({ "key": key, "label": label, "order": order, "probability": probability, "color": "#808080" })
        };
        assert_eq!(sales["stages"], json!([
            stage("qualification", "Qualification", 1, 10), stage("needs-analysis", "Needs analysis", 2, 25),
            stage("proposal", "Proposal", 3, 50), stage("negotiation", "Negotiation", 4, 75), stage("closing", "Closing", 5, 90),
        ]));
        let path = |pipeline: &Value| format!("/pipeline/pipelines/opportunities/{}", pipeline["id"].as_str().unwrap());
        client.delete(&path(&sales)).problem(409, "default_pipeline");
        client.patch(&path(&sales), &json!({ "isDefault": false })).problem(409, "default_pipeline");
        let opportunity = make(client, &json!({ "title": "x", "stage": "proposal" }));
        client.patch(&path(&sales), &json!({ "stages": [{ "key": "closing", "label": "Closing" }] })).problem(409, "in_use");
        assert_eq!(client.get(&path(&sales)).item(200), &sales, "nothing was changed");

        let own = json!({ "id": SOURCE_PIPELINE, "name": "Own", "isDefault": true, "stages": [{ "key": "a", "label": "A" }] });
        let made = client.post("/pipeline/pipelines/opportunities", &own);
        assert_eq!(made.header("location"), path(made.item(201)));
        client.post("/pipeline/pipelines/opportunities", &own).problem(409, "id_taken");
        assert_eq!(default_pipeline(client)["id"], SOURCE_PIPELINE);
        client.delete(&path(&sales)).problem(409, "in_use");
        client.patch(&opportunity, &json!({ "pipelineId": SOURCE_PIPELINE })).item(200);
        let etag = client.get(&path(&sales)).header("etag").to_owned();
        let stale = client.send("DELETE", &path(&sales), &[("If-Match", "\"other\"")], None);
        stale.problem(412, "precondition_failed");
        assert_eq!(client.send("DELETE", &path(&sales), &[("If-Match", &etag)], None).status, 204);
        client.get(&path(&sales)).problem(404, "not_found");
        api.tenant("other").get(&path(&own)).problem(404, "not_found");
    }

    /// The summary over HTTP; its path is no id of an opportunity.
    fn open_opportunities_are_added_up(database) {
        let api = Api::start(database);
        make(&api.acme, &json!({ "title": "x", "value": { "amount": 0.1, "code": "USD" }, "stage": "proposal" }));
        make(&api.acme, &json!({ "title": "y", "value": { "amount": 0.2, "code": "USD" }, "stage": "proposal" }));
        let summary = api.acme.get("/pipeline/opportunities/summary?stage=proposal");
        assert_eq!(summary.items().as_slice(), [json!({
            "pipelineId": default_pipeline(&api.acme)["id"], "stage": "proposal", "label": "Proposal", "order": 3,
            "probability": 50, "count": 2, "values": [{ "amount": 0.3, "code": "USD" }],
            "weightedValues": [{ "amount": 0.15, "code": "USD" }],
        })]);
        api.acme.get("/pipeline/opportunities/summary?page=1").refuses(&[("page", "unknown_field")]);
    }

    /// What other records do reaches opportunities: merges, deletions, and a form's field that is in use.
    fn opportunities_follow_other_records(database) {
        let api = Api::start(database);
        let client = &api.acme;
        for name in ["One", "Two", "Three"] {
            client.post("/directory/organizations", &json!({ "name": name })).item(201);
            client.post("/directory/contacts", &json!({ "name": name })).item(201);
        }
        let path = make(client, &json!({ "title": "x", "organizationId": "1", "contactId": "1", "participants": [{ "id": "2" }] }));
        let shown = |member: &str| client.get(&path).item(200)[member].clone();
        assert_eq!(client.post("/directory/organizations/2/merge", &json!({ "sourceId": ["1"] })).status, 200);
        assert_eq!(shown("organization"), json!({ "id": "2", "name": "Two" }));
        assert_eq!(client.post("/directory/contacts/3/merge", &json!({ "sourceId": ["1", "2"] })).status, 200);
        assert_eq!((shown("contactId"), shown("participants")), (json!("3"), json!([{ "id": "3", "name": null }])));
        assert_eq!(client.delete("/directory/organizations/2").status, 204);
        assert_eq!(client.delete("/directory/contacts/3").status, 204);
        for member in ["organizationId", "organization", "contactId", "contact"] {
            assert_eq!(shown(member), Value::Null, "{member}");
        }
        assert_eq!(shown("participants"), json!([]));

        let field = |of: &str| json!({ "fields": [{ "id": "mood", "label": "Mood", "category": "custom", "type": of, "required": false }] });
        assert_eq!(client.put("/pipeline/forms/opportunities", &field("text")).status, 200);
        client.patch(&path, &json!({ "customFields": { "mood": "good" } })).item(200);
        client.put("/pipeline/forms/opportunities", &field("number")).problem(409, "field_in_use");
    }
}
