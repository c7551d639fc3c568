//! Comments on leads, opportunities, contacts and organizations (docs/compatibility.md, "Comments").

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::operations::NO_COMMENT;

/// Each kind, and the member that a new one needs.
const KINDS: [(&str, &str); 4] = [
    ("/pipeline/leads", "title"),
    ("/pipeline/opportunities", "title"),
    ("/directory/contacts", "name"),
    ("/directory/organizations", "name"),
];

fn made(client: &Client, path: &str, body: &Value) -> String {
    client.post(path, body).item(201)["id"].as_str().unwrap().to_owned()
}

fn texts(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).items().iter().map(|one| one["comment"].clone()).collect()
}

both_databases! {
    /// A comment comes, is put in other words and goes, each told in the history, and the record stays as it was.
    fn a_comment_leaves_its_record_alone(database) {
        let api = Api::start(database);
        let (acme, other) = (&api.acme, api.tenant("other"));
        for (kind, text) in KINDS {
            let record = format!("{kind}/{}", made(acme, kind, &json!({ text: "Mine" })));
            other.post(kind, &json!({ text: "Theirs" })).item(201);
            let before = acme.get(&record);
            let path = format!("{record}/comments");
            let first = acme.post(&path, &json!({ "comment": "First", "user": { "id": "u1", "name": "Ann" } }));
            let item = first.item(201);
            let one = first.header("location").to_owned();
            assert_eq!(one, format!("{path}/{}", item["id"].as_str().unwrap()));
            assert_eq!((&item["comment"], &item["user"]["id"], &item["updatedOn"]), (&json!("First"), &json!("u1"), &Value::Null));
            acme.post(&path, &json!({ "comment": "Second" })).item(201);
            assert_eq!(texts(acme, &path), ["Second", "First"]);
            let page = acme.get(&format!("{path}?size=1&includeTotal=true"));
            assert_eq!((&page.body["total"], &page.body["hasMore"]), (&json!(2), &json!(true)), "{kind}");

            let tag = acme.get(&one).header("etag").to_owned();
            let patch = json!({ "comment": "In other words", "user": { "id": "u2" } }).to_string();
            let changed = acme.send("PATCH", &one, &[("If-Match", &tag)], Some(&patch));
            assert_eq!(changed.item(200)["user"]["id"], "u1", "who said it stays");
            assert!(changed.item(200)["updatedOn"].is_string());
            acme.send("PATCH", &one, &[("If-Match", &tag)], Some(&patch)).problem(412, "precondition_failed");
            acme.patch(&one, &json!({ "comment": "In other words" })).item(200);
            acme.send("DELETE", &one, &[("If-Match", &tag)], None).problem(412, "precondition_failed");
            assert_eq!(acme.delete(&one).status, 204);
            acme.get(&one).problem(404, "not_found");
            acme.delete(&one).problem(404, "not_found");

            assert_eq!(acme.get(&record).headers.get("etag"), before.headers.get("etag"), "{kind}");
            let history = acme.get(&format!("{record}/history"));
            let told: Vec<_> = history.items().iter().map(|change| (&change["action"], &change["changes"][0])).collect();
            let field = format!("comments.{}", item["id"].as_str().unwrap());
            let entry = |from: Value, to: Value| json!({ "field": field, "from": from, "to": to });
            let said = json!("commented");
            assert_eq!(told[0], (&said, &entry(json!("In other words"), Value::Null)));
            assert_eq!(told[1], (&said, &entry(json!("First"), json!("In other words"))));
            assert_eq!((told[2].0, &told[2].1["to"]), (&said, &json!("Second")));
            assert_eq!(told[3], (&said, &entry(Value::Null, json!("First"))));
            assert_eq!(told.len(), 5, "the same words again are nothing: {told:?}");
            assert_eq!((&history.items()[1]["by"]["id"], &history.items()[3]["by"]["id"]), (&json!("u2"), &json!("u1")));

            let left = acme.post(&path, &json!({ "comment": "For others" }));
            let left = left.header("location");
            other.get(left).problem(404, "not_found");
            other.patch(left, &json!({ "comment": "x" })).problem(404, "not_found");
            other.delete(left).problem(404, "not_found");
            other.get(&path).items();
            assert!(texts(&other, &path).is_empty(), "the other tenant's record of this number");
            acme.get(&format!("{record}/comments/{NO_COMMENT}")).problem(404, "not_found");
            let beside = format!("{kind}/{}", made(acme, kind, &json!({ text: "Beside" })));
            acme.get(&left.replace(&record, &beside)).problem(404, "not_found");
            acme.post(&format!("{kind}/77/comments"), &json!({ "comment": "x" })).problem(404, "not_found");
            acme.get(&format!("{kind}/77/comments")).problem(404, "not_found");
            assert_eq!(acme.delete(&record).status, 204);
            acme.get(left).problem(404, "not_found");
        }
    }

    /// A record that comes back has its comments, and a source of a merge its own.
    fn comments_come_back(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let ids = ["target", "source"].map(|name| made(acme, "/directory/contacts", &json!({ "name": name })));
        let path = |id: &str| format!("/directory/contacts/{id}/comments");
        for (id, text) in ids.iter().zip(["of the target", "of the source"]) {
            acme.post(&path(id), &json!({ "comment": text })).item(201);
        }
        acme.post(&format!("/directory/contacts/{}/merge", ids[0]), &json!({ "sourceId": [ids[1]] })).item(200);
        assert_eq!(texts(acme, &path(&ids[0])).len(), 2);
        acme.post(&format!("/trash/contact/{}/restore", ids[1]), &json!({})).item(200);
        assert_eq!(texts(acme, &path(&ids[1])), ["of the source"]);
        assert_eq!(texts(acme, &path(&ids[0])), ["of the target"]);
        assert_eq!(acme.delete(&format!("/directory/contacts/{}", ids[0])).status, 204);
        acme.get(&path(&ids[0])).problem(404, "not_found");
        acme.post(&format!("/trash/contact/{}/restore", ids[0]), &json!({})).item(200);
        assert_eq!(texts(acme, &path(&ids[0])), ["of the target"]);
    }

    fn a_comment_is_as_long_as_it_may_be(database) {
        let api = Api::start(database);
        let path = format!("/pipeline/leads/{}/comments", made(&api.acme, "/pipeline/leads", &json!({ "title": "L" })));
        let long = |length: usize| json!({ "comment": "é".repeat(length) });
        let one = api.acme.post(&path, &long(10_000));
        one.item(201);
        for (body, code) in [(long(10_001), "too_long"), (json!({}), "required"), (json!({ "comment": null }), "required"), (json!({ "comment": 1 }), "wrong_type")] {
            api.acme.post(&path, &body).refuses(&[("comment", code)]);
        }
        api.acme.patch(one.header("location"), &long(10_001)).refuses(&[("comment", "too_long")]);
        api.acme.patch(one.header("location"), &json!({ "comment": null })).refuses(&[("comment", "not_nullable")]);
        api.acme.patch(one.header("location"), &json!({})).item(200);
    }

    /// What was said about the sources is said about the target, and an opportunity shows what was said about its lead.
    fn comments_go_along(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for (kind, text) in [("/directory/contacts", "name"), ("/directory/organizations", "name"), ("/pipeline/leads", "title")] {
            let ids = ["target", "one", "two"].map(|name| made(acme, kind, &json!({ text: name })));
            for (id, text) in ids.iter().zip(["of the target", "of one", "of two"]) {
                acme.post(&format!("{kind}/{id}/comments"), &json!({ "comment": text })).item(201);
            }
            acme.post(&format!("{kind}/{}/merge", ids[0]), &json!({ "sourceId": ids[1..] })).item(200);
            let mut said = texts(acme, &format!("{kind}/{}/comments", ids[0]));
            said.sort_by_key(ToString::to_string);
            assert_eq!(said, ["of one", "of the target", "of two"]);
        }
        let lead = made(acme, "/pipeline/leads", &json!({ "title": "L" }));
        acme.post(&format!("/pipeline/leads/{lead}/comments"), &json!({ "comment": "as a lead" })).item(201);
        let converted = acme.post(&format!("/pipeline/leads/{lead}/convert"), &json!({}));
        let opportunity = converted.item(201)["id"].as_str().unwrap();
        let path = format!("/pipeline/opportunities/{opportunity}/comments");
        acme.post(&path, &json!({ "comment": "as an opportunity" })).item(201);
        let shown = acme.get(&format!("{path}?sort=asc"));
        let kinds: Vec<_> = shown.items().iter().map(|one| (&one["kind"], &one["comment"])).collect();
        assert_eq!(kinds, [(&json!("lead"), &json!("as a lead")), (&json!("opportunity"), &json!("as an opportunity"))]);
        assert_eq!(texts(acme, &format!("/pipeline/leads/{lead}/comments")), ["as a lead"]);
        // Each that is shown can be read there; one of the lead is changed at the lead.
        for one in shown.items() {
            let read = acme.get(&format!("{path}/{}", one["id"].as_str().unwrap()));
            assert_eq!(read.item(200), one);
        }
        let of_lead = shown.items()[0]["id"].as_str().unwrap();
        let here = format!("{path}/{of_lead}");
        acme.patch(&here, &json!({ "comment": "in other words" })).problem(404, "not_found");
        acme.delete(&here).problem(404, "not_found");
        api.tenant("other").get(&here).problem(404, "not_found");
        let tag = acme.get(&here).header("etag").to_owned();
        let there = format!("/pipeline/leads/{lead}/comments/{of_lead}");
        assert_eq!(acme.get(&there).header("etag"), tag);
        acme.patch(&there, &json!({ "comment": "in other words" })).item(200);
        assert_eq!(acme.get(&here).item(200)["comment"], "in other words");
        let another = acme.post("/pipeline/opportunities", &json!({ "title": "Another" }));
        let another = another.item(201)["id"].as_str().unwrap();
        acme.get(&format!("/pipeline/opportunities/{another}/comments/{of_lead}")).problem(404, "not_found");
        assert_eq!(acme.delete(&format!("/pipeline/leads/{lead}")).status, 204);
        assert_eq!(texts(acme, &path), ["as an opportunity"]);
        acme.get(&here).problem(404, "not_found");
    }
}
