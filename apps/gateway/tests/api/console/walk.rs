//! What is true of all pages and forms.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use super::{FORMS, KINDS, PAGES, paths};
use crate::browser::Browser;
use crate::client::{Api, Client};
use crate::dump::dump;

/// One record of each kind, each the first of its tenant.
fn fill(client: &Client) {
    for (records, path) in KINDS {
        let name = if path.starts_with("/directory") { "name" } else { "title" };
        let made = client.post(path, &json!({ name: format!("One of {records}") }));
        assert_eq!(made.item(201)["id"], "1");
    }
}

/// Each tenant has a case type of this number.
fn is_own(path: &str) -> bool {
    path.contains("/case-types/")
}

/// Whether a form changes nothing.
fn only_reads(path: &str) -> bool {
    path.ends_with("/selected/export")
}

both_databases! {
    fn every_page_is_there_and_has_its_policy(database) {
        let api = Api::start(database);
        fill(&api.acme);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        for path in paths(PAGES, "1") {
            let page = browser.get(&path);
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            if path.contains("/export") {
                assert!(page.header("content-type").starts_with("text/csv") && page.text.contains("One of"), "{path}");
                continue;
            }
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert!(page.header("content-security-policy").starts_with("default-src 'self'"), "{path}");
            assert!(!page.text.contains(" style=") && page.text.contains("</html>"), "{path}");
            let gzip = browser.send("GET", &path, None, &[("Accept-Encoding", "gzip")]);
            assert!(gzip.header("content-encoding") == "gzip", "{path}");
            let head = browser.send("HEAD", &path, None, &[]);
            assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        }
    }

    fn nobody_sees_a_page_without_a_session(database) {
        let api = Api::start(database);
        fill(&api.acme);
        let before = dump(database);
        for path in paths(PAGES, "1") {
            let answer = Browser::new(&api.acme).get(&path);
            assert_eq!(answer.status, 303, "{path}");
            assert!(answer.header("location").starts_with("/console/sign-in?next=") && answer.text.is_empty(), "{path}");
        }
        for path in paths(FORMS, "1") {
            let answer = Browser::new(&api.acme).post(&path, &[("title", "x")]);
            assert_eq!((answer.status, answer.header("location")), (303, "/console/sign-in?next=%2Fconsole"), "{path}");
        }
        assert!(dump(database) == before, "nothing was done");
    }

    /// Whatever the other tenant has, by its number.
    fn another_tenant_s_records_do_not_exist(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        fill(&other);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get("/console/settings/keys");
        let before = dump(database);
        for path in paths(PAGES, "1").iter().filter(|path| path.contains("/1") && !is_own(path)) {
            assert_eq!(browser.get(path).status, 404, "{path}");
        }
        browser.get("/console/settings/keys");
        for path in paths(FORMS, "1").iter().filter(|path| path.contains("/1/") && !is_own(path)) {
            let answer = browser.post(path, &[("comment", "x"), ("stage", "x"), ("status", "won"), ("sourceId", "2")]);
            assert!([404, 400].contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
            assert!(!answer.text.contains("One of"), "{path}");
        }
        for (records, _) in KINDS {
            let path = format!("/console/{records}/selected");
            browser.get("/console/settings/keys");
            browser.post(&path, &[("id", "1"), ("action", "delete"), ("sure", "yes")]);
            browser.post(&path, &[("id", "1"), ("action", "owner"), ("owner", "x@example.com")]);
            let file = browser.post(&format!("{path}/export"), &[("id", "1")]);
            assert!(file.status == 200 && !file.text.contains("One of"), "{records}: {}", file.text);
            assert!(!browser.get(&format!("/console/{records}")).text.contains("One of"), "{records}");
        }
        assert!(dump(database) == before, "nothing of anybody was changed");
    }

    /// With a key that only reads, and with one of another area.
    fn what_the_scopes_forbid_is_refused_everywhere(database) {
        let api = Api::start(database);
        fill(&api.acme);
        let made = api.acme.post("/settings/keys", &json!({ "name": "S", "scopes": ["settings:read"] }));
        let stranger = made.item(201)["key"].as_str().unwrap().to_owned();
        let mut reader = Browser::signed_in(&api.acme, &api.acme.keys.secondary);
        let mut stranger = Browser::signed_in(&api.acme, &stranger);
        for browser in [&mut reader, &mut stranger] {
            browser.get("/console/settings/keys");
        }
        let (before, cookies) = (dump(database), reader.cookies.clone());
        for path in paths(FORMS, "1").iter().filter(|path| *path != "/console/sign-out") {
            for browser in [&mut reader, &mut stranger] {
                let answer = browser.post(path, &[("id", "1"), ("action", "delete"), ("sure", "yes"), ("title", "x")]);
                let status = if only_reads(path) && browser.cookies == cookies { 200 } else { 403 };
                assert_eq!(answer.status, status, "{path}: {}", answer.text);
            }
        }
        for path in paths(PAGES, "1") {
            let is_form = path.ends_with("/new") || path.ends_with("/edit");
            assert_eq!(reader.get(&path).status, if is_form { 403 } else { 200 }, "{path}");
            let is_open = ["/console", "/console/search?q=a", "/console/trash", "/console/settings/keys", "/console/settings/webhooks"].contains(&path.as_str());
            let page = stranger.get(&path);
            assert_eq!(page.status, if is_open { 200 } else { 403 }, "{path}");
            assert!(!page.text.contains("One of"), "{path}: {}", page.text);
        }
        assert!(dump(database) == before, "nothing was done");
    }

    /// In every field of every kind.
    fn hostile_texts_are_shown_as_text(database) {
        let api = Api::start(database);
        let text = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}";
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        for (records, path) in KINDS {
            let new = browser.get(&format!("/console/{records}/new"));
            assert_eq!(new.status, 200);
            let names: Vec<String> = new.text.split(" name=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
            let is_free = |name: &&String| ["title", "name", "note", "description", "jobTitle", "address"].contains(&name.as_str());
            let fields: Vec<(&str, &str)> = names.iter().filter(is_free).map(|name| (name.as_str(), text)).collect();
            let made = browser.post(&format!("/console/{records}/new"), &fields);
            assert_eq!(made.status, 303, "{records}: {}", made.text);
            let commented = browser.post(&format!("/console/{records}/1/comments"), &[("comment", text)]);
            assert_eq!(commented.status, 303, "{}", commented.text);
            for page in [made.header("location").to_owned(), format!("/console/{records}"), format!("/console/{records}/1/edit"), "/console".to_owned()] {
                let page = browser.get(&page);
                assert!(page.status == 200 && !page.text.contains("<script>alert") && !page.text.contains("<img"), "{}", page.text);
            }
            let stored = api.acme.get(&format!("{path}/1"));
            assert!(stored.item(200).as_object().unwrap().values().any(|value| value == &Value::from(text)), "{records}: as it was typed");
        }
    }
}
