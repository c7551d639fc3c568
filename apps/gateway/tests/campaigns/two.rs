//! Two gateways on one PostgreSQL, one of which is killed now and then.

use std::time::Duration;

use crm_testkit::TestDatabase;

use crate::checker;
use crate::client::{Api, Client};
use crate::ledger::{Ledger, prepare};
use crate::process::{Serving, gateway};
use crate::settings::{Random, alone, figure, rounds};

const CLIENTS: usize = 16;

#[test]
fn two_gateways_lose_nothing_when_one_is_killed() {
    let _alone = alone();
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    prepare(&api.acme);
    let (mut ledger, mut random, rounds) = (Ledger::of(CLIENTS), Random::new(), rounds(2));
    let mut unanswered = 0;
    for _ in 0..rounds {
        let second = Serving::start(gateway(&database).env("CRM_RATE_LIMIT", "0"));
        let clients = [api.acme.clone(), Client::new(&second.url, api.acme.keys.clone())];
        let wait = random.millis(100, 600);
        let (told, ()) = ledger.during(&clients, &mut random, true, || {
            std::thread::sleep(wait);
            second.kill();
            std::thread::sleep(Duration::from_millis(100));
        });
        let known = [0, 200, 201, 204];
        assert!(told.statuses.keys().all(|status| known.contains(status)), "{:?}", told.statuses);
        unanswered += told.statuses.get(&0).copied().unwrap_or(0);
        checker::wait_for_open_transactions(&database);
        ledger.check(&api.acme);
        checker::check(&database);
    }
    let acknowledged = ledger.acknowledged();
    figure(
        &database,
        "two",
        format_args!(
            "{rounds} kills of one of two gateways, {acknowledged} changes acknowledged, 0 lost, {unanswered} unanswered"
        ),
    );
}
