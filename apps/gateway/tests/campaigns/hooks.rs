//! Webhooks under load: gateways that are killed, and receivers of which one never answers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::client::{Api, Client, Keys};
use crate::process::{Serving, gateway};
use crate::receiver::{Received, Receiver, Says};
use crate::settings::{Latencies, Random, alone, duration, figure, is_long, rounds};

/// Within this time everything has arrived, after whatever happened: leases end, and what failed is tried again.
const SETTLED: Duration = Duration::from_secs(60);

fn serve(database: &TestDatabase) -> Serving {
    Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0").env("CRM_WEBHOOK_ALLOW", "127.0.0.0/8"))
}

fn tell(client: &Client, receiver: &Receiver) {
    let body = json!({ "url": receiver.url(), "events": ["lead.*"] });
    assert_eq!(client.post("/settings/webhooks", &body).status, 201);
}

/// Makes leads and changes them until told to stop, and gives the changes that were acknowledged: by lead, its notes in
/// their order. What was not answered may have been done or not.
fn write(client: &Client, stop: &AtomicBool, name: &str) -> BTreeMap<String, Vec<String>> {
    let mut acknowledged = BTreeMap::new();
    let mut leads: Vec<String> = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let made = number % 5 == 0;
        let path = if made {
            "/pipeline/leads".to_owned()
        } else {
            format!("/pipeline/leads/{}", leads[number % leads.len()])
        };
        let (method, note) = (if made { "POST" } else { "PATCH" }, format!("{name} {number}"));
        let body = json!({ "title": "A lead", "note": note }).to_string();
        let Ok(answer) = client.try_send(method, &path, &[], Some(&body)) else { break };
        if !(200..300).contains(&answer.status) {
            break;
        }
        let id = answer.body["item"]["id"].as_str().unwrap().to_owned();
        if made {
            leads.push(id.clone());
        }
        acknowledged.entry(id).or_insert_with(Vec::new).push(note);
    }
    acknowledged
}

/// What is wrong with what came, if anything: each acknowledged change came, each under one id, and those of each record came
/// first in their order.
fn judge(received: &[Received], acknowledged: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    let mut ids: HashMap<i64, &str> = HashMap::new();
    let mut last: HashMap<&str, i64> = HashMap::new();
    let mut notes: HashSet<String> = HashSet::new();
    for one in received {
        let is_first = !ids.contains_key(&one.change());
        let known = ids.entry(one.change()).or_insert(one.id());
        if *known != one.id() {
            return Err(format!("the change {} came as {known} and as {}", one.change(), one.id()));
        }
        let before = last.entry(one.record()).or_insert(0);
        if is_first && one.change() < *before {
            return Err(format!("of lead {}, {} came after {before}", one.record(), one.change()));
        }
        *before = one.change().max(*before);
        let change = &one.body["data"]["change"];
        let updated = change["changes"].as_array().into_iter().flatten().filter(|field| field["field"] == "note");
        notes.extend(updated.filter_map(|field| field["to"].as_str()).map(str::to_owned));
        notes.extend(change["record"]["note"].as_str().map(str::to_owned));
    }
    for (lead, expected) in acknowledged {
        for note in expected {
            if !notes.contains(note) {
                return Err(format!("of lead {lead}, {note:?} never came"));
            }
        }
    }
    Ok(())
}

#[test]
fn the_judge_finds_what_is_planted() {
    let told = |change: i64, record: &str, id: &str, note: &str| Received {
        at: Instant::now(),
        headers: HashMap::from([("webhook-id".to_owned(), id.to_owned())]),
        text: String::new(),
        body: json!({ "data": { "change": {
            "id": change.to_string(), "recordId": record, "changes": [{ "field": "note", "to": note }],
        } } }),
    };
    let good = [told(1, "1", "a", "x"), told(2, "1", "b", "y"), told(1, "1", "a", "x"), told(3, "2", "c", "z")];
    let acknowledged = BTreeMap::from([("1".to_owned(), vec!["x".to_owned(), "y".to_owned()])]);
    assert_eq!(judge(&good, &acknowledged), Ok(()), "what comes again comes under its id, in whatever order");
    for (bad, why) in [
        (vec![told(2, "1", "b", "y"), told(1, "1", "a", "x")], "another order"),
        (vec![told(1, "1", "a", "x"), told(1, "1", "d", "x"), told(2, "1", "b", "y")], "another id"),
        (vec![told(1, "1", "a", "x")], "one is missing"),
    ] {
        assert!(judge(&bad, &acknowledged).is_err(), "{why}");
    }
}

