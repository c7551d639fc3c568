//! `CRM_RATE_LIMIT`.

use std::thread;
use std::time::{Duration, Instant};

use crm_core::keys::{ApiKey, Rights};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::LeadsLocked;
use crate::client::{Answer, Api, Client, Keys};
use crate::process::{Serving, gateway};

/// `r` of the header `RateLimit`.
fn remaining(answer: &Answer) -> u32 {
    let value = answer.header("ratelimit");
    let rest = value.strip_prefix("\"default\";r=").unwrap_or_else(|| panic!("{value:?}"));
    rest.split(';').next().unwrap().parse().unwrap()
}

both_databases! {
    /// Every answer to a request with a key tells what is left; then comes 429 until the wait is over. A key has its
    /// own limit, whatever its tenant's other key does.
    fn a_key_has_so_many_requests_a_minute(database) {
        let api = Api::start_with(database, &[("CRM_RATE_LIMIT", "4")]);
        let answers = [
            api.acme.get("/pipeline/leads"),
            api.acme.get("/pipeline/leads/77"),
            api.acme.get("/pipeline/leads?nonsense=1"),
            api.acme.post("/pipeline/leads", &json!({ "title": "A lead" })),
        ];
        assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 404, 400, 201]);
        assert_eq!(answers.each_ref().map(remaining), [3, 2, 1, 0]);
        for answer in &answers {
            assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=4;w=60");
            assert_eq!(answer.header("retry-after"), "");
        }
        assert!(answers[0].header("ratelimit").ends_with(";t=15"), "{:?}", answers[0].headers);

        let refused = api.acme.get("/pipeline/leads");
        refused.problem(429, "rate_limited");
        assert_eq!(refused.header("ratelimit-policy"), "\"default\";q=4;w=60");
        assert_eq!(remaining(&refused), 0);
        let wait: u32 = refused.header("retry-after").parse().unwrap();
        assert!((1..=15).contains(&wait), "{wait}");

        assert_eq!(remaining(&api.acme.read_only().get("/pipeline/leads")), 3, "the other key of the tenant");
        assert_eq!(remaining(&api.acme.read_only().post("/pipeline/leads", &json!({}))), 2, "a refused request counts");
        assert_eq!(remaining(&api.tenant("umbrella").get("/pipeline/leads")), 3, "another tenant");
    }

    /// Without a key nothing is counted, and nothing is told.
    fn requests_without_a_key_have_no_limit(database) {
        let api = Api::start_with(database, &[("CRM_RATE_LIMIT", "1")]);
        for _ in 0..3 {
            for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
                let answer = api.acme.with_key(None).get(path);
                assert_eq!((answer.status, answer.header("ratelimit")), (200, ""), "{path}");
            }
            let unknown = api.acme.with_key(Some("crm_rw_unknown")).get("/pipeline/leads");
            assert_eq!((unknown.status, unknown.header("ratelimit")), (401, ""));
        }
    }

    /// 0 is no limit, and then there is none to tell of.
    fn zero_switches_the_limit_off(database) {
        let api = Api::start(database);
        let answer = api.acme.get("/pipeline/leads");
        assert_eq!((answer.status, answer.header("ratelimit"), answer.header("ratelimit-policy")), (200, "", ""));
    }

    /// A 429 is no answer to keep: the repeat after the wait is done.
    fn a_refused_request_is_done_when_it_is_sent_again(database) {
        let api = Api::start_with(database, &[("CRM_RATE_LIMIT", "60")]);
        let create = |key: &str| api.acme.send("POST", "/pipeline/leads", &[("Idempotency-Key", key)], Some("{\"title\":\"A lead\"}"));
        let keys: Vec<String> = (0..200).map(|number| format!("k-{number}")).collect();
        let (key, refused) = keys.iter().map(|key| (key, create(key))).find(|(_, answer)| answer.status == 429).unwrap();
        thread::sleep(Duration::from_secs(refused.header("retry-after").parse().unwrap()));
        let made = create(key);
        made.item(201);
        assert_eq!(made.header("idempotent-replayed"), "");
    }
}

