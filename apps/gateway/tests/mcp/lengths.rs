//! No result is longer than 20 kB, and nothing is lost by that (the bound itself is in `outcome`).

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::{call, refused};

/// Puts the next part behind what there is: texts and lists go on where they ended.
fn join(whole: &mut Value, next: &Value) {
    match (whole, next) {
        (Value::String(whole), Value::String(next)) => whole.push_str(next),
        (Value::Array(whole), Value::Array(next)) => whole.extend(next.iter().cloned()),
        (Value::Object(whole), Value::Object(next)) => {
            for (name, value) in next {
                match whole.get_mut(name) {
                    Some(there) => join(there, value),
                    None => drop(whole.insert(name.clone(), value.clone())),
                }
            }
        }
        _ => {}
    }
}

/// All parts of what a tool answers, put together, and how many they were.
fn whole(client: &Client, tool: &str, mut arguments: Value) -> (Value, usize) {
    let (mut whole, mut parts) = (json!({}), 0);
    loop {
        let mut part = call(client, tool, arguments.clone());
        parts += 1;
        let token = part.as_object_mut().unwrap().shift_remove("continuationToken");
        part.as_object_mut().unwrap().shift_remove("cut");
        join(&mut whole, &part);
        match token {
            Some(token) => arguments["continuationToken"] = token,
            None => return (whole, parts),
        }
    }
}

both_databases! {
    fn a_long_record_comes_in_parts_that_are_the_record(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        // Four bytes a character, and what JSON escapes twice.
        let note = format!("{}{}", "\u{1f3e0}".repeat(9_000), "\"\\\n".repeat(333));
        let made = call(acme, "create_record", json!({ "kind": "lead", "fields": { "title": "Long", "note": note, "owner": { "id": "u" } } }));
        assert!(made["cut"].as_str().is_some_and(|cut| cut.contains("get_record")), "{}", made["cut"]);
        assert_eq!((&made["item"]["id"], &made["item"]["title"]), (&json!("1"), &json!("Long")), "what matters comes first");
        let (read, parts) = whole(acme, "get_record", json!({ "kind": "lead", "id": "1" }));
        assert!(parts > 3, "{parts}");
        assert_eq!(&read["item"], acme.get("/pipeline/leads/1").item(200));

        let first = call(acme, "get_record", json!({ "kind": "lead", "id": "1" }));
        acme.patch("/pipeline/leads/1", &json!({ "title": "Other" })).item(200);
        let next = json!({ "kind": "lead", "id": "1", "continuationToken": first["continuationToken"] });
        refused(acme, "get_record", next, "changed_meanwhile");
    }

    /// The length of a note at which a record just fits, found by trying, and one character more.
    fn a_record_at_the_bound_is_whole_and_past_it_in_parts(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        acme.post("/pipeline/leads", &json!({ "title": "A" })).item(201);
        let is_whole = |length: usize| {
            acme.patch("/pipeline/leads/1", &json!({ "note": "n".repeat(length) })).item(200);
            call(acme, "get_record", json!({ "kind": "lead", "id": "1" })).get("continuationToken").is_none()
        };
        let (mut fits, mut exceeds) = (1_000, 10_000);
        assert!(is_whole(fits) && !is_whole(exceeds));
        while exceeds - fits > 1 {
            let middle = usize::midpoint(fits, exceeds);
            *(if is_whole(middle) { &mut fits } else { &mut exceeds }) = middle;
        }
        assert!(fits > 8_000, "a result uses its room: {fits}");
        let (read, parts) = whole(acme, "get_record", json!({ "kind": "lead", "id": "1" }));
        assert!(parts <= 2 && read["item"]["note"].as_str().is_some_and(|note| note.len() >= fits));
    }

    fn a_list_has_as_many_as_fit_and_its_token_leads_to_the_next(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        // Short and long ones, two of them longer than any result.
        for number in 0..40 {
            let length = match number % 20 { 7 => 10_000, 3 | 4 => 3_000, _ => number * 10 };
            acme.post("/pipeline/leads", &json!({ "title": format!("{number:02}"), "note": "é".repeat(length) })).item(201);
        }
        let mut arguments = json!({ "kind": "lead", "orderBy": "title", "sort": "asc", "size": 200 });
        let (mut titles, mut cut) = (Vec::new(), Vec::new());
        loop {
            let page = call(acme, "list_records", arguments.clone());
            let items = page["items"].as_array().unwrap();
            titles.extend(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()));
            if page.get("cut").is_some() {
                assert_eq!(items.len(), 1);
                cut.push(items[0]["title"].as_str().unwrap().to_owned());
            }
            if page["hasMore"] == false {
                break;
            }
            arguments["continuationToken"] = page["continuationToken"].clone();
        }
        assert_eq!(titles, (0..40).map(|number| format!("{number:02}")).collect::<Vec<_>>());
        assert_eq!(cut, ["07", "27"], "and get_record gives them whole");
        let page = call(acme, "list_records", json!({ "kind": "lead", "fields": ["title"], "size": 200 }));
        assert_eq!(page["items"].as_array().unwrap().len(), 40, "without what makes them long");
    }

    fn a_long_form_and_a_long_problem_fit_too(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let field = |number: usize| json!({
            "id": format!("f{number}"), "label": "L".repeat(200), "category": "custom", "type": "number",
        });
        let form = json!({ "fields": (0..150).map(field).collect::<Vec<_>>() });
        assert_eq!(acme.put("/directory/forms/contacts", &form).status, 200);
        let (described, parts) = whole(acme, "describe_forms", json!({ "kind": "contact" }));
        let custom = described["fields"].as_array().unwrap().iter().filter(|field| field["category"] == "custom");
        assert!(parts > 2 && custom.count() >= 150, "{parts}");

        let wrong: serde_json::Map<_, _> = (0..100).map(|number| (format!("f{number}"), json!("x".repeat(500)))).collect();
        let fields = json!({ "name": "A", "customFields": wrong });
        let problem = refused(acme, "create_record", json!({ "kind": "contact", "fields": fields }), "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "customFields.f0");
    }
}
