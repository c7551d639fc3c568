//! ETags and what they guard (contract/conventions, "Headers").

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::Api;

use super::{RESOURCES, make, prepare};

both_databases! {
    /// `If-None-Match` compares weakly, takes a list and `*`, and answers 304 with the ETag and no body.
    fn a_client_that_has_it_gets_304(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let mut paths: Vec<String> = Vec::new();
        for resource in RESOURCES {
            let id = make(&api.acme, resource, "Alpha");
            paths.extend([format!("{}/{id}", resource.path), resource.tags.to_owned(), resource.form.to_owned()]);
        }
        for path in paths {
            let etag = api.acme.get(&path).header("etag").to_owned();
            assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{path}: a strong ETag: {etag}");
            for (sent, expected, why) in [
                (etag.clone(), 304, "the ETag"),
                (format!("W/{etag}"), 304, "a weak one, as a compressing proxy makes it"),
                (format!("\"other\", {etag}"), 304, "one of a list"),
                (format!("\"a,b\",W/{etag} , \"c\""), 304, "one of a list with spaces and a comma inside"),
                ("*".to_owned(), 304, "any"),
                ("\"other\"".to_owned(), 200, "another one"),
                (etag.trim_matches('"').to_owned(), 200, "without its quotes it is no ETag"),
                (String::new(), 200, "nothing"),
            ] {
                for method in ["GET", "HEAD"] {
                    let answer = api.acme.send(method, &path, &[("If-None-Match", &sent)], None);
                    assert_eq!(answer.status, expected, "{method} {path}: {why}");
                    assert_eq!(answer.header("etag"), etag, "{why}");
                    assert_eq!(answer.header("cache-control"), "private, no-cache", "{why}");
                    assert_eq!(answer.text.is_empty(), expected == 304 || method == "HEAD", "{why}");
                }
            }
        }
    }

    /// `If-Match` compares strongly; where it does not match, nothing happens.
    fn a_change_is_made_to_the_representation_that_it_was_meant_for(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let id = make(&api.acme, resource, "Alpha");
            let path = format!("{}/{id}", resource.path);
            let stale = api.acme.get(&path).header("etag").to_owned();
            let current = api.acme.patch(&path, &json!({ resource.text: "Beta" })).header("etag").to_owned();
            let requests = [("PATCH", "", json!({ resource.text: "Gamma" })), ("DELETE", "", json!(null))].into_iter();
            let requests = requests.chain(resource.actions.iter().map(|(method, action, body)| (*method, *action, body())));
            for (method, action, body) in requests {
                for condition in [stale.as_str(), &format!("W/{current}"), "\"other\"", "", "\"a\", \"b\""] {
                    let body = (!body.is_null()).then(|| body.to_string());
                    let headers = [("If-Match", condition)];
                    let answer = api.acme.send(method, &format!("{path}{action}"), &headers, body.as_deref());
                    answer.problem(412, "precondition_failed");
                    assert_eq!(api.acme.get(&path).header("etag"), current, "{method} {path}{action} if {condition}");
                }
            }
            let patch = json!({ resource.text: "Delta" }).to_string();
            for condition in [current.clone(), "*".to_owned()] {
                assert_eq!(api.acme.send("PATCH", &path, &[("If-Match", &condition)], Some(&patch)).status, 200, "{condition}");
            }
            for (method, action, body) in resource.actions {
                let current = api.acme.get(&path).header("etag").to_owned();
                let headers = [("If-Match", current.as_str())];
                // What an action of this kind needs beyond its record.
                let body = if *action == "/merge" { json!({ "sourceId": [make(&api.acme, resource, "Source")] }) } else { body() };
                let answer = api.acme.send(method, &format!("{path}{action}"), &headers, Some(&body.to_string()));
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
            let current = api.acme.get(&path).header("etag").to_owned();
            let listed = format!("\"other\", {current}");
            assert_eq!(api.acme.send("DELETE", &path, &[("If-Match", &listed)], None).status, 204);
            let missing = api.acme.send("PATCH", &path, &[("If-Match", "*")], Some(&patch));
            assert!(matches!(missing.status, 404 | 412), "a record that is gone matches nothing: {}", missing.text);
        }
    }

    /// What shows in a record counts: a renamed tag or organization gives it another ETag, without a change of it.
    fn the_etag_follows_what_shows_in_a_record(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let made = api.acme.post(resource.path, &(resource.full)());
            let path = made.header("location");
            let tags = api.acme.get(resource.tags);
            let tag = tags.items().iter().find(|tag| tag["label"] == "vip").unwrap();
            let tag = format!("{}/{}", resource.tags, tag["id"].as_str().unwrap());
            let mut before = made.header("etag").to_owned();
            let mut must_change = |what: &str, shown: bool| {
                let read = api.acme.get(path);
                assert_eq!(read.header("etag") != before, shown, "{path}: {what}");
                assert_eq!(read.body["item"]["lastUpdatedOn"], made.body["item"]["lastUpdatedOn"], "{what}");
                before = read.header("etag").to_owned();
            };
            must_change("nothing happened", false);
            api.acme.patch(&tag, &json!({ "label": "VIP" })).item(200);
            must_change("a tag was renamed", true);
            api.acme.patch(&tag, &json!({ "color": "#112233" })).item(200);
            must_change("a tag has another colour", true);
            for (member, of) in resource.references {
                let id = made.body["item"][member].as_str().unwrap();
                api.acme.patch(&format!("{of}/{id}"), &json!({ "name": format!("Renamed for {path}") })).item(200);
                must_change(&format!("{member} has another name"), true);
            }
            api.acme.patch(&tag, &json!({ "label": "vip" })).item(200);
        }
    }
}
