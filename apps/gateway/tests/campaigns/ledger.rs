//! What clients were told that was done, while something goes wrong; afterwards all of it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::settings::{Latencies, Random};
use crate::tokens::StopAtEnd;

/// What a client knows of its leads.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The titles of those that were acknowledged.
    leads: BTreeMap<String, String>,
    /// Titles and ids of what was asked for and not acknowledged: it was done as a whole or not at all, and nobody touches
    /// it again.
    uncertain: BTreeSet<String>,
    acknowledged: u64,
}

#[derive(Debug)]
enum Change {
    Create { title: String },
    Rename { id: String, title: String },
    Delete { id: String },
}

impl Change {
    fn random(random: &mut Random, known: &Known, title: String) -> Self {
        let ids: Vec<&String> = known.leads.keys().collect();
        match random.below(6) {
            0 if !ids.is_empty() => Self::Delete { id: (*random.one_of(&ids)).clone() },
            1 | 2 if !ids.is_empty() => Self::Rename { id: (*random.one_of(&ids)).clone(), title },
            _ => Self::Create { title },
        }
    }
}

/// What clients were answered while something went wrong.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// How often each status came; 0 is no answer.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// The slowest answer.
    pub(crate) longest: Duration,
    pub(crate) latencies: Latencies,
    /// Refusals that do not say when to try again.
    pub(crate) without_retry_after: u64,
    /// When the last refusal came.
    pub(crate) last_refusal: Option<Instant>,
}

impl Told {
    fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.longest = self.longest.max(other.longest);
        self.latencies = std::mem::take(&mut self.latencies).join(other.latencies);
        self.without_retry_after += other.without_retry_after;
        self.last_refusal = self.last_refusal.max(other.last_refusal);
    }

    /// Checks that every answer was one of success or a 503 that says when to try again, and that none was late.
    #[track_caller]
    pub(crate) fn assert_only_unavailable(&self, longest: Duration) {
        let known = [200, 201, 204, 503];
        assert!(self.statuses.keys().all(|status| known.contains(status)), "{:?}", self.statuses);
        assert_eq!(self.without_retry_after, 0, "refusals say when to try again");
        assert!(self.longest <= longest, "an answer took {:?}", self.longest);
    }
}

impl Known {
    /// Changes something, and notes what was answered. Whether there was an answer.
    pub(crate) fn change(&mut self, client: &Client, random: &mut Random, name: &str, told: &mut Told) -> bool {
        let number = self.acknowledged + u64::try_from(self.uncertain.len()).unwrap();
        let change = Change::random(random, self, format!("{name}, {number}"));
        let path = |id: &str| format!("/pipeline/leads/{id}");
        // Several tables, so that half of a change would show.
        let body = |title: &str| json!({ "title": title, "tags": "kept", "participants": [{ "id": 1 }] }).to_string();
        let began = Instant::now();
        let (done, sent) = match &change {
            Change::Create { title } => (201, client.try_send("POST", "/pipeline/leads", &[], Some(&body(title)))),
            Change::Rename { id, title } => (200, client.try_send("PATCH", &path(id), &[], Some(&body(title)))),
            Change::Delete { id } => (204, client.try_send("DELETE", &path(id), &[], None)),
        };
        let took = began.elapsed();
        told.longest = told.longest.max(took);
        told.latencies.add(took);
        let status = sent.as_ref().map_or(0, |answer| answer.status);
        *told.statuses.entry(status).or_default() += 1;
        match sent {
            Ok(answer) if status == done => self.done(change, &answer.body),
            sent => {
                told.without_retry_after +=
                    u64::from(sent.is_ok_and(|answer| status == 503 && answer.header("retry-after").is_empty()));
                told.last_refusal = Some(Instant::now());
                self.give_up(change);
            }
        }
        status != 0
    }

    fn done(&mut self, change: Change, body: &Value) {
        self.acknowledged += 1;
        match change {
            Change::Create { title } => {
                drop(self.leads.insert(body["item"]["id"].as_str().unwrap().to_owned(), title));
            }
            Change::Rename { id, title } => drop(self.leads.insert(id, title)),
            Change::Delete { id } => drop(self.leads.remove(&id)),
        }
    }

