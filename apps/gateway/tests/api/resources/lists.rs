//! Lists: pages, orders, tokens, and what is refused (docs/compatibility.md, "Lists").

use std::collections::BTreeSet;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};

use super::{RESOURCES, ids, make, prepare};

/// Follows the tokens of a list to its end. `between` runs after each page with what it showed.
fn walk(client: &Client, list: &str, mut between: impl FnMut(&[Value])) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    let mut path = list.to_owned();
    for page in 1.. {
        let answer = client.get(&path);
        seen.extend(answer.items().iter().cloned());
        between(answer.items());
        assert_eq!(answer.body["page"], page, "{path}");
        let token = answer.body["continuationToken"].as_str();
        assert_eq!(answer.body["hasMore"], token.is_some(), "{path}");
        match token {
            Some(token) => path = format!("{list}&continuationToken={token}"),
            None => break,
        }
    }
    seen
}

/// What no list takes, the parameter that is blamed, and its code.
const REFUSED: &[(&str, &str, &str)] = &[
    ("page=0", "page", "out_of_range"),
    ("page=-1", "page", "out_of_range"),
    ("page=01", "page", "out_of_range"),
    ("page=%2B1", "page", "out_of_range"),
    ("page=1.0", "page", "out_of_range"),
    ("page=9223372036854775808", "page", "out_of_range"),
    ("page=9223372036854775807", "page", "out_of_range"),
    ("page=one", "page", "out_of_range"),
    ("size=0", "size", "out_of_range"),
    ("size=201", "size", "out_of_range"),
    ("size=1000000000", "size", "out_of_range"),
    ("offset=-1", "offset", "out_of_range"),
    ("offset=9223372036854775807", "offset", "out_of_range"),
    ("page=1&offset=0", "offset", "conflicting"),
    ("sort=up", "sort", "invalid_value"),
    ("sort=Asc", "sort", "invalid_value"),
    ("sort=ASC;--", "sort", "invalid_value"),
    ("orderBy=nonsense", "orderBy", "invalid_value"),
    ("orderBy=tenant_id", "orderBy", "invalid_value"),
    ("orderBy=created_on", "orderBy", "invalid_value"),
    ("orderBy=createdOn%2Cid", "orderBy", "invalid_value"),
    ("orderBy=(SELECT%201)", "orderBy", "invalid_value"),
    ("includeTotal=yes", "includeTotal", "invalid_value"),
    ("includeTotal=1", "includeTotal", "invalid_value"),
    ("size=", "size", "required"),
    ("size", "size", "required"),
    ("tags=", "tags", "required"),
    ("unknown=1", "unknown", "unknown_field"),
    ("Size=1", "Size", "unknown_field"),
    ("size%00=1", "size\0", "unknown_field"),
    ("createdAfterDate=yesterday", "createdAfterDate", "invalid_date"),
    ("createdAfterDate=2025-02-30T00:00:00Z", "createdAfterDate", "invalid_date"),
    ("createdBeforeDate=2025-01-01T24:00:00Z", "createdBeforeDate", "invalid_date"),
    ("createdBeforeDate=-9999-01-01T00:00:00Z", "createdBeforeDate", "invalid_date"),
    ("continuationToken=x", "continuationToken", "invalid_token"),
    ("continuationToken=eyJ2MSI6IiJ9", "continuationToken", "invalid_token"),
];

