//! What a tenant's lists, tokens and tags have is its own. What a foreign id leads to is walked over in `tenants`.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api};

use super::{RESOURCES, ids, make, prepare};

/// An answer as its bytes are, but for the id of the request and the id that was asked for.
fn anonymous(answer: &Answer, id: &str) -> (u16, String) {
    let text = answer.text.replace(answer.header("x-request-id"), "REQUEST");
    (answer.status, text.replace(id, "ID"))
}

both_databases! {
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
