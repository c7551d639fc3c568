//! Hostile clients of every class at once, beside a good tenant: it is served as if it were alone, and the process stays
//! as large as it was.

mod clients;

use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::checker;
use crate::client::Api;
use crate::ledger::{Ledger, Told, prepare};
use crate::receiver::{Receiver, Says};
use crate::resources::Course;
use crate::settings::{Random, alone, duration, figure, is_long};

use clients::Clients;

/// Connections in all, and in a short run, which the machine of a build has to stand too.
const CONNECTIONS: usize = 200;
const FEW_CONNECTIONS: usize = 52;
/// How much more memory than without them the process may take: two long bodies that are read at once may have 64 MiB each, and
/// what nobody reads, and what waits, as much again.
const MEMORY: u64 = 256 << 20;
/// How many times slower the good tenant's slowest percent may be; measured in long runs only, on a quiet machine.
const SLOWER: u32 = 3;

/// The good tenant at work for a while.
fn work(ledger: &mut Ledger, api: &Api<'_>, random: &mut Random, time: Duration, course: &mut Course) -> Told {
    let began = Instant::now();
    let (told, ()) = ledger.during(std::slice::from_ref(&api.acme), random, false, || {
        while began.elapsed() < time {
            course.sample(began.elapsed(), api.serving.id());
            std::thread::sleep((time / 60).max(Duration::from_millis(100)));
        }
    });
    told
}

fn beside_a_good_tenant(database: &TestDatabase) {
    let receiver = Receiver::start(|_, _| Says::Nothing);
    let settings = [("CRM_RATE_LIMIT", "60000"), ("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")];
    let api = Api::start_with(database, &settings);
    let bad = api.tenant("bad");
    for client in [&api.acme, &bad] {
        prepare(client);
    }
    let note = "e".repeat(5_000);
    for _ in 0..200 {
        bad.post("/pipeline/leads", &json!({ "title": "A lead", "note": note })).item(201);
    }
    let hook = json!({ "url": receiver.url(), "events": ["case.deleted"] });
    let webhook = bad.post("/settings/webhooks", &hook).item(201)["id"].as_str().unwrap().to_owned();
    let (mut ledger, mut random, time) = (Ledger::of(4), Random::new(), duration(Duration::from_secs(4)));
    let mut before = Course::default();
    let baseline = work(&mut ledger, &api, &mut random, (time / 10).max(Duration::from_secs(2)), &mut before);
    let alone = baseline.latencies.at(99);
    for (name, with_writers, time, is_judged) in
        [("readers", false, time, is_long()), ("readers and writers", true, time / 4, false)]
    {
        let mut course = Course::default();
        let connections = if is_long() { CONNECTIONS } else { FEW_CONNECTIONS };
        let clients = Clients::start(&bad, &webhook, connections, with_writers);
        let told = work(&mut ledger, &api, &mut random, time, &mut course);
        let requests = clients.end();
        ledger.check(&api.acme);
        checker::check(database);
        let beside = told.latencies.at(99);
        figure(
            database,
            "hostile",
            format_args!(
                "{name}: {connections} connections, {requests} hostile requests in {time:?}; good tenant: answers {:?}, p99 {alone:.1} ms \
                 alone, {beside:.1} ms beside them, the latest after {} ms; {}",
                told.statuses,
                told.longest.as_millis(),
                course.summary(),
            ),
        );
        assert!(told.statuses.keys().all(|status| (200..300).contains(status)), "{:?}", told.statuses);
        let grown = course.most_memory().saturating_sub(before.most_memory());
        assert!(grown <= MEMORY, "the process grew by {grown} bytes");
        assert!(course.most_descriptors() < connections + 200, "{}", course.most_descriptors());
        if is_judged {
            assert!(beside < alone * f64::from(SLOWER), "p99 {beside} ms, {alone} ms alone");
            assert!(course.slope() * 600.0 < 1_048_576.0, "{}", course.summary());
        }
    }
}

both_databases! {
    /// Beside clients of every hostile class a good tenant is served as if it were alone.
    fn hostile_clients_take_nothing_from_others(database) {
        let _alone = alone();
        beside_a_good_tenant(database);
    }
}
