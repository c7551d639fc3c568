//! Ids that other systems have for records: found, made and changed by them, and each had by one record.

use crm_testkit::both_databases;
use serde_json::json;

use super::{RESOURCES, ids, make};
use crate::client::Api;

const CONTACTS: &str = "/directory/contacts";

both_databases! {
    fn a_record_is_made_found_and_changed_by_its_external_id(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            let (path, text) = (resource.path, resource.text);
            // What may stand in an id stands percent-encoded in a path.
            let by_id = format!("{path}/external/erp%2F47%2011%2C%C3%84%25");
            let external_id = "erp/47 11,Ä%";
            api.acme.get(&by_id).problem(404, "not_found");

            let made = api.acme.put(&by_id, &json!({ text: "Alpha" }));
            let item = made.item(201);
            assert_eq!(item["externalId"], external_id, "{path}");
            assert_eq!(made.header("location"), format!("{path}/{}", item["id"].as_str().unwrap()));
            assert_eq!(made.header("etag"), api.acme.get(&by_id).header("etag"));
            assert_eq!(api.acme.get(&by_id).item(200), item);

            let again = api.acme.put(&by_id, &json!({ text: "Alpha", "externalId": external_id }));
            assert_eq!((again.item(200), again.header("etag")), (item, made.header("etag")), "{path}: nothing changed");
            let changed = api.acme.put(&by_id, &json!({ resource.note: "More" }));
            assert_eq!((&changed.item(200)[resource.note], &changed.body["item"][text]), (&json!("More"), &json!("Alpha")));

            let found = api.acme.get(&format!("{path}?externalId=none,erp%2F47%2011%5C%2C%C3%84%25"));
            assert_eq!(ids(found.items()), [item["id"].as_str().unwrap()], "{path}");
            assert!(api.acme.get(&format!("{path}?externalId=erp%2F47%2011%5C%2C%C3%A4%25")).items().is_empty(), "exactly");
        }
    }

    fn no_two_records_of_a_kind_have_one_external_id(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for resource in RESOURCES {
            let (path, text) = (resource.path, resource.text);
            let body = json!({ text: "Alpha", "externalId": "  one " });
            let holder = api.acme.post(path, &body);
            assert_eq!(holder.item(201)["externalId"], "one", "{path}: trimmed");
            let id = &holder.item(201)["id"];
            assert_eq!(&api.acme.post(path, &body).problem(409, "external_id_taken").body["id"], id);
            let second = format!("{path}/{}", make(&api.acme, resource, "Beta"));
            assert_eq!(&api.acme.patch(&second, &json!({ "externalId": "one" })).problem(409, "external_id_taken").body["id"], id);
            assert!(api.acme.get(&second).item(200)["externalId"].is_null(), "{path}: nothing was changed");

            // Its own is no other's; given up, it is free; and another tenant has its own.
            let first = format!("{path}/{}", id.as_str().unwrap());
            assert_eq!(api.acme.patch(&first, &json!({ "externalId": "one" })).item(200), holder.item(201));
            assert!(api.acme.patch(&first, &json!({ "externalId": null })).item(200)["externalId"].is_null());
            assert_eq!(api.acme.patch(&second, &json!({ "externalId": "one" })).item(200)["externalId"], "one");
            other.post(path, &body).item(201);
            for (wrong, code) in [("x".repeat(256), "too_long"), ("a\tb".into(), "invalid_characters"), ("\u{200b}".into(), "required")] {
                api.acme.post(path, &json!({ text: "Gamma", "externalId": wrong })).refuses(&[("externalId", code)]);
            }
        }
    }

    fn a_put_takes_conditions_and_names_one_record(database) {
        let api = Api::start(database);
        let path = "/pipeline/leads/external/a";
        let put = |header: (&str, &str), body: &str| api.acme.send("PUT", path, &[header], Some(body));
        put(("If-Match", "*"), "{\"title\":\"A\"}").problem(412, "precondition_failed");
        put(("If-None-Match", "*"), "{\"title\":\"A\"}").item(201);
        put(("If-None-Match", "*"), "{\"title\":\"B\"}").problem(412, "precondition_failed");
        put(("If-Match", "\"other\""), "{\"title\":\"B\"}").problem(412, "precondition_failed");
        put(("If-Match", "*"), "{\"title\":\"B\"}").item(200);

        api.acme.put(path, &json!({ "externalId": "b" })).refuses(&[("externalId", "conflicting")]);
        api.acme.put(path, &json!({ "externalId": null })).refuses(&[("externalId", "conflicting")]);
        api.acme.put("/pipeline/leads/external/b", &json!({ "title": "B", "externalId": "a" })).refuses(&[("externalId", "conflicting")]);
        api.acme.put("/pipeline/leads/external/b", &json!({ "note": "no title" })).refuses(&[("title", "required")]);
        api.acme.put("/pipeline/leads/external/%ff", &json!({ "title": "A" })).refuses(&[("externalId", "invalid_characters")]);
        api.acme.get("/pipeline/leads/external/%20").refuses(&[("externalId", "required")]);
        api.acme.get("/pipeline/leads/external/b").problem(404, "not_found");
        api.acme.read_only().put(path, &json!({ "title": "C" })).problem(403, "read_only_key");
    }

    /// The target keeps its own, and takes the first that there is where it has none.
    fn a_merge_keeps_the_target_s_or_takes_the_first(database) {
        let api = Api::start(database);
        let contact = |external_id: Option<&str>| {
            let made = api.acme.post(CONTACTS, &json!({ "name": "A", "externalId": external_id }));
            made.item(201)["id"].as_str().unwrap().to_owned()
        };
        let (target, bare) = (contact(None), contact(None));
        let (first, second) = (contact(Some("first")), contact(Some("second")));
        let merge = |target: &str, sources: &[&str]| {
            api.acme.post(&format!("{CONTACTS}/{target}/merge"), &json!({ "sourceId": sources }))
        };
        assert_eq!(merge(&target, &[&bare, &first, &second]).item(200)["externalId"], "first");
        let third = contact(Some("second"));
        assert_eq!(merge(&target, &[&third]).item(200)["externalId"], "first");
        contact(Some("second"));
    }
}
