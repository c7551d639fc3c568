//! Keys live and die on running gateways, and never reach a log (docs/compatibility.md, "Keys").

use std::time::{Duration, Instant};

use crm_core::{BackendKind, tenants};
use crm_testkit::both_databases;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::client::{Api, Client, Keys};
use crate::dump::dump;
use crate::process::{Serving, gateway, stdout};

/// The contract says that a key which is gone is dead everywhere after this time.
const WITHIN: Duration = Duration::from_secs(5);

fn status(client: &Client) -> u16 {
    client.get("/pipeline/leads").status
}

both_databases! {
    /// A rotated key and those of a deleted tenant die within 5 seconds on every gateway; the others live on.
    fn a_key_that_is_gone_dies_everywhere(database) {
        let api = Api::start(database);
        let doomed = api.tenant("doomed");
        // Only one gateway serves an SQLite file.
        let second = (database.kind() == BackendKind::Postgres).then(|| Serving::start(&mut gateway(database)));
        let mut urls = vec![api.serving.url.clone()];
        urls.extend(second.iter().map(|serving| serving.url.clone()));
        let at = |url: &String, keys: &Keys| Client::new(url, keys.clone());
        let old: Vec<Client> = urls.iter().map(|url| at(url, &api.acme.keys)).collect();
        let gone = urls.iter().flat_map(|url| [at(url, &doomed.keys), at(url, &doomed.keys).read_only()]);
        let dying: Vec<Client> = old.iter().cloned().chain(gone).collect();
        assert!(dying.iter().all(|client| status(client) == 200), "every gateway has seen them all");

        let began = Instant::now();
        let rotated = stdout(database, &["keys", "rotate", "--tenant", "acme", "--which", "primary", "--json"]);
        stdout(database, &["tenants", "delete", "doomed", "--yes"]);
        let new = serde_json::from_str::<Value>(&rotated).unwrap()["key"].as_str().unwrap().to_owned();
        for client in &old {
            let made = client.with_key(Some(&new)).post("/pipeline/leads", &json!({ "title": "By the new key" }));
            assert_eq!(made.status, 201, "the new key works at once");
        }
        let mut left: Vec<&Client> = dying.iter().collect();
        while !left.is_empty() {
            left.retain(|client| status(client) != 401);
            assert!(left.is_empty() || began.elapsed() < WITHIN, "{} keys are alive still", left.len());
            assert!(old.iter().all(|client| status(&client.read_only()) == 200), "the other key lives on");
            std::thread::sleep(Duration::from_millis(100));
        }
        for client in &dying {
            client.get("/pipeline/leads").problem(401, "invalid_key");
            client.post("/pipeline/leads", &json!({ "title": "x" })).problem(401, "invalid_key");
        }
        for client in &old {
            let read_only = client.read_only();
            read_only.post("/pipeline/leads", &json!({ "title": "x" })).problem(403, "read_only_key");
        }
    }

    /// Whatever is written in the seconds in which the key of a deleted tenant is still trusted here, the client hears that
    /// it is nobody's, and nothing is left of it.
    fn a_write_after_the_tenant_s_end_is_401(database) {
        let api = Api::start(database);
        let doomed = api.tenant("doomed");
        let key = [("Idempotency-Key", "once")];
        let stages = json!([{ "key": "s", "label": "S" }]);
        let makes = [
            ("POST", "/pipeline/leads", json!({ "title": "x" })),
            ("POST", "/pipeline/pipelines/opportunities", json!({ "name": "P", "isDefault": true, "stages": stages })),
            ("POST", "/directory/contacts", json!({ "name": "x" })),
            ("POST", "/directory/organizations", json!({ "name": "x" })),
            ("POST", "/pipeline/opportunities", json!({ "title": "x" })),
            ("POST", "/cases/cases", json!({ "title": "x" })),
            ("POST", "/pipeline/tags/leads", json!({ "label": "x" })),
            ("PUT", "/pipeline/forms/opportunities", json!({ "fields": [] })),
        ];
        doomed.get("/pipeline/leads").items();
        // As the command ends; it waits until no gateway remembers the keys, for whoever deletes by hand.
        let id = "doomed".parse().unwrap();
        database.connect().write(|connection| tenants::delete(connection, &id)).unwrap();
        let before = dump(database);
        let first = doomed.post("/pipeline/leads", &json!({ "title": "x" }));
        first.problem(401, "invalid_key");
        doomed.send("POST", "/pipeline/leads", &key, Some("{\"title\":\"x\"}")).problem(401, "invalid_key");
        doomed.send("POST", "/pipeline/leads", &key, Some("{}")).problem(401, "invalid_key");
        for (method, path, body) in &makes {
            doomed.send(method, path, &[], Some(&body.to_string())).problem(401, "invalid_key");
        }
        for (method, body) in [("PATCH", Some("{\"title\":\"y\"}")), ("DELETE", None)] {
            let answer = doomed.send(method, "/pipeline/leads/1", &[], body);
            assert_eq!(answer.status, 401, "{method}: {}", answer.text);
        }
        assert_eq!(dump(database), before, "nothing was made");
    }

    /// That a key was replaced is told, by whichever route, and nothing of the key.
    fn a_rotation_is_told_without_the_key(database) {
        const OPERATOR: &str = "the-operator-of-a-gateway-under-test";
        let api = Api::start_with(database, &[("CRM_ADMIN_KEY", OPERATOR)]);
        let role = |role: &str| {
            let keys = api.acme.get("/settings/keys");
            let key = keys.items().iter().find(|key| key["role"] == role).unwrap().clone();
            key["id"].as_str().unwrap().to_owned()
        };
        let (primary, secondary) = (role("primary"), role("secondary"));
        let (own, client) = crate::access::key(&api.acme, &["settings:write"]);
        let since = api.acme.get("/changes?since=now").body["next"].as_str().unwrap().to_owned();
        let bearer = format!("Bearer {OPERATOR}");
        let as_operator = |role: &str| {
            let path = format!("/admin/tenants/acme/keys/{role}/rotate");
            api.acme.with_key(None).send("POST", &path, &[("Authorization", &bearer)], None)
        };
        let rotated = [
            client.post("/me/rotate", &json!({ "graceMinutes": 5 })),
            api.acme.post(&format!("/settings/keys/{own}/rotate"), &json!({})),
            as_operator("secondary"),
            as_operator("primary"),
        ];
        let secrets = rotated.iter().map(|answer| answer.item(200)["key"].as_str().unwrap()).collect::<Vec<_>>();
        let acme = api.acme.with_key(Some(secrets[3]));
        let began = Instant::now();
        let told = loop {
            let page = acme.get(&format!("/changes?since={since}&kinds=key&actions=updated"));
            if page.items().len() >= 4 {
                break page;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{}", page.text);
            std::thread::sleep(Duration::from_millis(50));
        };
        let of: Vec<&str> = told.items().iter().map(|change| change["recordId"].as_str().unwrap()).collect();
        assert_eq!(of, [&own, &own, &secondary, &primary]);
        for change in told.items() {
            assert_eq!(change["changes"], json!([{ "field": "key", "from": null, "to": null }]), "{change}");
        }
        assert!(!secrets.iter().any(|secret| told.text.contains(secret)));
    }

    /// Who asks about a key that is gone, and that this gateway remembers a moment longer, is told that it is no key.
    fn a_key_that_is_gone_is_nobody(database) {
        let api = Api::start(database);
        let made = api.acme.post("/settings/keys", &json!({ "name": "doomed", "scopes": ["*:read"] }));
        let doomed = api.acme.with_key(made.item(201)["key"].as_str());
        doomed.get("/me").item(200);
        let gone = "DELETE FROM api_keys WHERE tenant_id = 1 AND name = 'doomed'";
        database.connect().batch_execute(gone).unwrap();
        doomed.get("/me").problem(401, "invalid_key");
    }

    /// The first tenant comes from the environment where somebody chose it, and only as long as there is none.
    fn chosen_keys_make_the_first_tenant(database) {
        let chosen = |name: &str| format!("{name}-{}", "k".repeat(32));
        let start = |tenant: &str| {
            Serving::start(gateway(database).envs([
                ("CRM_BOOTSTRAP_TENANT", tenant.to_owned()),
                ("CRM_BOOTSTRAP_PRIMARY_KEY", chosen(&format!("{tenant}-primary"))),
                ("CRM_BOOTSTRAP_SECONDARY_KEY", chosen(&format!("{tenant}-secondary"))),
            ]))
        };
        let keys = |tenant: &str| Keys {
            tenant: tenant.to_owned(),
            primary: chosen(&format!("{tenant}-primary")),
            secondary: chosen(&format!("{tenant}-secondary")),
        };
        let serving = start("first");
        assert!(serving.greeting.is_empty(), "whoever chose the keys knows them: {:?}", serving.greeting);
        let client = Client::new(&serving.url, keys("first"));
        let made = client.post("/pipeline/leads", &json!({ "title": "By a chosen key", "tenantId": "first" }));
        assert_eq!(made.item(201)["id"], "1");
        assert_eq!(client.read_only().get("/pipeline/leads").items().len(), 1);
        client.read_only().post("/pipeline/leads", &json!({ "title": "x" })).problem(403, "read_only_key");
        client.with_key(Some(&chosen("nobody"))).get("/pipeline/leads").problem(401, "invalid_key");
        client.with_key(Some(&keys("first").primary.to_uppercase())).get("/pipeline/leads").problem(401, "invalid_key");
        serving.kill();

        let again = start("second");
        let client = Client::new(&again.url, keys("first"));
        assert_eq!(client.get("/pipeline/leads").items().len(), 1, "the chosen keys last");
        client.with_key(Some(&keys("second").primary)).get("/pipeline/leads").problem(401, "invalid_key");
    }

    /// At the most talkative level the log has a line for every request, and no key, body or query in any line.
    fn no_key_reaches_the_log(database) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let keys = Keys::of_new_tenant(database, "acme");
        let log = std::fs::File::create(&path).unwrap();
        let serving = Serving::start_logging(gateway(database).env("RUST_LOG", "trace"), log);
        let client = Client::new(&serving.url, keys.clone());
        let nobody = client.with_key(None);
        let unknown = format!("canary{}", "u".repeat(40));
        let mut sent = 0;
        let mut secrets = vec!["canary".to_owned()];
        for key in [&keys.primary, &keys.secondary, &unknown] {
            // What is behind the prefix, and a part of it.
            secrets.extend([key[7..].to_owned(), key[10..26].to_owned()]);
            let headers = [("Ocp-Apim-Subscription-Key", key.as_str())];
            let body = "{\"title\":\"canary title\",\"unknown-canary\":1}";
            for (method, path, body) in [
                ("GET", "/pipeline/leads?title=canary", None),
                ("POST", "/pipeline/leads", Some(body)),
                ("POST", "/pipeline/leads", Some("{\"title\":\"canary\"}")),
                ("POST", "/pipeline/leads", Some("{\"canary\"")),
                ("PUT", "/pipeline/leads", Some(body)),
                ("GET", "/healthz", None),
            ] {
                nobody.send(method, path, &headers, body);
                let mark = if path.contains('?') { '&' } else { '?' };
                nobody.send(method, &format!("{path}{mark}key={key}"), &[], body);
                nobody.send(method, &format!("{path}{mark}subscription-key={key}&page=0"), &[], body);
                sent += 3;
            }
            nobody.send("GET", &format!("/nowhere?key={key}"), &[("Accept", "text/csv")], None);
            sent += 1;
        }
        serving.terminate();
        let log = std::fs::read_to_string(&path).unwrap();
        assert_eq!(log.lines().filter(|line| line.contains("request_id=") && line.contains("ms=")).count(), sent);
        for secret in &secrets {
            let found = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(found, None, "{secret}");
        }
    }
}
