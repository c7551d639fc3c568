//! The file of an SQLite database: one name, one owner, one gateway, and what happens when somebody takes it away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crm_core::DatabaseUrl;
use crm_core::migrate::with_suffix;
use crm_gateway::db::{DbSettings, Executor};
use crm_gateway::upkeep;
use crm_testkit::TestDatabase;
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::client::{Answer, Api};
use crate::executor::block_on;
use crate::process::{Serving, gateway, one_error};

fn path(database: &TestDatabase) -> &Path {
    database.url().file().unwrap()
}

fn beside(database: &TestDatabase, name: &str) -> PathBuf {
    path(database).with_file_name(name)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_link_is_another_way_to_the_same_lock() {
    let database = TestDatabase::sqlite();
    symlink(path(&database), beside(&database, "link.db")).unwrap();
    let link = format!("sqlite://{}", beside(&database, "link.db").display());
    let first = Serving::start(gateway(&database).env("DATABASE_URL", &link));
    assert!(with_suffix(path(&database), ".serve-lock").exists(), "beside the file, and not beside the link");
    for url in [link, database.url_text()] {
        let second = gateway(&database).env("DATABASE_URL", url).output().unwrap();
        assert!(one_error(&second, 1).contains("another gateway serves"));
    }
    assert_eq!(first.terminate(), Some(0));
}

#[test]
fn a_file_with_two_names_is_refused_under_both() {
    let database = TestDatabase::sqlite();
    fs::hard_link(path(&database), beside(&database, "second.db")).unwrap();
    for name in ["crm.db", "second.db"] {
        let url = format!("sqlite://{}", beside(&database, name).display());
        let refused = gateway(&database).env("DATABASE_URL", url).output().unwrap();
        assert!(one_error(&refused, 2).contains("has 2 names"), "{name}");
    }
    fs::remove_file(beside(&database, "second.db")).unwrap();
    assert_eq!(Serving::start(&mut gateway(&database)).terminate(), Some(0));
}

#[test]
fn everything_of_a_database_is_its_owners_alone_whatever_the_umask() {
    let database = TestDatabase::empty_sqlite();
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_crm-gateway");
    command.env_clear().args(["-c", "umask 000; exec \"$0\"", program]).stdout(std::process::Stdio::piped());
    command.env("DATABASE_URL", database.url_text()).env("CRM_LISTEN", "127.0.0.1:0");
    let serving = Serving::start(&mut command);
    let names = ["", "-wal", "-shm", ".serve-lock", ".migrate-lock"];
    for file in names.map(|suffix| with_suffix(path(&database), suffix)) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(serving);
    // One that was made otherwise is closed by the next start.
    for suffix in ["", ".serve-lock"] {
        fs::set_permissions(with_suffix(path(&database), suffix), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let _serving = Serving::start(&mut command);
    for file in names.map(|suffix| with_suffix(path(&database), suffix)) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

fn create(api: &Api<'_>) -> Answer {
    api.acme.post("/pipeline/leads", &json!({ "title": "A lead" }))
}

/// Takes the file away while a gateway serves it: writes and `/readyz` are 503, nothing else is made in its place, and
/// what is put back is written again.
fn take_away(what: &str, take: impl Fn(&Path), give_back: impl Fn(&Path) -> bool) {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    create(&api).item(201);
    take(path(&database));
    for _ in 0..3 {
        assert_eq!(create(&api).status, 503, "{what}");
        let ready = api.acme.with_key(None).get("/readyz");
        ready.problem(503, "not_ready");
        assert!(ready.text.contains("file of the database") || ready.text.contains("another file"), "{}", ready.text);
        // What was read before and what never was: the latter comes from the file.
        for list in ["/pipeline/leads", "/directory/contacts", "/directory/organizations", "/tags/leads", "/cases"] {
            let read = api.acme.get(list).status;
            assert!([200, 404, 503].contains(&read), "{what}: {list} is {read}");
        }
    }
    assert_eq!(api.acme.with_key(None).get("/healthz").status, 200, "{what}");
    if give_back(path(&database)) {
        create(&api).item(201);
        assert_eq!(api.acme.with_key(None).get("/readyz").status, 200, "{what}");
        // A reader whose connection has met the other file says so once more.
        let until = Instant::now() + Duration::from_secs(2);
        let mut read = api.acme.get("/pipeline/leads");
        while read.status == 503 && Instant::now() < until {
            read = api.acme.get("/pipeline/leads");
        }
        assert_eq!(read.items().len(), 2, "{what}");
    }
}

#[test]
fn a_file_that_is_gone_replaced_or_cut_takes_no_writes() {
    let aside = |path: &Path| path.with_extension("aside");
    let unlink = |path: &Path| fs::remove_file(path).unwrap();
    let cut =
        |bytes: u64| move |path: &Path| fs::File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
    let replace = |path: &Path| {
        fs::rename(path, aside(path)).unwrap();
        fs::copy(aside(path), path).unwrap();
    };
    let back = |path: &Path| fs::rename(aside(path), path).is_ok();
    take_away("removed", unlink, |_| false);
    take_away("renamed", |path| fs::rename(path, aside(path)).unwrap(), back);
    take_away("replaced", replace, back);
    take_away("emptied", cut(0), |_| false);
    take_away("cut", cut(8192), |_| false);
}

/// A deletion gives its room back, bit by bit, and what is left is whole.
#[test]
fn a_file_shrinks_after_deletions() {
    let database = TestDatabase::empty_sqlite();
    crm_core::migrate::migrate(database.url()).unwrap();
    let size = || fs::metadata(path(&database)).unwrap().len();
    let run = |sql: &str| database.connect().batch_execute(sql).unwrap();
    run("CREATE TABLE filler (id INTEGER PRIMARY KEY, content BLOB);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO filler SELECT i, randomblob(3000) FROM n;
         PRAGMA wal_checkpoint(TRUNCATE)");
    let full = size();
    run("DELETE FROM filler; PRAGMA wal_checkpoint(TRUNCATE)");
    assert_eq!(size(), full, "deleting alone gives nothing back");
    let db = Executor::open(database.url(), DbSettings::default()).unwrap();
    block_on(upkeep::shrink(&db)).unwrap();
    db.close();
    assert!(size() < 6 * 1024 * 1024 && full > 30 * 1024 * 1024, "from {full} to {}", size());
    let DatabaseUrl::SqliteFile(_) = database.url() else { unreachable!("it is a file") };
    run(
        "INSERT INTO filler SELECT 1, randomblob(10) WHERE (SELECT integrity_check FROM pragma_integrity_check) = 'ok'",
    );
    run(
        "CREATE TABLE whole (id INTEGER NOT NULL); INSERT INTO whole SELECT id FROM filler; INSERT INTO filler VALUES (2, NULL)",
    );
    assert!(database.connect().batch_execute("INSERT INTO filler SELECT id, NULL FROM whole").is_err(), "it was whole");
}
