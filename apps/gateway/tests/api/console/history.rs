//! What happened is told in the words that people know, on the page of a record and on the overview.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::browser::{Browser, between};
use crate::client::{Api, Client};

/// The id of what is made by this.
fn made(client: &Client, path: &str, body: &Value) -> String {
    let answer = client.post(path, body);
    answer.item(201)["id"].as_str().unwrap().to_owned()
}

/// The text of the history on a page, without tags.
fn told(page: &str, before: &str) -> String {
    let section = between(page, before, "</section>").unwrap();
    let mut text = String::new();
    let mut is_in_tag = false;
    for letter in section.chars() {
        match letter {
            '<' => is_in_tag = true,
            '>' => is_in_tag = false,
            letter if !is_in_tag => text.push(letter),
            _ => {}
        }
    }
    text
}

both_databases! {
    fn names_stand_in_the_place_of_ids(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let first = made(acme, "/directory/organizations", &json!({ "name": "First <b>Ltd</b>" }));
        let second = made(acme, "/directory/organizations", &json!({ "name": "Second & Co" }));
        let jane = made(acme, "/directory/contacts", &json!({ "name": "Jane Doe", "organizationId": first }));
        let hot = made(acme, "/pipeline/tags/opportunities", &json!({ "label": "hot" }));
        let cold = made(acme, "/pipeline/tags/opportunities", &json!({ "label": "cold" }));
        let workshops = made(acme, "/pipeline/pipelines/opportunities", &json!({
            "name": "Workshops", "stages": [{ "key": "k1", "label": "Enquiry" }, { "key": "k2", "label": "Held" }],
        }));
        let tier = json!({ "id": "tier", "label": "Tier", "category": "custom", "type": "dropdown",
            "options": [{ "id": "g", "label": "Gold" }, { "id": "s", "label": "Silver" }] });
        assert_eq!(acme.put("/pipeline/forms/opportunities", &json!({ "fields": [tier] })).status, 200);
        let deal = made(acme, "/pipeline/opportunities", &json!({ "title": "Deal", "organizationId": first, "tags": [{ "id": hot }] }));
        let path = format!("/pipeline/opportunities/{deal}");
        acme.patch(&path, &json!({
            "organizationId": second, "contactId": jane, "tags": [{ "id": cold }], "participants": [{ "id": jane }],
            "customFields": { "tier": ["g", "s"] }, "owner": { "id": "7", "name": "Sarah" },
        })).item(200);
        acme.patch(&path, &json!({ "pipelineId": workshops })).item(200);
        acme.patch(&format!("{path}/updateStage"), &json!({ "stage": "k2" })).item(200);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let record = browser.get(&format!("/console/opportunities/{deal}"));
        let overview = browser.get("/console");
        let expected = [
            "Organization: First &lt;b&gt;Ltd&lt;/b&gt; → Second &amp; Co", "Contact: – → Jane Doe", "Tags: hot → cold", "Participants: – → Jane Doe",
            "Tier: – → Gold, Silver", "Owner: – → Sarah", "→ Workshops", "Stage: Enquiry → Held",
        ];
        for (page, text) in [("record", told(&record.text, "id=\"history\"")), ("overview", told(&overview.text, "Changed last"))] {
            for words in expected {
                assert!(text.contains(words), "{words}, {page}: {text}");
            }
            for id in [&hot, &cold, &workshops] {
                assert!(!text.contains(id.as_str()), "{id}, {page}: {text}");
            }
        }
        let text = told(&overview.text, "Changed last");
        for words in ["Pipeline Workshops", "Tag cold", &format!("Opportunity #{deal} Deal"), &format!("Contact #{jane} Jane Doe")] {
            assert!(text.contains(words), "{words}: {text}");
        }

        // What is gone has no name any more, and says so.
        acme.delete(&format!("/pipeline/tags/opportunities/{hot}"));
        assert_eq!(acme.delete(&format!("/directory/organizations/{first}")).status, 204);
        let text = told(&browser.get(&format!("/console/opportunities/{deal}")).text, "id=\"history\"");
        assert!(text.contains(&format!("Organization: #{first} → Second &amp; Co")), "{text}");
        assert!(text.contains("Tags: a tag that is gone → cold"), "{text}");
        let text = told(&browser.get("/console").text, "Changed last");
        assert!(text.contains(&format!("Organization #{first} First &lt;b&gt;Ltd&lt;/b&gt;Deleted")), "{text}");

        // What was made of another record names it.
        let lead = made(acme, "/pipeline/leads", &json!({ "title": "Fair" }));
        let deal = acme.post(&format!("/pipeline/leads/{lead}/convert"), &json!({})).item(201)["id"].as_str().unwrap().to_owned();
        let text = told(&browser.get(&format!("/console/leads/{lead}")).text, "id=\"history\"");
        assert!(text.contains("Opportunity: – → Fair"), "{deal}: {text}");
    }
}
