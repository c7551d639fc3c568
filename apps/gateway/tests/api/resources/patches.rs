//! JSON merge patches (contract/conventions, "Writing").

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;

use super::{RESOURCES, assert_has, prepare};

/// Whether a member says that there is nothing.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || *value == json!([]) || *value == json!({})
}

both_databases! {
    /// What is left out stays as it is, member by member.
    fn a_patch_changes_only_what_it_names(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let made = api.acme.post(resource.path, &(resource.full)());
            let path = made.header("location");
            let mut expected = made.item(201).clone();
            for (name, value) in (resource.patch)().as_object().unwrap() {
                let changed = api.acme.patch(path, &json!({ name: value }));
                let item = changed.item(200);
                assert!(item["lastUpdatedOn"].as_str() >= expected["lastUpdatedOn"].as_str(), "{name}");
                if !value.is_null() && name != "customFields" {
                    assert_has(item, &json!({ name: value }));
                }
                for (other, before) in expected.as_object().unwrap() {
                    // A reference shows twice: as an id and with its name.
                    let belongs = other == name || other == "lastUpdatedOn" || name.strip_suffix("Id") == Some(other);
                    assert!(belongs || item[other] == *before, "{name} changed {other}: {item}");
                }
                expected = item.clone();
            }
            assert_eq!(expected["customFields"], json!({ "mood": "better" }), "custom fields merge by key, null removes");
        }
    }

    /// `null` clears every member but the required one.
    fn null_clears(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let full = (resource.full)();
            let made = api.acme.post(resource.path, &full);
            let path = made.header("location");
            api.acme.patch(path, &json!({ resource.text: null })).refuses(&[(resource.text, "not_nullable")]);
            for blank in ["", " \t "] {
                api.acme.patch(path, &json!({ resource.text: blank })).refuses(&[(resource.text, "required")]);
            }
            assert_eq!(api.acme.get(path).header("etag"), made.header("etag"), "a refused patch changes nothing");
            for name in full.as_object().unwrap().keys().filter(|name| ![resource.text, "creator"].contains(&name.as_str())) {
                let cleared = api.acme.patch(path, &json!({ name: null }));
                assert!(is_nothing(&cleared.item(200)[name]), "{path} {name}: {}", cleared.text);
            }
            let bare = api.acme.get(path);
            let kept = bare.item(200).as_object().unwrap().iter().filter(|(name, _)| full.get(name).is_some());
            let kept: Vec<&str> = kept.filter(|(_, value)| !is_nothing(value)).map(|(name, _)| name.as_str()).collect();
            assert_eq!(kept.len(), 2, "only the text and the creator are left: {kept:?}");
        }
    }

    /// A patch without a change changes nothing, the time of the last change included.
    fn an_empty_patch_changes_nothing(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let made = api.acme.post(resource.path, &(resource.full)());
            let path = made.header("location");
            let mut forged = json!({ "id": "999", "tenantId": "acme", "createdOn": "2001-01-01T00:00:00.000Z", "lastUpdatedOn": 7 });
            forged["creator"] = json!({ "id": "somebody else" });
            for name in resource.read_only {
                forged[name] = json!(true);
            }
            for patch in [json!({}), json!({ "tenantId": "acme" }), forged] {
                let answer = api.acme.patch(path, &patch);
                assert_eq!(answer.item(200), made.item(201), "{patch}");
                assert_eq!(answer.header("etag"), made.header("etag"), "{patch}");
            }
        }
    }

    /// A client may send back what it read, to POST and to PATCH.
    fn what_was_read_can_be_sent_back(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let made = api.acme.post(resource.path, &(resource.full)());
            let mut item = made.item(201).clone();
            let again = api.acme.patch(made.header("location"), &item);
            let copy = api.acme.post(resource.path, &item);
            let mut copied = copy.item(201).clone();
            let mut patched = again.item(200).clone();
            for own in ["id", "createdOn", "lastUpdatedOn"] {
                for record in [&mut item, &mut copied, &mut patched] {
                    record[own] = Value::Null;
                }
            }
            assert_eq!(patched, item);
            assert_eq!(copied, item);
        }
    }

    /// A typo is told and not lost, with every other problem of the body; nothing is done.
    fn all_problems_of_a_body_are_told_together(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let made = api.acme.post(resource.path, &(resource.full)());
            let path = made.header("location");
            let wrong = json!({ resource.text: 7, resource.note: ["a"], "owner": { "name": "No id" }, "titel": "x", "__proto__": {} });
            let expected = [
                (resource.text, "wrong_type"), (resource.note, "wrong_type"), ("owner.id", "required"),
                ("titel", "unknown_field"), ("__proto__", "unknown_field"),
            ];
            api.acme.patch(path, &wrong).refuses(&expected);
            api.acme.post(resource.path, &wrong).refuses(&expected);
            api.acme.post(resource.path, &json!({})).refuses(&[(resource.text, "required")]);
            api.acme.patch(path, &json!({ resource.text: "Good", "tags": ["unknown"] })).refuses(&[("tags[0]", "unknown_tag")]);
            let unknown_field = json!({ resource.text: "Good", "customFields": { "nope": 1 } });
            api.acme.patch(path, &unknown_field).refuses(&[("customFields.nope", "unknown_custom_field")]);
            assert_eq!(api.acme.get(path).header("etag"), made.header("etag"), "a patch is all or nothing");
            let all = api.acme.get(&format!("{}?includeTotal=true&{}=Alpha", resource.path, resource.text));
            assert_eq!(all.body["total"], 1, "a refused POST leaves nothing");
        }
    }

    /// `tenantId` in a body is that of the key, or the request is refused.
    fn a_body_for_another_tenant_is_refused(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let _other = api.tenant("other");
        for resource in RESOURCES {
            let path = api.acme.post(resource.path, &json!({ resource.text: "Alpha" })).header("location").to_owned();
            for (tenant, status, code) in [
                (json!("other"), 403, "tenant_mismatch"),
                (json!("nobody"), 403, "tenant_mismatch"),
                (json!("ACME"), 403, "tenant_mismatch"),
                (json!(""), 403, "tenant_mismatch"),
                (json!(7), 400, "validation_failed"),
            ] {
                let body = json!({ resource.text: "Beta", "tenantId": tenant });
                api.acme.post(resource.path, &body).problem(status, code);
                api.acme.patch(&path, &body).problem(status, code);
                api.acme.post(resource.tags, &json!({ "label": "x", "tenantId": tenant })).problem(status, code);
                resource.set_fields(&api.acme, &[], json!({ "tenantId": tenant })).problem(status, code);
                let (bulk, entity) = resource.bulk;
                let body = json!({ "entity": entity, "action": "delete", "ids": ["1"], "tenantId": tenant });
                api.acme.post(bulk, &body).problem(status, code);
                for (method, action, body) in resource.actions {
                    let mut body = body();
                    body["tenantId"] = tenant.clone();
                    let answer = api.acme.send(method, &format!("{path}{action}"), &[], Some(&body.to_string()));
                    answer.problem(status, code);
                }
            }
            for tenant in [json!("acme"), json!(null)] {
                api.acme.patch(&path, &json!({ "tenantId": tenant })).item(200);
            }
        }
    }
}
