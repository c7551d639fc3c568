//! `GET {contacts|organizations}/duplicates`: those that look like one.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client};

/// `email zoe@example.com 2: 1 2`
#[track_caller]
fn groups(answer: &Answer) -> Vec<String> {
    let ids = |group: &Value| {
        let items = group["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let line = |group: &Value| {
        let text = |name: &str| group[name].as_str().unwrap().to_owned();
        format!("{} {} {}: {}", text("by"), text("value"), group["count"], ids(group))
    };
    answer.items().iter().map(line).collect()
}

fn make(client: &Client, path: &str, name: &str, email: &str, phone: &str) {
    let body = json!({ "name": name, "email": [{ "value": email }], "phone": [{ "value": phone }] });
    client.post(path, &body).item(201);
}

both_databases! {
    fn those_that_look_like_one_are_told_until_they_are_one(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for path in ["/directory/contacts", "/directory/organizations"] {
            make(&api.acme, path, "Zoë  Müller", "Zoe@Example.com", "+44 20 7946 0958");
            make(&api.acme, path, "Someone", "zoe@EXAMPLE.com", "1");
            make(&api.acme, path, "zoë müller", "else@example.com", "020-7946-0958");
            make(&other, path, "Zoë Müller", "zoe@example.com", "+44 20 7946 0958");
            let list = |query: &str| api.acme.get(&format!("{path}/duplicates{query}"));
            let all = list("");
            assert_eq!(groups(&all), ["email zoe@example.com 2: 1 2", "phone 079460958 2: 1 3", "name zoë müller 2: 1 3"]);
            let item = &all.items()[0]["items"][0];
            let record = api.acme.get(&format!("{path}/1")).item(200).clone();
            for member in ["id", "name", "createdOn", "lastUpdatedOn"] {
                assert_eq!(item[member], record[member], "{path}: {member}");
            }
            assert_eq!((&item["email"], &item["phone"]), (&json!("Zoe@Example.com"), &json!("+44 20 7946 0958")));
            assert!(groups(&other.get(&format!("{path}/duplicates"))).is_empty());

            let first = list("?size=2");
            assert_eq!((first.items().len(), &first.body["hasMore"]), (2, &json!(true)));
            let next = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
            assert_eq!(groups(&list(&next)), ["name zoë müller 2: 1 3"]);
            list("?by=address&size=201").refuses(&[("by", "invalid_value"), ("size", "out_of_range")]);
            list("?orderBy=name").refuses(&[("orderBy", "unknown_field")]);
            let token = first.body["continuationToken"].as_str().unwrap();
            list(&format!("?by=name&continuationToken={token}")).refuses(&[("continuationToken", "invalid_token")]);

            api.acme.post(&format!("{path}/1/merge"), &json!({ "sourceId": ["3"] })).item(200);
            assert_eq!(groups(&list("")), ["email zoe@example.com 2: 1 2"]);
            assert_eq!(api.acme.delete(&format!("{path}/2")).status, 204);
            assert!(groups(&list("?by=email,phone,name")).is_empty());
        }
    }
}
