//! Deletions, merges, restores, deletions for good and patches of the same records at once: each comes before or after.

use std::collections::BTreeMap;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::checker;
use crate::client::{Answer, Api, Client};
use crate::conversion::{Request, at_once, late};
use crate::settings::{Random, alone, figure, rounds};

/// Clients that ask at once.
const AT_ONCE: usize = 6;

/// Two contacts of an organization, and a lead, an opportunity and a case of the second.
struct World {
    organization: String,
    target: String,
    source: String,
    pointing: [String; 3],
}

fn made(client: &Client, path: &str, body: &Value) -> String {
    client.post(path, body).item(201)["id"].as_str().unwrap().to_owned()
}

impl World {
    fn new(client: &Client, title: &str) -> Self {
        let organization = made(client, "/directory/organizations", &json!({ "name": title }));
        let contact = json!({ "name": title, "organizationId": organization, "email": [{ "value": "a@example.com" }] });
        let [target, source] = ["T", "S"].map(|_| made(client, "/directory/contacts", &contact));
        let body = json!({
            "title": title, "organizationId": organization, "contactId": source,
            "participants": [{ "id": source, "name": "Source" }, { "id": target }],
        });
        let case = json!({ "title": title, "organizationId": organization, "contactId": source });
        let paths = [("/pipeline/leads", &body), ("/pipeline/opportunities", &body), ("/cases/cases", &case)];
        let pointing = paths.map(|(path, body)| format!("{path}/{}", made(client, path, body)));
        Self { organization, target, source, pointing }
    }

    fn source(&self) -> String {
        format!("/directory/contacts/{}", self.source)
    }

    fn restore(&self) -> Request {
        ("POST", format!("/trash/contact/{}/restore", self.source), json!({}))
    }

    fn let_go(&self) -> Request {
        ("DELETE", format!("/trash/contact/{}", self.source), Value::Null)
    }

    fn merge(&self) -> Request {
        ("POST", format!("/directory/contacts/{}/merge", self.target), json!({ "sourceId": [self.source] }))
    }

    /// A patch of what points at the source, to the target or to nobody.
    fn patch(&self, random: &mut Random) -> Request {
        let to = random.one_of(&[json!(self.target), Value::Null]).clone();
        ("PATCH", random.one_of(&self.pointing).clone(), json!({ "contactId": to }))
    }

    fn delete_pointing(&self, random: &mut Random) -> Request {
        ("DELETE", random.one_of(&self.pointing).clone(), Value::Null)
    }
}

/// What a round does, and how it ended, for the figure.
type Round = fn(&[Client], &World, &mut Random) -> String;

/// What is in the trash is restored or let go, and that once.
fn from_the_trash(clients: &[Client], world: &World, random: &mut Random) -> String {
    let (method, path, body) =
        if random.below(2) == 0 { ("DELETE", world.source(), Value::Null) } else { world.merge() };
    let body = (!body.is_null()).then(|| body.to_string());
    assert!(clients[0].send(method, &path, &[], body.as_deref()).status < 300);
    let delete_organization = ("DELETE", format!("/directory/organizations/{}", world.organization), Value::Null);
    let requests = [
        world.restore(),
        world.restore(),
        world.let_go(),
        world.patch(random),
        world.delete_pointing(random),
        delete_organization,
    ];
    let answers = at_once(clients, &requests, late(random));
    let ended: Vec<u16> = answers[..3].iter().map(|answer| answer.status).collect();
    assert!(ended.iter().all(|status| [200, 204, 404, 503].contains(status)), "{answers:#?}");
    let done = ended.iter().filter(|status| **status < 300).count();
    assert!(done == 1 || (done == 0 && ended.contains(&503)), "{answers:#?}");
    let became = if done == 0 {
        "as it was"
    } else if ended[2] == 204 {
        "gone"
    } else {
        "restored"
    };
    format!("{method} {became}")
}

/// A deletion, a merge and a restore at once.
fn into_the_trash(clients: &[Client], world: &World, random: &mut Random) -> String {
    let delete = ("DELETE", world.source(), Value::Null);
    let patch = ("PATCH", world.source(), json!({ "jobTitle": "CTO", "organizationId": world.organization }));
    let requests = [delete, world.restore(), world.merge(), patch, world.patch(random), world.restore()];
    let answers = at_once(clients, &requests, late(random));
    let restored = [&answers[1], &answers[5]].iter().filter(|answer| answer.status == 200).count();
    let taken = [&answers[0], &answers[2]].iter().filter(|answer| answer.status < 300).count();
    // Some may not have been begun where the machine is busy.
    let is_busy = answers.iter().any(|answer| answer.status == 503);
    assert!((taken >= 1 || is_busy) && taken <= restored + 1, "{answers:#?}");
    let there = clients[0].get(&world.source()).status == 200;
    assert_eq!(there, taken == restored, "{answers:#?}");
    format!("{taken} taken, {restored} restored")
}

fn check_answers(title: &str, answers: &[Answer]) {
    assert!(answers.iter().all(|answer| answer.status != 500), "{title}: {answers:#?}");
}

fn again_and_again(database: &TestDatabase) {
    let _alone = alone();
    let api = Api::start(database);
    let clients: Vec<Client> = (0..AT_ONCE).map(|_| api.acme.apart()).collect();
    let other = api.tenant("other");
    let (rounds, mut random) = (rounds(4), Random::new());
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for number in 1..=rounds {
        World::new(&other, &format!("Theirs {number}"));
        let ways: [(&str, Round); 2] = [("From", from_the_trash), ("Into", into_the_trash)];
        for (title, round) in ways {
            let title = format!("{title} {number}");
            let world = World::new(&api.acme, &title);
            *outcomes.entry(round(&clients, &world, &mut random)).or_default() += 1;
            let seen: Vec<Answer> = world.pointing.iter().map(|path| api.acme.get(path)).collect();
            check_answers(&title, &seen);
        }
        checker::check(database);
    }
    assert_eq!(other.get("/trash").items().len(), 0);
    assert_eq!(api.serving.terminate(), Some(0));
    let deadlocks = checker::deadlocks(database);
    figure(database, "trash", format_args!("{rounds} rounds, {outcomes:?}, {deadlocks} deadlocks"));
    assert_eq!(deadlocks, 0, "locks are taken in one order");
}

both_databases! {
    /// Whatever comes at once, a record is there or in the trash, and what points at it points at what is there.
    fn what_is_deleted_and_restored_at_once_is_one_or_the_other(database) {
        again_and_again(database);
    }
}
