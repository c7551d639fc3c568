//! Secrets of client maps at rest.

use std::process::Command;

use crm_core::{DatabaseUrl, DbConnection};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::process::{Serving, gateway, one_error, stdout};
use crate::setup::{ACME, Admin, LIST, OTHER, ROOT, SECRET, make_tenant, minimal, start};

/// Base64 of 32 bytes each.
const FIRST: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const SECOND: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
/// What must not be found where secrets are sealed.
const CANARY: &str = "canary-7f3a9c";

fn serving(database: &TestDatabase, keys: &str) -> Serving {
    start(database, &[("CRM_JWT_SECRET", SECRET), ("CRM_SECRETS_KEY", keys)])
}

fn with_secret(client_id: &str) -> Value {
    let mut body = minimal(client_id);
    body["configuration"] = json!({
        "endpoint": "https://a.example",
        "auth": { "clientSecret": CANARY, "tokens": [CANARY, 1e3] },
        "hops": [{ "apiKey": CANARY }, { "apiKey": null, "note": "plain" }],
    });
    body
}

/// Everything that lies in the database, as a thief finds it.
fn stolen(database: &TestDatabase) -> String {
    match database.url() {
        DatabaseUrl::SqliteFile(path) => {
            database.connect().batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
        }
        _ => {
            let dump = Command::new("pg_dump").arg(database.url_text()).output().unwrap();
            assert!(dump.status.success(), "{dump:?}");
            String::from_utf8(dump.stdout).unwrap()
        }
    }
}

fn run(database: &TestDatabase, sql: &str) {
    match database.connect() {
        DbConnection::Postgres(mut postgres) => postgres.batch_execute(sql).unwrap(),
        DbConnection::Sqlite(mut sqlite) => sqlite.batch_execute(sql).unwrap(),
    }
}

/// Makes a client map and changes it, each of its secrets kept by its mask, and looks at it with everything but the id and times.
fn make_and_change(admin: &Admin, client_id: &str) -> (String, Value) {
    let made = admin.post(ROOT, &with_secret(client_id));
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("{ROOT}/{}", made.body["data"]["id"].as_str().unwrap());
    let mut shown = made.body["data"]["configuration"].clone();
    shown["endpoint"] = json!("https://b.example");
    let changed = admin.patch(&path, &json!({ "configuration": shown }));
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(changed.body["data"]["configuration"], shown);
    (path, changed.body["data"]["configuration"].clone())
}

