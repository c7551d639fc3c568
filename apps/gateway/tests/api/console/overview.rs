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
