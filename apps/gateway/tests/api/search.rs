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
}
