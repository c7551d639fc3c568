//! Merges, deletions and patches of the same records at once, and what is left of them.
//!
//! Each round makes records of its own. The **kept** ones may be merged into each other and are never deleted, so
//! that the answers say where every reference to them must have gone; the **loose** ones may be deleted too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::checker;
use crate::client::{Answer, Api, Client};
use crate::settings::{Random, alone, figure, rounds};

const THREADS: usize = 32;
/// What each thread does in a round.
const ACTIONS: usize = 5;

const LEADS: &str = "/pipeline/leads";
const CONTACTS: &str = "/directory/contacts";
const ORGANIZATIONS: &str = "/directory/organizations";

/// The records of a round, by id.
struct Round {
    number: u64,
    kept_organizations: Vec<String>,
    loose_organizations: Vec<String>,
    kept_contacts: Vec<String>,
    loose_contacts: Vec<String>,
    /// Contacts that are neither merged nor moved, each of the kept organization at its place.
    members: Vec<String>,
    /// Leads whose references nobody patches: of the kept organization and contact at their place, with the contact
    /// and the two behind it as participants.
    kept_leads: Vec<String>,
    loose_leads: Vec<String>,
}

/// The merges that were answered as done: where each source went.
#[derive(Debug, Default)]
struct Merges {
    organizations: BTreeMap<String, String>,
    contacts: BTreeMap<String, String>,
}

/// Where a record is after all merges.
fn follow<'a>(merges: &'a BTreeMap<String, String>, mut id: &'a String) -> &'a String {
    while let Some(target) = merges.get(id) {
        id = target;
    }
    id
}

fn make(client: &Client, path: &str, body: &Value) -> String {
    client.post(path, body).item(201)["id"].as_str().unwrap().to_owned()
}

/// An address of the contact at this place; half of the contacts share one, in different spellings.
fn address(round: u64, place: usize) -> String {
    format!("Contact{place}.{round}@example.com")
}

impl Round {
    fn new(client: &Client, number: u64) -> Self {
        let organization = |_| {
            let email = json!([{ "value": "info@example.com" }]);
            make(client, ORGANIZATIONS, &json!({ "name": format!("Round {number}"), "email": email, "tags": "a" }))
        };
        let organizations: Vec<String> = (0..10).map(organization).collect();
        let shared = |place: usize| if place.is_multiple_of(2) { "Office@example.com" } else { "office@EXAMPLE.com" };
        let contact = |place: usize| {
            let email = json!([{ "value": address(number, place) }, { "value": shared(place) }]);
            let organization = &organizations[place % 10];
            let body = json!({
                "name": format!("Round {number}"), "email": email, "organizationId": organization,
                "tags": (["a", "b", "c"][place % 3]), "phone": [{ "value": format!("+1 555 {}", place % 4) }],
            });
            make(client, CONTACTS, &body)
        };
        let contacts: Vec<String> = (0..20).map(contact).collect();
        let lead = |place: usize| {
            let participants: Vec<Value> = (0..3).map(|next| json!({ "id": (contacts[(place + next) % 8]) })).collect();
            let body = json!({
                "title": format!("Round {number}"), "organizationId": (organizations[place % 4]),
                "contactId": (contacts[place % 8]), "participants": participants, "tags": "a,b",
            });
            make(client, LEADS, &body)
        };
        let leads: Vec<String> = (0..20).map(lead).collect();
        Self {
            number,
            kept_organizations: organizations[..4].to_vec(),
            loose_organizations: organizations[4..].to_vec(),
            kept_contacts: contacts[..8].to_vec(),
            loose_contacts: contacts[8..].to_vec(),
            members: (0..4)
                .map(|n| make(client, CONTACTS, &json!({ "name": "Member", "organizationId": (organizations[n]) })))
                .collect(),
            kept_leads: leads[..8].to_vec(),
            loose_leads: leads[8..].to_vec(),
        }
    }

    fn organizations(&self) -> Vec<String> {
        [self.kept_organizations.as_slice(), &self.loose_organizations].concat()
    }

    fn contacts(&self) -> Vec<String> {
        [self.kept_contacts.as_slice(), &self.loose_contacts].concat()
    }

    /// References to anything, for a loose lead.
    fn references(&self, random: &mut Random) -> Value {
        let participants: Vec<Value> =
            random.some_of(&self.contacts(), 4).iter().map(|id| json!({ "id": id })).collect();
        json!({
            "organizationId": random.one_of(&self.organizations()),
            "contactId": random.one_of(&self.contacts()),
            "participants": participants,
            "tags": random.some_of(&["a", "b", "c", "comes and goes"], 3),
            "owner": { "id": format!("user-{}", random.below(5)) },
        })
    }

