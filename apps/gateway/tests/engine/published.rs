//! What was published stays: no migration of a version changes afterwards, and what a version left in a database every later
//! one opens. `scripts/freeze-schema` writes both down, on the day of a release.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crm_core::DbConnection;
use crm_testkit::TestDatabase;
use diesel::connection::SimpleConnection;
use flate2::read::GzDecoder;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::client::{Client, Keys};
use crate::pages::repository;
use crate::process::{Serving, gateway, stdout};

const PRIMARY: &str = "key-of-a-throwaway-gateway-that-reads-and-writes";
const SECONDARY: &str = "key-of-a-throwaway-gateway-that-only-reads";
const SECRETS: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// What a fixture has of each, so that it proves something.
const READ: &[(&str, usize)] = &[
    ("/pipeline/leads?size=200", 120),
    ("/pipeline/opportunities?size=200", 10),
    ("/directory/contacts?size=200", 60),
    ("/directory/organizations?size=200", 20),
    ("/cases/cases?size=200", 40),
    ("/trash?size=200", 5),
    ("/settings/keys", 3),
    ("/settings/webhooks", 1),
    ("/imports?size=200", 1),
];

/// Where `published` and `fixtures` are; `scripts/freeze-schema --try` says another place.
fn frozen() -> (PathBuf, PathBuf) {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    match std::env::var("CRM_TEST_FROZEN") {
        Ok(folder) => (Path::new(&folder).join("published"), Path::new(&folder).join("fixtures")),
        Err(_) => {
            (repository().join("migrations/published"), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"))
        }
    }
}

/// Whether a version was published that must be kept to.
fn is_published() -> bool {
    !env!("CARGO_PKG_VERSION").starts_with("0.0.")
}

fn hash(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).unwrap());
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The migrations whose hash is another than the one that was written down.
fn changed(list: &str, hash_of: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let written: BTreeMap<&str, &str> =
        list.lines().filter_map(|line| line.split_once("  ")).map(|(hash, path)| (path, hash)).collect();
    let differs = |(path, hash): &(&&str, &&str)| hash_of(path).as_deref() != Some(**hash);
    written.iter().filter(differs).map(|(path, _)| (*path).to_owned()).collect()
}

#[test]
fn a_migration_that_was_published_has_not_changed() {
    let (published, _) = frozen();
    let list = fs::read_to_string(&published).ok();
    assert!(list.is_some() || !is_published(), "no {}: scripts/freeze-schema writes it", published.display());
    let list = list.unwrap_or_default();
    let of_file = |path: &str| {
        let path = repository().join(path);
        path.exists().then(|| hash(&path))
    };
    assert_eq!(
        changed(&list, of_file),
        Vec::<String>::new(),
        "if you are here because this failed: a migration that was published stays as it is; what is to be otherwise is a new one"
    );
    // That it would be noticed.
    let (one, text) = ("migrations/sqlite/x/up.sql", "00");
    assert_eq!(changed(&format!("{text}  {one}\n"), |_| Some(text.to_owned())), Vec::<String>::new());
    for other in [None, Some("01".to_owned())] {
        assert_eq!(changed(&format!("{text}  {one}\n"), |_| other.clone()), [one]);
    }
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The databases that the versions left, as they were.
fn fixtures() -> Vec<(String, TestDatabase)> {
    let (_, folder) = frozen();
    let versions = fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    versions
        .flat_map(|version| {
            let sqlite = TestDatabase::empty_sqlite();
            fs::write(sqlite.url().file().unwrap(), unpacked(&version.join("sqlite.db.gz"))).unwrap();
            let postgres = TestDatabase::empty_postgres();
            let dump = String::from_utf8(unpacked(&version.join("postgres.sql.gz"))).unwrap();
            match postgres.url().connect().unwrap() {
                DbConnection::Postgres(mut connection) => {
                    connection.batch_execute(&format!("SET statement_timeout = 0; {dump}")).unwrap();
                }
                DbConnection::Sqlite(_) => unreachable!(),
            }
            let name = |kind: &str| format!("{}, {kind}", version.display());
            [(name("SQLite"), sqlite), (name("PostgreSQL"), postgres)]
        })
        .collect()
}

/// Each is migrated, has nothing that must never be, and is read and written.
#[test]
fn what_every_version_left_in_a_database_is_opened() {
    let fixtures = fixtures();
    assert!(!fixtures.is_empty() || !is_published(), "there is none: scripts/freeze-schema makes them");
    for (name, database) in fixtures {
        stdout(&database, &["migrate"]);
        assert_eq!(stdout(&database, &["check"]), "everything is as it must be\n", "{name}");
        let serving = Serving::start(gateway(&database).env("CRM_SECRETS_KEY", SECRETS).env("CRM_RATE_LIMIT", "0"));
        let tenant: serde_json::Value =
            serde_json::from_str(&stdout(&database, &["tenants", "list", "--json"])).unwrap();
        let keys = Keys {
            tenant: tenant[0]["id"].as_str().unwrap().to_owned(),
            primary: PRIMARY.to_owned(),
            secondary: SECONDARY.to_owned(),
        };
        let client = Client::new(&serving.url, keys);
        for (path, least) in READ {
            let found = client.get(path).items().len();
            assert!(found >= *least, "{name}: {path} has {found}");
        }
        for (path, id) in [("/pipeline/leads", "lead"), ("/directory/contacts", "contact"), ("/cases/cases", "case")] {
            let record = client.get(&format!("{path}/external/{id}-1")).item(200).clone();
            let record = format!("{path}/{}", record["id"].as_str().unwrap());
            let history = client.get(&format!("{record}/history")).items().len();
            assert!(history >= 2, "{name}: {record} has a history of {history}");
            let patch = json!({ "externalId": "since" });
            assert_eq!(client.patch(&record, &patch).item(200)["externalId"], "since", "{name}");
        }
    }
}
