//! JSON merge patches (docs/compatibility.md, "Bodies").

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

    /// What a patch sends as it stands already changes nothing: not the time of the last change, nor who made it.
    fn a_patch_of_what_stands_there_changes_nothing(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let mut full = (resource.full)();
            full["lastUpdatedBy"] = json!({ "id": "first" });
            let made = api.acme.post(resource.path, &full);
            let path = made.header("location");
            let item = made.item(201);
            let mut by_another = item.clone();
            by_another["lastUpdatedBy"] = json!({ "id": "second" });
            let mut patches = vec![item.clone(), full.clone(), by_another];
            patches.extend(full.as_object().unwrap().iter().map(|(name, value)| json!({ name: value })));
            for patch in patches {
                let answer = api.acme.patch(path, &patch);
                assert_eq!(answer.item(200), item, "{patch}");
                assert_eq!(answer.header("etag"), made.header("etag"), "{patch}");
            }
            // One that changes something says who did it, beside all that stays.
            let mut changed = item.clone();
            changed[resource.note] = json!("Called back.");
            changed["lastUpdatedBy"] = json!({ "id": "second" });
            let answer = api.acme.patch(path, &changed);
            assert_eq!(answer.item(200)[resource.note], "Called back.");
            assert_eq!(answer.item(200)["lastUpdatedBy"], json!({ "id": "second", "name": null, "email": null }));
            assert_ne!(answer.header("etag"), made.header("etag"));
            for name in [resource.text, "tags", "customFields", "createdOn"] {
                assert_eq!(answer.item(200)[name], item[name], "{name}");
            }
        }
    }

    /// A record can be sent back whole after an option that it has was retired, a field that it lacks became required, and
    /// an option of a tag picker was renamed, which shows in it. What it has not is checked all the same.
    fn rules_that_came_later_do_not_matter_to_what_stands_there(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let before = resource.fields(&api.acme);
            let with = |required: bool, choices: &[&str], label: &str| {
                let mut fields = before.clone();
                let own = |field: &Value| ["origin", "priority", "department", "industry"].iter().any(|id| field["id"] == *id);
                for field in fields.iter_mut().filter(|field| own(field)) {
                    field["options"] = json!(choices);
                }
                fields.retain(|field| !["choice", "picked", "floor"].iter().any(|id| field["id"] == *id));
                let picked = json!({ "id": "p1", "label": label, "color": "#ff7a00" });
                fields.push(json!({ "id": "choice", "label": "Choice", "category": "custom", "type": "dropdown", "options": choices }));
                fields.push(json!({ "id": "picked", "label": "Picked", "category": "custom", "type": "tag-picker", "options": [picked] }));
                fields.push(json!({ "id": "floor", "label": "Floor", "category": "custom", "type": "text", "required": required }));
                fields
            };
            assert_eq!(resource.set_fields(&api.acme, &with(false, &["old", "new"], "First"), json!({})).status, 200);
            let mut body = json!({ resource.text: "Kept", "customFields": { "choice": ["old"], "picked": [{ "id": "p1" }] } });
            let own = before.iter().find(|field| ["origin", "priority", "department", "industry"].iter().any(|id| field["id"] == *id));
            let own = own.unwrap()["id"].as_str().unwrap().to_owned();
            body[&own] = json!("old");
            let made = api.acme.post(resource.path, &body);
            let path = made.header("location");
            let picked = |label: &str| json!([{ "id": "p1", "label": label, "color": "#ff7a00" }]);
            assert_eq!(made.item(201)["customFields"]["picked"], picked("First"));

            assert_eq!(resource.set_fields(&api.acme, &with(true, &["new"], "Second"), json!({})).status, 200);
            let mut item = api.acme.get(path).item(200).clone();
            assert_eq!(item["customFields"]["picked"], picked("Second"), "the present label");
            item["customFields"]["floor"] = json!(null);
            item[resource.note] = json!("Still here.");
            let changed = api.acme.patch(path, &item);
            assert_eq!(changed.item(200)[resource.note], "Still here.");
            assert_eq!((&changed.item(200)[&own], &changed.item(200)["customFields"]["choice"]), (&json!("old"), &json!(["old"])));
            for (patch, field) in [
                (json!({ &own: "older" }), own.as_str()),
                (json!({ "customFields": { "choice": ["older"] } }), "customFields.choice[0]"),
                (json!({ "customFields": { "choice": ["old", "new"] } }), "customFields.choice[0]"),
            ] {
                api.acme.patch(path, &patch).refuses(&[(field, "invalid_value")]);
            }
            api.acme.patch(path, &json!({ &own: "new", "customFields": { "choice": ["new"] } })).item(200);
            api.acme.patch(path, &json!({ &own: "old" })).refuses(&[(own.as_str(), "invalid_value")]);
            assert_eq!(resource.set_fields(&api.acme, &before, json!({})).status, 200);
        }
    }

    /// What belongs to a tenant's settings stays as it is, too, when it is sent back as it was read.
    fn settings_as_they_stand_are_no_change(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let mut paths = vec!["/cases/types/cases/1".to_owned()];
        for list in ["/pipeline/pipelines/opportunities", "/pipeline/tags/leads", "/directory/tags/contacts"] {
            let all = api.acme.get(list);
            let id = all.items()[0]["id"].as_str().unwrap();
            paths.push(format!("{list}/{id}"));
        }
        for path in paths {
            let read = api.acme.patch(&path, &json!({}));
            let mut item = read.item(200).clone();
            if path.starts_with("/cases") {
                item["lastUpdatedBy"] = json!({ "id": "another" });
            }
            let again = api.acme.patch(&path, &item);
            assert_eq!(again.item(200), read.item(200), "{path}");
            assert_eq!(again.header("etag"), read.header("etag"), "{path}");
        }
        for form in ["/pipeline/forms/opportunities", "/directory/forms/contacts", "/directory/forms/organizations"] {
            let read = api.acme.get(form);
            let again = api.acme.put(form, &json!({ "fields": read.body["items"] }));
            assert_eq!((again.status, &again.body), (200, &read.body), "{form}");
        }
    }

    /// A record that was read can be sent back with another id of its organization or contact: the object beside it, which
    /// is the one that the record has, is no wish. Any other object is.
    fn an_object_as_it_stands_is_no_wish(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            for &(id, _) in resource.references {
                let object = id.strip_suffix("Id").unwrap();
                let made = api.acme.post(resource.path, &json!({ resource.text: "Pointing", id: "1" }));
                let path = made.header("location");
                let mut item = made.item(201).clone();
                item[id] = json!("2");
                assert_eq!(api.acme.patch(path, &item).item(200)[object]["id"], "2", "{id}");
                api.acme.patch(path, &json!({ id: "1", object: { "id": "9" } })).refuses(&[(object, "conflicting")]);
                api.acme.patch(path, &json!({ id: "2", object: { "id": "1" } })).refuses(&[(object, "conflicting")]);
                api.acme.patch(path, &json!({ id: "1", object: null })).refuses(&[(object, "conflicting")]);
                let cleared = api.acme.patch(path, &json!({ id: null, object: { "id": "2" } }));
                assert!(cleared.item(200)[id].is_null(), "{}", cleared.text);
                assert_eq!(api.acme.patch(path, &json!({ id: "1", object: null })).item(200)[id], "1");
                let both = json!({ resource.text: "New", id: "1", object: { "id": "2" } });
                api.acme.post(resource.path, &both).refuses(&[(object, "conflicting")]);
            }
        }
    }

    /// Lists that a merge made longer than a list may be can be sent back, and shrink; they do not grow.
    fn a_list_that_a_merge_made_longer_may_shrink(database) {
        let api = Api::start(database);
        for path in ["/directory/contacts", "/directory/organizations"] {
            let tags = path.replace("/directory", "/directory/tags");
            let mut sources = Vec::new();
            for number in 0..3 {
                let email: Vec<Value> = (0..20).map(|at| json!({ "value": format!("n{number}at{at}@example.com") })).collect();
                let labels: Vec<String> = (0..50).map(|at| format!("tag {number} {at}")).collect();
                for label in &labels {
                    api.acme.post(&tags, &json!({ "label": label })).item(201);
                }
                let made = api.acme.post(path, &json!({ "name": "Long", "email": email, "phone": email, "tags": labels }));
                sources.push(made.item(201)["id"].as_str().unwrap().to_owned());
            }
            let target = format!("{path}/{}", sources[0]);
            api.acme.post(&format!("{target}/merge"), &json!({ "sourceId": sources[1..] })).item(200);
            let read = api.acme.get(&target);
            let mut item = read.item(200).clone();
            let lengths = |item: &Value| ["email", "phone", "tags"].map(|name| item[name].as_array().unwrap().len());
            assert_eq!(lengths(&item), [60, 60, 150]);
            assert_eq!(api.acme.patch(&target, &item).header("etag"), read.header("etag"));
            item["note"] = json!("Changed");
            for name in ["email", "phone", "tags"] {
                item[name].as_array_mut().unwrap().pop();
            }
            assert_eq!(lengths(api.acme.patch(&target, &item).item(200)), [59, 59, 149]);
            let mut longer = json!({ "email": item["email"], "phone": item["phone"], "tags": read.item(200)["tags"] });
            for name in ["email", "phone"] {
                longer[name].as_array_mut().unwrap().push(json!({ "value": "one@more.com" }));
            }
            api.acme.patch(&target, &longer).refuses(&[("email", "too_many"), ("phone", "too_many"), ("tags", "too_many")]);
            longer["name"] = json!("New");
            api.acme.post(path, &longer).refuses(&[("email", "too_many"), ("phone", "too_many"), ("tags", "too_many")]);
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
