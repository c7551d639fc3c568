//! The machine's clock is moved while the gateway runs, by hours forward and days back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crm_testkit::both_databases;

use crate::checker;
use crate::client::Api;
use crate::ledger::{Ledger, prepare};
use crate::settings::{Random, alone, figure, rounds};

/// Where Debian has it, and others may have it.
const PLACES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
];

both_databases! {
    /// Whatever the clock does, nothing fails and nothing is lost.
    fn a_clock_that_is_moved_breaks_nothing(database) {
        let _alone = alone();
        let Some(library) = PLACES.into_iter().find(|place| Path::new(place).exists()) else {
            println!("SKIPPED: a moved clock: libfaketime is not installed");
            return;
        };
        let directory = tempfile::tempdir().unwrap();
        let clock = directory.path().join("clock");
        fs::write(&clock, "+0").unwrap();
        let api = Api::start_with(database, &[
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]);
        prepare(&api.acme);
        let (mut ledger, mut random, moves) = (Ledger::of(4), Random::new(), 4 * rounds(1));
        let mut seen = Vec::new();
        let (told, ()) = ledger.during(std::slice::from_ref(&api.acme), &mut random, false, || {
            for number in 0..moves {
                // With another name first, so that no half of it is read.
                let next = directory.path().join("next");
                fs::write(&next, ["+2h", "-1d", "+400d", "-3600"][usize::try_from(number % 4).unwrap()]).unwrap();
                fs::rename(&next, &clock).unwrap();
                std::thread::sleep(Duration::from_millis(200));
                let leads = api.acme.get("/pipeline/leads?size=1&orderBy=lastUpdatedOn");
                seen.extend(leads.items().first().map(|lead| lead["lastUpdatedOn"].as_str().unwrap()[..10].to_owned()));
            }
        });
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 1, "the clock was not moved: {seen:?}");
        assert!(told.statuses.keys().all(|status| (200..300).contains(status)), "{:?}", told.statuses);
        ledger.check(&api.acme);
        checker::check(database);
        let acknowledged = ledger.acknowledged();
        figure(database, "clock", format_args!("moved {moves} times, answers {:?}, {acknowledged} changes acknowledged, 0 lost", told.statuses));
    }
}
