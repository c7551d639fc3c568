//! `POST {collection}?ifNoDuplicate=…`: a record is made where none looks like it.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;

both_databases! {
    fn what_looks_like_another_is_refused_with_its_id(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        for path in ["/directory/contacts", "/directory/organizations"] {
            let body = |name: &str, email: &str, phone: &str| {
                json!({ "name": name, "email": [{ "value": email }], "phone": [{ "value": phone }] })
            };
            let first = body("Zoë  Müller", "Zoe@Example.com", "+44 (20) 7946 0958");
            let id = api.acme.post(path, &first).item(201)["id"].clone();
            let ask = |by: &str, body: &Value| api.acme.post(&format!("{path}?ifNoDuplicate={by}"), body);
            for (by, body) in [
                ("email", body("Other", "ZOE@example.COM", "1")),
                ("phone", body("Other", "other@example.com", "020-7946 0958")),
                ("name", body("zoë müller", "other@example.com", "1")),
                ("email,phone", body("Other", "other@example.com", "00442079460958")),
            ] {
                let refused = ask(by, &body);
                assert_eq!(refused.problem(409, "duplicate").body["ids"], json!([id]), "{path} by {by}: {body}");
            }
            // Accents count, six digits say nothing, what is not asked for is not compared, and another tenant is another.
            for (by, body) in [
                ("name", body("Zoe Muller", "zoe@example.com", "1")),
                ("phone", body("Other", "x@example.com", "460958")),
                ("phone", body("Other", "y@example.com", "460958")),
                ("name", body("Another", "zoe@example.com", "020 7946 0958")),
            ] {
                ask(by, &body).item(201);
            }
            other.post(&format!("{path}?ifNoDuplicate=email,phone,name"), &first).item(201);
            ask("address", &first).refuses(&[("ifNoDuplicate", "invalid_value")]);
            // Refused, it took no number.
            let next = api.acme.post(path, &json!({ "name": "Next" })).item(201)["id"].clone();
            assert_eq!(next, "6", "{path}");
        }
        api.acme.post("/pipeline/leads?ifNoDuplicate=name", &json!({ "title": "L" })).refuses(&[("ifNoDuplicate", "unknown_field")]);
    }

    /// However many it looks like, a hundred are told.
    fn the_ids_of_those_that_look_alike_have_an_end(database) {
        let api = Api::start(database);
        let path = "/directory/contacts";
        let make = |name: &str, email: &str, count: usize| {
            let items: Vec<Value> = (0..count).map(|_| json!({ "name": name, "email": [{ "value": email }] })).collect();
            let made = api.acme.post(&format!("{path}/batch"), &json!({ "mode": "create", "items": items }));
            assert_eq!(made.body["created"], count, "{}", made.text);
        };
        let told = |by: &str| {
            let body = json!({ "name": "Same", "email": [{ "value": "same@example.com" }] });
            let refused = api.acme.post(&format!("{path}?ifNoDuplicate={by}"), &body);
            refused.problem(409, "duplicate").body["ids"].as_array().unwrap().len()
        };
        make("Same", "other@example.com", 60);
        make("Other", "same@example.com", 40);
        assert_eq!((told("name"), told("email"), told("name,email")), (60, 40, 100));
        make("Other", "same@example.com", 61);
        assert_eq!((told("name"), told("email"), told("name,email")), (60, 100, 100));
    }
}
