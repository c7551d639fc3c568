//! Many clients that write at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::{Api, Client};
use crate::settings::{Latencies, alone, duration, figure};

const WRITERS: usize = 64;

/// Creates leads until the time is over, and gives their ids.
fn write_until(end: Instant, client: &Client, writer: usize) -> (Vec<u64>, Latencies) {
    let (mut ids, mut latencies) = (Vec::new(), Latencies::default());
    while Instant::now() < end {
        let began = Instant::now();
        let made = client.post("/pipeline/leads", &json!({ "title": format!("Lead {} of {writer}", ids.len()) }));
        latencies.add(began.elapsed());
        ids.push(made.item(201)["id"].as_str().unwrap().parse().unwrap());
    }
    (ids, latencies)
}

both_databases! {
    /// Sixty-four writers at once: every request is answered with a new lead, and the ids count up without gaps.
    fn writers(database) {
        let _alone = alone();
        let api = Api::start(database);
        let began = Instant::now();
        let end = began + duration(Duration::from_secs(2));
        let written: Vec<_> = std::thread::scope(|scope| {
            let write = |writer| {
                let client = api.acme.apart();
                scope.spawn(move || write_until(end, &client, writer))
            };
            let writers: Vec<_> = (0..WRITERS).map(write).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let seconds = began.elapsed().as_secs_f64();

        let (mut ids, mut latencies) = (Vec::new(), Latencies::default());
        for (of_one, times) in written {
            ids.extend(of_one);
            latencies = latencies.join(times);
        }
        let count = ids.len();
        let distinct: BTreeSet<u64> = ids.into_iter().collect();
        assert_eq!(distinct.len(), count, "an id was given twice");
        let last = distinct.last().copied().unwrap();
        assert_eq!(usize::try_from(last).unwrap(), count, "ids have gaps");
        let total = api.acme.get("/pipeline/leads?size=1&includeTotal=true");
        assert_eq!(total.body["total"], count, "a lead was lost");
        let rate = f64::from(u32::try_from(count).unwrap()) / seconds;
        figure(database, "writers", format_args!("{count} leads by {WRITERS} writers, {rate:.0}/s, {}", latencies.summary()));
    }
}
