//! `copy`, `backup` and `check`: data that moves and is kept.

use std::time::Duration;

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::client::{Api, Client, Keys};
use crate::process::{Serving, gateway, one_error, output, stdout};

/// A database of the other kind.
fn other(database: &TestDatabase) -> TestDatabase {
    match database.kind() {
        BackendKind::Sqlite => TestDatabase::postgres(),
        BackendKind::Postgres => TestDatabase::sqlite(),
    }
}

fn fill(database: &TestDatabase, tenant: &str, leads: &str) {
    let sizes = ["--organizations", "10", "--contacts", "30", "--leads", leads, "--cases", "20", "--seed", "5"];
    stdout(database, &["demo", "--tenant", tenant].into_iter().chain(sizes).collect::<Vec<_>>());
}

fn copy<'a>(from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["copy", "--from", from, "--to", to].into_iter().chain(more.iter().copied()).collect()
}

/// What a tenant's clients see of everything.
fn seen(client: &Client) -> Vec<Value> {
    let lists = [
        "/pipeline/leads",
        "/pipeline/opportunities",
        "/directory/contacts",
        "/directory/organizations",
        "/cases/cases",
        "/cases/types/cases",
        "/pipeline/pipelines/opportunities",
    ];
    let list = |path: &&str| client.get(&format!("{path}?size=200&sort=asc")).items().clone();
    let seen: Vec<Value> = lists.iter().flat_map(list).collect();
    assert!(seen.len() > 100);
    seen
}

