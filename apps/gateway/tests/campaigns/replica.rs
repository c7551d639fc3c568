//! Two gateways that read from a standby which is behind: who wrote something reads it, by whichever of them.

use std::time::Duration;

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
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(other.get(&path).item(200)["title"], *rounds.to_string(), "the standby comes after");
}
