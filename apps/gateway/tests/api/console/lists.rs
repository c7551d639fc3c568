//! Lists: filters, orders and pages in the address, and what is done with those that are selected.

use crm_testkit::both_databases;
use serde_json::json;

use crate::browser::{Browser, between};
use crate::client::Api;

both_databases! {
    fn a_link_is_a_saved_view(database) {
        let api = Api::start(database);
        for (title, rating, amount) in [("Ärger", "3_hot", 5), ("Banana", "1_cold", 20_000), ("Cherry", "3_hot", 7)] {
            let body = json!({ "title": title, "leadRating": rating, "value": { "amount": amount, "code": "EUR" } });
            api.acme.post("/pipeline/leads", &body).item(201);
        }
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let shown = |text: &str| ["Ärger", "Banana", "Cherry"].map(|title| text.find(&format!(">{title}</a>")));
        let all = browser.get("/console/leads");
        assert!(shown(&all.text).iter().all(Option::is_some) && all.text.contains("20\u{202f}000 EUR"), "{}", all.text);
        let hot = browser.get("/console/leads?leadRating=3_hot&title=&orderBy=title&sort=asc");
        let [first, none, last] = shown(&hot.text);
        assert!(none.is_none() && last < first && last.is_some(), "filtered and ordered; what is left empty filters nothing");
        assert!(hot.text.contains("aria-sort=\"ascending\""), "{}", hot.text);
        let columns = browser.get("/console/leads?columns=id&columns=createdOn");
        assert!(columns.text.contains("Created on") && !columns.text.contains("20\u{202f}000"), "{}", columns.text);
        let nothing = browser.get("/console/leads?title=zebra");
        assert!(nothing.text.contains("Nothing matches"), "{}", nothing.text);
        let refused = browser.get("/console/leads?colour=red");
        assert!(refused.status == 400 && refused.text.contains("colour"), "{}", refused.text);
    }

    fn filters_are_named_in_words(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        for records in super::KINDS.map(|(records, _)| records) {
            let page = browser.get(&format!("/console/{records}"));
            let labels: Vec<&str> = page.text.split("<label for=\"filter-").skip(1).filter_map(|rest| between(rest, ">", "<")).collect();
            assert!(labels.len() > 8 && labels.contains(&"Made on or after") && labels.contains(&"Owner (e-mail or id)"), "{records}: {labels:?}");
            let of_programs = |label: &&&str| label.contains(" date") || label.ends_with(" id") && **label != "External id" || label.starts_with("Is ");
            assert_eq!(labels.iter().find(of_programs), None, "{records}");
        }
    }

    fn pages_follow_each_other(database) {
        let api = Api::start(database);
        for number in 0..5 {
            api.acme.post("/directory/contacts", &json!({ "name": format!("Contact {number}") })).item(201);
        }
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let mut path = "/console/contacts?size=2&orderBy=name&sort=asc&columns=id".to_owned();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let page = browser.get(&path);
            seen.extend((0..5).filter(|number| page.text.contains(&format!(">Contact {number}</a>"))));
            let Some(next) = between(&page.text, "rel=\"next\" href=\"", "\"") else { break };
            path = next.replace("&amp;", "&");
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        assert!(browser.get(&path).text.contains("First page"));
    }

    fn something_is_done_with_all_that_are_selected(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let tag = |label: &str| acme.post("/pipeline/tags/leads", &json!({ "label": label, "color": "#00ff00" })).item(201)["id"].as_str().unwrap().to_owned();
        let (old, new) = (tag("old"), tag("new"));
        for number in 0..3 {
            acme.post("/pipeline/leads", &json!({ "title": format!("L{number}"), "tags": [{ "id": old }] })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        browser.get("/console/leads");
        let back = "/console/leads?orderBy=title";
        let selected = [("id", "1"), ("id", "2"), ("back", back)];
        let send = |browser: &mut Browser, more: &[(&str, &str)]| {
            browser.post("/console/leads/selected", &[&selected[..], more].concat())
        };
        let tagged = send(&mut browser, &[("action", "tag"), ("tag", &new)]);
        assert_eq!((tagged.status, tagged.header("location")), (303, "/console/leads?orderBy=title&notice=changed"), "{}", tagged.text);
        let labels = |id: &str| {
            let lead = acme.get(&format!("/pipeline/leads/{id}"));
            lead.item(200)["tags"].as_array().unwrap().iter().map(|tag| tag["label"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!((labels("1"), labels("2"), labels("3")), (vec!["new".to_owned(), "old".to_owned()], vec!["new".to_owned(), "old".to_owned()], vec!["old".to_owned()]));
        assert_eq!(send(&mut browser, &[("action", "owner"), ("owner", "eva@example.com")]).status, 303);
        assert_eq!(acme.get("/pipeline/leads/2").item(200)["owner"]["email"], "eva@example.com");
        let asked = send(&mut browser, &[("action", "delete")]);
        assert!(asked.status == 200 && asked.text.contains("Delete 2 leads?"), "asked once more: {}", asked.text);
        assert_eq!(acme.get("/pipeline/leads").items().len(), 3);
        let deleted = send(&mut browser, &[("action", "delete"), ("sure", "yes")]);
        assert!(browser.get(deleted.header("location")).text.contains("It is in the trash"));
        assert_eq!(acme.get("/pipeline/leads").items().len(), 1);
        let foreign = browser.post("/console/leads/selected", &[("id", "3"), ("action", "owner"), ("owner", ""), ("back", "https://evil.example")]);
        assert_eq!(foreign.header("location"), "/console/leads?notice=changed", "no form leads to another host");
        let refused = browser.post("/console/leads/selected", &[("id", "nine"), ("action", "owner"), ("owner", "x")]);
        assert_eq!(refused.status, 400);
    }
}