both_databases! {
    /// Killed at any moment, gateways deliver every acknowledged change at least once, under one id, those of each record in
    /// their order; on PostgreSQL two share the work.
    fn killed_gateways_lose_no_delivery(database) {
        let _alone = alone();
        let keys = Keys::of_new_tenant(database, "acme");
        let mut random = Random::new();
        // It fails now and then, so that some have to be sent again.
        let receiver = Receiver::start(|one, earlier| match one.change() % 37 == 0 && earlier == 0 {
            true => Says::status(500),
            false => Says::ok(),
        });
        let mut serving = serve(database);
        tell(&Client::new(&serving.url, keys.clone()), &receiver);
        let rounds = rounds(2);
        let mut acknowledged: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for round in 0..rounds {
            let second = (database.kind() == BackendKind::Postgres).then(|| serve(database));
            let urls: Vec<String> =
                std::iter::once(&serving).chain(&second).map(|serving| serving.url.clone()).collect();
            let stop = AtomicBool::new(false);
            let wait = random.millis(100, 900);
            let told = std::thread::scope(|scope| {
                let writers: Vec<_> = (0..4)
                    .map(|number| {
                        let client = Client::new(&urls[number % urls.len()], keys.clone());
                        let (stop, name) = (&stop, format!("{round}.{number}"));
                        scope.spawn(move || write(&client, stop, &name))
                    })
                    .collect();
                std::thread::sleep(wait);
                serving.kill();
                stop.store(true, Ordering::Relaxed);
                writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
            });
            for (lead, notes) in told.into_iter().flatten() {
                acknowledged.entry(lead).or_default().extend(notes);
            }
            serving = second.unwrap_or_else(|| serve(database));
        }
        let began = Instant::now();
        let outcome = loop {
            let outcome = judge(&receiver.received(), &acknowledged);
            if outcome.is_ok() || began.elapsed() > SETTLED {
                break outcome;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let count: usize = acknowledged.values().map(Vec::len).sum();
        let received = receiver.count();
        outcome.unwrap();
        figure(
            database,
            "hooks",
            format_args!("{rounds} kills, {count} changes acknowledged, all arrived in order, {received} requests received"),
        );
    }

    /// Ten receivers of which one never answers: the others are told within a second.
    fn one_silent_receiver_of_ten_delays_no_other(database) {
        let _alone = alone();
        let api = Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")]);
        let silent = Receiver::start(|_, _| Says::Nothing);
        tell(&api.acme, &silent);
        let receivers: Vec<Receiver> = (0..9).map(|_| Receiver::taking()).collect();
        receivers.iter().for_each(|receiver| tell(&api.acme, receiver));
        let (sent, took) = load(&api, duration(Duration::from_secs(3)));
        let began = Instant::now();
        while receivers.iter().any(|receiver| receiver.count() < sent.len()) {
            assert!(began.elapsed() < SETTLED, "not everything arrived");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut latencies = Latencies::default();
        for one in receivers.iter().flat_map(Receiver::received) {
            let note = one.body["data"]["change"]["record"]["note"].as_str().unwrap().to_owned();
            latencies.add(one.at.saturating_duration_since(sent[&note]));
        }
        let deliveries = sent.len() * receivers.len();
        let rate = f64::from(u32::try_from(deliveries).unwrap()) / took.as_secs_f64();
        let p99 = latencies.at(99);
        figure(
            database,
            "hooks",
            format_args!("{deliveries} deliveries in {:.1} s, {rate:.0} a second, from the commit to the receiver: {}", took.as_secs_f64(), latencies.summary()),
        );
        // On a machine that does nothing else, in a program that was made to be fast.
        assert!(!is_long() || p99 < 1_000.0, "p99 {p99} ms");
    }

    /// A receiver that has nothing to do hears of a change within half a second.
    fn an_idle_receiver_hears_at_once(database) {
        let _alone = alone();
        let api = Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")]);
        let receiver = Receiver::taking();
        tell(&api.acme, &receiver);
        let mut latencies = Latencies::default();
        for number in 1..=usize::try_from(rounds(20)).unwrap() {
            std::thread::sleep(Duration::from_millis(37));
            assert_eq!(api.acme.post("/pipeline/leads", &json!({ "title": "A lead" })).status, 201);
            let committed = Instant::now();
            let came = receiver.wait_for(number, SETTLED)[number - 1].at;
            latencies.add(came.saturating_duration_since(committed));
        }
        figure(database, "hooks", format_args!("from the answer to an idle receiver: {}", latencies.summary()));
        assert!(!is_long() || latencies.at(99) < 500.0, "p99 {} ms", latencies.at(99));
    }
}

/// Makes leads for so long, a hundred a second at most, and gives when each was acknowledged, by its note, and how long it
/// took.
fn load(api: &Api<'_>, length: Duration) -> (HashMap<String, Instant>, Duration) {
    let began = Instant::now();
    let sent = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let client = api.acme.apart();
                scope.spawn(move || {
                    let mut sent: Vec<(String, Instant)> = Vec::new();
                    while began.elapsed() < length {
                        let note = format!("{writer} {}", sent.len());
                        let body: Value = json!({ "title": "A lead", "note": note });
                        assert_eq!(client.post("/pipeline/leads", &body).status, 201);
                        sent.push((note, Instant::now()));
                        let due = Duration::from_millis(40 * u64::try_from(sent.len()).unwrap());
                        std::thread::sleep(due.saturating_sub(began.elapsed()));
                    }
                    sent
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    (sent, began.elapsed())
}
