//! `POST {collection}/batch`: many records made and changed at once, each by its own rules.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client};
use crate::resources::RESOURCES;

const CONTACTS: &str = "/directory/contacts";

fn batch(client: &Client, path: &str, body: &Value) -> Answer {
    client.post(&format!("{path}/batch"), body)
}

/// What became of each item: the action, and the id or the code of its problem.
#[track_caller]
fn results(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = answer.body["results"].as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
    }
    let counted = ["created", "updated", "unchanged", "failed"].map(|action| {
        let count = results.iter().filter(|result| result["action"] == action).count();
        assert_eq!(answer.body[action], count, "{action}: {}", answer.text);
        count
    });
    assert_eq!(counted.iter().sum::<usize>(), results.len());
    let told = |result: &Value| match &result["id"] {
        Value::String(id) => id.clone(),
        _ => text(&result["problem"]["code"]),
    };
    results.iter().map(|result| (text(&result["action"]), told(result))).collect()
}

#[track_caller]
fn assert_results(answer: &Answer, expected: &[(&str, &str)]) {
    let found = results(answer);
    let found: Vec<(&str, &str)> = found.iter().map(|(action, told)| (action.as_str(), told.as_str())).collect();
    assert_eq!(found, expected, "{}", answer.text);
}

both_databases! {
    /// Every kind, every mode; what is wrong with one item stops no other.
    fn each_item_stands_alone(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            let (path, text) = (resource.path, resource.text);
            let made = batch(&api.acme, path, &json!({ "mode": "create", "items": [
                { text: "Alpha", "externalId": "a" },
                { text: "" },
                { text: "Beta", "externalId": "a" },
                { text: "Gamma", "tenantId": "other" },
                { text: "Delta", "organizationId": "77" },
                { text: "Epsilon", "customFields": { "none": 1 } },
                { text: "Zeta", "tags": "none" },
                { text: "Eta", "externalId": "e" },
                { text: "Theta", "tenantId": 5 },
            ] }));
            assert_results(&made, &[
                ("created", "1"), ("failed", "validation_failed"), ("failed", "external_id_taken"), ("failed", "tenant_mismatch"),
                ("failed", "validation_failed"), ("failed", "validation_failed"), ("failed", "validation_failed"), ("created", "2"),
                ("failed", "validation_failed"),
            ]);
            assert_eq!(made.body["results"][2]["problem"]["id"], "1");
            let wrong = &made.body["results"][8]["problem"]["errors"][0];
            assert_eq!((&wrong["field"], &wrong["code"]), (&json!("tenantId"), &json!("wrong_type")));

            let changed = batch(&api.acme, path, &json!({ "mode": "update", "items": [
                { "id": "2", resource.note: "Changed" },
                { "id": 1, text: "Alpha" },
                { "id": "3", text: "None" },
                { text: "Without an id" },
                { "id": "x" },
                { "id": "1", text: null },
            ] }));
            assert_results(&changed, &[
                ("updated", "2"), ("unchanged", "1"), ("failed", "not_found"), ("failed", "not_found"),
                ("failed", "validation_failed"), ("failed", "validation_failed"),
            ]);

            let upserts = json!({ "mode": "upsert", "items": [
                { "externalId": "a", resource.note: "By external id" },
                { "externalId": "new", text: "New" },
                { "externalId": "new", text: "New again" },
                { text: "Without" },
                { "externalId": "newer" },
            ] });
            let upserted = batch(&api.acme, path, &upserts);
            assert_results(&upserted, &[
                ("updated", "1"), ("created", "3"), ("updated", "3"), ("failed", "validation_failed"), ("failed", "validation_failed"),
            ]);
            assert_eq!(api.acme.get(&format!("{path}/3")).item(200)[text], "New again");
            // The numbers go on where they were.
            assert_eq!(api.acme.post(path, &json!({ text: "Next" })).item(201)["id"], "4", "{path}");
        }
    }

    fn an_atomic_batch_is_done_whole_or_not_at_all(database) {
        let api = Api::start(database);
        let items = |last: Value| json!({ "mode": "create", "atomic": true, "items": [{ "name": "A" }, { "name": "B" }, last] });
        let refused = batch(&api.acme, CONTACTS, &items(json!({ "name": "" })));
        let results = refused.problem(400, "batch_undone").body["results"].as_array().unwrap();
        assert_eq!(results[2]["problem"]["errors"][0]["field"], "name");
        assert!(api.acme.get(CONTACTS).items().is_empty());
        let done = batch(&api.acme, CONTACTS, &items(json!({ "name": "C" })));
        assert_results(&done, &[("created", "1"), ("created", "2"), ("created", "3")]);
    }

    /// Contacts by any address, organizations by name too, however they are written; two that match are told.
    fn items_match_by_address_and_name(database) {
        let api = Api::start(database);
        let email = |address: &str| json!([{ "value": address }]);
        for address in ["Ann@Example.com", "bob@example.com", "shared@example.com", "shared@example.com"] {
            api.acme.post(CONTACTS, &json!({ "name": "N", "email": email(address) })).item(201);
        }
        let answer = batch(&api.acme, CONTACTS, &json!({ "mode": "upsert", "matchBy": "email", "items": [
            { "name": "Ann", "email": email("ANN@example.COM") },
            { "name": "Carl", "email": email("carl@example.com") },
            { "name": "Carla", "email": email("CARL@example.com") },
            { "name": "Both", "email": email("shared@example.com") },
            { "name": "Nobody" },
        ] }));
        assert_results(&answer, &[
            ("updated", "1"), ("created", "5"), ("updated", "5"), ("failed", "ambiguous_match"), ("failed", "validation_failed"),
        ]);
        assert!(answer.body["results"][3]["problem"]["code"] == "ambiguous_match");
        assert_eq!(answer.body["results"][3]["problem"]["ids"], json!(["3", "4"]));

        let organizations = "/directory/organizations";
        api.acme.post(organizations, &json!({ "name": "Größe AG" })).item(201);
        let answer = batch(&api.acme, organizations, &json!({ "mode": "upsert", "matchBy": "name", "items": [
            { "name": "GRÖSSE AG", "note": "found" }, { "name": "Other" },
        ] }));
        assert_results(&answer, &[("updated", "1"), ("created", "2")]);
        let wrong = json!({ "mode": "upsert", "matchBy": "name", "items": [{ "title": "L" }] });
        batch(&api.acme, "/pipeline/leads", &wrong).refuses(&[("matchBy", "invalid_value")]);
    }

    /// An item that is none, or whose member to match by is none or no text that a database has, fails by itself, on either
    /// database: by the rules of that member.
    fn what_matches_nothing_is_refused_by_its_own_rules(database) {
        let api = Api::start(database);
        let organizations = "/directory/organizations";
        for (path, text, by, good, wrong) in [
            ("/pipeline/leads", "title", "externalId", json!("good"), vec![
                (json!("a\0b"), "externalId", "invalid_characters"), (json!("x".repeat(256)), "externalId", "too_long"),
                (json!(5), "externalId", "wrong_type"), (json!(" "), "externalId", "required"),
            ]),
            (CONTACTS, "name", "email", json!([{ "value": "good@example.com" }]), vec![
                (json!([{ "value": "a\0b@example.com" }]), "email[0].value", "invalid_characters"),
                (json!([{ "value": 5 }]), "email[0].value", "wrong_type"), (json!("a@example.com"), "email", "wrong_type"),
                (json!([]), "email", "required"),
            ]),
            (organizations, "name", "name", json!("Good"), vec![
                (json!("a\0b"), "name", "invalid_characters"), (json!(5), "name", "wrong_type"), (Value::Null, "name", "not_nullable"),
            ]),
        ] {
            for (value, field, code) in wrong {
                let refused = if by == "name" { json!({ by: value }) } else { json!({ text: "Wrong", by: value }) };
                let body = |mode: &str, atomic: bool| json!({ "mode": mode, "matchBy": by, "atomic": atomic, "items": [
                    { text: "Good", by: good }, refused, { text: "Good", by: good },
                ] });
                let upserted = batch(&api.acme, path, &body("upsert", false));
                let told = results(&upserted);
                assert_eq!(told[1].0, "failed", "{field}: {}", upserted.text);
                assert_eq!((told[0].1.as_str(), told[2].0.as_str()), ("1", "unchanged"), "{field}: {}", upserted.text);
                for answer in [upserted, batch(&api.acme, path, &body("update", false)), batch(&api.acme, path, &body("upsert", true))] {
                    let problem = &answer.body["results"][1]["problem"];
                    assert_eq!(problem["code"], "validation_failed", "{field}: {}", answer.text);
                    let error = &problem["errors"][0];
                    assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{path}: {}", answer.text);
                }
            }
            for none in [json!(5), Value::Null, json!([])] {
                let answer = batch(&api.acme, path, &json!({ "mode": "create", "items": [none, { text: "Other" }] }));
                assert_eq!(results(&answer)[1].0, "created", "{}", answer.text);
                let problem = &answer.body["results"][0]["problem"];
                assert_eq!(problem["errors"][0]["code"], "wrong_type", "{}", answer.text);
                let whole = json!({ "mode": "create", "atomic": true, "items": [none, { text: "Other" }] });
                batch(&api.acme, path, &whole).problem(400, "batch_undone");
            }
        }
    }

    /// What changes nothing says so, also where another item has just changed the record, and while the clock stands still.
    fn an_item_that_changes_nothing_is_unchanged(database) {
        let clock = [("CRM_NOW", "2030-01-01T12:00:00.000Z"), ("CRM_ALLOW_RESET", "true")];
        let api = Api::start_with(database, &clock);
        for resource in RESOURCES {
            let (path, text) = (resource.path, resource.text);
            let item = json!({ "externalId": "a", text: "Alpha", resource.note: "One" });
            let upsert = |items: Value| batch(&api.acme, path, &json!({ "mode": "upsert", "items": items }));
            assert_results(&upsert(json!([item, item])), &[("created", "1"), ("unchanged", "1")]);
            assert_results(&upsert(json!([item])), &[("unchanged", "1")]);
            let changed = json!({ "id": "1", resource.note: "Two" });
            let update = json!({ "mode": "update", "items": [changed, changed, { "id": "1", "tags": [] }, { "id": "1" }] });
            assert_results(&batch(&api.acme, path, &update), &[
                ("updated", "1"), ("unchanged", "1"), ("unchanged", "1"), ("unchanged", "1"),
            ]);
            let followed = json!({ "id": "1", "owner": { "id": "somebody" } });
            assert_results(&batch(&api.acme, path, &json!({ "mode": "update", "items": [followed, followed] })), &[("updated", "1"), ("unchanged", "1")]);
            let history = api.acme.get(&format!("{path}/1/history")).items().len();
            assert_eq!(history, 3, "{path}: made and changed twice");
        }
    }

    /// What an item takes from a record, the items that follow do not match it by.
    fn items_match_what_those_before_left(database) {
        let api = Api::start(database);
        let emails = |addresses: &[&str]| addresses.iter().map(|value| json!({ "value": value })).collect::<Value>();
        for own in ["a@example.com", "b@example.com"] {
            api.acme.post(CONTACTS, &json!({ "name": "N", "email": emails(&[own, "shared@example.com"]) })).item(201);
        }
        let shared = json!({ "name": "Changed", "email": emails(&["shared@example.com"]) });
        let answer = batch(&api.acme, CONTACTS, &json!({ "mode": "upsert", "matchBy": "email", "items": [
            shared, { "email": emails(&["a@example.com"]) }, shared, { "name": "New", "email": emails(&["b@example.com"]) },
        ] }));
        assert_results(&answer, &[("failed", "ambiguous_match"), ("updated", "1"), ("updated", "2"), ("created", "3")]);
    }

    /// However many share an address, the lowest hundred are told; and one that is alone by then is found among them.
    fn the_ids_of_those_that_match_have_an_end(database) {
        let api = Api::start(database);
        let email = json!([{ "value": "all@example.com" }]);
        let make = |count: usize| {
            let items: Vec<Value> = (0..count).map(|_| json!({ "name": "N", "email": email })).collect();
            assert_eq!(batch(&api.acme, CONTACTS, &json!({ "mode": "create", "items": items })).body["created"], count);
        };
        let told = || {
            let item = json!({ "name": "N", "email": email });
            let answer = batch(&api.acme, CONTACTS, &json!({ "mode": "upsert", "matchBy": "email", "items": [item] }));
            assert_results(&answer, &[("failed", "ambiguous_match")]);
            let ids = answer.body["results"][0]["problem"]["ids"].as_array().unwrap().clone();
            (ids.len(), ids.last().unwrap().as_str().unwrap().to_owned())
        };
        make(99);
        assert_eq!(told(), (99, "99".to_owned()));
        make(1);
        assert_eq!(told(), (100, "100".to_owned()));
        make(1);
        assert_eq!(told(), (100, "100".to_owned()));
        make(499);
        assert_eq!(told(), (100, "100".to_owned()));
    }

    /// What 500 items are told takes 500 times the room of one, however much each could tell: here of a thousand statuses with
    /// long names.
    fn what_is_told_of_each_item_has_an_end(database) {
        const MOST_OF_ITEM: usize = 8 * 1024;
        let api = Api::start(database);
        let ways: Vec<Value> =
            (0..1_000).map(|n| json!({ "source": "s", "target": format!("{n}{}", "é".repeat(200)) })).collect();
        let node = |id: &str, label: &str| json!({ "id": id, "data": { "label": label } });
        let workflow = json!({ "status": [node("s", "Start"), node("z", "Never")], "transition": ways });
        let case_type = api.acme.post("/cases/types/cases", &json!({ "label": "Wide", "workflow": workflow }));
        let case_type = case_type.item(201)["id"].clone();
        let items: Vec<Value> = (0..500).map(|_| json!({ "title": "C", "caseTypeId": case_type })).collect();
        assert_eq!(batch(&api.acme, "/cases/cases", &json!({ "mode": "create", "items": items })).body["created"], 500);

        let alone = api.acme.patch("/cases/cases/1", &json!({ "status": "Never" }));
        let allowed = alone.problem(409, "transition_not_allowed").body["allowed"].as_array().unwrap();
        assert_eq!(allowed.len(), 20, "the first ones");
        assert!(alone.body["detail"].as_str().unwrap().len() <= 2_001 && alone.text.len() < 16 * 1024);

        let items: Vec<Value> = (1..=500).map(|id| json!({ "id": id, "status": "Never" })).collect();
        let update = |atomic: bool| json!({ "mode": "update", "atomic": atomic, "items": items });
        let answer = batch(&api.acme, "/cases/cases", &update(false));
        assert!(results(&answer).iter().all(|(_, told)| told == "transition_not_allowed"));
        assert!(answer.text.len() <= 500 * (MOST_OF_ITEM + 100), "{} bytes", answer.text.len());
        for result in answer.body["results"].as_array().unwrap() {
            let problem = &result["problem"];
            assert!(problem.to_string().len() <= MOST_OF_ITEM, "{problem}");
            assert!(!problem["allowed"].as_array().unwrap().is_empty(), "{problem}");
        }
        let undone = batch(&api.acme, "/cases/cases", &update(true));
        assert_eq!(undone.problem(400, "batch_undone").body["results"].as_array().unwrap().len(), 1);
        assert!(undone.text.len() <= 64 * 1024);
    }

    fn a_batch_has_its_bounds_and_is_done_once(database) {
        let api = Api::start(database);
        let leads = "/pipeline/leads";
        let of = |count: usize, note: &str| {
            let items: Vec<Value> = (0..count).map(|number| json!({ "title": format!("Lead {number}"), "note": note })).collect();
            json!({ "mode": "create", "items": items })
        };
        batch(&api.acme, leads, &of(501, "")).refuses(&[("items", "too_many")]);
        batch(&api.acme, leads, &of(0, "")).refuses(&[("items", "required")]);
        let matching = json!({ "mode": "create", "matchBy": "externalId", "items": [{ "title": "A" }] });
        batch(&api.acme, leads, &matching).refuses(&[("matchBy", "conflicting")]);
        batch(&api.acme, leads, &json!({ "mode": "merge", "items": [{}] })).refuses(&[("mode", "invalid_value")]);
        // More than another body may have, and more than a batch may.
        let long = of(120, &"n".repeat(9_900)).to_string();
        let headers = [("Idempotency-Key", "once")];
        let send = |body: &str| api.acme.send("POST", "/pipeline/leads/batch", &headers, Some(body));
        let first = send(&long);
        assert_eq!(first.body["created"], 120, "{}", first.text);
        let again = send(&long);
        assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first.body));
        assert_eq!(api.acme.get("/pipeline/leads?includeTotal=true").body["total"], 120);
        let padded = format!("{long}{}", " ".repeat(8 * 1024 * 1024 + 1 - long.len()));
        api.acme.send("POST", "/pipeline/leads/batch", &[], Some(&padded)).problem(413, "body_too_large");
        api.acme.read_only().post("/pipeline/leads/batch", &of(1, "")).problem(403, "read_only_key");
    }

    /// What many at once remember is what each by itself would find: references, tags and custom fields come back.
    fn items_have_all_that_a_body_has(database) {
        let api = Api::start(database);
        crate::resources::prepare(&api.acme);
        for resource in RESOURCES {
            let full = (resource.full)();
            let alone = api.acme.post(resource.path, &full).item(201).clone();
            let made = batch(&api.acme, resource.path, &json!({ "mode": "create", "items": [full, full, full] }));
            for (action, id) in results(&made) {
                assert_eq!(action, "created", "{}", made.text);
                let mut read = api.acme.get(&format!("{}/{id}", resource.path)).item(200).clone();
                for member in ["id", "createdOn", "lastUpdatedOn"] {
                    read[member] = alone[member].clone();
                }
                assert_eq!(read, alone, "{}", resource.path);
            }
        }
    }
}
