//! Tenants that are deleted while their own clients, and those of another, work: the ones get 2xx and then 401, the others
//! notice nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crm_core::DbConnection;
use crm_testkit::{TestDatabase, both_databases};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;

use crate::client::{Api, Client};
use crate::process::{output, stdout};
use crate::settings::{alone, figure, rounds};

type Statuses = BTreeMap<u16, usize>;

/// Writes and reads until it is told to stop, and counts what it was answered.
fn work(client: &Client, stop: &AtomicBool) -> Statuses {
    let mut seen = Statuses::new();
    let mut count = |status: u16| *seen.entry(status).or_default() += 1;
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let organization = client.post("/directory/organizations", &json!({ "name": format!("Org {number}") }));
        count(organization.status);
        let lead = json!({ "title": "A lead", "tags": "hot,new", "organizationId": organization.body["item"]["id"] });
        let lead = client.post("/pipeline/leads", &lead);
        count(lead.status);
        if let Some(id) = lead.body["item"]["id"].as_str() {
            count(client.patch(&format!("/pipeline/leads/{id}"), &json!({ "note": "Called." })).status);
            if number % 3 == 0 {
                count(client.send("POST", &format!("/pipeline/leads/{id}/convert"), &[], None).status);
            }
        }
        count(client.get("/pipeline/leads").status);
        if lead.status == 401 {
            thread::sleep(Duration::from_millis(20));
        }
    }
    seen
}

fn make_tags(client: &Client) {
    for label in ["hot", "new"] {
        client.post("/pipeline/tags/leads", &json!({ "label": label })).item(201);
    }
}

#[derive(QueryableByName)]
struct Deadlocks {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// What PostgreSQL counted, its own repetitions included: a deadlock that somebody else cured is one too.
fn deadlocks(database: &TestDatabase) -> i64 {
    let DbConnection::Postgres(mut postgres) = database.connect() else { return 0 };
    // What a backend counted becomes visible when it is idle for a second.
    thread::sleep(Duration::from_millis(1_100));
    let count = "SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()";
    diesel::sql_query(count).get_result::<Deadlocks>(&mut postgres).unwrap().count
}

fn add(all: &mut Statuses, more: Statuses) {
    for (status, count) in more {
        *all.entry(status).or_default() += count;
    }
}

both_databases! {
    fn a_tenant_is_deleted_under_its_own_load(database) {
        let _alone = alone();
        let api = Api::start(database);
        make_tags(&api.acme);
        let (mut gone, mut kept) = (Statuses::new(), Statuses::new());
        let rounds = rounds(1);
        for round in 0..rounds {
            let id = format!("gone-{round}");
            let clients: Vec<Client> = {
                let first = api.tenant(&id);
                make_tags(&first);
                (0..4).map(|_| first.apart()).collect()
            };
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                let own: Vec<_> = clients.iter().map(|client| scope.spawn(|| work(client, &stop))).collect();
                let others: Vec<_> = (0..2).map(|_| scope.spawn(|| work(&api.acme.apart(), &stop))).collect();
                thread::sleep(Duration::from_millis(500));
                let deletion = output(database, &["tenants", "delete", &id, "--yes"]);
                // A key that some gateway still remembers would show now.
                thread::sleep(Duration::from_millis(200));
                stop.store(true, Ordering::Relaxed);
                assert!(deletion.status.success(), "{deletion:?}");
                own.into_iter().for_each(|client| add(&mut gone, client.join().unwrap()));
                others.into_iter().for_each(|client| add(&mut kept, client.join().unwrap()));
            });
            clients[0].post("/pipeline/leads", &json!({ "title": "Late" })).problem(401, "invalid_key");
        }
        let allowed = |statuses: &Statuses, allowed: &[u16]| statuses.keys().all(|status| allowed.contains(status));
        assert!(allowed(&gone, &[200, 201, 401]) && gone.contains_key(&401) && gone.contains_key(&201), "{gone:?}");
        assert!(allowed(&kept, &[200, 201]), "{kept:?}");
        assert_eq!(deadlocks(database), 0);
        assert_eq!(stdout(database, &["tenants", "list"]).lines().count(), 1);
        figure(database, "deletion", format_args!("{rounds} tenants: its clients {gone:?}, another's {kept:?}"));
    }
}