both_databases! {
    /// With a key no secret is found in the database; without one, they are, and what is shown is the same.
    fn secrets_are_sealed_where_there_is_a_key(database) {
        make_tenant(database, ACME);
        let clear = serving(database, "");
        let (path, shown) = make_and_change(&Admin::with_secret(&clear, ACME), "one");
        assert!(stolen(database).contains(CANARY), "without a key they lie in clear");
        drop(clear);

        let sealed = serving(database, FIRST);
        let admin = Admin::with_secret(&sealed, ACME);
        assert_eq!(admin.get(&path).body["data"]["configuration"], shown);
        assert_eq!(make_and_change(&admin, "two").1, shown, "the same is shown");
        let said = stdout_with(database, FIRST, &["secrets", "reencrypt"]);
        assert!(said.starts_with("the secrets of 1 client maps"), "the one in clear: {said}");
        if let DatabaseUrl::SqliteFile(_) = database.url() {
            // Pages that hold nothing any more still have what they held.
            run(database, "VACUUM");
        }
        let found = stolen(database);
        assert!(!found.contains(CANARY) && found.contains("https://b.example"), "only secrets are sealed");
        assert_eq!(admin.get(LIST).body["data"]["count"], 2);
    }

    /// A new key seals, the old one still opens; sealed anew, the old one is needed no more.
    fn keys_are_rotated(database) {
        make_tenant(database, ACME);
        let first = serving(database, FIRST);
        let (path, shown) = make_and_change(&Admin::with_secret(&first, ACME), "one");
        drop(first);

        for keys in [SECOND, ""] {
            let refused = gateway(database).env("CRM_SECRETS_KEY", keys).env("RUST_LOG", "error").output().unwrap();
            let error = one_error(&refused, 2);
            assert!(error.starts_with("error: CRM_SECRETS_KEY: stored secrets are sealed with the key "), "{error}");
        }
        let both = format!("{SECOND},{FIRST}");
        let rotated = serving(database, &both);
        let admin = Admin::with_secret(&rotated, ACME);
        let kept = admin.patch(&path, &json!({ "configuration": shown, "clientName": "Kept" }));
        assert_eq!((kept.status, &kept.body["data"]["configuration"]), (200, &shown));
        let said = stdout_with(database, &both, &["secrets", "reencrypt"]);
        assert!(said.starts_with("the secrets of 1 client maps"), "{said}");
        assert!(stdout_with(database, &both, &["secrets", "reencrypt"]).starts_with("the secrets of 0 "), "only once");
        drop(rotated);
        let second = serving(database, SECOND);
        let admin = Admin::with_secret(&second, ACME);
        let mut longer = shown;
        longer["note"] = json!("opened with the new key");
        assert_eq!(admin.patch(&path, &json!({ "configuration": longer })).status, 200);
    }

    /// A sealed secret opens in its tenant, record and member only.
    fn what_is_moved_does_not_open(database) {
        for tenant in [ACME, OTHER] {
            make_tenant(database, tenant);
        }
        let gateway = serving(database, FIRST);
        let (acme, other) = (Admin::with_secret(&gateway, ACME), Admin::with_secret(&gateway, OTHER));
        let (path, shown) = make_and_change(&acme, "one");
        let (foreign, _) = make_and_change(&other, "foreign");
        let patch = json!({ "configuration": { "endpoint": "https://c.example", "auth": shown["auth"] } });
        run(database, "UPDATE client_maps SET configuration = (SELECT configuration FROM client_maps WHERE client_id = 'one')");
        let stolen = other.patch(&foreign, &patch);
        assert_eq!(stolen.status, 500, "{}", stolen.text);
        assert!(!stolen.text.contains(CANARY));
        assert_eq!(acme.patch(&path, &patch).status, 200, "where it belongs it opens");
        // Two members of one record: their places are changed.
        run(database, "UPDATE client_maps SET configuration = NULL, secrets_key = NULL WHERE client_id <> 'one'");
        let text = if let DatabaseUrl::SqliteFile(_) = database.url() { "configuration" } else { "configuration::text" };
        let (json, cast) = if text == "configuration" { ("", "") } else { ("(", ")::json") };
        run(database, &format!("UPDATE client_maps SET configuration = {json}replace({text}, 'clientSecret', 'newToken'){cast} WHERE client_id = 'one'"));
        let renamed = acme.patch(&path, &json!({ "configuration": { "auth": { "newToken": "********" } } }));
        assert_eq!(renamed.status, 500, "{}", renamed.text);
        assert_eq!(acme.get(LIST).status, 200, "what is only shown needs no key");
    }
}

fn stdout_with(database: &TestDatabase, keys: &str, arguments: &[&str]) -> String {
    let output = gateway(database).env("CRM_SECRETS_KEY", keys).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn without_a_key_the_start_says_so_once_and_nothing_can_be_sealed() {
    let database = TestDatabase::sqlite();
    let error = stdout(&database, &["secrets", "--help"]);
    assert!(error.contains("reencrypt"), "{error}");
    let refused = gateway(&database).args(["secrets", "reencrypt"]).output().unwrap();
    assert!(one_error(&refused, 1).contains("CRM_SECRETS_KEY is not set"));
    for (keys, expected) in [("", 1), (FIRST, 0)] {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        let mut command = gateway(&database);
        command.env("CRM_SECRETS_KEY", keys);
        drop(Serving::start_logging(&mut command, log.reopen().unwrap()));
        let mut said = String::new();
        std::io::Read::read_to_string(&mut log, &mut said).unwrap();
        assert_eq!(said.matches("secrets of client maps and webhooks are stored in clear").count(), expected, "{said}");
    }
}
