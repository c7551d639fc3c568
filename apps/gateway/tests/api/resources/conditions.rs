//! ETags and what they guard (docs/compatibility.md, "Conditions").

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

    /// A strong ETag is of one representation, whatever coding the client takes: what has one comes as it is, and
    /// what has none is compressed. A client that takes gzip can use its ETag wherever another one can.
    fn an_etag_is_of_one_representation(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let path = format!("{}/{}", resource.path, make(&api.acme, resource, "Alpha"));
            for path in [path.as_str(), resource.tags, resource.form] {
                let plain = api.acme.get(path);
                for accepted in ["gzip", "gzip, deflate, br", "gzip, identity;q=0", "identity", "*", "br", ""] {
                    let answer = api.acme.send("GET", path, &[("Accept-Encoding", accepted)], None);
                    assert_eq!((answer.status, answer.header("content-encoding")), (200, ""), "{path} as {accepted}");
                    assert_eq!((answer.header("etag"), &answer.text), (plain.header("etag"), &plain.text), "{path}");
                }
            }
            for (accepted, coding) in [("gzip", "gzip"), ("identity", ""), ("gzip;q=0", ""), ("br", ""), ("br, identity;q=0", "")] {
                let listed = api.acme.send("GET", resource.path, &[("Accept-Encoding", accepted)], None);
                assert_eq!((listed.header("content-encoding"), listed.header("etag")), (coding, ""), "{accepted}");
                assert_eq!((listed.status, listed.body["items"].is_array()), (200, coding.is_empty()), "{accepted}");
            }

            let gzip = ("Accept-Encoding", "gzip");
            let etag = api.acme.send("GET", &path, &[gzip], None).header("etag").to_owned();
            assert_eq!(api.acme.send("GET", &path, &[gzip, ("If-None-Match", &etag)], None).status, 304);
            assert_eq!(api.acme.send("GET", &path, &[("If-None-Match", &etag)], None).status, 304);
            let patch = json!({ resource.text: "Beta" }).to_string();
            let changed = api.acme.send("PATCH", &path, &[gzip, ("If-Match", &etag)], Some(&patch));
            assert_eq!((changed.status, changed.header("content-encoding")), (200, ""), "{}", changed.text);
            assert_eq!(api.acme.send("PATCH", &path, &[gzip, ("If-Match", &etag)], Some(&patch)).status, 412);
            let headers = [gzip, ("If-Match", changed.header("etag"))];
            assert_eq!(api.acme.send("DELETE", &path, &headers, None).status, 204);
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
