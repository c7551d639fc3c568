//! Everything that may be asked of the same few records, by many clients of two tenants at once, and what is left.

mod actions;
mod log;
mod planted;
mod promises;
mod round;

use std::sync::Barrier;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::checker;
use crate::client::{Api, Client};
use crate::settings::{Random, alone, figure, rounds};

use actions::{Actor, come_and_go, form, own_field};
use log::Log;
use round::Round;

/// Clients of each tenant.
const THREADS: usize = 24;
const OTHER_THREADS: usize = 8;
/// What each of them does in a round.
const ACTIONS: usize = 8;
/// After so many rounds others race: each round leaves pipelines, of which a tenant has at most 200.
const ROUNDS_OF_A_TENANT: usize = 50;

const TAGS_OF_KINDS: [&str; 5] = [
    "/directory/tags/contacts",
    "/directory/tags/organizations",
    "/pipeline/tags/leads",
    "/pipeline/tags/opportunities",
    "/cases/tags/cases",
];

/// A tenant, whose records have the same ids as the other's.
struct Racing {
    client: Client,
    clients: Vec<Client>,
    /// What was made and taken away in all rounds.
    all: Log,
}

impl Racing {
    fn new(client: Client, threads: usize) -> Self {
        for path in TAGS_OF_KINDS {
            for label in ["a", "b", "c"] {
                client.post(path, &json!({ "label": label })).item(201);
            }
        }
        client.put("/pipeline/forms/opportunities", &form(false)).items();
        let clients = (0..threads).map(|_| client.apart()).collect();
        Self { client, clients, all: Log::default() }
    }

    /// All clients act at once; what they were told.
    fn race(&self, round: &Round, random: &mut Random, start: &Barrier) -> Log {
        std::thread::scope(|scope| {
            let act = |(number, client)| {
                let random = random.fork();
                scope.spawn(move || {
                    let mut actor = Actor { client, round, random, log: Log::default(), field: own_field(number) };
                    start.wait();
                    (0..ACTIONS).for_each(|_| actor.act());
                    actor.log
                })
            };
            let threads: Vec<_> = self.clients.iter().enumerate().map(act).collect();
            let mut log = Log::default();
            start.wait();
            come_and_go(&self.client, &mut log);
            for thread in threads {
                log.add(thread.join().unwrap());
            }
            log
        })
    }
}

fn race_again_and_again(database: &TestDatabase) {
    let api = Api::start(database);
    let mut random = Random::new();
    let rounds = rounds(2);
    let mut raced = Vec::new();
    for first in (0..rounds).step_by(ROUNDS_OF_A_TENANT) {
        let tenant = |name: &str| api.tenant(&format!("{name}-{first}"));
        let mut tenants = [Racing::new(tenant("one"), THREADS), Racing::new(tenant("other"), OTHER_THREADS)];
        for number in (first..rounds).take(ROUNDS_OF_A_TENANT) {
            race_once(database, &mut tenants, number, &mut random);
        }
        tenants.iter().for_each(|tenant| promises::check_lists(&tenant.client, &tenant.all));
        raced.extend(tenants);
    }
    let executor = Executor::of(&api.acme);
    assert_eq!(api.serving.terminate(), Some(0));
    report(database, rounds, &raced, &executor);
}

/// Records are made, all act on them at once, and then every promise is looked at.
fn race_once(database: &TestDatabase, tenants: &mut [Racing; 2], number: u64, random: &mut Random) {
    let start = Barrier::new(THREADS + OTHER_THREADS + tenants.len());
    let prepared = tenants.each_mut().map(|tenant| {
        let mut made = Log::default();
        let name = format!("{} {number}", tenant.client.keys.tenant);
        (Round::new(&tenant.client, &name, &mut made), made)
    });
    let [one, other] = &*tenants;
    let [(round, made), (other_round, other_made)] = prepared;
    let (mut random_of_other, start) = (random.fork(), &start);
    let (log, other_log) = std::thread::scope(|scope| {
        let racing = scope.spawn(|| other.race(&other_round, &mut random_of_other, start));
        let log = one.race(&round, random, start);
        (log, racing.join().unwrap())
    });
    checker::check(database);
    let outcomes = [(round, made, log), (other_round, other_made, other_log)];
    for (tenant, (round, made, log)) in tenants.iter_mut().zip(outcomes) {
        promises::check(&tenant.client, &round, &log);
        tenant.all.add(made);
        tenant.all.add(log);
    }
}

/// What the gateway's executor has counted.
struct Executor {
    retries: String,
    deadlocks: String,
}

impl Executor {
    fn of(client: &Client) -> Self {
        let metrics = client.get("/metrics").text;
        let count = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().to_owned()
        };
        Self { retries: count("crm_db_retries_total"), deadlocks: count("crm_db_deadlocks_total") }
    }
}

fn report(database: &TestDatabase, rounds: u64, tenants: &[Racing], executor: &Executor) {
    let mut all = Log::default();
    for tenant in tenants {
        for (status, count) in &tenant.all.statuses {
            *all.statuses.entry(*status).or_default() += count;
        }
    }
    let sum = |count: fn(&Log) -> usize| tenants.iter().map(|tenant| count(&tenant.all)).sum::<usize>();
    let deadlocks = checker::deadlocks(database);
    let Executor { retries, deadlocks: seen } = executor;
    let conditional: u64 = tenants.iter().map(|tenant| tenant.all.conditional).sum();
    figure(
        database,
        "races",
        format_args!(
            "{rounds} rounds of {} clients of two tenants, answers {:?}, {} records made, {} merged, {} deleted, \
             {} leads converted, {conditional} changes with If-Match, {retries} run again, {deadlocks} deadlocks",
            THREADS + OTHER_THREADS,
            all.statuses,
            sum(|log| log.made.len()),
            sum(|log| log.merged.len()),
            sum(|log| log.deleted.len()),
            sum(|log| log.converted.len()),
        ),
    );
    assert_eq!((deadlocks, seen.as_str()), (0, "0"), "locks are taken in one order");
}

both_databases! {
    /// Whatever overlaps, no reference dangles or is lost, nothing acknowledged is gone, and nothing fails.
    fn races_leave_everything_whole(database) {
        let _alone = alone();
        race_again_and_again(database);
    }
}
