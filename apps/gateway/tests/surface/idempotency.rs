//! `Idempotency-Key` (docs/compatibility.md, "Sending again").

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use crm_core::each_backend;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::{QueryableByName, RunQueryDsl};
use serde_json::{Value, json};

use crate::LeadsLocked;
use crate::client::{Answer, Api, Client};
use crate::process::{Serving, gateway};

fn post_once(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    client.send("POST", path, &[("Idempotency-Key", key)], Some(&body.to_string()))
}

fn create_lead(client: &Client, key: &str, title: &str) -> Answer {
    post_once(client, "/pipeline/leads", key, &json!({ "title": title }))
}

fn total(client: &Client, path: &str) -> u64 {
    let list = client.get(&format!("{path}?includeTotal=true&size=1"));
    list.items();
    list.body["total"].as_u64().unwrap()
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

/// Checks that the second answer is the first one again.
#[track_caller]
fn assert_replayed(first: &Answer, second: &Answer) {
    assert!(!is_replayed(first) && is_replayed(second), "{first:?} {second:?}");
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    for name in ["etag", "location", "content-type"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"), "the request itself is another");
}

/// Sends the same request twice, while none can end. One runs, whichever that is, and is still running when the other has
/// been told so; then does something that lets it end, and gives its answer.
fn while_one_runs(clients: [&Client; 2], key: &str, then: impl FnOnce()) -> Answer {
    let (send, answers) = mpsc::channel();
    thread::scope(|threads| {
        for client in clients {
            let send = send.clone();
            threads.spawn(move || send.send(create_lead(client, key, "A lead")).unwrap());
        }
        answers.recv().unwrap().problem(409, "idempotency_key_in_flight");
        then();
        answers.recv().unwrap()
    })
}

both_databases! {
    /// A repeat gets status, body, Location and ETag of the first answer, and nothing is done again.
    fn a_repeat_gets_the_first_answer(database) {
        let api = Api::start(database);
        let first = create_lead(&api.acme, "k-1", "A lead");
        first.item(201);
        assert!(!first.header("location").is_empty() && !first.header("etag").is_empty());

        let changed = api.acme.patch(first.header("location"), &json!({ "title": "Another" }));
        changed.item(200);
        for _ in 0..2 {
            assert_replayed(&first, &create_lead(&api.acme, "k-1", "A lead"));
        }
        assert_eq!(total(&api.acme, "/pipeline/leads"), 1);

        let tag = |key: &str| post_once(&api.acme, "/pipeline/tags/leads", key, &json!({ "label": "hot" }));
        let (first, second) = (tag("k-2"), tag("k-2"));
        assert_replayed(&first, &second);
        let bulk = |key: &str| {
            let body = json!({ "type": "DELETE", "module": "LEADS", "ids": ["1", "2"] });
            post_once(&api.acme, "/pipeline/bulk-actions", key, &body)
        };
        assert_replayed(&bulk("k-3"), &bulk("k-3"));
    }

    /// A tenant's keys are its own, and a key names one request of one method, path and body.
    fn a_key_names_one_request_of_one_tenant(database) {
        let api = Api::start(database);
        create_lead(&api.acme, "same", "A lead").item(201);
        create_lead(&api.acme, "same", "Another").problem(422, "idempotency_key_reused");
        let body = json!({ "title": "A lead" });
        let elsewhere = post_once(&api.acme, "/pipeline/tags/leads", "same", &body);
        assert_eq!(elsewhere.status, 422, "another path: {}", elsewhere.text);
        let elsewhere = post_once(&api.acme, "/pipeline/leads?a=b", "same", &body);
        assert_eq!(elsewhere.status, 422, "another query string: {}", elsewhere.text);
        let by_parameter = format!("/pipeline/leads?subscription-key={}", api.acme.keys.primary);
        let repeat = post_once(&api.acme.with_key(None), &by_parameter, "same", &body);
        assert!(is_replayed(&repeat), "how the tenant's key was sent does not matter: {repeat:?}");
        assert!(!is_replayed(&create_lead(&api.tenant("umbrella"), "same", "A lead")));
        assert_eq!(total(&api.acme, "/pipeline/leads"), 1);
    }

    /// What a key may be, and where it means nothing.
    fn keys_are_checked_on_posts(database) {
        let api = Api::start(database);
        let longest = "k".repeat(255);
        for key in ["x", "!\"#~", longest.as_str()] {
            create_lead(&api.acme, key, "A lead").item(201);
        }
        for (key, why) in [("", "empty"), ("a b", "a space inside"), (&"k".repeat(256), "256 characters")] {
            let answer = create_lead(&api.acme, key, "A lead");
            assert_eq!(answer.body["code"], "invalid_idempotency_key", "{why}: {}", answer.text);
            answer.problem(400, "invalid_idempotency_key");
        }
        let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
        api.acme.send("POST", "/pipeline/leads", &twice, Some("{\"title\":\"A lead\"}")).problem(400, "invalid_idempotency_key");
        for _ in 0..2 {
            let read = api.acme.send("GET", "/pipeline/leads", &[("Idempotency-Key", "x")], None);
            assert!(read.status == 200 && !is_replayed(&read), "a GET is not repeated");
        }
        create_lead(&api.acme.read_only(), "y", "A lead").problem(403, "read_only_key");
        create_lead(&api.acme, "y", "A lead").item(201);
    }

    /// A refusal is an answer as well: it stays although what was refused would be possible by now.
    fn refusals_are_kept(database) {
        let api = Api::start(database);
        let tag = |key: &str| post_once(&api.acme, "/pipeline/tags/leads", key, &json!({ "label": "hot" }));
        let made = tag("first");
        made.item(201);
        let taken = tag("second");
        taken.problem(409, "label_taken");
        assert_eq!(api.acme.delete(made.header("location")).status, 204);
        assert_replayed(&taken, &tag("second"));
        assert_eq!(tag("third").status, 201);

        let invalid = create_lead(&api.acme, "empty", "");
        invalid.refuses(&[("title", "required")]);
        assert_replayed(&invalid, &create_lead(&api.acme, "empty", ""));
        create_lead(&api.acme, "empty", "A lead").problem(422, "idempotency_key_reused");
        let unknown = |key: &str| {
            post_once(&api.acme, "/pipeline/leads", key, &json!({ "title": "A lead", "organizationId": "77" }))
        };
        let first = unknown("reference");
        assert_eq!(first.status, 400);
        assert_replayed(&first, &unknown("reference"));
        assert_eq!(total(&api.acme, "/pipeline/leads"), 0);
    }

    /// A refusal for something that another header can cure is not kept.
    fn refusals_for_a_header_are_not_kept(database) {
        let api = Api::start(database);
        let headers = [("Idempotency-Key", "k"), ("Content-Type", "text/plain")];
        let refused = api.acme.send("POST", "/pipeline/leads", &headers, Some("{\"title\":\"A lead\"}"));
        refused.problem(415, "unsupported_media_type");
        let made = create_lead(&api.acme, "k", "A lead");
        made.item(201);
        assert!(!is_replayed(&made));
    }

    /// While the first request runs, a repeat is told so at once; afterwards it gets the answer.
    fn a_repeat_of_a_running_request_is_refused(database) {
        let api = Api::start(database);
        let lock = LeadsLocked::on(database);
        let first = while_one_runs([&api.acme, &api.acme], "k", || {
            create_lead(&api.acme, "k", "A lead").problem(409, "idempotency_key_in_flight");
            create_lead(&api.acme, "k", "Another").problem(409, "idempotency_key_in_flight");
            drop(lock);
        });
        first.item(201);
        assert_replayed(&first, &create_lead(&api.acme, "k", "A lead"));
    }

    /// Many at once: one does it, the others get its answer or are told to wait.
    fn a_crowd_of_the_same_request_makes_one_record(database) {
        let api = Api::start(database);
        for round in 0..5 {
            let barrier = Barrier::new(8);
            let key = format!("round-{round}");
            let answers: Vec<Answer> = thread::scope(|threads| {
                let sent: Vec<_> = (0..8)
                    .map(|_| threads.spawn(|| {
                        barrier.wait();
                        create_lead(&api.acme, &key, "A lead")
                    }))
                    .collect();
                sent.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let made = answers.iter().filter(|answer| answer.status == 201);
            assert_eq!(made.clone().filter(|answer| !is_replayed(answer)).count(), 1, "{answers:?}");
            assert_eq!(made.map(|answer| &answer.text).collect::<std::collections::BTreeSet<_>>().len(), 1);
            assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{answers:?}");
        }
        assert_eq!(total(&api.acme, "/pipeline/leads"), 5);
    }

    /// What cannot be read of a kept answer is made up by nobody.
    fn a_damaged_answer_is_not_replayed(database) {
        let api = Api::start(database);
        create_lead(&api.acme, "k", "A lead").item(201);
        for damage in ["status = -1", "status = 20", "scopes = 'everything'", "headers = '{}'"] {
            let damage = format!("UPDATE idempotency_keys SET {damage} WHERE tenant_id > 0");
            database.connect().batch_execute(&damage).unwrap();
            create_lead(&api.acme, "k", "A lead").problem(500, "internal_error");
            let mend = "UPDATE idempotency_keys SET status = 201, scopes = '*:write' WHERE tenant_id > 0";
            database.connect().batch_execute(mend).unwrap();
        }
        assert_eq!(total(&api.acme, "/pipeline/leads"), 1);
    }

    /// A 5xx says nothing about what a repeat will get.
    fn a_5xx_is_not_kept(database) {
        let api = Api::start(database);
        let rename = |from: &str, to: &str| {
            database.connect().batch_execute(&format!("ALTER TABLE {from} RENAME TO {to}")).unwrap();
        };
        rename("numbering", "hidden");
        create_lead(&api.acme, "k", "A lead").problem(500, "internal_error");
        rename("hidden", "numbering");
        let made = create_lead(&api.acme, "k", "A lead");
        made.item(201);
        assert!(!is_replayed(&made));
    }

    /// After 24 hours a key is new again, whether its row was cleaned up or not.
    fn a_key_is_forgotten_after_24_hours(database) {
        let api = Api::start(database);
        let first = create_lead(&api.acme, "k", "A lead");
        age(database, "23 hours");
        assert_replayed(&first, &create_lead(&api.acme, "k", "A lead"));
        age(database, "25 hours");
        let again = create_lead(&api.acme, "k", "Another");
        assert_ne!(again.item(201)["id"], first.item(201)["id"]);
        assert_replayed(&again, &create_lead(&api.acme, "k", "Another"));
    }

    /// What was answered before a crash is the answer after it; what was not, is done once.
    fn a_crash_changes_nothing(database) {
        let mut api = Api::start(database);
        let keys: Vec<String> = (0..600).map(|number| format!("k-{number}")).collect();
        let before: BTreeMap<&str, Answer> = thread::scope(|threads| {
            let parts: Vec<_> = keys.chunks(100).map(|keys| {
                let client = api.acme.clone();
                threads.spawn(move || {
                    let body = json!({ "title": "A lead" }).to_string();
                    let send = |key: &str| client.try_send("POST", "/pipeline/leads", &[("Idempotency-Key", key)], Some(&body));
                    keys.iter().map_while(|key| Some((key.as_str(), send(key).ok()?))).collect::<Vec<_>>()
                })
            }).collect();
            while total(&api.acme, "/pipeline/leads") < 10 {
                thread::sleep(Duration::from_millis(1));
            }
            kill_9(&api.serving);
            parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
        });
        api = api.restart();
        assert!((1..600).contains(&before.len()), "{} of 600 were answered before the crash", before.len());
        for key in &keys {
            let after = create_lead(&api.acme, key, "A lead");
            match before.get(key.as_str()) {
                Some(before) => assert_replayed(before, &after),
                None => drop(after.item(201)),
            }
        }
        assert_eq!(total(&api.acme, "/pipeline/leads"), 600);
    }
}

fn kill_9(serving: &Serving) {
    assert!(Command::new("kill").arg("-9").arg(serving.id().to_string()).status().unwrap().success());
}

/// Puts every kept answer back in time.
fn age(database: &TestDatabase, age: &str) {
    let mut connection = database.connect();
    let moment = moment(&connection, age);
    connection.batch_execute(&format!("UPDATE idempotency_keys SET created_on = {moment}")).unwrap();
}

/// The number that a query finds.
fn count(database: &TestDatabase, sql: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        number: i64,
    }
    let mut connection = database.connect();
    let Counted { number } =
        each_backend!(&mut connection, connection => diesel::sql_query(sql).get_result(connection)).unwrap();
    number
}

/// A moment so long ago, in SQL.
fn moment(connection: &crm_core::DbConnection, age: &str) -> String {
    match connection.kind() {
        crm_core::BackendKind::Postgres => format!("date_trunc('milliseconds', now()) - interval '{age}'"),
        crm_core::BackendKind::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{age}')"),
    }
}

#[test]
fn two_gateways_on_one_database_know_each_other_s_keys() {
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    let other = Serving::start(gateway(&database).env("CRM_RATE_LIMIT", "0"));
    let there = Client::new(&other.url, api.acme.keys.clone());

    let first = create_lead(&api.acme, "k", "A lead");
    assert_replayed(&first, &create_lead(&there, "k", "A lead"));
    create_lead(&there, "k", "Another").problem(422, "idempotency_key_reused");

    let lock = LeadsLocked::on(&database);
    let second = while_one_runs([&api.acme, &there], "running", || {
        for client in [&api.acme, &there] {
            create_lead(client, "running", "A lead").problem(409, "idempotency_key_in_flight");
        }
        drop(lock);
    });
    second.item(201);
    assert_replayed(&second, &create_lead(&there, "running", "A lead"));
    assert_eq!(total(&there, "/pipeline/leads"), 2);

    // Whoever comes through another server of a cluster has a lock of its own: the first to be committed is the first.
    let lock = LeadsLocked::on(&database);
    let third = while_one_runs([&api.acme, &there], "elsewhere", || {
        let copy = "INSERT INTO idempotency_keys SELECT tenant_id, 'elsewhere', fingerprint, status, headers, body, size, \
                    scopes, created_on FROM idempotency_keys WHERE tenant_id > 0 AND key = 'k'";
        database.connect().batch_execute(copy).unwrap();
        drop(lock);
    });
    third.problem(409, "idempotency_key_in_flight");
    assert_eq!(total(&there, "/pipeline/leads"), 2);
}

both_databases! {
    /// Old answers are deleted, of every tenant and more than one call deletes; younger ones stay.
    fn old_answers_are_deleted(database) {
        let api = Api::start(database);
        let umbrella = api.tenant("umbrella");
        create_lead(&api.acme, "old", "A lead").item(201);
        create_lead(&umbrella, "old", "A lead").item(201);
        age(database, "25 hours");
        let mut connection = database.connect();
        let many = "INSERT INTO idempotency_keys SELECT k.tenant_id, 'k' || n.number, k.fingerprint, k.status, k.headers, k.body, \
                    k.size, k.scopes, k.created_on FROM idempotency_keys k CROSS JOIN \
                    (WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < 1500) SELECT * FROM n) n";
        connection.batch_execute(many).unwrap();
        create_lead(&api.acme, "young", "A lead").item(201);

        let now = crm_core::Timestamp::now();
        let tenants = crm_core::idempotency::tenants_with_expired(&mut connection, now).unwrap();
        assert_eq!(tenants.len(), 2);
        let deleted: Vec<usize> = tenants
            .iter()
            .flat_map(|tenant| {
                let mut calls = Vec::new();
                while calls.last() != Some(&0) {
                    calls.push(crm_core::idempotency::forget_expired(&mut connection, *tenant, now).unwrap());
                }
                calls
            })
            .collect();
        assert_eq!(deleted.iter().sum::<usize>(), 2 * 1501);
        assert!(crm_core::idempotency::tenants_with_expired(&mut connection, now).unwrap().is_empty());
        assert!(is_replayed(&create_lead(&api.acme, "young", "A lead")));
    }

    /// An answer of 256 KiB is kept whole. Of a longer one it is known that it was given: the request is not done again.
    fn an_answer_of_256_kib_is_kept(database) {
        let api = Api::start(database);
        let case_type = |key: &str, length: usize| {
            let node = json!({ "id": "a", "data": { "label": "a" } });
            let workflow = json!({ "status": [node], "transition": [], "extra": "x".repeat(length) });
            let body = json!({ "label": key, "workflow": workflow });
            post_once(&api.acme, "/cases/types/cases", key, &body)
        };
        let spare = 256 * 1024 - case_type("0", 0).text.len();
        let whole = case_type("1", spare);
        whole.item(201);
        assert_eq!(whole.text.len(), 256 * 1024);
        assert_replayed(&whole, &case_type("1", spare));
        let longer = case_type("2", spare + 1);
        longer.item(201);
        for _ in 0..2 {
            let repeat = case_type("2", spare + 1);
            repeat.problem(409, "answer_not_kept");
            assert_eq!(repeat.body["location"], longer.header("location"));
        }
        case_type("2", spare).problem(422, "idempotency_key_reused");
        let types = api.acme.get("/cases/types/cases?size=1&includeTotal=true");
        assert_eq!(types.body["total"], 4, "none was made twice: {}", types.text);
    }

    /// Of a tenant 64 MiB are kept, but for what a gateway keeps until it looks: the oldest answers are forgotten first.
    fn a_tenant_has_a_quota_of_kept_answers(database) {
        let api = Api::start(database);
        let umbrella = api.tenant("umbrella");
        create_lead(&api.acme, "oldest", "A lead").item(201);
        create_lead(&umbrella, "theirs", "A lead").item(201);
        age(database, "12 hours");
        let mut connection = database.connect();
        // 64 MiB more, a row a minute.
        for number in 0..256 {
            let row = format!(
                "INSERT INTO idempotency_keys SELECT tenant_id, 'k{number}', fingerprint, status, headers, body, 262144, scopes, {} \
                 FROM idempotency_keys WHERE key = 'oldest'",
                moment(&connection, &format!("{} minutes", 300 - number))
            );
            connection.batch_execute(&row).unwrap();
        }
        let kept = |tenant: &str| {
            let of_tenant = "FROM idempotency_keys k JOIN tenants t ON t.id = k.tenant_id WHERE t.public_id";
            count(database, &format!("SELECT count(*) AS number {of_tenant} = '{tenant}'"))
        };
        // It was looked at its first key, and is again after an eighth of the quota.
        let large = |number: usize| {
            let node = json!({ "id": "a", "data": { "label": "a" } });
            let workflow = json!({ "status": [node], "extra": "x".repeat(250_000) });
            let body = json!({ "label": format!("type {number}"), "workflow": workflow });
            post_once(&api.acme, "/cases/types/cases", &format!("large-{number}"), &body).item(201);
        };
        (0..33).for_each(large);
        assert_eq!(kept("acme"), 257 + 33);
        large(33);
        // 34 of a quarter of a megabyte, and as many of the 256 KiB as fit beside them.
        assert!((34 + 222..=34 + 224).contains(&kept("acme")), "{}", kept("acme"));
        assert_eq!(kept("umbrella"), 1);
        assert!(is_replayed(&create_lead(&umbrella, "theirs", "A lead")));
        assert!(!is_replayed(&create_lead(&api.acme, "oldest", "A lead")), "it was forgotten");
    }
}
