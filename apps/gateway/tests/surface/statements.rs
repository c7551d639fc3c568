//! How many statements a request costs, and that none of them is prepared twice.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::browser::{Browser, between};
use crate::client::{Client, Keys};
use crate::process::{Serving, gateway};

/// What the log of a gateway says of its statements.
struct Log {
    path: PathBuf,
    /// Up to where it was read.
    read: usize,
    /// Those that were prepared to be kept.
    kept: BTreeSet<String>,
}

/// The statements of one request.
#[derive(Debug, Default)]
struct Sent {
    statements: Vec<String>,
    /// Those among them that were prepared then and there.
    prepared: Vec<String>,
}

impl Log {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: 0, kept: BTreeSet::new() }
    }

    /// What was sent since the last time, for the request that was answered with this id.
    fn of_request(&mut self, id: &str) -> Sent {
        let until = Instant::now() + Duration::from_secs(10);
        let end = loop {
            let text = fs::read_to_string(&self.path).unwrap();
            let access =
                text[self.read..].lines().find(|line| line.contains("crm_gateway::access]") && line.contains(id));
            if let Some(line) = access {
                break self.read + text[self.read..].find(line).unwrap() + line.len();
            }
            assert!(Instant::now() < until, "no line for the request {id}");
            thread::sleep(Duration::from_millis(2));
        };
        let text = fs::read_to_string(&self.path).unwrap();
        let mut sent = Sent::default();
        for line in text[self.read..end].lines() {
            if let Some((_, statement)) = line.split_once(" kept=") {
                self.kept.insert(beginning(statement));
                sent.prepared.push(statement.to_owned());
            } else if let Some((_, statement)) = line.split_once(" statement=") {
                sent.statements.push(statement.to_owned());
            }
        }
        self.read = end;
        sent.statements.retain(|statement| !is_aside(statement));
        sent.prepared.retain(|statement| !is_aside(statement));
        sent
    }

    /// Those of these statements that nobody keeps.
    fn forgotten<'a>(&self, sent: &'a Sent) -> Vec<&'a String> {
        let is_forgotten =
            |statement: &&String| !self.kept.contains(&beginning(statement)) && !is_planned_each_time(statement);
        sent.statements.iter().filter(is_forgotten).collect()
    }
}

/// As much of a statement as the log has of any.
fn beginning(statement: &str) -> String {
    statement.chars().take(4_000).collect()
}

/// What is no part of a request: the begin and end of its transaction, the key that is remembered for some seconds, and
/// what the gateway does by itself.
fn is_aside(statement: &str) -> bool {
    let begins = ["SET ", "BEGIN", "COMMIT", "SELECT 1; COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];
    // Whether somebody is to be told of changes is remembered for a while, as keys and sessions are.
    let within = ["api_keys", "sessions", "FROM tenants t", "PRAGMA", "pragma_page_count", "enabled"];
    let text = statement.trim_start_matches('"');
    begins.iter().any(|begin| text.starts_with(begin)) || within.iter().any(|part| text.contains(part))
}

/// What PostgreSQL plans for the very text that is looked for (docs/adr/0006).
fn is_planned_each_time(statement: &str) -> bool {
    statement.contains("AS MATERIALIZED (SELECT") && statement.contains(" LIKE $2 ")
}

/// A tenant whose records have everything that costs a statement to read. The text `{n}` in a body is another number each time.
fn filled(client: &Client) {
    let tags = [
        "/pipeline/tags/leads",
        "/pipeline/tags/opportunities",
        "/directory/tags/contacts",
        "/directory/tags/organizations",
        "/cases/tags/cases",
    ];
    for (path, label) in tags.iter().flat_map(|path| [(path, "new"), (path, "vip")]) {
        client.post(path, &json!({ "label": label })).item(201);
    }
    for number in 1..=12 {
        for (path, body) in NEW {
            client.post(path, &body_of(body, number)).item(201);
        }
    }
}

/// Where records are made, and of what.
const NEW: &[(&str, &str)] = &[
    (
        "/directory/organizations",
        r#"{ "name": "Acme {n}", "email": [{ "value": "a{n}@acme.example" }, { "value": "b{n}@acme.example" }],
        "phone": [{ "value": "+1 555 010{n}" }], "tags": ["new", "vip"], "owner": { "id": "7", "name": "Sarah" } }"#,
    ),
    (
        "/directory/contacts",
        r#"{ "name": "Jane {n}", "organizationId": "1", "email": [{ "value": "jane{n}@acme.example" }],
        "phone": [{ "value": "+1 555 020{n}" }, { "value": "+1 555 030{n}" }], "tags": ["new", "vip"] }"#,
    ),
    (
        "/pipeline/leads",
        r#"{ "title": "Lead {n}", "value": { "amount": 5, "code": "USD" }, "organizationId": "1", "contactId": "1",
        "participants": [{ "id": "1" }], "tags": ["new", "vip"], "owner": { "id": "7", "name": "Sarah" }, "externalId": "x{n}" }"#,
    ),
    (
        "/pipeline/opportunities",
        r#"{ "title": "Deal {n}", "value": { "amount": 5, "code": "USD" }, "organizationId": "1", "contactId": "1",
        "participants": [{ "id": "1" }], "tags": ["new", "vip"], "owner": { "id": "7", "name": "Sarah" } }"#,
    ),
    (
        "/cases/cases",
        r#"{ "title": "Case {n}", "organizationId": "1", "contactId": "1", "tags": ["new", "vip"],
        "owner": { "id": "7", "name": "Sarah" } }"#,
    ),
];

