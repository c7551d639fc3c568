//! The gateway is killed at a random moment: what it acknowledged is there.

use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};

use crate::checker;
use crate::client::Api;
use crate::ledger::{Ledger, prepare};
use crate::settings::{Random, alone, figure, is_long, rounds};

const CLIENTS: usize = 16;

/// A killed gateway must be ready again within this time.
const READY: Duration = Duration::from_secs(2);

/// Kills the gateway while clients change leads, and starts it again. Also gives how long that took.
fn crash<'a>(api: Api<'a>, ledger: &mut Ledger, random: &mut Random) -> (Api<'a>, Duration) {
    let clients = [api.acme.clone()];
    let wait = random.millis(20, 600);
    let (_, restarted) = ledger.during(&clients, random, true, || {
        std::thread::sleep(wait);
        let began = Instant::now();
        let api = api.restart();
        assert_eq!(api.acme.get("/readyz").status, 200);
        (api, began.elapsed())
    });
    restarted
}

fn crash_again_and_again(database: &TestDatabase) {
    let mut random = Random::new();
    let mut api = Api::start(database);
    prepare(&api.acme);
    let mut ledger = Ledger::of(CLIENTS);
    let (rounds, mut longest) = (rounds(2), Duration::ZERO);
    for _ in 0..rounds {
        let ready;
        (api, ready) = crash(api, &mut ledger, &mut random);
        longest = longest.max(ready);
        checker::wait_for_open_transactions(database);
        ledger.check(&api.acme);
        checker::check(database);
    }
    let (acknowledged, unanswered) = (ledger.acknowledged(), ledger.uncertain());
    figure(
        database,
        "crash",
        format_args!(
            "{rounds} kills, {acknowledged} changes acknowledged, 0 lost, {unanswered} unanswered, ready again within {} ms",
            longest.as_millis()
        ),
    );
    // Last, so that a busy machine hides nothing of what counts more.
    assert!(!is_long() || longest < READY, "ready again after {longest:?}");
}

both_databases! {
    /// Killed under load, the gateway loses no change that it acknowledged, does none by halves, and is soon back.
    fn crash_loses_nothing(database) {
        let _alone = alone();
        crash_again_and_again(database);
    }
}