both_databases! {
    /// A value outside its type, an unknown, a repeated and an empty parameter are told by name.
    fn parameters_are_checked(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            for (query, parameter, code) in REFUSED {
                api.acme.get(&format!("{}?{query}", resource.path)).refuses(&[(parameter, code)]);
            }
            for name in resource.text_filters.iter().chain(&["page", "orderBy"]) {
                let value = if *name == "page" { "1" } else if *name == "orderBy" { "createdOn" } else { "a" };
                let twice = api.acme.get(&format!("{}?{name}={value}&{name}={value}", resource.path));
                twice.refuses(&[(name, "repeated")]);
            }
            let all = api.acme.get(&format!("{}?page=0&size=x&color=red", resource.path));
            all.refuses(&[("page", "out_of_range"), ("size", "out_of_range"), ("color", "unknown_field")]);
            for query in ["page=1&size=200", "offset=0", "sort=ASC", "sort=DESC", "includeTotal=false", "", "&", "page=5000000&size=200"] {
                assert_eq!(api.acme.get(&format!("{}?{query}", resource.path)).items().len(), 0, "{query}");
            }
            for path in [resource.tags, resource.form, &format!("{}/1", resource.path)] {
                api.acme.get(&format!("{path}?page=1")).refuses(&[("page", "unknown_field")]);
            }
        }
    }

    /// Every order gives the same records by size 200, by token, by page and by offset; descending is the reverse.
    fn every_way_through_a_list_agrees(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            // Equal texts, so that the id decides; upper and lower case sort as one.
            for text in ["b", "A", "a", "C", "B", "\u{e9}", "Z", "a", "\u{1f600}", "b"] {
                let full = api.acme.post(resource.path, &(resource.full)());
                let path = full.header("location");
                api.acme.patch(path, &json!({ resource.text: text })).item(200);
                make(&api.acme, resource, text);
            }
            for order in resource.orders {
                let list = |direction: &str, rest: &str| format!("{}?orderBy={order}&sort={direction}&{rest}", resource.path);
                for direction in ["asc", "desc"] {
                    let all = api.acme.get(&list(direction, "size=200&includeTotal=true"));
                    let expected = all.items();
                    assert!(expected.len() >= 20);
                    assert_eq!(all.body["total"], expected.len());
                    let by_token = walk(&api.acme, &list(direction, "size=7"), |_| {});
                    assert_eq!(ids(&by_token), ids(expected), "{order} {direction}: by token");
                    for paging in ["page", "offset"] {
                        let numbers = (0..=expected.len() / 9).map(|page| if paging == "page" { page + 1 } else { page * 9 });
                        let pages: Vec<Value> = numbers
                            .flat_map(|number| api.acme.get(&list(direction, &format!("size=9&{paging}={number}"))).items().clone())
                            .collect();
                        assert_eq!(ids(&pages), ids(expected), "{order} {direction}: by {paging}");
                    }
                }
            }
            let lower = |item: &Value| item[resource.text].as_str().unwrap().to_lowercase();
            let sorted = api.acme.get(&format!("{}?orderBy={}&sort=asc&size=200", resource.path, resource.text));
            assert!(sorted.items().is_sorted_by_key(lower), "text sorts by the code points of its folded form");
            let default = api.acme.get(&format!("{}?size=200", resource.path));
            let explicit = api.acme.get(&format!("{}?size=200&orderBy=createdOn&sort=desc", resource.path));
            assert_eq!(default.items(), explicit.items(), "the newest first unless asked otherwise");
            let total = default.items().len();
            assert_eq!(api.acme.get(resource.path).items().len(), total.min(10), "ten unless asked otherwise");
        }
    }

    /// Records that come and go between the pages never make another one appear twice or be skipped.
    fn a_walk_by_token_is_stable_while_records_come_and_go(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            for order in ["createdOn", resource.text] {
                for direction in ["asc", "desc"] {
                    let made: Vec<String> = (0..12).map(|number| make(&api.acme, resource, &format!("m{:02}", number * 5 % 12))).collect();
                    let list = format!("{}?orderBy={order}&sort={direction}&size=3", resource.path);
                    let mut gone = BTreeSet::new();
                    let seen = walk(&api.acme, &list, |page| {
                        make(&api.acme, resource, "a new one in front");
                        make(&api.acme, resource, "z new one behind");
                        // One that was shown, and one that may not have been.
                        let shown = page.first().map(|item| item["id"].as_str().unwrap().to_owned());
                        let hidden = made.iter().rev().find(|id| !gone.contains(*id)).cloned();
                        for id in [shown, hidden].into_iter().flatten() {
                            if made.contains(&id) && gone.len() < 6 && gone.insert(id.clone()) {
                                assert_eq!(api.acme.delete(&format!("{}/{id}", resource.path)).status, 204);
                            }
                        }
                        assert!(page.len() <= 3);
                        // New records sort behind for ever in one of the orders: end the walk.
                        if page.iter().any(|item| item[resource.text] == "z new one behind") && gone.len() >= 6 {
                            let (bulk, entity) = resource.bulk;
                            let new = api.acme.get(&format!("{}?{}=new%20one&size=200", resource.path, resource.text));
                            api.acme.post(bulk, &json!({ "entity": entity, "action": "delete", "ids": ids(new.items()) }));
                        }
                    });
                    let seen = ids(&seen);
                    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{order} {direction}: nothing twice");
                    for id in made.iter().filter(|id| !gone.contains(*id)) {
                        assert!(seen.contains(&id.as_str()), "{order} {direction}: {id} was skipped");
                    }
                    let (bulk, entity) = resource.bulk;
                    let left = api.acme.get(&format!("{}?size=200", resource.path));
                    api.acme.post(bulk, &json!({ "entity": entity, "action": "delete", "ids": ids(left.items()) }));
                }
            }
        }
    }

    /// A token is for one list, one order and one set of filters.
    fn a_token_fits_only_the_list_that_it_was_made_for(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            for number in 0..4 {
                make(&api.acme, resource, &format!("a{number}"));
            }
        }
        for resource in RESOURCES {
            let token = api.acme.get(&format!("{}?size=1", resource.path)).body["continuationToken"].as_str().unwrap().to_owned();
            let filter = format!("{}=a", resource.text);
            let filtered = api.acme.get(&format!("{}?size=1&{filter}", resource.path));
            let filtered = filtered.body["continuationToken"].as_str().unwrap();
            let mut cases = vec![
                (resource.path, format!("sort=asc&continuationToken={token}")),
                (resource.path, format!("orderBy={}&continuationToken={token}", resource.text)),
                (resource.path, format!("orderBy=lastUpdatedOn&continuationToken={token}")),
                (resource.path, format!("{filter}&continuationToken={token}")),
                (resource.path, format!("continuationToken={filtered}")),
                (resource.path, format!("{}=b&continuationToken={filtered}", resource.text)),
                (resource.path, format!("continuationToken={token}A")),
                (resource.path, format!("continuationToken={}", &token[..token.len() - 2])),
                (resource.path, format!("continuationToken={}", token.to_uppercase())),
                (resource.path, "continuationToken=%00".to_owned()),
            ];
            let others = RESOURCES.iter().filter(|other| other.path != resource.path);
            cases.extend(others.map(|other| (other.path, format!("continuationToken={token}"))));
            for (path, query) in cases {
                let answer = api.acme.get(&format!("{path}?size=1&{query}"));
                answer.problem(400, "validation_failed");
                assert_eq!(answer.body["errors"][0]["field"], "continuationToken", "{}", answer.text);
            }
            let other_size = api.acme.get(&format!("{}?size=2&continuationToken={token}", resource.path));
            assert_eq!(other_size.items().len(), 2, "the size may change on the way");
            let spelled = format!("{}?size=1&sort=DESC&orderBy=createdAt&includeTotal=true&continuationToken={token}", resource.path);
            assert_eq!(api.acme.get(&spelled).items().len(), 1, "the same order in other words");
        }
    }
}
