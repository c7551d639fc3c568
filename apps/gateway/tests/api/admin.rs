//! Tenants over HTTP (docs/compatibility.md, "Tenants over HTTP").

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client, Keys};

const KEY: &str = "an operator's key of thirty-two ch";

/// Visible ASCII, as a setting takes it.
fn operator_key() -> String {
    KEY.replace(' ', "-")
}

struct Operator(Client, String);

impl Operator {
    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string);
        self.0.send(method, path, &[("Authorization", &self.1)], body.as_deref())
    }
}

fn operator(api: &Api<'_>) -> Operator {
    Operator(api.acme.with_key(None), format!("Bearer {}", operator_key()))
}

fn client(api: &Api<'_>, made: &Value) -> Client {
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Client::new(
        &api.serving.url,
        Keys { tenant: text("id"), primary: text("primaryKey"), secondary: text("secondaryKey") },
    )
}

both_databases! {
    /// Without the setting the routes are not there; with it they want its value.
    fn only_the_operator_gets_in(database) {
        let key = operator_key();
        let api = Api::start_with(database, &[("CRM_ADMIN_KEY", &key)]);
        let requests = [("GET", "/admin/tenants"), ("DELETE", "/admin/tenants/acme"), ("POST", "/admin/tenants")];
        for (method, path) in requests {
            let body = (method == "POST").then_some("{");
            let send = |headers: &[(&str, &str)]| api.acme.send(method, path, headers, body);
            send(&[]).problem(401, "missing_admin_key");
            for authorization in ["Bearer nobody", "Basic abc", api.acme.keys.primary.as_str()] {
                let answer = send(&[("Authorization", authorization)]);
                answer.problem(401, "invalid_admin_key");
                assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"administration\"");
                assert!(answer.headers.get_all("vary").iter().any(|value| value == "Authorization"), "{answer:?}");
            }
        }
        assert_eq!(operator(&api).send("GET", "/admin/tenants", None).items().len(), 1);
        operator(&api).send("POST", "/admin/tenants/acme/reset", None).problem(404, "unknown_route");
        let without = api.restart();
        operator(&without).send("GET", "/admin/tenants", None).problem(404, "unknown_route");
    }

    /// A tenant is made, works, is rotated, and is gone with all that it has; another one stays as it is.
    fn a_tenant_comes_and_goes(database) {
        let key = operator_key();
        let api = Api::start_with(database, &[("CRM_ADMIN_KEY", &key)]);
        let operator = operator(&api);
        let made = operator.send("POST", "/admin/tenants", Some(&json!({ "id": "brief", "name": "Brief" })));
        let item = made.item(201);
        assert_eq!((made.header("location"), &item["name"]), ("/admin/tenants/brief", &json!("Brief")));
        operator.send("POST", "/admin/tenants", Some(&json!({ "id": "brief" }))).problem(409, "tenant_exists");
        operator.send("POST", "/admin/tenants", Some(&json!({ "id": "a b" }))).refuses(&[("id", "invalid_id")]);
        let brief = client(&api, item);
        assert_eq!(brief.post("/pipeline/leads", &json!({ "title": "x" })).status, 201);
        assert_eq!(brief.read_only().get("/pipeline/leads").items().len(), 1);

        let chosen = json!({ "primaryKey": "p".repeat(32), "secondaryKey": "s".repeat(32) });
        let by_choice = operator.send("POST", "/admin/tenants", Some(&chosen));
        assert_eq!(client(&api, by_choice.item(201)).get("/me").item(200)["key"]["role"], "primary", "at once");
        operator.send("POST", "/admin/tenants", Some(&chosen)).problem(409, "key_in_use");
        let alone = json!({ "primaryKey": "q".repeat(32) });
        operator.send("POST", "/admin/tenants", Some(&alone)).refuses(&[("secondaryKey", "required")]);

        let rotate = "/admin/tenants/brief/keys/secondary/rotate";
        operator.send("POST", rotate, Some(&json!({ "graceMinutes": 60 }))).refuses(&[("graceMinutes", "unknown_field")]);
        assert_eq!(brief.read_only().get("/me").status, 200, "and nothing was replaced");
        let rotated = operator.send("POST", rotate, None);
        let new = brief.with_key(rotated.item(200)["key"].as_str());
        assert_eq!(new.get("/me").item(200)["key"]["role"], "secondary");

        assert_eq!(operator.send("DELETE", "/admin/tenants/brief", None).status, 204);
        brief.get("/pipeline/leads").problem(401, "invalid_key");
        operator.send("GET", "/admin/tenants/brief", None).problem(404, "not_found");
        operator.send("DELETE", "/admin/tenants/brief", None).problem(404, "not_found");
        assert_eq!(api.acme.get("/me").item(200)["tenant"]["id"], "acme");
        let again = operator.send("POST", "/admin/tenants", Some(&json!({ "id": "brief" })));
        let leads = client(&api, again.item(201)).post("/pipeline/leads", &json!({ "title": "x" }));
        assert_eq!(leads.item(201)["id"], "1", "a new tenant counts from 1");
    }

    /// A tenant that is reset has what a new one has, and its two keys.
    fn a_tenant_is_reset(database) {
        let key = operator_key();
        let api = Api::start_with(database, &[("CRM_ADMIN_KEY", &key), ("CRM_ALLOW_RESET", "true")]);
        let operator = operator(&api);
        let fresh = client(&api, operator.send("POST", "/admin/tenants", Some(&json!({ "id": "fresh" }))).item(201));
        let paths = ["/pipeline/pipelines/opportunities", "/cases/types/cases", "/pipeline/forms/opportunities", "/pipeline/leads"];
        let shape = |client: &Client| paths.map(|path| client.get(path).items().len());
        for (path, body) in [("/pipeline/leads", json!({ "title": "x" })), ("/cases/cases", json!({ "title": "x" })),
            ("/pipeline/tags/leads", json!({ "label": "x" })), ("/pipeline/pipelines/opportunities", json!({ "name": "x" }))]
        {
            let made = api.acme.send("POST", path, &[("Idempotency-Key", path)], Some(&body.to_string()));
            assert!(matches!(made.status, 201 | 400), "{}", made.text);
        }
        let named = api.acme.post("/settings/keys", &json!({ "name": "n", "scopes": ["*:read"] }));
        assert_ne!(shape(&api.acme), shape(&fresh));
        let seen = api.acme.get("/changes?since=now").body["next"].as_str().unwrap().to_owned();
        assert_eq!(operator.send("POST", "/admin/tenants/acme/reset", None).item(200)["id"], "acme");
        assert_eq!(shape(&api.acme), shape(&fresh));
        assert_eq!(api.acme.get("/settings/keys").items().len(), 2, "{}", named.text);
        let body = json!({ "title": "x" }).to_string();
        // Also who had seen everything is told that it is no more.
        api.acme.get(&format!("/changes?since={seen}")).problem(410, "history_gone");
        let again = api.acme.send("POST", "/pipeline/leads", &[("Idempotency-Key", "/pipeline/leads")], Some(&body));
        assert_eq!((again.header("idempotent-replayed"), &again.item(201)["id"]), ("", &json!("1")));
    }
}
