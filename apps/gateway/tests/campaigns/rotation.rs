//! Keys that are rotated while clients use them on two gateways: with a grace both work until it ends, and five seconds
//! later the old one nowhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crm_testkit::TestDatabase;
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::client::{Api, Client};
use crate::process::{Serving, gateway};
use crate::settings::{Random, alone, figure, is_long, rounds};
use crate::tokens::StopAtEnd;

/// When an old key is dead on every gateway, behind its grace.
const DEAD_WITHIN: Duration = Duration::from_secs(5);
/// The shortest grace that there is.
const GRACE: Duration = Duration::from_secs(60);
/// To what a short run cuts it down, in the database.
const SHORT_GRACE: Duration = Duration::from_secs(3);
/// Clients of each secret on each gateway.
const CLIENTS: usize = 2;

/// One answer: when it was asked for, when it came, and which one it was.
struct Seen {
    asked: Instant,
    answered: Instant,
    status: u16,
}

/// Reads and writes until it is told to stop.
fn work(client: &Client, stop: &AtomicBool) -> Vec<Seen> {
    let mut seen = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        let answer = match number % 4 {
            0 => client.post("/pipeline/leads", &json!({ "title": "While keys change" })),
            _ => client.get("/pipeline/leads?size=1"),
        };
        if answer.status == 401 {
            answer.problem(401, "invalid_key");
        }
        seen.push(Seen { asked, answered: Instant::now(), status: answer.status });
        thread::sleep(Duration::from_millis(5));
    }
    seen
}

/// How a key is rotated: with a grace or without, by itself or by another one.
#[derive(Debug, Clone, Copy)]
struct Turn {
    has_grace: bool,
    by_itself: bool,
}

const TURNS: [Turn; 4] = [
    Turn { has_grace: true, by_itself: true },
    Turn { has_grace: true, by_itself: false },
    Turn { has_grace: false, by_itself: true },
    Turn { has_grace: false, by_itself: false },
];

/// What was seen of the two secrets of a key, and when the old one had to work and to be dead.
struct Outcome {
    old: Vec<Seen>,
    new: Vec<Seen>,
    works_until: Instant,
    dead_from: Instant,
}

/// Rotates a key under the load of its own clients.
fn rotated(api: &Api<'_>, gateways: &[Client], mut random: Random, turn: Turn) -> Outcome {
    let made = api.acme.post("/settings/keys", &json!({ "name": "turned", "scopes": ["*:write"] }));
    let (id, old) = (made.item(201)["id"].as_str().unwrap(), made.body["item"]["key"].as_str().unwrap());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop_at_end = StopAtEnd(&stop);
        let start = |key: &str| -> Vec<_> {
            let clients = gateways.iter().flat_map(|gateway| (0..CLIENTS).map(|_| gateway.apart().with_key(Some(key))));
            clients
                .map(|client| {
                    scope.spawn({
                        let stop = &stop;
                        move || work(&client, stop)
                    })
                })
                .collect()
        };
        let of_old = start(old);
        thread::sleep(random.millis(300, 900));
        let body = json!({ "graceMinutes": if turn.has_grace { GRACE.as_secs() / 60 } else { 0 } });
        let gateway = random.one_of(gateways);
        let mut began = Instant::now();
        let answer = if turn.by_itself {
            gateway.with_key(Some(old)).post("/me/rotate", &body)
        } else {
            gateway.post(&format!("/settings/keys/{id}/rotate"), &body)
        };
        let mut ended = Instant::now();
        let of_new = start(answer.item(200)["key"].as_str().unwrap());
        let mut grace = if turn.has_grace { GRACE } else { Duration::ZERO };
        if turn.has_grace && !is_long() {
            (began, grace) = (Instant::now(), SHORT_GRACE);
            cut_short(api.database, id);
            ended = Instant::now();
        }
        let (works_until, dead_from) = (began + grace, ended + grace + DEAD_WITHIN);
        thread::sleep(dead_from + Duration::from_secs(1) - Instant::now());
        drop(stop_at_end);
        let all = |clients: Vec<thread::ScopedJoinHandle<'_, Vec<Seen>>>| {
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        };
        Outcome { old: all(of_old), new: all(of_new), works_until, dead_from }
    })
}

/// Nobody waits for a minute in every test.
fn cut_short(database: &TestDatabase, id: &str) {
    let seconds = SHORT_GRACE.as_secs();
    let cut = format!(
        "UPDATE api_keys SET grace_until = now() + interval '{seconds} seconds' WHERE id = '{id}' \
         AND grace_until IS NOT NULL AND tenant_id = (SELECT id FROM tenants WHERE public_id = 'acme')"
    );
    database.connect().batch_execute(&cut).unwrap();
}

/// The old key works until its grace ends and is dead five seconds later; the new one works from its first moment on.
fn check(turn: Turn, outcome: &Outcome) -> (usize, usize) {
    let Outcome { old, new, works_until, dead_from } = outcome;
    let refused = new.iter().filter(|seen| !matches!(seen.status, 200 | 201)).count();
    assert_eq!(refused, 0, "{turn:?}: the new key, of {} requests", new.len());
    let within: Vec<&Seen> = old.iter().filter(|seen| seen.answered < *works_until).collect();
    let behind: Vec<&Seen> = old.iter().filter(|seen| seen.asked > *dead_from).collect();
    assert!(within.iter().all(|seen| matches!(seen.status, 200 | 201)), "{turn:?}: refused within the grace");
    assert!(behind.iter().all(|seen| seen.status == 401), "{turn:?}: accepted behind the grace");
    assert!(old.iter().all(|seen| matches!(seen.status, 200 | 201 | 401)), "{turn:?}");
    assert!(!within.is_empty() && !behind.is_empty() && new.len() > 100, "{turn:?}: too little was asked");
    (within.len() + new.len(), behind.len())
}

#[test]
fn a_rotation_refuses_nobody_within_its_grace_and_everybody_behind_it() {
    let _alone = alone();
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    let second = Serving::start(gateway(&database).env("CRM_RATE_LIMIT", "0"));
    let gateways = [api.acme.clone(), Client::new(&second.url, api.acme.keys.clone())];
    let (mut random, rounds) = (Random::new(), rounds(1));
    let (mut served, mut refused) = (0, 0);
    for _ in 0..rounds {
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let (api, gateways) = (&api, &gateways);
            let turns = TURNS.map(|turn| {
                let random = random.fork();
                scope.spawn(move || rotated(api, gateways, random, turn))
            });
            turns.into_iter().map(|turn| turn.join().unwrap()).collect()
        });
        for (turn, outcome) in TURNS.into_iter().zip(&outcomes) {
            let (of_turn, behind) = check(turn, outcome);
            (served, refused) = (served + of_turn, refused + behind);
        }
    }
    figure(
        &database,
        "rotation",
        format_args!(
            "{} rotations on two gateways: {served} requests within the grace or with the new key, 0 refused; {refused} with \
             the old one 5 s behind it, 0 accepted",
            rounds * 4
        ),
    );
}