fn body_of(text: &str, number: usize) -> Value {
    serde_json::from_str(&text.replace("{n}", &number.to_string())).unwrap()
}

/// A request, and of how many statements it is.
type Row = (&'static str, &'static str, &'static str, usize);

/// The numbers may only become smaller.
const COSTS: &[Row] = &[
    ("GET", "/pipeline/leads/1", "", 1),
    ("GET", "/pipeline/opportunities/1", "", 1),
    ("GET", "/directory/contacts/1", "", 1),
    ("GET", "/directory/organizations/1", "", 1),
    ("GET", "/cases/cases/1", "", 1),
    ("GET", "/pipeline/leads?size=10", "", 3),
    ("GET", "/pipeline/opportunities?size=10", "", 3),
    ("GET", "/directory/contacts?size=10", "", 3),
    ("GET", "/directory/organizations?size=10", "", 3),
    ("GET", "/cases/cases?size=10", "", 3),
    ("GET", "/pipeline/leads?size=10&includeTotal=true", "", 4),
    ("GET", "/pipeline/leads?size=10&tags=new", "", 6),
    ("GET", "/pipeline/leads?size=10&tags=new&includeTotal=true", "", 7),
    ("GET", "/pipeline/leads?size=10&ownerId=7,8", "", 3),
    ("GET", "/pipeline/leads?size=10&title=lead", "", 5),
    ("GET", "/directory/contacts?size=10&searchValue=jane", "", 7),
    ("GET", "/pipeline/opportunities/summary", "", 1),
    ("GET", "/search?q=acme", "", 12),
    ("GET", "/changes?since=now", "", 2),
    ("POST", "/pipeline/leads", NEW[2].1, 12),
    ("POST", "/pipeline/opportunities", NEW[3].1, 13),
    ("POST", "/directory/contacts", NEW[1].1, 11),
    ("POST", "/directory/organizations", NEW[0].1, 9),
    ("POST", "/cases/cases", NEW[4].1, 10),
    ("PATCH", "/pipeline/leads/1", r#"{ "title": "Lead {n}" }"#, 5),
    ("PATCH", "/pipeline/opportunities/1", r#"{ "title": "Deal {n}" }"#, 5),
    ("PATCH", "/directory/contacts/1", r#"{ "name": "Jane {n}" }"#, 5),
    ("PATCH", "/directory/organizations/1", r#"{ "name": "Acme {n}" }"#, 5),
    ("PATCH", "/cases/cases/1", r#"{ "title": "Case {n}" }"#, 6),
    ("PATCH", "/pipeline/leads/2", r#"{ "tags": ["new"], "note": "{n}" }"#, 6),
];

/// Pages of the console, and of how many statements each is, however much happened to what it shows.
const PAGES: &[(&str, usize)] = &[
    ("/console", 17),
    ("/console/leads/1", 9),
    ("/console/opportunities/1", 12),
    ("/console/contacts/1", 16),
    ("/console/organizations/1", 19),
    ("/console/cases/1", 9),
    ("/console/leads", 6),
    ("/console/leads?contactId=1&organizationId=1&tags=new", 11),
    ("/console/leads?ownerId=7,o,nobody", 6),
    ("/console/leads?owner=nobody", 3),
    ("/console/leads?contactId=1,2,3,4,99&organizationId=1,2,3,99&tags=new,vip,none", 11),
    ("/console/leads?contact=Jane&organization=Acme", 10),
    ("/console/opportunities", 10),
    ("/console/opportunities?contactId=1,2&organizationId=1&stage=a,b", 12),
    ("/console/contacts?organizationId=1,2", 7),
    ("/console/organizations", 6),
    ("/console/cases?contactId=1&organizationId=1&caseType=1", 9),
    ("/console/cases?ownerId=o&assigneeId=a,b", 6),
    ("/console/trash", 1),
    ("/console/trash?kinds=lead,case&title=harbour", 1),
    ("/console/search?q=jane", 12),
    ("/console/board", 9),
    ("/console/opportunities/1/stage", 4),
    ("/console/board?tags=new,none", 15),
];

/// Changes each record to others, so that its history has a name of each kind, `times` over.
fn happen(client: &Client, times: usize) {
    for time in 1..=times {
        let [one, other] = [time % 12 + 1, (time + 5) % 12 + 1].map(|id| id.to_string());
        let tag = if time % 2 == 0 { "new" } else { "vip" };
        let tags = json!([tag]);
        let body = json!({ "organizationId": one, "contactId": other, "tags": tags });
        for path in ["/pipeline/leads/1", "/pipeline/opportunities/1", "/cases/cases/1"] {
            client.patch(path, &body).item(200);
        }
        let stages = client.get("/pipeline/pipelines/opportunities").items()[0]["stages"].clone();
        client.patch("/pipeline/opportunities/1/updateStage", &json!({ "stage": stages[time % 2]["key"] })).item(200);
        client.patch("/directory/contacts/1", &json!({ "organizationId": one, "jobTitle": one })).item(200);
        client.patch("/directory/organizations/1", &json!({ "tags": tags, "industry": one })).item(200);
    }
}

/// A gateway on one connection that writes its statements into this log, and a client of it.
fn watched(database: &TestDatabase, path: &Path) -> (Serving, Client, Log) {
    let keys = Keys::of_new_tenant(database, "acme");
    let mut command = gateway(database);
    command.env("RUST_LOG", "info,crm_gateway::statement=trace").env("CRM_DB_POOL", "1").env("CRM_RATE_LIMIT", "0");
    let serving = Serving::start_logging(&mut command, File::create(path).unwrap());
    let client = Client::new(&serving.url, keys);
    (serving, client, Log::new(path))
}

both_databases! {
    /// A page of the console costs what it did when there is more to name on it.
    fn a_page_of_the_console_costs_a_fixed_number_of_statements(database) {
        let directory = tempfile::tempdir().unwrap();
        let (_serving, client, mut log) = watched(database, &directory.path().join("log"));
        let mut browser = Browser::signed_in(&client, &client.keys.primary);
        filled(&client);
        let mut wrong = Vec::new();
        for times in [4, 16] {
            happen(&client, times);
            for (page, expected) in PAGES {
                let mut cost = || {
                    let answer = browser.get(page);
                    assert_eq!(answer.status, 200, "{page}: {}", answer.text);
                    log.of_request(answer.header("x-request-id")).statements
                };
                cost();
                let statements = cost();
                if statements.len() != *expected {
                    wrong.push(format!("{page}, after {times}: {} and not {expected}: {statements:#?}", statements.len()));
                }
            }
        }
        // What is older costs as much as what is latest: these changes name nothing.
        let mut read = |page: &str| {
            let answer = browser.get(page);
            (log.of_request(answer.header("x-request-id")).statements, answer.text)
        };
        let (_, page) = read("/console/leads/1");
        let older = between(&page, "href=\"/console/leads/1?history=", "#").unwrap();
        let (older, _) = read(&format!("/console/leads/1?history={older}"));
        if older.len() != 6 {
            wrong.push(format!("older changes: {} and not 6: {older:#?}", older.len()));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Once warm, a request sends as many statements as the table says, and prepares none of them: each was kept before.
    fn a_request_costs_a_fixed_number_of_statements(database) {
        let directory = tempfile::tempdir().unwrap();
        let (_serving, client, mut log) = watched(database, &directory.path().join("log"));
        filled(&client);
        let mut number = 100;
        let mut wrong = Vec::new();
        for (method, path, body, expected) in COSTS {
            let mut cost = |log: &mut Log| {
                number += 1;
                let body = (!body.is_empty()).then(|| body_of(body, number).to_string());
                let answer = client.send(method, path, &[], body.as_deref());
                assert!(answer.status < 300, "{method} {path} {body:?}: {}", answer.text);
                log.of_request(answer.header("x-request-id"))
            };
            for _ in 0..2 {
                cost(&mut log);
            }
            let sent = cost(&mut log);
            if sent.statements.len() != *expected {
                wrong.push(format!("{method} {path}: {} and not {expected}: {:#?}", sent.statements.len(), sent.statements));
            }
            for statement in log.forgotten(&sent).into_iter().chain(&sent.prepared) {
                wrong.push(format!("{method} {path}: is prepared each time: {statement}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