both_databases! {
    /// Into a database of the other kind, beside a tenant that is there: clients find what they knew, by their keys, and
    /// what they make goes on behind it.
    fn a_copy_is_the_same(database) {
        let api = Api::start(database);
        fill(database, "acme", "120");
        let other_tenant = api.tenant("umbrella");
        other_tenant.post("/pipeline/leads", &json!({ "title": "Theirs" })).item(201);
        let once = api.acme.send("POST", "/pipeline/leads", &[("Idempotency-Key", "once")], Some("{\"title\":\"Once\"}"));
        let lead = once.item(201)["id"].as_str().unwrap().parse::<i64>().unwrap();
        let before = seen(&api.acme);
        let target = other(database);
        Keys::of_new_tenant(&target, "resident");
        let (from, to) = (database.url_text(), target.url_text());

        let done = stdout(database, &copy(&from, &to, &["--tenant", "acme"]));
        assert!(done.starts_with("copied 1 tenants with ") && done.contains("hashes are the same"), "{done}");
        assert_eq!(stdout(&target, &["check"]), "everything is as it must be\n");
        let serving = Serving::start(gateway(&target).env("CRM_RATE_LIMIT", "0"));
        let moved = Client::new(&serving.url, api.acme.keys);
        assert_eq!(seen(&moved), before, "lists, and the keys that read them");
        let again = moved.send("POST", "/pipeline/leads", &[("Idempotency-Key", "once")], Some("{\"title\":\"Once\"}"));
        assert_eq!((again.item(201), again.header("idempotent-replayed")), (once.item(201), "true"));
        let next = moved.post("/pipeline/leads", &json!({ "title": "Next" }));
        assert_eq!(next.item(201)["id"], (lead + 1).to_string(), "numbers go on");
        moved.get("/pipeline/leads?title=cloud").items();

        let refused = output(database, &copy(&from, &to, &["--tenant", "acme"]));
        assert_eq!(one_error(&refused, 1), "error: the target has a tenant acme already");
        let refused = output(database, &copy(&from, &to, &[]));
        assert_eq!(one_error(&refused, 1), "error: the target has a tenant acme already");
        let others = Client::new(&serving.url, other_tenant.keys);
        others.get("/pipeline/leads").problem(401, "invalid_key");
        stdout(database, &copy(&from, &to, &["--tenant", "umbrella"]));
        // For a second a key that was nobody's stays so.
        std::thread::sleep(Duration::from_millis(1_100));
        assert_eq!(others.get("/pipeline/leads").items().len(), 1, "the next one has a number of its own");
    }

    /// A copy that is killed leaves nothing, and can be made anew.
    fn a_copy_that_is_killed_leaves_nothing(database) {
        Keys::of_new_tenant(database, "acme");
        fill(database, "acme", "2000");
        let target = other(database);
        let (from, to) = (database.url_text(), target.url_text());
        for wait in [50, 200, 500] {
            let mut copying = gateway(database).args(copy(&from, &to, &[])).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(wait));
            copying.kill().unwrap();
            let killed = !copying.wait().unwrap().success();
            let tenants = stdout(&target, &["tenants", "list"]);
            assert!(!killed || !tenants.contains("acme"), "after {wait} ms: {tenants}");
            if !killed {
                return;
            }
        }
        stdout(database, &copy(&from, &to, &[]));
        assert_eq!(stdout(&target, &["check"]), "everything is as it must be\n");
    }

    /// A table that nobody thought of is copied where it says whose its rows are, and refused where it does not.
    fn a_new_table_is_never_forgotten(database) {
        Keys::of_new_tenant(database, "acme");
        let target = other(database);
        let (from, to) = (database.url_text(), target.url_text());
        let make = |database: &TestDatabase, columns: &str| {
            let (number, bytes) = match database.kind() {
                BackendKind::Postgres => ("BIGINT", "BYTEA"),
                BackendKind::Sqlite => ("INTEGER", "BLOB"),
            };
            let columns = columns.replace("NUMBER", number).replace("BYTES", bytes);
            database.connect_to_fill().batch_execute(&format!("CREATE TABLE novelties ({columns})")).unwrap();
        };
        let with_owner = "tenant_id NUMBER NOT NULL REFERENCES tenants (id), name TEXT NOT NULL, seal BYTES, PRIMARY KEY (tenant_id, name)";
        make(database, with_owner);
        make(&target, with_owner);
        let row = "INSERT INTO novelties (tenant_id, name) SELECT id, 'Ünïcode \" and ''quotes''' FROM tenants";
        database.connect_to_fill().batch_execute(row).unwrap();
        stdout(database, &copy(&from, &to, &[]));
        let mut connection = target.connect_to_fill();
        // Fails where there is none.
        connection.batch_execute("INSERT INTO novelties (tenant_id, name) SELECT tenant_id, 'second' FROM novelties").unwrap();
        let taken = "INSERT INTO novelties (tenant_id, name) SELECT tenant_id, 'second' FROM novelties";
        assert!(connection.batch_execute(taken).is_err(), "the row came along");

        database.connect_to_fill().batch_execute("ALTER TABLE novelties RENAME COLUMN tenant_id TO somebody").unwrap();
        let refused = one_error(&output(database, &copy(&from, &to, &[])), 1);
        assert!(refused.contains("whose the rows of novelties are cannot be told"), "{refused}");
    }

    /// The command finds what the checker finds, and only reads.
    fn a_fault_is_found(database) {
        Keys::of_new_tenant(database, "acme");
        fill(database, "acme", "20");
        assert_eq!(stdout(database, &["check"]), "everything is as it must be\n");
        let faults = "UPDATE numbering SET last = 1 WHERE kind = 1; DELETE FROM default_pipelines";
        database.connect_to_fill().batch_execute(faults).unwrap();
        let found = output(database, &["check"]);
        assert_eq!(found.status.code(), Some(1));
        let lines = String::from_utf8(found.stdout).unwrap();
        assert_eq!(lines, "leads has an id that will be given again: 19\na tenant has no default pipeline: 1\n");
        assert_eq!(String::from_utf8(found.stderr).unwrap(), "error: 2 rules are broken\n");
    }
}

