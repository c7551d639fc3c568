//! Ordinary work for a long time: the process stays as large as it was.

use std::time::{Duration, Instant};

use crm_testkit::both_databases;

use crate::checker;
use crate::client::Api;
use crate::ledger::{Ledger, prepare};
use crate::resources::Course;
use crate::settings::{Random, alone, duration, figure, is_long};

const CLIENTS: usize = 8;
/// What a process may have when it is warm, without the optimizations of a release, and what it keeps open.
const WARM: u64 = 256 << 20;
const DESCRIPTORS: usize = 200;

both_databases! {
    /// Memory and descriptors do not grow with the work that was done.
    fn soak_leaves_the_process_as_it_was(database) {
        let _alone = alone();
        let api = Api::start(database);
        prepare(&api.acme);
        let (mut ledger, mut random, time) = (Ledger::of(CLIENTS), Random::new(), duration(Duration::from_secs(3)));
        let (mut course, began) = (Course::default(), Instant::now());
        let (told, ()) = ledger.during(std::slice::from_ref(&api.acme), &mut random, false, || {
            while began.elapsed() < time {
                course.sample(began.elapsed(), api.serving.id());
                api.acme.get("/pipeline/leads?size=200&includeTotal=true").items();
                api.acme.with_key(None).get("/metrics");
                std::thread::sleep((time / 200).max(Duration::from_millis(50)));
            }
        });
        ledger.check(&api.acme);
        checker::check(database);
        let acknowledged = ledger.acknowledged();
        figure(
            database,
            "soak",
            format_args!("{time:?}, answers {:?}, {acknowledged} changes acknowledged, 0 lost; {}", told.statuses, course.summary()),
        );
        assert!(told.statuses.keys().all(|status| (200..300).contains(status)), "{:?}", told.statuses);
        assert!(course.most_memory() < WARM, "{}", course.summary());
        assert!(course.most_descriptors() < DESCRIPTORS, "{}", course.summary());
        if is_long() {
            assert!(course.slope() * 600.0 < 1_048_576.0, "{}", course.summary());
        }
    }
}
