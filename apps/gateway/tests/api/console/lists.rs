//! Lists: filters, orders and pages in the address, and what is done with those that are selected.

use crm_testkit::both_databases;
use serde_json::json;

use super::settings::fields;
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
            assert!(labels.len() > 8 && labels.contains(&"Made on or after") && labels.contains(&"Owner"), "{records}: {labels:?}");
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
        // Enter in a field presses the first button of its form.
        let page = browser.get("/console/leads");
        let form = between(&page.text, "action=\"/console/leads/selected\"", "</form>").unwrap();
        let first = form.split("<button").nth(1).and_then(|button| button.split('>').next()).unwrap();
        assert!(first.contains("name=\"action\" value=\"owner\""), "{first}");
        let nobody = send(&mut browser, &[("action", "owner"), ("owner", ""), ("tag", &new)]);
        assert!(nobody.status == 400 && nobody.text.contains("id=\"selected-owner-words\""), "{}", nobody.text);
        assert_eq!(send(&mut browser, &[("action", "owner"), ("owner", "eva@example.com")]).status, 303);
        assert_eq!(acme.get("/pipeline/leads/2").item(200)["owner"]["email"], "eva@example.com");
        // Somebody whom the records know is named as they are known.
        let known = json!({ "id": "u-1", "name": "Eva", "email": "eva@acme.example" });
        acme.post("/pipeline/leads", &json!({ "title": "L4", "owner": known })).item(201);
        for text in ["eva", "EVA@acme.example", "u-1"] {
            acme.patch("/pipeline/leads/1", &json!({ "owner": null })).item(200);
            assert_eq!(send(&mut browser, &[("action", "owner"), ("owner", text)]).status, 303);
            assert_eq!(acme.get("/pipeline/leads/1").item(200)["owner"], known, "{text}");
        }
        let namesake = acme.post("/pipeline/leads", &json!({ "title": "L5", "owner": { "id": "u-2", "name": "Eva" } }));
        let unclear = send(&mut browser, &[("action", "owner"), ("owner", "Eva")]);
        assert!(unclear.status == 400 && unclear.text.contains("is the name of several"), "{}", unclear.text);
        for id in ["4", namesake.item(201)["id"].as_str().unwrap()] {
            assert_eq!(acme.send("DELETE", &format!("/pipeline/leads/{id}"), &[], None).status, 204);
        }
        let asked = send(&mut browser, &[("action", "delete")]);
        assert!(asked.status == 200 && asked.text.contains("Delete 2 leads?"), "asked once more: {}", asked.text);
        assert_eq!(acme.get("/pipeline/leads").items().len(), 3);
        let deleted = send(&mut browser, &[("action", "delete"), ("sure", "yes")]);
        assert!(browser.get(deleted.header("location")).text.contains("It is in the trash"));
        assert_eq!(acme.get("/pipeline/leads").items().len(), 1);
        let foreign = browser.post("/console/leads/selected", &[("id", "3"), ("action", "noOwner"), ("back", "https://evil.example")]);
        assert_eq!(foreign.header("location"), "/console/leads?notice=changed", "no form leads to another host");
        let refused = browser.post("/console/leads/selected", &[("id", "nine"), ("action", "owner"), ("owner", "x")]);
        assert_eq!(refused.status, 400);
    }

    /// Whoever reads may; of others there is nothing in the file.
    fn those_that_are_selected_are_exported(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for (records, path) in super::KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            for text in ["Cherry", "=Apple", "Banana"] {
                api.acme.post(path, &json!({ name: text })).item(201);
            }
            for text in ["Theirs", "Theirs", "Theirs", "Theirs"] {
                other.post(path, &json!({ name: text })).item(201);
            }
            let mut reader = Browser::signed_in(&api.acme, &api.acme.keys.secondary);
            let list = format!("/console/{records}?orderBy={name}&sort=asc");
            let page = reader.get(&list);
            let export = format!("/console/{records}/selected/export");
            assert_eq!(page.text.matches("type=\"checkbox\" name=\"id\"").count(), 3, "{}", page.text);
            assert!(page.text.contains(&format!("formaction=\"{export}\"")) && !page.text.contains("name=\"action\""), "{}", page.text);
            // As the form of the page sends it.
            let form = fields(&page, &format!("/console/{records}/selected"));
            let order: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| *name != "_token").collect();
            assert_eq!(order, [("back", list.as_str()), ("orderBy", name), ("sort", "asc")]);
            let mut send = |ids: &[&str]| {
                let ids = ids.iter().map(|id| ("id", *id));
                reader.post(&export, &order.iter().copied().chain(ids).collect::<Vec<_>>())
            };
            let file = send(&["3", "2", "4", "99", "2"]);
            assert_eq!((file.status, file.header("content-type")), (200, "text/csv; charset=utf-8"), "{}", file.text);
            assert!(file.header("content-disposition").starts_with(&format!("attachment; filename=\"{records}-")), "{records}");
            let lines: Vec<&str> = file.text.trim_start_matches('\u{feff}').lines().collect();
            let place = lines[0].split(',').position(|label| label == if name == "name" { "Name" } else { "Title" });
            let titles: Vec<&str> = lines[1..].iter().filter_map(|line| line.split(',').nth(place.unwrap())).collect();
            assert_eq!(titles, ["'=Apple", "Banana"], "{}", file.text);
            let nothing = send(&[]);
            assert_eq!((nothing.status, nothing.header("location")), (303, list.as_str()));
            assert_eq!(send(&["4"]).text.lines().count(), 1, "that of the other tenant is as one that was never there");
            let wrong = send(&["nine"]);
            assert!(wrong.status == 400 && wrong.text.contains("is no id"), "{}", wrong.text);
            let most: Vec<String> = (1..=201).map(|id| id.to_string()).collect();
            let most: Vec<&str> = most.iter().map(String::as_str).collect();
            assert_eq!(send(&most[..200]).status, 200, "a page has no more");
            assert_eq!(send(&most).status, 400);
            let refused = reader.post(&format!("/console/{records}/selected"), &[("id", "1"), ("action", "delete"), ("sure", "yes")]);
            assert_eq!(refused.status, 403, "the rest is for those who may write");
            let mut writer = Browser::signed_in(&api.acme, &api.acme.keys.primary);
            let page = writer.get(&list);
            assert!(page.text.contains(&format!("formaction=\"{export}\"")) && page.text.contains("value=\"delete\""), "{}", page.text);
            let many: Vec<(&str, &str)> = most.iter().map(|id| ("id", *id)).chain([("action", "delete"), ("sure", "yes")]).collect();
            assert_eq!(writer.post(&format!("/console/{records}/selected"), &many).status, 400, "of one page");
            assert_eq!(api.acme.get(path).items().len(), 3);
        }
    }
}
