//! Those that look like one: found, put side by side, tried and merged.

use crm_testkit::both_databases;
use serde_json::json;

use crate::browser::{Browser, between};
use crate::client::Api;
use crate::dump::dump;

both_databases! {
    fn those_that_look_like_one_are_compared_and_merged(database) {
        let api = Api::start(database);
        let (acme, other) = (&api.acme, api.tenant("other"));
        for (kind, path) in [("contacts", "/directory/contacts"), ("organizations", "/directory/organizations")] {
            for client in [acme, &other] {
                client.post(path, &json!({ "name": format!("Zoe <b>{}", client.keys.primary.len()), "email": [{ "value": "zoe@example.com" }] })).item(201);
                client.post(path, &json!({ "name": "Zoe Second", "email": [{ "value": "zoe@example.com" }], "note": "from the second" })).item(201);
            }
            acme.post("/cases/cases", &json!({ "title": "About it", (if kind == "contacts" { "contactId" } else { "organizationId" }): "2" })).item(201);
            let mut browser = Browser::signed_in(acme, &acme.keys.primary);
            let groups = browser.get(&format!("/console/{kind}/duplicates"));
            assert_eq!(groups.text.matches("zoe@example.com”").count(), 1, "of one tenant: {}", groups.text);
            assert!(groups.text.contains("Zoe Second") && groups.text.contains("Zoe &lt;b&gt;") && !groups.text.contains("<b>"), "{}", groups.text);
            let compare = format!("/console/{kind}/compare");
            let beside = browser.get(&format!("{compare}?id=1&id=2"));
            assert!(beside.text.contains("from the second") && beside.text.contains("differs"), "{}", beside.text);

            let before = dump(database);
            let fields = [("id", "1"), ("id", "2"), ("into", "1")];
            let tried = browser.post(&compare, &[&fields[..], &[("action", "try")]].concat());
            assert_eq!(tried.status, 200, "{}", tried.text);
            let would = between(&tried.text, "What it would be", "</table>").unwrap();
            assert!(would.contains("<strong>from the second</strong>") && tried.text.contains("1 cases"), "{}", tried.text);
            assert!(dump(database) == before, "a try changes nothing");

            for (fields, words) in [
                (vec![("id", "1"), ("id", "2"), ("action", "merge")], "is no id"),
                (vec![("id", "1"), ("into", "1"), ("action", "merge")], "sourceId"),
            ] {
                let refused = browser.post(&compare, &fields);
                assert!([400, 404].contains(&refused.status) && refused.text.contains(words), "{fields:?}: {} {}", refused.status, refused.text);
                browser.get(&compare);
            }
            assert!(dump(database) == before, "nothing was merged");
            let merged = browser.post(&compare, &[&fields[..], &[("action", "merge")]].concat());
            assert_eq!((merged.status, merged.header("location")), (303, format!("/console/{kind}/1?done=merged").as_str()));
            assert_eq!(acme.get(&format!("{path}/1")).item(200)["note"], "from the second");
            acme.get(&format!("{path}/2")).problem(404, "not_found");
            assert!(browser.get(&format!("/console/{kind}/duplicates")).text.contains("look like one."), "none is left");
            assert_eq!(other.get(&format!("{path}/2")).status, 200, "the other tenant's is");
        }
    }

    fn what_was_changed_meanwhile_is_not_merged_unseen(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for (records, area, name) in
            [("leads", "/pipeline", "title"), ("contacts", "/directory", "name"), ("organizations", "/directory", "name")]
        {
            let path = &*format!("{area}/{records}");
            acme.post(&format!("{area}/tags/{records}"), &json!({ "label": "Key account" })).item(201);
            for text in ["One", "Two"] {
                acme.post(path, &json!({ name: text, "tags": ["Key account"] })).item(201);
            }
            let mut browser = Browser::signed_in(acme, &acme.keys.primary);
            let compare = format!("/console/{records}/compare");
            let seen = |page: &str, id: &str| between(page, &format!("name=\"seen-{id}\" value=\""), "\"").unwrap().replace("&quot;", "\"");
            let page = browser.get(&format!("{compare}?id=1&id=2"));
            assert!(page.text.contains("Key account"), "tags by their labels: {}", page.text);
            let (one, two) = (seen(&page.text, "1"), seen(&page.text, "2"));
            let merge = |browser: &mut Browser, one: &str, two: &str| {
                let fields = [("id", "1"), ("seen-1", one), ("id", "2"), ("seen-2", two), ("into", "1"), ("action", "merge")];
                browser.post(&compare, &fields)
            };
            // The one that would go, and the one that would stay.
            for id in ["2", "1"] {
                acme.patch(&format!("{path}/{id}"), &json!({ "note": "said meanwhile" })).item(200);
                let before = dump(database);
                let refused = merge(&mut browser, &one, &two);
                assert_eq!(refused.status, 412, "{}", refused.text);
                assert!(refused.text.contains(&format!("changed #{id} meanwhile")) || id == "1", "{}", refused.text);
                assert!(refused.text.contains("said meanwhile"), "as it is now: {}", refused.text);
                assert!(dump(database) == before, "nothing was merged");
                assert_ne!(seen(&refused.text, id), if id == "1" { one.clone() } else { two.clone() });
            }
            let page = browser.get(&format!("{compare}?id=1&id=2"));
            let (one, two) = (seen(&page.text, "1"), seen(&page.text, "2"));
            let merged = merge(&mut browser, &one, &two);
            assert_eq!(merged.status, 303, "{}", merged.text);
        }
    }

    fn a_merge_from_the_page_of_a_record_is_of_what_it_showed(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for name in ["One", "Two"] {
            acme.post("/directory/contacts", &json!({ "name": name })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let page = browser.get("/console/contacts/1");
        let seen = between(&page.text, "name=\"seen-1\" value=\"", "\"").unwrap().replace("&quot;", "\"");
        acme.patch("/directory/contacts/1", &json!({ "name": "Uno" })).item(200);
        let refused = browser.post("/console/contacts/1/merge", &[("sourceId", "2"), ("seen-1", &seen)]);
        assert!(refused.status == 412 && refused.text.contains("changed #1 meanwhile"), "{}", refused.text);
        assert_eq!(acme.get("/directory/contacts/2").status, 200);
    }

    fn leads_are_merged_from_their_list(database) {
        let api = Api::start(database);
        for title in ["One", "Two"] {
            api.acme.post("/pipeline/leads", &json!({ "title": title })).item(201);
        }
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get("/console/leads");
        let chosen = browser.post("/console/leads/selected", &[("id", "1"), ("id", "2"), ("action", "compare")]);
        assert_eq!((chosen.status, chosen.header("location")), (303, "/console/leads/compare?id=1&id=2"));
        browser.get(chosen.header("location"));
        let merged = browser.post("/console/leads/compare", &[("id", "1"), ("id", "2"), ("into", "2"), ("action", "merge")]);
        assert_eq!(merged.header("location"), "/console/leads/2?done=merged");
        api.acme.get("/pipeline/leads/1").problem(404, "not_found");
    }

    fn another_tenant_s_are_not_compared(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for _ in 0..2 {
            other.post("/directory/contacts", &json!({ "name": "Secret", "email": [{ "value": "s@example.com" }] })).item(201);
        }
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        assert_eq!(browser.get("/console/contacts/compare?id=1&id=2").status, 404);
        assert_eq!(browser.get("/console/contacts/compare?id=x").status, 400);
        assert!(!browser.get("/console/contacts/duplicates").text.contains("Secret"));
        let before = dump(database);
        let refused = browser.post("/console/contacts/compare", &[("id", "1"), ("id", "2"), ("into", "1"), ("action", "merge")]);
        assert_eq!(refused.status, 404);
        assert!(dump(database) == before);
        let mut reader = Browser::signed_in(&api.acme, &api.acme.keys.secondary);
        api.acme.post("/directory/contacts", &json!({ "name": "A" })).item(201);
        api.acme.post("/directory/contacts", &json!({ "name": "B" })).item(201);
        let page = reader.get("/console/contacts/compare?id=1&id=2");
        assert!(page.status == 200 && !page.text.contains("Merge them") && !page.text.contains("name=\"into\""), "{}", page.text);
    }
}
