//! Secrets through every kind of request: not one of them is found again in the log, the metrics, the answers, the
//! database, its files or its backup.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crm_core::Timestamp;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use crate::client::{Answer, Client, Keys};
use crate::dump::dump;
use crate::process::{Serving, gateway, is_installed, stdout};
use crate::settings::{Random, alone, figure, rounds};

const TENANT: &str = "0e6b2f70-5b0c-4b6c-9f3e-0d6a4c1b2a11";
const SECRET: &str = "canary-in-a-mine-canary-in-a-mine-canary";

/// Paths of every kind, and such as nothing is at.
const PATHS: [&str; 10] = [
    "/pipeline/leads",
    "/pipeline/leads/1",
    "/pipeline/leads/1/convert",
    "/pipeline/opportunities/summary",
    "/directory/contacts",
    "/cases/cases?page=0",
    "/pipeline/bulk-actions",
    "/api/v1/ticketing/clientMap",
    "/metrics",
    "/nowhere",
];

const BODIES: [&str; 7] = [
    "{\"title\":\"A lead\",\"name\":\"A contact\"}",
    "{\"title\":1}",
    "{\"title\":\"x\",\"unknown\":[1,2]}",
    "{\"title\"",
    "\u{0}\u{1}",
    "[]",
    "{\"entity\":\"lead\",\"action\":\"delete\",\"ids\":[\"1\"]}",
];

/// A secret, and where clients send it.
struct Canary {
    text: String,
    is_token: bool,
}

impl Canary {
    /// Parts of it that would give it away. The first letters only say what it is.
    fn marks(&self) -> Vec<&str> {
        if self.is_token {
            return self.text.split('.').skip(1).flat_map(|part| [&part[4..24], &part[part.len() - 20..]]).collect();
        }
        let rest = &self.text[7..];
        vec![&rest[..16], &rest[rest.len() - 16..]]
    }
}

/// A token of this tenant's, signed by this secret.
fn token(secret: &str, roles: &[&str]) -> String {
    let end = Timestamp::now().as_datetime().timestamp() + 3_600;
    let claims = json!({ "tenant_id": TENANT, "realm_access": { "roles": roles }, "exp": end, "sub": "canary" });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn canaries(database: &TestDatabase, keys: &Keys) -> Vec<Canary> {
    let revoked = Keys::of_new_tenant(database, "old");
    stdout(database, &["keys", "rotate", "--tenant", "old", "--which", "primary"]);
    let mistyped = format!("{}x", &keys.primary[..keys.primary.len() - 1]);
    let unknown = format!("unknown{}", "canary".repeat(8));
    let keys = [keys.primary.clone(), keys.secondary.clone(), revoked.primary, mistyped, unknown];
    let tokens =
        [token(SECRET, &["ticket_admin"]), token(SECRET, &["user"]), token(&SECRET.repeat(2), &["ticket_admin"])];
    let of = |is_token: bool| move |text: String| Canary { text, is_token };
    keys.into_iter().map(of(false)).chain(tokens.into_iter().map(of(true))).collect()
}

/// Sends one secret in one of the places for it.
fn send(client: &Client, canary: &Canary, random: &mut Random, number: u64) -> Option<Answer> {
    let (path, secret) = (*random.one_of(&PATHS), &canary.text);
    let mark = if path.contains('?') { '&' } else { '?' };
    let bearer = format!("Bearer {secret}");
    let (mut path, mut headers) = (path.to_owned(), vec![("x-tenantid", TENANT)]);
    if number.is_multiple_of(2) {
        let name = *random.one_of(&["key", "subscription-key", "access_token", "KEY"]);
        path = format!("{path}{mark}{name}={secret}");
    } else if canary.is_token {
        headers.push(("Authorization", &bearer));
    } else {
        headers.push((*random.one_of(&["Ocp-Apim-Subscription-Key", "ocp-apim-subscription-key"]), secret));
        if random.below(4) == 0 {
            headers.push(("Authorization", &bearer));
        }
    }
    let once = format!("once-{}", random.below(50));
    match random.below(6) {
        0 => headers.push(("Idempotency-Key", &once)),
        1 => headers.push(("If-Match", "\"x\"")),
        2 => headers.push(("Accept", "text/csv")),
        3 => headers.push(("Content-Type", "text/plain")),
        _ => {}
    }
    let method = *random.one_of(&["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]);
    let body = matches!(method, "POST" | "PATCH" | "PUT").then(|| *random.one_of(&BODIES));
    client.with_key(None).try_send(method, &path, &headers, body).ok()
}

/// Every file of the database, and a backup of it.
fn files(database: &TestDatabase, directory: &Path) -> Vec<PathBuf> {
    if let Some(file) = database.url().file() {
        let backup = directory.join("backup.db");
        database.connect().batch_execute(&format!("VACUUM INTO '{}'", backup.display())).unwrap();
        let beside = fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        return beside.chain([backup]).collect();
    }
    let backup = directory.join("backup.sql");
    if !is_installed("pg_dump") {
        return Vec::new();
    }
    let dumped = Command::new("pg_dump").arg("--file").arg(&backup).arg(database.url_text()).status().unwrap();
    assert!(dumped.success());
    vec![backup]
}

fn assert_without(bytes: &[u8], canaries: &[Canary], place: &str) {
    let text = String::from_utf8_lossy(bytes);
    for canary in canaries {
        for mark in canary.marks() {
            assert!(!text.contains(mark), "{mark} is in {place}");
        }
    }
    assert!(!text.contains(SECRET), "the secret of the tokens is in {place}");
}

both_databases! {
    /// No key and no token is found again anywhere, whatever it was sent with.
    fn canaries_are_never_seen_again(database) {
        let _alone = alone();
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let keys = Keys::of_new_tenant(database, TENANT);
        let canaries = canaries(database, &keys);
        let serving = Serving::start_logging(
            gateway(database).envs([("RUST_LOG", "trace"), ("CRM_JWT_SECRET", SECRET), ("CRM_RATE_LIMIT", "0")]),
            File::create(&log).unwrap(),
        );
        let client = Client::new(&serving.url, keys);
        let (mut random, requests) = (Random::new(), rounds(500));
        let mut statuses = std::collections::BTreeMap::new();
        for number in 0..requests {
            let canary = random.below(canaries.len());
            if let Some(answer) = send(&client, &canaries[canary], &mut random, number) {
                *statuses.entry(answer.status).or_insert(0) += 1;
                let head = format!("{:?}", answer.headers);
                assert_without(head.as_bytes(), &canaries, "the head of an answer");
                assert_without(answer.text.as_bytes(), &canaries, "an answer");
            }
        }
        assert!(statuses.len() > 6, "requests of every kind: {statuses:?}");
        assert_without(client.with_key(None).get("/metrics").text.as_bytes(), &canaries, "the metrics");
        assert_without(dump(database).join("\n").as_bytes(), &canaries, "the rows");
        for file in files(database, directory.path()) {
            assert_without(&fs::read(&file).unwrap(), &canaries, &file.display().to_string());
        }
        serving.terminate();
        let lines = fs::read(&log).unwrap();
        assert!(lines.iter().filter(|byte| **byte == b'\n').count() > usize::try_from(requests).unwrap(), "it is talkative");
        assert_without(&lines, &canaries, "the log");
        figure(database, "canaries", format_args!("{requests} requests with {} secrets, answers {statuses:?}, 0 seen again", canaries.len()));
    }
}