/// The command writes what the API answers, and leaves no half of a file.
#[test]
fn an_export_is_that_of_the_api() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    fill(&database, "acme", "1200");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("leads.csv");
    let path = file.to_str().unwrap();
    let export = |more: &[&'static str]| {
        let first = ["export", "--tenant", "acme", "--output", path];
        first.into_iter().chain(more.iter().copied()).collect::<Vec<_>>()
    };
    let done = stdout(&database, &export(&["--kind", "lead"]));
    assert!(done.starts_with("exported 1200 leads of acme to "), "{done}");
    let served = api.acme.get("/pipeline/leads/export?sort=asc").text;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), served);
    stdout(&database, &export(&["--kind", "organization", "--format", "ndjson", "--fields", "name,email.Work"]));
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 10, "replaced");
    let refused = one_error(&output(&database, &export(&["--kind", "lead", "--fields", "nmae"])), 1);
    assert!(refused.contains("nmae is no column"), "{refused}");
    assert_eq!(output(&database, &export(&["--kind", "tag"])).status.code(), Some(2));
    let filtered = ["--kind", "lead", "--filter", "title=a", "--filter", "orderBy=title", "--filter", "notEmpty=owner"];
    stdout(&database, &export(&filtered));
    let served = api.acme.get("/pipeline/leads/export?title=a&orderBy=title&notEmpty=owner").text;
    assert!(served.lines().count() > 2 && served.lines().count() < 1200, "{served}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), served);
    for (filter, named) in [
        ("titel=a", "titel"),
        ("page=2", "page"),
        ("title=", "title"),
        ("isArchived=perhaps", "isArchived"),
        ("orderBy=note", "orderBy"),
        ("customFields.none=1", "customFields.none"),
    ] {
        let refused = one_error(&output(&database, &export(&["--kind", "lead", "--filter", filter])), 2);
        assert!(refused.contains("--filter") && refused.contains(named), "{filter}: {refused}");
    }
    let twice = export(&["--kind", "lead", "--filter", "title=a", "--filter", "title=b"]);
    assert!(one_error(&output(&database, &twice), 2).contains("title"));
    assert_eq!(output(&database, &export(&["--kind", "lead", "--filter", "title"])).status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), served, "what is refused replaces nothing");
    assert_eq!(directory.path().read_dir().unwrap().count(), 1, "nothing else is left");
}

/// A backup is made beside a running gateway, is whole, and replaces nothing unless it is told to.
#[test]
fn a_backup_is_a_database() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    fill(&database, "acme", "30");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup.db");
    let path = file.to_str().unwrap();
    let done = stdout(&database, &["backup", path]);
    assert!(done.starts_with("backed up ") && done.contains(" bytes, verified)"), "{done}");
    api.acme.post("/pipeline/leads", &json!({ "title": "Later" })).item(201);
    let copied = TestDatabase::at(file.clone());
    assert_eq!(stdout(&copied, &["check"]), "everything is as it must be\n");
    let serving = Serving::start(&mut gateway(&copied));
    let count = |client: &Client| client.get("/pipeline/leads?includeTotal=true").body["total"].as_i64().unwrap();
    let restored = Client::new(&serving.url, api.acme.keys.clone());
    assert_eq!((count(&restored), count(&api.acme)), (30, 31));
    drop(serving);

    let refused = one_error(&output(&database, &["backup", path]), 1);
    assert!(refused.ends_with("exists: --force replaces it"), "{refused}");
    stdout(&database, &["backup", path, "--force"]);
    let names: Vec<String> =
        directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.starts_with("backup.db")), "nothing else is left: {names:?}");
    let nowhere = directory.path().join("none/backup.db");
    assert_eq!(output(&database, &["backup", nowhere.to_str().unwrap()]).status.code(), Some(1));
}

/// PostgreSQL has a program of its own for that.
#[test]
fn a_backup_of_postgres_names_pg_dump() {
    let database = TestDatabase::postgres();
    let told = one_error(&output(&database, &["backup", "/tmp/x.dump"]), 1);
    assert!(told.contains("pg_dump --format=custom --file=/tmp/x.dump"), "{told}");
}
