//! The database is silent, comes back after a restart, or is locked by somebody else.

use std::time::{Duration, Instant};

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;

use crate::checker;
use crate::client::{Api, Client};
use crate::ledger::{Ledger, Told, prepare};
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
    let url = database.url_text();
    let server = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    let proxy = Proxy::before(server);
    let instead = proxy.instead_of(&url);
    (Api::start_with(database, &[("DATABASE_URL", &instead)]), proxy)
}

#[test]
fn a_silent_database_is_told_in_time() {
    let _alone = alone();
    let database = TestDatabase::postgres();
    let (api, proxy) = behind_a_proxy(&database);
    through(&database, &api, "silent", || proxy.turn(Way::Silent), || proxy.turn(Way::Open));
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