    /// Asks for something at random.
    fn act(&self, client: &Client, random: &mut Random, merges: &mut Merges) -> Answer {
        let one = |random: &mut Random, path: &str, ids: &[String]| format!("{path}/{}", random.one_of(ids));
        let owner = json!({ "id": format!("user-{}", random.below(5)) });
        let tags = random.some_of(&["a", "b", "c", "comes and goes"], 3);
        match random.below(17) {
            0 | 1 => merge(client, CONTACTS, &self.kept_contacts, &self.kept_contacts, random, &mut merges.contacts),
            2 => merge(client, CONTACTS, &self.contacts(), &self.loose_contacts, random, &mut merges.contacts),
            3 | 4 => {
                let (kept, merges) = (&self.kept_organizations, &mut merges.organizations);
                merge(client, ORGANIZATIONS, kept, kept, random, merges)
            }
            5 => {
                let (all, merges) = (self.organizations(), &mut merges.organizations);
                merge(client, ORGANIZATIONS, &all, &self.loose_organizations, random, merges)
            }
            6 => client.delete(&one(random, CONTACTS, &self.loose_contacts)),
            7 => client.delete(&one(random, ORGANIZATIONS, &self.loose_organizations)),
            8 => bulk(client, "/directory", "contact", &random.some_of(&self.loose_contacts, 4)),
            9 => bulk(client, "/directory", "organization", &random.some_of(&self.loose_organizations, 3)),
            10 => bulk(client, "/pipeline", "lead", &random.some_of(&self.loose_leads, 2)),
            11 => client.patch(&one(random, LEADS, &self.loose_leads), &self.references(random)),
            12 => client.patch(&one(random, LEADS, &self.kept_leads), &json!({ "owner": owner, "tags": tags })),
            13 => {
                let email =
                    json!([{ "value": "Office@example.com" }, { "value": format!("x{}@y.z", random.below(9)) }]);
                let organization = random.one_of(&self.organizations()).clone();
                let body = json!({ "owner": owner, "tags": tags, "email": email, "organizationId": organization });
                client.patch(&one(random, CONTACTS, &self.loose_contacts), &body)
            }
            14 => {
                let path = one(random, ORGANIZATIONS, &self.organizations());
                client.patch(&path, &json!({ "owner": owner, "tags": tags, "phone": [{ "value": "+1" }] }))
            }
            15 => {
                let mut body = self.references(random);
                body["title"] = "Made meanwhile".into();
                client.post(LEADS, &body)
            }
            _ => {
                let path = one(random, CONTACTS, &self.kept_contacts);
                let read = client.get(&path);
                let (tag, body) = (read.header("etag"), json!({ "owner": owner, "tags": tags }).to_string());
                if tag.is_empty() { read } else { client.send("PATCH", &path, &[("If-Match", tag)], Some(&body)) }
            }
        }
    }
}

fn merge(
    client: &Client,
    path: &str,
    targets: &[String],
    sources: &[String],
    random: &mut Random,
    merges: &mut BTreeMap<String, String>,
) -> Answer {
    let target = random.one_of(targets);
    let mut sources = random.some_of(sources, 3);
    sources.retain(|source| source != target);
    if sources.is_empty() {
        return client.get(&format!("{path}/{target}"));
    }
    let answer = client.post(&format!("{path}/{target}/merge"), &json!({ "sourceId": sources }));
    if answer.status == 200 {
        merges.extend(sources.into_iter().map(|source| (source, target.clone())));
    }
    answer
}

fn bulk(client: &Client, area: &str, entity: &str, ids: &[String]) -> Answer {
    client.post(&format!("{area}/bulk-actions"), &json!({ "entity": entity, "action": "delete", "ids": ids }))
}

/// Makes and deletes a tag of each kind that the others put on records meanwhile.
fn tags_come_and_go(client: &Client) -> Vec<Answer> {
    let mut answers = Vec::new();
    for path in ["/directory/tags/contacts", "/directory/tags/organizations", "/pipeline/tags/leads"] {
        let made = client.post(path, &json!({ "label": "Comes and goes" }));
        let id = made.item(201)["id"].as_str().unwrap().to_owned();
        std::thread::yield_now();
        answers.push(client.delete(&format!("{path}/{id}")));
    }
    answers
}

/// A clash with somebody else is told as such, and nothing fails.
fn check_answer(answer: &Answer) {
    let clash = |error: &Value| matches!(error["code"].as_str(), Some("unknown_reference" | "unknown_tag"));
    let fine = match answer.status {
        200..=299 | 404 | 409 | 412 => true,
        400 => answer.body["errors"].as_array().is_some_and(|errors| errors.iter().all(clash)),
        _ => false,
    };
    assert!(fine, "{}: {}", answer.status, answer.text);
}

