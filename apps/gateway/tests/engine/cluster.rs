//! More than one machine: a tenant that is moved while its writes are stopped, and tables that are spread.

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::client::{Api, Client};
use crate::process::{Serving, gateway, one_error, output, stdout};

const LEADS: &str = "/pipeline/leads";

both_databases! {
    /// Nothing is written for a frozen tenant, it is read on, nobody else notices; it goes on where it was moved to.
    fn a_frozen_tenant_is_read_and_moves_on(database) {
        let operator = "an-operators-key-of-at-least-32-characters";
        let api = Api::start_with(database, &[("CRM_ADMIN_KEY", operator), ("CRM_ALLOW_RESET", "true")]);
        let others = api.tenant("umbrella");
        let lead = api.acme.post(LEADS, &json!({ "title": "Before" })).item(201)["id"].as_str().unwrap().to_owned();
        let one = format!("{LEADS}/{lead}");

        assert_eq!(stdout(database, &["tenants", "freeze", "acme"]), "tenant acme is frozen\n");
        let list = stdout(database, &["tenants", "list"]);
        assert!(list.lines().any(|line| line.starts_with("acme\t") && line.ends_with("\tfrozen")), "{list}");
        for (method, path, body) in [
            ("POST", LEADS, Some(json!({ "title": "After" }))),
            ("PATCH", &one, Some(json!({ "title": "After" }))),
            ("DELETE", &one, None),
            ("POST", "/directory/contacts/batch", Some(json!({ "mode": "create", "items": [{ "name": "A" }] }))),
            ("POST", "/settings/keys", Some(json!({ "name": "new", "scopes": ["*:read"] }))),
            ("POST", LEADS, Some(json!({ "title": 7 }))),
        ] {
            let body = body.map(|body| body.to_string());
            let answer = api.acme.send(method, path, &[("Idempotency-Key", "once")], body.as_deref());
            let code = if body.as_deref().is_some_and(|body| body.contains('7')) { (400, "validation_failed") } else { (503, "tenant_frozen") };
            answer.problem(code.0, code.1);
            assert_eq!(answer.header("retry-after").is_empty(), code.0 == 400, "{method} {path}");
        }
        let bearer = format!("Bearer {operator}");
        for path in ["keys/secondary/rotate", "keys/primary/rotate", "reset"] {
            let path = format!("/admin/tenants/acme/{path}");
            let asked = api.acme.with_key(None).send("POST", &path, &[("authorization", &bearer)], None);
            asked.problem(503, "tenant_frozen");
            assert!(!asked.header("retry-after").is_empty(), "{path}");
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("contacts.csv");
        std::fs::write(&file, "name\nAfter\n").unwrap();
        for arguments in [
            &["import", file.to_str().unwrap(), "--tenant", "acme", "--kind", "contact"][..],
            &["demo", "--tenant", "acme", "--leads", "1"],
            &["keys", "rotate", "--tenant", "acme", "--which", "secondary"],
            &["keys", "rotate", "--all"],
        ] {
            let line = one_error(&output(database, arguments), 1);
            assert!(line.ends_with("the tenant acme is frozen: it takes no changes until `tenants thaw`"), "{line}");
        }
        assert_eq!(api.acme.get("/directory/contacts").items().len(), 0, "nothing came");
        assert_eq!(api.acme.read_only().get(&one).item(200)["title"], "Before");
        others.post(LEADS, &json!({ "title": "Theirs" })).item(201);

        let target = TestDatabase::sqlite();
        let (from, to) = (database.url_text(), target.url_text());
        stdout(database, &["copy", "--from", &from, "--to", &to, "--tenant", "acme"]);
        let serving = Serving::start(&mut gateway(&target));
        let moved = Client::new(&serving.url, api.acme.keys.clone());
        moved.patch(&one, &json!({ "title": "There" })).problem(503, "tenant_frozen");
        drop(serving);
        assert!(stdout(&target, &["tenants", "thaw", "acme"]).starts_with("tenant acme takes writes again"));
        let serving = Serving::start(&mut gateway(&target));
        let moved = Client::new(&serving.url, api.acme.keys);
        let first = moved.send("POST", LEADS, &[("Idempotency-Key", "once")], Some("{\"title\":\"There\"}"));
        assert_eq!(first.item(201)["title"], "There", "what was refused meanwhile was not kept");
        let refused = output(database, &["tenants", "freeze", "nobody"]);
        assert_eq!(one_error(&refused, 1), "error: no tenant has the id nobody");
    }

    /// Without a cluster there is one line that says what is missing; what is spread already is left. Nothing is changed.
    fn only_a_cluster_is_distributed(database) {
        if database.is_distributed() {
            assert_eq!(stdout(database, &["distribute", "--shards", "4"]), "every table is distributed already\n");
        } else {
            let refused = output(database, &["distribute", "--shards", "4"]);
            let line = one_error(&refused, 1);
            assert!(line.starts_with("error: this database has no extension citus: name the coordinator"), "{line}");
        }
        assert_eq!(output(database, &["distribute", "--shards", "0"]).status.code(), Some(2));
        assert_eq!(stdout(database, &["check"]), "everything is as it must be\n");
    }

    /// A pooler and a standby are PostgreSQL's.
    fn settings_of_a_cluster_are_checked(database) {
        let refuses = |name: &str, value: &str, says: &str| {
            let refused = gateway(database).env(name, value).output().unwrap();
            let line = one_error(&refused, 2);
            assert!(line.starts_with(&format!("error: {name}: {says}")), "{line}");
        };
        refuses("CRM_DB_POOLER", "statement", "must be session or transaction");
        refuses("CRM_READ_DATABASE_URL", "sqlite://other.db", "names a standby of the PostgreSQL");
        if database.kind() == BackendKind::Sqlite {
            refuses("CRM_DB_POOLER", "transaction", "only PostgreSQL can be reached through a pooler");
            refuses("CRM_READ_DATABASE_URL", "postgres://a@b/c", "names a standby of the PostgreSQL");
        }
    }
}
