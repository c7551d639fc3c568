//! Two tenants never see each other: what is another's was never there (security threats T1 to T7).

use crm_testkit::both_databases;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client};
use crate::dump::dump;

use super::{RESOURCES, Resource, ids, make, prepare};

/// An answer as its bytes are, but for the id of the request and the id that was asked for.
fn anonymous(answer: &Answer, id: &str) -> (u16, String) {
    let text = answer.text.replace(answer.header("x-request-id"), "REQUEST");
    (answer.status, text.replace(id, "ID"))
}

/// Every request that names a record by its id, in the path or in the body.
fn requests(resource: &Resource, id: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let path = format!("{}/{id}", resource.path);
    let (bulk, entity) = resource.bulk;
    let mut requests = vec![
        ("GET", path.clone(), None),
        ("HEAD", path.clone(), None),
        ("PATCH", path.clone(), Some(json!({ resource.text: "Stolen" }))),
        ("PATCH", path.clone(), Some(json!({}))),
        ("DELETE", path.clone(), None),
        ("POST", bulk.to_owned(), Some(json!({ "entity": entity, "action": "delete", "ids": [id] }))),
    ];
    for (method, action, body) in resource.actions {
        requests.push((*method, format!("{path}{action}"), Some(body())));
        if *action == "/merge" {
            requests.push((*method, format!("{}/2{action}", resource.path), Some(json!({ "sourceId": [id] }))));
            requests.push((*method, format!("{}/2{action}", resource.path), Some(json!({ "sourceId": ["1", id] }))));
        }
    }
    for other in RESOURCES {
        let referring = other.references.iter().filter(|(_, of)| *of == resource.path);
        for &(member, _) in referring {
            let object = member.strip_suffix("Id").unwrap();
            requests.push(("POST", other.path.to_owned(), Some(json!({ other.text: "x", member: id }))));
            requests.push(("POST", other.path.to_owned(), Some(json!({ other.text: "x", object: { "id": id } }))));
        }
        for (filter, _) in other.id_filters.iter().filter(|(_, of)| *of == resource.path) {
            requests.push(("GET", format!("{}?{filter}={id}", other.path), None));
            requests.push(("GET", format!("{}?{filter}={id}&includeTotal=true", other.path), None));
        }
    }
    requests
}

