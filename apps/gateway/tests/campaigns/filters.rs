//! Lists by filters that are made up: each combination is a statement of its own, and none is kept for ever.

use std::fs;

use crm_testkit::{TestDatabase, both_databases};
use diesel::prelude::*;
use diesel::sql_types::Integer;
use serde_json::json;

use crate::client::Api;
use crate::settings::{Random, alone, figure, rounds};

/// What the most memory of the second half may be above that of the first.
const MOST_GROWTH_KB: u64 = 8 * 1024;

/// Filters of leads, each with the values that it may have.
const FILTERS: &[(&str, &[&str])] = &[
    ("contactId", &["1", "1,2"]),
    ("organizationId", &["1", "1,2"]),
    ("isArchived", &["true", "false"]),
    ("isConverted", &["true", "false"]),
    ("ownerId", &["u1", "u1,u2"]),
    ("origin", &["website", "website,referral"]),
    ("leadRating", &["1_cold", "1_cold,2_warm"]),
    ("createdAfterDate", &["2020-01-01T00:00:00Z"]),
    ("createdBeforeDate", &["2100-01-01T00:00:00Z"]),
    ("orderBy", &["lastUpdatedOn", "title", "value", "leadRating"]),
    ("sort", &["asc", "desc"]),
    ("offset", &["0", "1"]),
    ("includeTotal", &["true"]),
];

fn made_up(random: &mut Random) -> String {
    let parameters = random.some_of(FILTERS, FILTERS.len());
    let written = parameters.iter().map(|(name, values)| format!("{name}={}", random.one_of(values)));
    format!("/pipeline/leads?{}", written.collect::<Vec<_>>().join("&"))
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// The memory of a process of this machine that is its own, in KiB; what it shares, such as PostgreSQL's buffers, is
/// bounded by settings.
fn own_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The memory of the gateway, and of the sessions that it has on a PostgreSQL of this machine.
fn memory(api: &Api<'_>, database: &TestDatabase) -> (u64, u64) {
    let sessions = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let backends: Vec<Backend> = match database.connect() {
        crm_core::DbConnection::Postgres(mut connection) => diesel::sql_query(sessions).load(&mut connection).unwrap(),
        crm_core::DbConnection::Sqlite(_) => Vec::new(),
    };
    let sessions = backends.iter().filter_map(|backend| own_memory(backend.pid.unsigned_abs())).sum();
    (own_memory(api.serving.id()).unwrap(), sessions)
}

both_databases! {
    /// The memory of the gateway and of its sessions is flat, however many combinations a key that only reads thinks of.
    fn lists_by_filters_that_are_made_up(database) {
        let _alone = alone();
        let api = Api::start_with(database, &[("CRM_DB_POOL", "1")]);
        for number in 0..5 {
            let lead = json!({ "title": format!("Lead {number}"), "origin": "website", "owner": { "id": "u1", "name": "U" } });
            api.acme.post("/pipeline/leads", &lead).item(201);
        }
        let client = api.acme.read_only();
        let mut random = Random::new();
        // Memory rises until statements are forgotten, again and again: of each half its highest counts.
        let rounds = rounds(2_000);
        let halves = [(); 2].map(|()| {
            let mut most = (0, 0);
            for round in 0..rounds / 2 {
                let list = made_up(&mut random);
                assert_eq!(client.get(&list).status, 200, "{list}");
                // What the start needed is given back by then.
                if round > rounds / 20 && round % (rounds / 100).max(1) == 0 {
                    let now = memory(&api, database);
                    most = (most.0.max(now.0), most.1.max(now.1));
                }
            }
            most
        });

        let [before, after] = halves;
        let kib = |(gateway, sessions): (u64, u64)| format!("gateway {gateway} KiB, sessions {sessions} KiB");
        let text = format!("{rounds} lists: at most {} in the first half, {} in the second", kib(before), kib(after));
        figure(database, "filters", text);
        assert!(after.0 <= before.0 + MOST_GROWTH_KB, "the gateway grew: {before:?} to {after:?}");
        assert!(after.1 <= before.1 + MOST_GROWTH_KB, "the sessions grew: {before:?} to {after:?}");
    }
}
