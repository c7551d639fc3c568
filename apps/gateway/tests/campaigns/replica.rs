//! Two gateways that read from a standby which is behind: who wrote something reads it, by whichever of them.

use std::time::{Duration, Instant};

use crm_core::BackendKind;
use crm_testkit::TestDatabase;
use serde_json::json;

use crate::client::{Client, Keys};
use crate::process::{Serving, gateway};
use crate::settings::{alone, figure, rounds};

const TOKEN: &str = "x-consistency-token";

/// The same database as the standby of scripts/replica has it.
fn on_standby(database: &TestDatabase) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    let standby = std::env::var("CRM_TEST_STANDBY").ok()?;
    let url = database.url_text();
    let (head, name) = url.rsplit_once('/')?;
    let (user, _) = head.rsplit_once('@')?;
    Some(format!("{user}@{standby}/{name}"))
}

/// A statement that a standby has to answer shows in what the primary is not asked.
fn jobs(client: &Client) -> u64 {
    let text = client.get("/metrics").text;
    let line = text.lines().find(|line| line.starts_with("crm_db_jobs_total")).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn who_wrote_reads_what_they_wrote() {
    let database = TestDatabase::postgres();
    let Some(standby) = on_standby(&database) else {
        eprintln!("SKIPPED: reads from a standby: run scripts/replica");
        return;
    };
    assert_eq!(database.kind(), BackendKind::Postgres);
    let _alone = alone();
    let start = || Serving::start(gateway(&database).env("CRM_RATE_LIMIT", "0").env("CRM_READ_DATABASE_URL", &standby));
    let keys = Keys::of_new_tenant(&database, "acme");
    let (one, other) = (start(), start());
    let (one, other) = (Client::new(&one.url, keys.clone()), Client::new(&other.url, keys));
    let lead = one.post("/pipeline/leads", &json!({ "title": "0" })).item(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/pipeline/leads/{lead}");
    // The standby knows the lead by now.
    std::thread::sleep(Duration::from_secs(4));
    let (mut stale, mut by_standby) = (0, 0);
    let rounds = rounds(30);
    for round in 1..=rounds {
        let title = round.to_string();
        let written = one.patch(&path, &json!({ "title": title }));
        assert_eq!(written.item(200)["title"], *title);
        let token = written.header(TOKEN).to_owned();
        assert!(token.contains('/'), "{token}");
        let with_token = other.send("GET", &path, &[(TOKEN, &token)], None);
        assert_eq!(with_token.item(200)["title"], *title, "by another gateway, with the token");
        assert_eq!(one.get(&path).item(200)["title"], *title, "by the same, without");
        // Without it, another gateway may answer from the standby, which is behind: else nothing is tried here.
        let before = jobs(&other);
        let without = other.get(&path);
        stale += u64::from(without.item(200)["title"] != *title);
        by_standby += u64::from(jobs(&other) == before);
        let listed = other.send("GET", "/pipeline/leads", &[(TOKEN, "nonsense")], None);
        assert_eq!(listed.items()[0]["title"], *title, "a token that nobody made");
    }
    figure(
        &database,
        "replica",
        format_args!("{rounds} rounds: 0 stale with the token, {stale} without; {by_standby} by the standby"),
    );
    assert!(stale > 0, "the standby is never behind: nothing was tried");
    let looks: usize = (0..3).map(|round| what_an_import_made_is_read(&one, &other, round)).sum();
    figure(&database, "replica", format_args!("3 imports: 0 of {looks} looks at their records stale"));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(other.get(&path).item(200)["title"], *rounds.to_string(), "the standby comes after");
}

/// The records of an import are there for whoever was told that it is done: by the gateway that told them, and with its token
/// by the other one, whatever the standby has. Tells how often they were looked for.
fn what_an_import_made_is_read(one: &Client, other: &Client, round: usize) -> usize {
    let lines: String = (0..50).map(|line| format!("{{\"title\":\"round {round}, line {line}\"}}\n")).collect();
    let kind = ("Content-Type", "application/x-ndjson");
    let begun = one.send("POST", "/imports?kind=lead", &[kind], Some(&lines));
    let path = format!("/imports/{}", begun.item(202)["id"].as_str().unwrap());
    let token = loop {
        let run = one.get(&path);
        if run.item(200)["state"] == "done" {
            break run.header(TOKEN).to_owned();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let list = format!("/pipeline/leads?title=round%20{round}%2C&size=100");
    let told = Instant::now();
    let mut looks = 0;
    // Past the moment at which the standby has what came before the import.
    while told.elapsed() < Duration::from_secs(3) {
        assert_eq!(one.get(&list).items().len(), 50, "by the gateway that told of it, {:?} later", told.elapsed());
        let with_token = other.send("GET", &list, &[(TOKEN, &token)], None);
        assert_eq!(with_token.items().len(), 50, "by another gateway, {:?} later", told.elapsed());
        looks += 2;
    }
    looks
}