fn send(
    client: &Client,
    (method, path, body): &(&'static str, String, Option<Value>),
    condition: Option<&str>,
) -> Answer {
    let headers: Vec<_> = condition.map(|value| ("If-Match", value)).into_iter().collect();
    client.send(method, path, &headers, body.as_ref().map(Value::to_string).as_deref())
}

both_databases! {
    /// A foreign id, a deleted one and one that never was are answered with the same bytes, and nothing happens.
    fn a_foreign_id_is_one_that_never_was(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let other = api.tenant("other");
        prepare(&other);
        for resource in RESOURCES {
            make(&api.acme, resource, "First");
            make(&other, resource, "First");
        }
        // Ids that are found in an answer by their look, and are nobody else's.
        let spread = "UPDATE numbering SET last = 1000000 * (SELECT id FROM tenants WHERE tenants.id = tenant_id)";
        database.connect().batch_execute(spread).unwrap();
        for resource in RESOURCES {
            let deleted = make(&api.acme, resource, "Deleted");
            assert_eq!(api.acme.delete(&format!("{}/{deleted}", resource.path)).status, 204);
            let foreign = make(&other, resource, "Foreign");
            assert_eq!((deleted.len(), foreign.len()), (7, 7), "{deleted}, {foreign}");
            let before = dump(database);
            let asked = |id: &str| requests(resource, id).into_iter();
            for ((ours, theirs), never) in asked(&deleted).zip(asked(&foreign)).zip(asked("7654321")) {
                let expected = anonymous(&send(&api.acme, &never, None), "7654321");
                assert!(expected.0 < 500, "{never:?}: {expected:?}");
                assert_eq!(anonymous(&send(&api.acme, &theirs, None), &foreign), expected, "{theirs:?}");
                assert_eq!(anonymous(&send(&api.acme, &ours, None), &deleted), expected, "{ours:?}");
                if theirs.1.contains(&foreign) {
                    let etag = other.get(&format!("{}/{foreign}", resource.path)).header("etag").to_owned();
                    let guessed = anonymous(&send(&api.acme, &theirs, Some(&etag)), &foreign);
                    let expected = anonymous(&send(&api.acme, &never, Some(&etag)), "7654321");
                    assert_eq!(guessed, expected, "not even its ETag tells: {theirs:?}");
                }
            }
            assert_eq!(dump(database), before, "{}: nothing was changed", resource.path);
        }
    }

    /// Lists, totals, searches, tags and forms show a tenant's own.
    fn lists_show_a_tenants_own(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        prepare(&other);
        for resource in RESOURCES {
            other.post(resource.path, &(resource.full)()).item(201);
        }
        for resource in RESOURCES {
            let mut queries: Vec<String> = vec!["includeTotal=true".to_owned(), "includeTotal=true&size=1".to_owned()];
            for filter in resource.text_filters {
                queries.extend(["Alpha", "a", "o", "vip", "website"].map(|text| format!("{filter}={text}&includeTotal=true")));
            }
            queries.extend(resource.id_filters.iter().map(|(filter, _)| format!("{filter}=1,2,3&includeTotal=true")));
            for query in queries {
                let list = api.acme.get(&format!("{}?{query}", resource.path));
                assert_eq!((list.items().len(), &list.body["total"]), (0, &json!(0)), "{} {query}", resource.path);
                assert_eq!((&list.body["hasMore"], &list.body["continuationToken"]), (&json!(false), &Value::Null));
            }
            assert!(api.acme.get(resource.tags).items().is_empty());
            let fields = resource.fields(&api.acme);
            assert!(fields.iter().all(|field| field["category"] == "default"), "{fields:?}");
            assert_eq!(make(&api.acme, resource, "First"), "1", "numbers tell nothing of another tenant");
        }
    }

    /// A token of another tenant gives nothing of that tenant.
    fn a_foreign_token_leads_to_own_records(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for resource in RESOURCES {
            for number in 0..3 {
                make(&api.acme, resource, &format!("acme {number}"));
                make(&other, resource, &format!("other {number}"));
            }
            let list = |order: &str| format!("{}?size=1&sort=asc&orderBy={order}", resource.path);
            for order in resource.orders {
                let token = other.get(&list(order)).body["continuationToken"].as_str().unwrap().to_owned();
                let answer = api.acme.get(&format!("{}&continuationToken={token}", list(order)));
                if answer.status != 400 {
                    let texts = answer.items().iter().map(|item| item[resource.text].as_str().unwrap());
                    assert!(texts.into_iter().all(|text| text.starts_with("acme")), "{}", answer.text);
                }
            }
        }
    }

    /// Tags are their tenant's and their kind's: elsewhere nobody knows them, by label or by id.
    fn tags_belong_to_a_tenant_and_a_kind(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for resource in RESOURCES {
            let record = make(&api.acme, resource, "Alpha");
            let elsewhere = RESOURCES.iter().filter(|kind| kind.path != resource.path).map(|kind| (&api.acme, kind.tags));
            for (owner, tags) in elsewhere.chain([(&other, resource.tags)]) {
                let foreign = owner.post(tags, &json!({ "label": format!("foreign {}", resource.bulk.1) }));
                let id = foreign.item(201)["id"].as_str().unwrap().to_owned();
                let label = foreign.body["item"]["label"].as_str().unwrap().to_owned();
                let never = "00000000-0000-4000-8000-000000000000";
                for (method, body) in [("PATCH", Some("{\"label\":\"stolen\"}")), ("DELETE", None)] {
                    let [answer, expected] =
                        [id.as_str(), never].map(|id| anonymous(&api.acme.send(method, &format!("{}/{id}", resource.tags), &[], body), id));
                    assert_eq!(answer, expected);
                    assert_eq!(answer.0, 404);
                }
                for tag in [&id, &label] {
                    let answer = api.acme.patch(&format!("{}/{record}", resource.path), &json!({ "tags": [tag] }));
                    answer.refuses(&[("tags[0]", "unknown_tag")]);
                    let query = format!("{}?tags={}", resource.path, tag.replace(' ', "%20"));
                    assert!(ids(api.acme.get(&query).items()).is_empty(), "{query}");
                }
                let seen = owner.get(tags);
                assert!(seen.items().iter().any(|tag| tag["label"] == *label), "it is as it was");
            }
        }
    }
}
