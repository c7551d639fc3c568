//! The database is silent, its host vanishes, it comes back after a restart, or it is locked by somebody else.

use std::time::{Duration, Instant};

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use crate::checker;
use crate::client::{Api, Client};
use crate::ledger::{Ledger, Told, prepare};
use crate::network::Network;
use crate::proxy::{Proxy, Way};
use crate::settings::{Random, alone, duration, figure};

const CLIENTS: usize = 16;
/// No answer is ever later, whatever the database does.
const LATEST: Duration = Duration::from_secs(10);
/// `/readyz` answers within this time even so, and everything is well again within this time behind the fault.
const READY: Duration = Duration::from_secs(1);
const BACK: Duration = Duration::from_secs(2);
/// How long the database is away, at least: long enough that every deadline passes.
const AWAY: Duration = Duration::from_secs(8);

/// What tokens are signed with.
const SECRET: &str = "a secret of at least thirty-two bytes";

/// Asks `/readyz` until the time is over. The slowest answer, and whether it ever said that it is not ready.
fn watch_readiness(client: &Client, time: Duration) -> (Duration, bool) {
    let (end, mut longest, mut refused) = (Instant::now() + time, Duration::ZERO, false);
    while Instant::now() < end {
        let began = Instant::now();
        refused |= client.get("/readyz").status == 503;
        longest = longest.max(began.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    (longest, refused)
}

/// Asks until a write succeeds again.
fn time_until_written(client: &Client) -> Duration {
    let began = Instant::now();
    while client.try_send("POST", "/pipeline/tags/leads", &[], Some("{\"label\":\"back\"}")).map_or(0, |it| it.status)
        != 201
    {
        assert!(began.elapsed() < 6 * BACK, "not back after {:?}", began.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

/// Lets clients work while a fault begins and ends, and checks what they were told.
fn through(database: &TestDatabase, api: &Api<'_>, name: &str, begin: impl FnOnce(), end: impl FnOnce()) -> Told {
    let mut random = Random::new();
    prepare(&api.acme);
    let mut ledger = Ledger::of(CLIENTS);
    let away = duration(AWAY);
    let (told, (readiness, back)) = ledger.during(std::slice::from_ref(&api.acme), &mut random, false, || {
        std::thread::sleep(Duration::from_millis(500));
        begin();
        let readiness = watch_readiness(&api.acme.apart(), away);
        end();
        let back = time_until_written(&api.acme);
        std::thread::sleep(Duration::from_millis(500));
        (readiness, back)
    });
    checker::wait_for_open_transactions(database);
    ledger.check(&api.acme);
    checker::check(database);
    figure(
        database,
        "gone",
        format_args!(
            "{name} for {away:?}: answers {:?}, the latest after {} ms; /readyz within {} ms; back after {} ms; \
             {} changes acknowledged, 0 lost",
            told.statuses,
            told.longest.as_millis(),
            readiness.0.as_millis(),
            back.as_millis(),
            ledger.acknowledged(),
        ),
    );
    told.assert_only_unavailable(LATEST);
    assert!(told.statuses.contains_key(&503), "the fault was not felt");
    assert!(readiness.0 <= READY, "/readyz took {:?}", readiness.0);
    assert!(back <= BACK, "back after {back:?}");
    told
}

/// A gateway whose way to PostgreSQL leads over a proxy.
fn behind_a_proxy(database: &TestDatabase) -> (Api<'_>, Proxy) {
    behind_a_proxy_at(database, "127.0.0.1")
}

fn behind_a_proxy_at<'a>(database: &'a TestDatabase, host: &str) -> (Api<'a>, Proxy) {
    let url = database.url_text();
    let server = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    let proxy = Proxy::before(server, host);
    let instead = proxy.instead_of(&url);
    let settings = [("DATABASE_URL", instead.as_str()), ("CRM_JWT_SECRET", SECRET)];
    (Api::start_with(database, &settings), proxy)
}

/// What is asked, the method, the path, headers, the body, and the key.
type Request<'a> = (&'static str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, Option<&'a String>);

/// Requests that wait for more than one thing, one after the other, at once: a person's token and what they ask for, a webhook
/// that is looked up, whose host is, and that is changed, a file that comes in, a tool that asks several times.
fn those_that_wait_for_several_things(api: &Api<'_>, webhook: &str) -> Vec<(&'static str, u16, Duration)> {
    let roles = json!({ "roles": ["crm_admin"] });
    let claims = json!({ "tenant_id": "acme", "sub": "ann", "realm_access": roles, "exp": 4_102_444_800_u64 });
    let token =
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    let token = format!("Bearer {token}");
    let tool = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "list_records", "arguments": { "kind": "lead" } } });
    let patch = json!({ "url": "https://hooks.invalid/another" }).to_string();
    let (tool, lead, person) = (tool.to_string(), r#"{"title":"L"}"#, [("Authorization", token.as_str())]);
    let requests: [Request<'_>; 5] = [
        ("a token", "POST", "/pipeline/leads", &person[..], lead, None),
        ("a webhook", "PATCH", webhook, &[("Idempotency-Key", "w")], &patch, Some(&api.acme.keys.primary)),
        (
            "a body that is refused",
            "POST",
            "/pipeline/leads",
            &[("Idempotency-Key", "r")],
            "{}",
            Some(&api.acme.keys.primary),
        ),
        (
            "a file",
            "POST",
            "/imports?kind=lead",
            &[("Content-Type", "text/csv")],
            "title\nA\n",
            Some(&api.acme.keys.primary),
        ),
        ("a tool", "POST", "/mcp", &[], &tool, Some(&api.acme.keys.primary)),
    ];
    std::thread::scope(|scope| {
        let asking = requests.map(|(name, method, path, headers, body, key)| {
            let client = api.acme.apart().with_key(key.map(String::as_str));
            scope.spawn(move || {
                let began = Instant::now();
                (name, client.send(method, path, headers, Some(body)).status, began.elapsed())
            })
        });
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

/// A webhook of which nothing is sent.
fn webhook(api: &Api<'_>) -> String {
    let body = json!({ "url": "https://hooks.invalid/", "events": ["lead.created"], "enabled": false });
    let id = api.acme.post("/settings/webhooks", &body).item(201)["id"].as_str().unwrap().to_owned();
    format!("/settings/webhooks/{id}")
}

#[test]
fn a_silent_database_is_told_in_time() {
    let _alone = alone();
    let database = TestDatabase::postgres();
    let (api, proxy) = behind_a_proxy(&database);
    let webhook = webhook(&api);
    let silence = || {
        proxy.turn(Way::Silent);
        for (name, status, took) in those_that_wait_for_several_things(&api, &webhook) {
            // A tool tells what the API answered it.
            assert!(status == 503 || (name == "a tool" && status == 200), "{name}: {status}");
            assert!(took < LATEST, "{name}: {took:?}");
        }
    };
    through(&database, &api, "silent", silence, || proxy.turn(Way::Open));
}

/// Nothing is answered and nothing is refused, not even a new connection, and the kernel sends again and again.
#[test]
fn a_host_that_vanishes_is_told_in_time() {
    let _alone = alone();
    let Some(network) = Network::new() else { return };
    let database = TestDatabase::postgres();
    let (api, _proxy) = behind_a_proxy_at(&database, Network::host());
    through(&database, &api, "vanished", || network.vanish(), || network.appear());
}

/// Each connection is silent for ever, and nobody says so: others take their place, while the fault lasts.
#[test]
fn connections_that_are_forgotten_are_told_in_time() {
    let _alone = alone();
    let database = TestDatabase::postgres();
    let (api, proxy) = behind_a_proxy(&database);
    let began = std::cell::Cell::new(Instant::now());
    let forget = || {
        began.set(Instant::now());
        proxy.turn(Way::Forgotten);
    };
    let told = through(&database, &api, "forgotten", forget, || {});
    let refused = told.last_refusal.unwrap() - began.get();
    figure(&database, "gone", format_args!("forgotten: refused for {} ms", refused.as_millis()));
    assert!(refused < LATEST, "refused for {refused:?}");
}

/// Where each question is answered, but late, it is the sum of them that has to end.
#[test]
fn a_slow_database_is_told_in_time() {
    let _alone = alone();
    let database = TestDatabase::postgres();
    let (api, proxy) = behind_a_proxy(&database);
    let webhook = webhook(&api);
    // Until the keys are asked for anew.
    std::thread::sleep(Duration::from_secs(5));
    proxy.turn(Way::Slow);
    let answers = those_that_wait_for_several_things(&api, &webhook);
    proxy.turn(Way::Open);
    let slowest = answers.iter().map(|(.., took)| *took).max().unwrap();
    figure(&database, "gone", format_args!("slow: answers {answers:?}"));
    assert!(slowest > Duration::from_secs(3), "the fault was not felt: {answers:?}");
    for (name, status, took) in &answers {
        assert!(*status == 503 || *status < 500, "{name}: {status}");
        assert!(*took < LATEST, "{name}: {took:?}");
    }
    time_until_written(&api.acme);
}

#[test]
fn a_database_that_starts_again_is_told_in_time() {
    let _alone = alone();
    let database = TestDatabase::postgres();
    let (api, proxy) = behind_a_proxy(&database);
    through(&database, &api, "closed", || proxy.turn(Way::Closed), || proxy.turn(Way::Open));
}

both_databases! {
    /// While somebody else holds a lock that every write needs, writes are refused in time and reads go on.
    fn a_locked_database_is_told_in_time(database) {
        let _alone = alone();
        let api = Api::start(database);
        let mut lock = database.connect();
        let take = match database.kind() {
            BackendKind::Sqlite => "BEGIN IMMEDIATE",
            BackendKind::Postgres => "BEGIN; LOCK TABLE leads IN EXCLUSIVE MODE",
        };
        let lock = std::cell::RefCell::new(&mut lock);
        let reads = || {
            let began = Instant::now();
            api.acme.get("/pipeline/leads").items();
            assert!(began.elapsed() < LATEST, "a read took {:?}", began.elapsed());
        };
        through(
            database,
            &api,
            "locked",
            || {
                lock.borrow_mut().batch_execute(take).unwrap();
                reads();
            },
            || lock.borrow_mut().batch_execute("ROLLBACK").unwrap(),
        );
    }
}