/// Checks that nothing was lost: what pointed at a source points at its target, which has what the source had.
fn check_nothing_lost(client: &Client, round: &Round, merges: &Merges) {
    let read = |path: &str, id: &String| client.get(&format!("{path}/{id}")).item(200).clone();
    let organization = |place: usize| follow(&merges.organizations, &round.kept_organizations[place % 4]).as_str();
    let contact = |place: usize| follow(&merges.contacts, &round.kept_contacts[place % 8]).as_str();
    for (place, id) in round.members.iter().enumerate() {
        assert_eq!(read(CONTACTS, id)["organizationId"], organization(place), "of contact {id}: {merges:?}");
    }
    for (place, id) in round.kept_leads.iter().enumerate() {
        let lead = read(LEADS, id);
        assert_eq!(lead["organizationId"], organization(place), "of lead {id}: {merges:?}");
        assert_eq!(lead["contactId"], contact(place), "of lead {id}: {merges:?}");
        let found: Vec<&str> =
            lead["participants"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        let wanted: BTreeSet<&str> = (0..3).map(|next| contact(place + next)).collect();
        assert_eq!(found.len(), wanted.len(), "participants of lead {id}: {found:?}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted, "participants of lead {id}: {merges:?}");
    }
    for place in 0..round.kept_contacts.len() {
        let contact = read(CONTACTS, &contact(place).to_owned());
        let wanted = address(round.number, place);
        let has = contact["email"].as_array().unwrap().iter().any(|email| email["value"] == wanted.as_str());
        assert!(has, "{wanted} is lost: {contact}");
    }
    for (path, sources) in [(CONTACTS, &merges.contacts), (ORGANIZATIONS, &merges.organizations)] {
        for source in sources.keys() {
            assert_eq!(client.get(&format!("{path}/{source}")).status, 404, "{path}/{source} was merged");
        }
    }
}

/// All threads act at once; the statuses of their answers, and the merges that were done.
fn race(api: &Api<'_>, clients: &[Client], round: &Round, random: &mut Random) -> (BTreeMap<u16, u64>, Merges) {
    let start = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        let act = |client| {
            let (mut random, start): (_, &Barrier) = (random.fork(), &start);
            scope.spawn(move || {
                let mut merges = Merges::default();
                start.wait();
                let answers: Vec<Answer> = (0..ACTIONS).map(|_| round.act(client, &mut random, &mut merges)).collect();
                (answers, merges)
            })
        };
        let threads: Vec<_> = clients.iter().map(act).collect();
        start.wait();
        let (mut statuses, mut all) = (BTreeMap::new(), Merges::default());
        let mut answers = tags_come_and_go(&api.acme);
        for thread in threads {
            let (of_one, merges) = thread.join().unwrap();
            answers.extend(of_one);
            all.contacts.extend(merges.contacts);
            all.organizations.extend(merges.organizations);
        }
        for answer in answers {
            check_answer(&answer);
            *statuses.entry(answer.status).or_default() += 1;
        }
        (statuses, all)
    })
}

fn race_again_and_again(database: &TestDatabase) {
    let api = Api::start(database);
    let mut random = Random::new();
    for path in ["/directory/tags/contacts", "/directory/tags/organizations", "/pipeline/tags/leads"] {
        for label in ["a", "b", "c"] {
            make(&api.acme, path, &json!({ "label": label }));
        }
    }
    let clients: Vec<Client> = (0..THREADS).map(|_| api.acme.apart()).collect();
    let (rounds, mut statuses, mut merged): (_, BTreeMap<u16, u64>, _) = (rounds(2), BTreeMap::new(), 0);
    for number in 1..=rounds {
        let round = Round::new(&api.acme, number);
        let (answered, merges) = race(&api, &clients, &round, &mut random);
        checker::check(database);
        check_nothing_lost(&api.acme, &round, &merges);
        answered.into_iter().for_each(|(status, count)| *statuses.entry(status).or_default() += count);
        merged += merges.contacts.len() + merges.organizations.len();
    }
    assert_eq!(api.serving.terminate(), Some(0));
    let deadlocks = checker::deadlocks(database);
    figure(
        database,
        "races",
        format_args!(
            "{rounds} rounds of {THREADS} threads, answers {statuses:?}, {merged} records merged, {deadlocks} deadlocks"
        ),
    );
    assert_eq!(deadlocks, 0, "locks are taken in one order");
}

both_databases! {
    /// Whatever overlaps, no reference dangles or is lost, no address is doubled, and nothing fails.
    fn races_leave_everything_whole(database) {
        let _alone = alone();
        race_again_and_again(database);
    }
}
