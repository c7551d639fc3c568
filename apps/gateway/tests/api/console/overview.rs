//! The overview: all that there is, of one tenant.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::browser::{Browser, between};
use crate::client::Api;

both_databases! {
    fn the_pictures_are_of_all_that_there_is(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for client in [&api.acme, &other] {
            let count = if client.keys.primary == api.acme.keys.primary { 205 } else { 3 };
            let cases: Vec<Value> = (0..count).map(|number| json!({ "title": format!("Case {number}") })).collect();
            assert_eq!(client.post("/cases/cases/batch", &json!({ "mode": "create", "items": cases })).status, 200);
            let deals: Vec<Value> = (0..count).map(|number| json!({ "title": format!("Deal {number}"), "value": { "amount": 2, "code": "EUR" } })).collect();
            assert_eq!(client.post("/pipeline/opportunities/batch", &json!({ "mode": "create", "items": deals })).status, 200);
            for id in 1..=2 {
                client.patch(&format!("/pipeline/opportunities/{id}/updateStatus"), &json!({ "status": "won" }));
            }
            client.patch("/pipeline/opportunities/3/updateStatus", &json!({ "status": "lost", "lostReason": { "reasonId": "price" } }));
        }
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let page = browser.get("/console");
        let cases = between(&page.text, "Cases by status and age", "</table>").unwrap();
        assert!(cases.contains("class=\"number\">205<") && cases.contains("quiet\">205<"), "all of them, made this week: {cases}");
        let closed = between(&page.text, "Won and lost by month", "</table>").unwrap();
        let now = api.acme.get("/pipeline/opportunities/1").item(200)["closedOn"].as_str().unwrap()[..7].to_owned();
        assert!(closed.contains(&now) && closed.contains("class=\"number\">2<") && closed.contains("class=\"number\">1<"), "{closed}");
        let open = between(&page.text, "Open opportunities by stage", "</table>").unwrap();
        assert!(open.contains(">202<") && open.contains("404") && open.contains("EUR"), "{open}");
        // What they may not read has no picture.
        let made = api.acme.post("/settings/keys", &json!({ "name": "K", "scopes": ["directory:read"] }));
        let page = Browser::signed_in(&api.acme, made.item(201)["key"].as_str().unwrap()).get("/console");
        assert!(!page.text.contains("205") && !page.text.contains("by month"), "{}", page.text);
    }

    /// Of what a key may not read nothing is shown, and it hides nothing either.
    fn what_changed_last_is_of_what_may_be_read(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        acme.post("/directory/contacts", &json!({ "name": "Jane Doe" })).item(201);
        for number in 0..15 {
            acme.post("/pipeline/leads", &json!({ "title": format!("Lead {number}") })).item(201);
        }
        let changed = |scopes: &[&str]| {
            let made = acme.post("/settings/keys", &json!({ "name": "K", "scopes": scopes }));
            let page = Browser::signed_in(acme, made.item(201)["key"].as_str().unwrap()).get("/console").text;
            between(&page, "Changed last", "</section>").unwrap().to_owned()
        };
        let directory = changed(&["directory:read"]);
        assert!(directory.contains("Jane Doe") && !directory.contains("Lead"), "{directory}");
        let several = changed(&["directory:read", "pipeline:read"]);
        assert_eq!(several.matches("/console/leads/").count(), 12, "the latest of them all: {several}");
        let cases = changed(&["cases:read"]);
        assert!(!cases.contains("Jane Doe") && !cases.contains("Lead"), "{cases}");
        let settings = changed(&["settings:read"]);
        assert!(settings.contains("Key") && !settings.contains("Lead"), "{settings}");
    }

    /// They are for whoever sees nothing yet, not for whoever may not see what there is.
    fn first_steps_are_gone_once_there_is_something(database) {
        let api = Api::start(database);
        let (acme, other) = (&api.acme, api.tenant("other"));
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let made = acme.post("/settings/keys", &json!({ "name": "K", "scopes": ["directory:write"] }));
        let mut directory = Browser::signed_in(acme, made.item(201)["key"].as_str().unwrap());
        let has_steps = |browser: &mut Browser| browser.get("/console").text.contains("First steps");
        other.post("/directory/contacts", &json!({ "name": "Theirs" })).item(201);
        assert!(has_steps(&mut browser) && has_steps(&mut directory));
        acme.post("/pipeline/leads", &json!({ "title": "L" })).item(201);
        assert!(!has_steps(&mut browser), "a lead is in no picture, and is something");
        assert!(has_steps(&mut directory), "they see nothing yet");
        acme.post("/directory/contacts", &json!({ "name": "C" })).item(201);
        assert!(!has_steps(&mut directory));
    }

    /// A comma in the name of a status parts no list.
    fn a_status_leads_to_its_cases(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let status = "Waiting, customer \\ <b>";
        let workflow = json!({
            "status": [
                { "id": "n1", "type": "custom", "position": { "x": 0, "y": 0 }, "data": { "label": status } },
                { "id": "n2", "type": "custom", "position": { "x": 300, "y": 0 }, "data": { "label": "Waiting" } },
            ],
            "transition": [],
        });
        let of_type = acme.post("/cases/types/cases", &json!({ "label": "Repairs", "workflow": workflow })).item(201)["id"].clone();
        for (title, status) in [("Mine", status), ("Another", "Waiting")] {
            acme.post("/cases/cases", &json!({ "title": title, "caseTypeId": of_type, "status": status })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let page = browser.get("/console");
        let cases = between(&page.text, "Cases by status and age", "</table>").unwrap();
        let link = cases.split("<th scope=\"row\"><a href=\"").skip(1).find(|rest| rest.contains("customer")).unwrap();
        let list = browser.get(link.split('"').next().unwrap());
        assert!(list.text.contains(">Mine</a>") && !list.text.contains(">Another</a>"), "{}", list.text);
        let active = between(&list.text, "class=\"active-words\">", "</span>");
        assert_eq!(active, Some("Status: Waiting, customer \\ &lt;b&gt;"), "{}", list.text);
    }

    fn the_board_offers_the_owners_of_its_cards(database) {
        let api = Api::start(database);
        for (title, owner) in [("A", "eva"), ("B", "adam")] {
            api.acme.post("/pipeline/opportunities", &json!({ "title": title, "owner": { "id": owner, "name": format!("{owner} <b>") } })).item(201);
        }
        let page = Browser::signed_in(&api.acme, &api.acme.keys.primary).get("/console/board");
        let owners = between(&page.text, "<select id=\"board-ownerId\"", "</select>").unwrap();
        assert!(owners.contains("value=\"adam\"") && owners.contains("eva &lt;b&gt;"), "{owners}");
    }
}