    fn give_up(&mut self, change: Change) {
        match change {
            Change::Create { title } => drop(self.uncertain.insert(title)),
            Change::Rename { id, .. } | Change::Delete { id } => {
                self.leads.remove(&id);
                self.uncertain.insert(id);
            }
        }
    }
}

/// What makes leads whole: a contact to take part, and a tag.
pub(crate) fn prepare(client: &Client) {
    client.post("/directory/contacts", &json!({ "name": "Takes part everywhere" })).item(201);
    client.post("/pipeline/tags/leads", &json!({ "label": "kept" })).item(201);
}

/// All clients of a campaign, and what they know.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    known: Vec<Known>,
    rounds: u64,
}

impl Ledger {
    pub(crate) fn of(clients: usize) -> Self {
        Self { known: (0..clients).map(|_| Known::default()).collect(), rounds: 0 }
    }

    /// Lets each client change leads one after the other while `fault` happens, and until it gets no answer at all where
    /// `until_dead`. Gives what was answered and what `fault` gave.
    pub(crate) fn during<R>(
        &mut self,
        clients: &[Client],
        random: &mut Random,
        until_dead: bool,
        fault: impl FnOnce() -> R,
    ) -> (Told, R) {
        self.rounds += 1;
        let (round, done) = (self.rounds, AtomicBool::new(false));
        std::thread::scope(|scope| {
            let stop = StopAtEnd(&done);
            let threads: Vec<_> = self
                .known
                .iter_mut()
                .enumerate()
                .map(|(number, known)| {
                    let client = clients[number % clients.len()].apart();
                    let (mut random, done) = (random.fork(), &done);
                    let name = format!("round {round}, client {number}");
                    scope.spawn(move || {
                        let mut told = Told::default();
                        while !done.load(Ordering::Relaxed) {
                            if !known.change(&client, &mut random, &name, &mut told) && until_dead {
                                break;
                            }
                        }
                        told
                    })
                })
                .collect();
            let gave = fault();
            drop(stop);
            let mut told = Told::default();
            for thread in threads {
                told.add(thread.join().unwrap());
            }
            (told, gave)
        })
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.known.iter().map(|known| known.acknowledged).sum()
    }

    pub(crate) fn uncertain(&self) -> usize {
        self.known.iter().map(|known| known.uncertain.len()).sum()
    }

    /// Checks that everything acknowledged is there. Gives what else is.
    pub(crate) fn check_among_others(&self, client: &Client) -> BTreeMap<String, String> {
        let mut found = read_all(client);
        for known in &self.known {
            for (id, title) in &known.leads {
                assert_eq!(found.remove(id).as_ref(), Some(title), "lead {id} was acknowledged");
            }
        }
        found
    }

    /// Checks that everything acknowledged is there, and nothing that nobody asked for.
    pub(crate) fn check(&self, client: &Client) {
        let mut found = self.check_among_others(client);
        let may_be = |id: &String, title: &String| {
            self.known.iter().any(|known| known.uncertain.contains(id) || known.uncertain.contains(title))
        };
        found.retain(|id, title| !may_be(id, title));
        assert!(found.is_empty(), "nobody made these, or they were deleted: {found:?}");
    }
}

/// All leads, each whole.
pub(crate) fn read_all(client: &Client) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut leads = BTreeMap::new();
    let mut token = String::new();
    loop {
        let page = client.get(&format!("/pipeline/leads?size=200{token}"));
        for lead in page.items() {
            assert_eq!(lead["tags"][0]["label"], "kept", "half of a change: {lead}");
            assert_eq!(lead["participants"][0]["id"], "1", "half of a change: {lead}");
            leads.insert(text(&lead["id"]), text(&lead["title"]));
        }
        match page.body["continuationToken"].as_str() {
            Some(next) => token = format!("&continuationToken={next}"),
            None => return leads,
        }
    }
}
