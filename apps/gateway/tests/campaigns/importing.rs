//! Imports while gateways are killed: no row is lost and none comes twice, and what is taken back is gone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use serde_json::Value;

use crate::checker;
use crate::client::{Client, Keys};
use crate::process::{Serving, gateway};
use crate::settings::{Random, alone, figure, rounds};

const ROWS: usize = 600;
/// The one that cannot be read.
const BROKEN: usize = 300;
const CONTACTS: &str = "/directory/contacts";
/// Within this time an import is over, whoever was killed: leases end.
const SETTLED: Duration = Duration::from_secs(60);

fn serve(database: &TestDatabase) -> Serving {
    Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0"))
}

/// Names that no other round has, one of which cannot be read.
fn file(round: u64) -> String {
    let rows = (0..ROWS).map(|number| match number {
        BROKEN => "only one cell\n".to_owned(),
        number => format!("r{round}-{number},Contact {number},c{number}@example.com,vip\n"),
    });
    ["externalId,name,email,tags\n".to_owned()].into_iter().chain(rows).collect()
}

fn shown(client: &Client, path: &str) -> Option<Value> {
    let answer = client.try_send("GET", path, &[], None).ok()?;
    (answer.status == 200).then(|| answer.body["item"].clone())
}

/// An import when it is over.
#[track_caller]
fn over(client: &Client, path: &str) -> Value {
    let until = Instant::now() + SETTLED;
    loop {
        let item = shown(client, path).unwrap();
        if ["done", "undone", "failed"].iter().any(|state| item["state"] == *state) {
            return item;
        }
        assert!(Instant::now() < until, "{item}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The external ids of all contacts, each of which must be there once.
fn external_ids(client: &Client) -> BTreeSet<String> {
    let (mut found, mut rows) = (BTreeSet::new(), 0);
    let text = client.get(&format!("{CONTACTS}/export?format=ndjson&fields=externalId")).text;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        found.insert(line["externalId"].as_str().unwrap().to_owned());
        rows += 1;
    }
    assert_eq!(found.len(), rows, "a contact is there twice");
    found
}

/// Kills the gateways at some moments until an import, or taking it back, is over; how often.
fn kill_until_over(
    database: &TestDatabase,
    keys: &Keys,
    path: &str,
    random: &mut Random,
    serving: &mut Vec<Serving>,
) -> u64 {
    let mut kills = 0;
    for _ in 0..3 {
        std::thread::sleep(random.millis(20, 400));
        let client = Client::new(&serving[0].url, keys.clone());
        let is_over = shown(&client, path).is_some_and(|item| item["finishedOn"].is_string());
        if is_over {
            break;
        }
        // Either of two, or both.
        let killed = random.below(serving.len());
        serving.swap_remove(killed).kill();
        if random.below(2) == 0 {
            serving.drain(..).for_each(Serving::kill);
        }
        kills += 1;
        while serving.len() < gateways(database) {
            serving.push(serve(database));
        }
    }
    kills
}

fn gateways(database: &TestDatabase) -> usize {
    if database.kind() == BackendKind::Postgres { 2 } else { 1 }
}

both_databases! {
    /// Killed at any moment, while rows are read and while they are taken back: each row is one record, and then none.
    fn killed_gateways_lose_and_double_no_row(database) {
        let _alone = alone();
        let keys = Keys::of_new_tenant(database, "acme");
        let (mut random, rounds, mut kills) = (Random::new(), rounds(2), 0);
        let mut serving: Vec<Serving> = (0..gateways(database)).map(|_| serve(database)).collect();
        for round in 0..rounds {
            let client = Client::new(&serving[0].url, keys.clone());
            let query = "/imports?kind=contact&createMissing=tag";
            let answer = client.send("POST", query, &[("Content-Type", "text/csv")], Some(&file(round)));
            assert_eq!(answer.status, 202, "{}", answer.text);
            let path = answer.header("location").to_owned();
            kills += kill_until_over(database, &keys, &path, &mut random, &mut serving);
            let client = Client::new(&serving[0].url, keys.clone());
            let item = over(&client, &path);
            let rows = u64::try_from(ROWS).unwrap();
            assert_eq!((item["state"].as_str(), item["read"].as_u64()), (Some("done"), Some(rows)), "{item}");
            assert_eq!((item["created"].as_u64(), item["failed"].as_u64()), (Some(rows - 1), Some(1)), "{item}");
            let wanted: BTreeSet<String> =
                (0..ROWS).filter(|number| *number != BROKEN).map(|number| format!("r{round}-{number}")).collect();
            assert_eq!(external_ids(&client), wanted);
            checker::wait_for_open_transactions(database);
            checker::check(database);

            assert_eq!(client.post(&format!("{path}/undo"), &Value::Null).status, 202);
            kills += kill_until_over(database, &keys, &path, &mut random, &mut serving);
            let client = Client::new(&serving[0].url, keys.clone());
            let item = over(&client, &path);
            let taken = serde_json::json!({ "deleted": rows, "restored": 0, "leftAsIs": 0 });
            assert_eq!((item["state"].as_str(), &item["undone"]), (Some("undone"), &taken), "{item}");
            assert!(external_ids(&client).is_empty(), "something is left of it");
            assert!(client.get("/directory/tags/contacts").items().is_empty(), "its tag is left");
            checker::wait_for_open_transactions(database);
            checker::check(database);
        }
        figure(
            database,
            "importing",
            format_args!("{rounds} imports of {ROWS} rows, {kills} kills, 0 rows lost, 0 twice, 0 left when taken back"),
        );
        serving.drain(..).for_each(|one| assert_eq!(one.terminate(), Some(0)));
    }
}
