//! `CRM_RATE_LIMIT`.

use std::thread;
use std::time::Duration;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::LeadsLocked;
use crate::client::{Answer, Api};

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

/// A tenant whose requests fill its share of the database is told to come again; what is under way goes on.
#[test]
fn a_tenant_has_its_share_of_the_database() {
    let database = TestDatabase::postgres();
    // Of one connection a tenant may fill as much as four requests.
    let api = Api::start_with(&database, &[("CRM_DB_POOL", "1")]);
    let lock = LeadsLocked::on(&database);
    thread::scope(|threads| {
        let create = |number: usize| api.acme.post("/pipeline/leads", &json!({ "title": format!("Lead {number}") }));
        let under_way: Vec<_> = (0..4).map(|number| threads.spawn(move || create(number))).collect();
        thread::sleep(Duration::from_millis(500));
        let refused = create(4);
        refused.problem(503, "overloaded");
        assert!(!refused.header("retry-after").is_empty());
        drop(lock);
        for request in under_way {
            request.join().unwrap().item(201);
        }
    });
    assert_eq!(api.acme.get("/pipeline/leads").items().len(), 4);
}