/// Requests that wait for one lock hold a quarter of the threads: the tenant itself reads on, and others do not notice.
/// Those whose turn does not come are told that nothing was done.
#[test]
fn who_waits_for_a_lock_holds_a_quarter_of_the_threads() {
    let database = TestDatabase::postgres();
    let api = Api::start_with(&database, &[("CRM_DB_POOL", "8")]);
    let umbrella = api.tenant("umbrella");
    let lead = api.acme.post("/pipeline/leads", &json!({ "title": "A lead" })).header("location").to_owned();
    let mut holder = database.connect();
    holder.begin_write().unwrap();
    holder.batch_execute("SELECT 1 FROM leads FOR UPDATE").unwrap();
    thread::scope(|threads| {
        let waiting: Vec<_> = (0..24)
            .map(|number| {
                let (acme, lead) = (api.acme.apart(), &lead);
                threads.spawn(move || acme.patch(lead, &json!({ "note": format!("Note {number}") })))
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        assert!(umbrella.get("/metrics").text.contains("\ncrm_db_busy_threads 2\n"));
        // None of these waits for two seconds, after which it would be refused.
        for _ in 0..10 {
            umbrella.post("/pipeline/leads", &json!({ "title": "Another's" })).item(201);
            umbrella.get("/pipeline/leads").items();
            api.acme.get(&lead).item(200);
        }
        let mut not_begun = 0;
        for answer in waiting.into_iter().map(|waiting| waiting.join().unwrap()) {
            // Of the two that wait for the lock itself, the database says after a while that they waited too long.
            let code = if answer.body["code"] == "overloaded" { "overloaded" } else { "database_unavailable" };
            answer.problem(503, code);
            assert_eq!((answer.header("retry-after"), &answer.body["outcome"]), ("1", &json!("notDone")));
            not_begun += usize::from(code == "overloaded");
        }
        assert!(not_begun >= 18, "{not_begun}");
        drop(holder);
    });
    assert!(api.acme.get(&lead).item(200)["note"].is_null(), "nothing was done");
    api.acme.patch(&lead, &json!({ "note": "On time" })).item(200);
}

/// While another process holds SQLite's lock, writes wait, and then are told that nothing was done; reads go on.
#[test]
fn writes_that_wait_for_sqlite_keep_nobody_from_reading() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    api.acme.post("/pipeline/leads", &json!({ "title": "A lead" })).item(201);
    let lock = LeadsLocked::on(&database);
    thread::scope(|threads| {
        let create = || api.acme.apart().post("/pipeline/leads", &json!({ "title": "Late" }));
        let waiting: Vec<_> = (0..200).map(|_| threads.spawn(create)).collect();
        thread::sleep(Duration::from_millis(500));
        for _ in 0..50 {
            assert_eq!(api.acme.get("/pipeline/leads").items().len(), 1);
        }
        for answer in waiting {
            let answer = answer.join().unwrap();
            answer.problem(503, "overloaded");
            assert_eq!((answer.header("retry-after"), &answer.body["outcome"]), ("1", &json!("notDone")));
        }
    });
    drop(lock);
    api.acme.post("/pipeline/leads", &json!({ "title": "On time" })).item(201);
    assert_eq!(api.acme.get("/pipeline/leads").items().len(), 2);
}

/// The value of a metric without labels.
fn metric(client: &Client, name: &str) -> u64 {
    let metrics = client.with_key(None).get("/metrics").text;
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap().parse().unwrap()
}

/// A key with a right checksum that is nobody's.
fn guess() -> String {
    ApiKey::generate(Rights::WRITE_ALL).unwrap().reveal().to_owned()
}

both_databases! {
    /// Keys that are nobody's do not each cost a job of the database, be they the same or all others; who has a good key
    /// is served from the same address all the while, and a new key is good at once.
    fn unknown_keys_cost_next_to_nothing(database) {
        let api = Api::start(database);
        let lead = |client: &Client| client.get("/pipeline/leads").status;
        assert_eq!(lead(&api.acme), 200);
        let same = api.acme.with_key(Some(&guess()));
        let before = metric(&api.acme, "crm_db_jobs_total");
        for _ in 0..200 {
            same.get("/pipeline/leads").problem(401, "invalid_key");
        }
        let jobs = metric(&api.acme, "crm_db_jobs_total") - before;
        assert!(jobs <= 20, "{jobs} jobs for one key");

        let before = metric(&api.acme, "crm_db_jobs_total");
        let began = Instant::now();
        let mut refused = 0;
        for number in 1..=1000 {
            let answer = api.acme.with_key(Some(&guess())).get("/pipeline/leads");
            match answer.status {
                401 => {}
                _ => {
                    answer.problem(429, "rate_limited");
                    assert_eq!(answer.header("retry-after"), "1");
                    refused += 1;
                }
            }
            if number % 100 == 0 {
                assert_eq!(lead(&api.acme), 200, "a good key that was good before");
            }
        }
        let jobs = metric(&api.acme, "crm_db_jobs_total") - before;
        let seconds = began.elapsed().as_secs() + 1;
        assert!(jobs <= 60 * (seconds + 1) && refused > 0, "{jobs} jobs in {seconds} s, {refused} refused");

        thread::sleep(Duration::from_millis(1100));
        assert_eq!(lead(&api.tenant("umbrella")), 200, "a new key");
    }

    /// A key that somebody chose has no checksum: then every word may be a key, and is looked up no more often.
    fn where_keys_were_chosen_guesses_are_bounded_too(database) {
        let key = |name: &str| format!("{name}-{}", "k".repeat(32));
        let (primary, secondary) = (key("primary"), key("secondary"));
        let settings = [
            ("CRM_BOOTSTRAP_TENANT", "chosen"),
            ("CRM_BOOTSTRAP_PRIMARY_KEY", primary.as_str()),
            ("CRM_BOOTSTRAP_SECONDARY_KEY", secondary.as_str()),
            ("CRM_RATE_LIMIT", "0"),
        ];
        let serving = Serving::start(gateway(database).envs(settings));
        let keys = Keys { tenant: "chosen".to_owned(), primary, secondary };
        let chosen = Client::new(&serving.url, keys);
        assert_eq!(chosen.get("/pipeline/leads").status, 200);
        let before = metric(&chosen, "crm_db_jobs_total");
        let began = Instant::now();
        for number in 0..500 {
            let answer = chosen.with_key(Some(&key(&number.to_string()))).get("/pipeline/leads");
            assert!(matches!(answer.status, 401 | 429), "{}", answer.text);
        }
        let jobs = metric(&chosen, "crm_db_jobs_total") - before;
        let seconds = began.elapsed().as_secs() + 1;
        assert!(jobs <= 60 * (seconds + 1) && jobs < 500, "{jobs} jobs in {seconds} s");
        assert_eq!(chosen.get("/pipeline/leads").status, 200);
    }
}
