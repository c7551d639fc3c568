//! The gateway is killed at a random moment: what it acknowledged is there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::checker;
use crate::client::{Api, Client};
use crate::settings::{Random, alone, figure, rounds};

const CLIENTS: usize = 16;

/// A killed gateway must be ready again within this time (security/threats, R1).
const READY: Duration = Duration::from_secs(2);

/// What a client knows of its leads.
#[derive(Debug, Default)]
struct Known {
    /// The titles of those that were acknowledged.
    leads: BTreeMap<String, String>,
    /// What was asked for when the gateway died: it was done as a whole or not at all.
    unanswered: Option<Change>,
    /// How many changes were acknowledged.
    acknowledged: u64,
}

#[derive(Debug, Clone)]
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

    /// Asks for it. `None` where no answer came; else the lead's id.
    fn send(&self, client: &Client) -> Option<String> {
        let path = |id: &str| format!("/pipeline/leads/{id}");
        // Several tables, so that half of a change would show.
        let body = |title: &str| json!({ "title": title, "tags": "kept", "participants": [{ "id": 1 }] }).to_string();
        let (status, sent) = match self {
            Self::Create { title } => (201, client.try_send("POST", "/pipeline/leads", &[], Some(&body(title)))),
            Self::Rename { id, title } => (200, client.try_send("PATCH", &path(id), &[], Some(&body(title)))),
            Self::Delete { id } => (204, client.try_send("DELETE", &path(id), &[], None)),
        };
        let answer = sent.ok()?;
        assert_eq!(answer.status, status, "{self:?}: {}", answer.text);
        Some(match self {
            Self::Create { .. } => answer.body["item"]["id"].as_str().unwrap().to_owned(),
            Self::Rename { id, .. } | Self::Delete { id } => id.clone(),
        })
    }
}

impl Known {
    fn apply(&mut self, change: Change, lead: String) {
        match change {
            Change::Create { title } | Change::Rename { title, .. } => drop(self.leads.insert(lead, title)),
            Change::Delete { .. } => drop(self.leads.remove(&lead)),
        }
    }

    /// Takes what is known out of `found`, which must have it. A change without an answer is known from here on.
    fn check(&mut self, found: &mut BTreeMap<String, String>) {
        if let Some(change) = self.unanswered.take() {
            match &change {
                Change::Create { title } => {
                    let made = found.iter().find(|(_, found)| *found == title).map(|(id, _)| id.clone());
                    if let Some(id) = made {
                        self.apply(change, id);
                    }
                }
                Change::Rename { id, title } if found.get(id) == Some(title) => self.apply(change.clone(), id.clone()),
                Change::Delete { id } if !found.contains_key(id) => self.apply(change.clone(), id.clone()),
                Change::Rename { .. } | Change::Delete { .. } => {}
            }
        }
        for (id, title) in &self.leads {
            assert_eq!(found.remove(id).as_ref(), Some(title), "lead {id} was acknowledged");
        }
    }
}

/// Changes leads until the gateway dies.
fn change_until_dead(client: &Client, known: &mut Known, random: &mut Random, name: &str) {
    loop {
        let change = Change::random(random, known, format!("{name}, {}", known.acknowledged));
        match change.send(client) {
            Some(lead) => {
                known.apply(change, lead);
                known.acknowledged += 1;
            }
            None => return known.unanswered = Some(change),
        }
    }
}

/// All leads, each whole.
fn read_all(client: &Client) -> BTreeMap<String, String> {
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

/// Kills the gateway while clients change leads, and starts it again. Also gives how long that took.
fn crash<'a>(api: Api<'a>, known: &mut [Known], random: &mut Random, round: u64) -> (Api<'a>, Duration) {
    let client = api.acme.clone();
    std::thread::scope(|scope| {
        for (number, known) in known.iter_mut().enumerate() {
            let (client, mut random) = (client.apart(), random.fork());
            let name = format!("round {round}, client {number}");
            scope.spawn(move || change_until_dead(&client, known, &mut random, &name));
        }
        std::thread::sleep(random.millis(20, 600));
        let began = Instant::now();
        let api = api.restart();
        assert_eq!(api.acme.get("/readyz").status, 200);
        (api, began.elapsed())
    })
}

fn prepare(api: &Api<'_>) {
    api.acme.post("/directory/contacts", &json!({ "name": "Takes part everywhere" })).item(201);
    api.acme.post("/pipeline/tags/leads", &json!({ "label": "kept" })).item(201);
}

fn crash_again_and_again(database: &TestDatabase) {
    let mut random = Random::new();
    let mut api = Api::start(database);
    prepare(&api);
    let mut known: Vec<Known> = (0..CLIENTS).map(|_| Known::default()).collect();
    let (rounds, mut longest, mut unanswered) = (rounds(2), Duration::ZERO, 0);
    for round in 1..=rounds {
        let ready;
        (api, ready) = crash(api, &mut known, &mut random, round);
        assert!(ready < READY, "ready again after {ready:?}");
        longest = longest.max(ready);
        unanswered += known.iter().filter(|known| known.unanswered.is_some()).count();
        checker::wait_for_open_transactions(database);
        let mut found = read_all(&api.acme);
        for known in &mut known {
            known.check(&mut found);
        }
        assert!(found.is_empty(), "nobody made these, or they were deleted: {found:?}");
        checker::check(database);
    }
    let acknowledged: u64 = known.iter().map(|known| known.acknowledged).sum();
    let present: usize = known.iter().map(|known| known.leads.len()).sum();
    figure(
        database,
        "crash",
        format_args!(
            "{rounds} kills, {acknowledged} changes acknowledged, 0 lost, {unanswered} unanswered, {present} leads \
             in the end, ready again within {} ms",
            longest.as_millis()
        ),
    );
}

both_databases! {
    /// Killed under load, the gateway loses no change that it acknowledged, does none by halves, and is soon back.
    fn crash_loses_nothing(database) {
        let _alone = alone();
        crash_again_and_again(database);
    }
}
