//! A record is made, read, listed, changed and deleted.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api};

use super::{RESOURCES, assert_has, ids, make, prepare};

/// The headers that say the same in the answers to GET and HEAD.
fn comparable(answer: &Answer) -> Vec<(String, String)> {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    headers
}

both_databases! {
    /// Every member comes back as it was sent, in the answers to POST, GET, PATCH and in the list.
    fn a_record_is_made_read_listed_changed_and_deleted(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let made = api.acme.post(resource.path, &(resource.full)());
            let item = made.item(201);
            assert_has(item, &(resource.full)());
            let path = made.header("location");
            assert_eq!(path, format!("{}/{}", resource.path, item["id"].as_str().unwrap()), "Location");
            assert_eq!(item["createdOn"], item["lastUpdatedOn"]);
            assert_eq!(item["tenantId"], "acme");

            let read = api.acme.get(path);
            assert_eq!((read.item(200), read.header("etag")), (item, made.header("etag")));
            let listed = api.acme.get(&format!("{}?{}=ALPH", resource.path, resource.text));
            assert_eq!(listed.items(), std::slice::from_ref(item));

            let changed = api.acme.patch(path, &(resource.patch)());
            let mut expected = (resource.patch)();
            expected["customFields"] = json!({ "mood": "better" });
            if expected.get("email").is_some_and(Value::is_null) {
                expected["email"] = json!([]);
            }
            assert_has(changed.item(200), &expected);
            assert_eq!(changed.body["item"]["creator"], item["creator"]);
            assert_ne!(changed.header("etag"), made.header("etag"));
            let read = api.acme.get(path);
            assert_eq!((&read.body, read.header("etag")), (&changed.body, changed.header("etag")));

            let deleted = api.acme.delete(path);
            assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
        }
    }

    /// A deleted record is not there for any route, and its number is not given again.
    fn nothing_finds_a_deleted_record(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let id = make(&api.acme, resource, "Gone");
            let path = format!("{}/{id}", resource.path);
            assert_eq!(api.acme.delete(&path).status, 204);
            api.acme.get(&path).problem(404, "not_found");
            api.acme.patch(&path, &json!({})).problem(404, "not_found");
            api.acme.patch(&path, &(resource.patch)()).problem(404, "not_found");
            api.acme.delete(&path).problem(404, "not_found");
            for (method, action, body) in resource.actions {
                let answer = api.acme.send(method, &format!("{path}{action}"), &[], Some(&body().to_string()));
                answer.problem(404, "not_found");
            }
            assert!(api.acme.get(&format!("{}?{}=Gone", resource.path, resource.text)).items().is_empty());
            let (bulk, entity) = resource.bulk;
            let answer = api.acme.post(bulk, &json!({ "entity": entity, "action": "delete", "ids": [id] }));
            assert_eq!(answer.body, json!({ "deleted": [], "notFound": [id] }));
            assert_ne!(make(&api.acme, resource, "Next"), id, "a number is never used twice");
        }
    }

    /// HEAD answers what GET does, without the body, in each coding and where something is wrong.
    fn head_is_a_get_without_the_body(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let mut paths: Vec<String> = ["/healthz", "/readyz", "/openapi.json"].map(str::to_owned).into();
        for resource in RESOURCES {
            let id = make(&api.acme, resource, "Alpha");
            paths.extend([resource.path, resource.tags, resource.form].map(str::to_owned));
            paths.push(format!("{}/{id}", resource.path));
            paths.push(format!("{}/999999", resource.path));
            paths.push(format!("{}?size=0", resource.path));
        }
        paths.push("/nowhere".to_owned());
        for path in paths {
            for encoding in ["identity", "gzip"] {
                let headers = [("Accept-Encoding", encoding)];
                let get = api.acme.send("GET", &path, &headers, None);
                let head = api.acme.send("HEAD", &path, &headers, None);
                assert_eq!(head.status, get.status, "{path}");
                assert_eq!(comparable(&head), comparable(&get), "{path} as {encoding}");
                assert_eq!(head.text, "", "{path}");
            }
        }
    }

    /// Bulk deletion takes what is there, each once, and tells what is not.
    fn many_are_deleted_at_once(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let (bulk, entity) = resource.bulk;
            let made: Vec<String> = (0..4).map(|_| make(&api.acme, resource, "Many")).collect();
            let asked = [&made[2], &made[0], &made[2], "77777", &made[1]];
            let answer = api.acme.post(bulk, &json!({ "entity": entity, "action": "delete", "ids": asked }));
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.body, json!({ "deleted": &made[..3], "notFound": ["77777"] }));
            let left = api.acme.get(&format!("{}?{}=Many", resource.path, resource.text));
            assert_eq!(ids(left.items()), [&made[3]]);

            let case = |ids: Value| json!({ "entity": entity, "action": "delete", "ids": ids });
            let most: Vec<u32> = (100_000..101_000).collect();
            assert_eq!(api.acme.post(bulk, &case(json!(most))).status, 200, "1 000 ids");
            let more: Vec<u32> = (100_000..101_001).collect();
            api.acme.post(bulk, &case(json!(more))).refuses(&[("ids", "too_many")]);
            api.acme.post(bulk, &case(json!(["1", "x"]))).refuses(&[("ids[1]", "invalid_id")]);
            api.acme.post(bulk, &json!({ "entity": "dragon", "action": "paint", "ids": ["1"] })).refuses(&[
                ("entity", "invalid_value"),
                ("action", "invalid_value"),
            ]);
            assert_eq!(api.acme.post(bulk, &case(json!([]))).status, 400, "no id");
        }
    }
}
