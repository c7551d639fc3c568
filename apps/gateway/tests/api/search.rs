//! `GET /search`.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};

/// What was found: `kind title match`.
#[track_caller]
fn found(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("/search?{query}"));
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    let line = |item: &Value| ["kind", "title", "subtitle", "match"].map(|name| text(item, name)).join(" | ");
    answer.items().iter().map(line).collect()
}

both_databases! {
    /// Exact matches first, then what begins so, then what contains it; each record once.
    fn anything_is_found_by_what_people_know_of_it(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let make = |path: &str, body: Value| acme.post(path, &body).item(201)["id"].as_str().unwrap().to_owned();
        make("/pipeline/leads", json!({ "title": "New Álvaro project" }));
        make("/pipeline/leads", json!({ "title": "Alvaro & sons" }));
        make("/pipeline/opportunities", json!({ "title": "Something" }));
        make("/cases/cases", json!({ "title": "Alvaro's printer" }));
        make("/directory/organizations", json!({ "name": "Alvaro", "phone": [{ "value": "+49 (89) 1234-567" }] }));
        make("/directory/contacts", json!({
            "name": "Jane Doe", "email": [{ "value": "Jane.Doe@Alvaro.example" }, { "value": "alvaro@home.example" }],
            "phone": [{ "value": "089 1234 567 8" }],
        }));
        assert_eq!(found(acme, "q=alvaro"), [
            "organization | Alvaro | - | name",
            "lead | Alvaro & sons | - | title",
            "contact | Jane Doe | alvaro@home.example | email",
            "case | Alvaro's printer | - | title",
            "lead | New Álvaro project | - | title",
        ]);
        assert_eq!(found(acme, "q=%C3%81LVARO&kinds=lead,case&size=1"), ["lead | Alvaro & sons | - | title"]);
        assert_eq!(found(acme, "q=jane.doe@alvaro.example"), ["contact | Jane Doe | Jane.Doe@Alvaro.example | email"]);
        assert_eq!(found(acme, "q=1234-567"), [
            "contact | Jane Doe | 089 1234 567 8 | phone",
            "organization | Alvaro | +49 (89) 1234-567 | phone",
        ]);
        assert_eq!(found(acme, "q=1&kinds=lead,opportunity"), [
            "lead | New Álvaro project | - | id",
            "opportunity | Something | - | id",
        ]);
        assert_eq!(found(acme, "q=ja"), ["contact | Jane Doe | - | name"], "two characters");
        assert_eq!(found(acme, "q=%25"), [""; 0], "a percent sign is one");
        assert_eq!(found(acme, "q=%22alvaro%22%20OR%20title"), [""; 0], "quotes are quotes");
        assert_eq!(found(&api.tenant("umbrella"), "q=alvaro"), [""; 0]);

        assert_eq!(found(acme, "size=5"), [""; 0], "nothing is searched for");
        acme.get("/search?q=").refuses(&[("q", "required")]);
        acme.get("/search?q=a&size=51&kinds=tag").refuses(&[("size", "out_of_range"), ("kinds", "invalid_value")]);
        acme.get(&format!("/search?q={}", "x".repeat(256))).problem(400, "validation_failed");
    }

    /// A key that may read the directory only is shown nothing else.
    fn only_what_the_key_may_read_is_found(database) {
        let api = Api::start(database);
        api.acme.post("/pipeline/leads", &json!({ "title": "Alvaro" })).item(201);
        api.acme.post("/directory/contacts", &json!({ "name": "Alvaro" })).item(201);
        let key = api.acme.post("/settings/keys", &json!({ "name": "some", "scopes": ["directory:read"] }));
        let some = api.acme.with_key(key.item(201)["key"].as_str());
        assert_eq!(found(&some, "q=alvaro"), ["contact | Alvaro | - | name"]);
        assert_eq!(found(&some, "q=alvaro&kinds=lead"), [""; 0]);
    }

    /// Where more match than are compared, those that begin with the text are still found first.
    fn the_best_of_many_are_found(database) {
        let api = Api::start(database);
        let sizes = ["demo", "--tenant", "acme", "--organizations", "1", "--contacts", "300", "--leads", "1", "--cases", "1"];
        crate::process::stdout(database, &sizes);
        for name in ["Zoe exam", "exam", "exams"] {
            api.acme.post("/directory/contacts", &json!({ "name": name })).item(201);
        }
        // Every address of the demo has it.
        let all = found(&api.acme, "q=exam&kinds=contact&size=50");
        assert_eq!(all[..2], ["contact | exam | - | name", "contact | exams | - | name"]);
        assert_eq!(all.len(), 50);
    }

    /// External ids as they stand: the one that is the text before those that begin with it, and those of every kind.
    fn an_external_id_is_found_from_its_beginning(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for resource in crate::resources::RESOURCES {
            for (number, external_id) in ["ERP-17", "ERP-1", "erp-1", "x ERP-1"].iter().enumerate() {
                let body = json!({ resource.text: format!("R{number}"), "externalId": external_id });
                acme.post(resource.path, &body).item(201);
            }
            let kind = resource.bulk.1;
            assert_eq!(found(acme, &format!("q=ERP-1&kinds={kind}")), [
                format!("{kind} | R1 | ERP-1 | externalId"), format!("{kind} | R0 | ERP-17 | externalId"),
            ]);
            assert_eq!(found(acme, &format!("q=erp-1&kinds={kind}")), [format!("{kind} | R2 | erp-1 | externalId")]);
            assert_eq!(found(acme, &format!("q=ERP-1&kinds={kind}&size=1")), [format!("{kind} | R1 | ERP-1 | externalId")]);
        }
        assert_eq!(found(acme, "q=ERP-1&size=50").len(), 10);
        assert_eq!(found(acme, "q=RP-1"), [""; 0], "not from the middle");
        assert_eq!(found(&api.tenant("umbrella"), "q=ERP-1"), [""; 0]);
        // What is found in more than one way is told once.
        acme.post("/pipeline/leads", &json!({ "title": "ERP-1", "externalId": "ERP-1-copy" })).item(201);
        assert_eq!(found(acme, "q=ERP-1&kinds=lead")[..2], ["lead | ERP-1 | - | title", "lead | R1 | ERP-1 | externalId"]);
    }

    /// An address that is the text comes first, however many contain it.
    fn the_address_itself_is_found_among_many(database) {
        let api = Api::start(database);
        let path = "/directory/contacts/batch";
        for part in 0..2 {
            let items = (0..150).map(|number| {
                json!({ "name": "Other", "email": [{ "value": format!("x{part}{number}.ann@example.com") }] })
            });
            let made = api.acme.post(path, &json!({ "mode": "create", "items": items.collect::<Vec<_>>() }));
            assert_eq!(made.body["created"], 150, "{}", made.text);
        }
        api.acme.post("/directory/contacts", &json!({ "name": "Ann", "email": [{ "value": "Ann@example.com" }] })).item(201);
        assert_eq!(found(&api.acme, "q=ann@example.com&size=1"), ["contact | Ann | Ann@example.com | email"]);
    }
}
