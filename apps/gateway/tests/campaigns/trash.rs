//! Deletions, merges, restores, deletions for good, erasures and patches of the same records at once: each comes before or
//! after.

use std::collections::BTreeMap;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::checker;
use crate::client::{Answer, Api, Client};
use crate::conversion::{Request, at_once, late};
use crate::dump::dump;
use crate::settings::{Random, alone, figure, rounds};

/// Clients that ask at once.
const AT_ONCE: usize = 8;
/// What stands in the records of whoever may be erased, and nowhere else; with the number of the round behind it.
const MARK: &str = "kwxqj";

/// Two contacts of an organization, and a lead, an opportunity and a case of the second.
struct World {
    mark: String,
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
        let target = made(client, "/directory/contacts", &contact);
        let mark = format!("{MARK} {title} end");
        let person = json!({ "name": mark, "note": mark, "organizationId": organization });
        let source = made(client, "/directory/contacts", &person);
        let body = json!({
            "title": title, "organizationId": organization, "contactId": source,
            "participants": [{ "id": source, "name": mark }, { "id": target }],
        });
        let case = json!({ "title": title, "organizationId": organization, "contactId": source });
        let paths = [("/pipeline/leads", &body), ("/pipeline/opportunities", &body), ("/cases/cases", &case)];
        let pointing = paths.map(|(path, body)| format!("{path}/{}", made(client, path, body)));
        Self { mark, organization, target, source, pointing }
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

    fn erase(&self) -> Request {
        ("DELETE", format!("/trash/contact/{}?erase=true", self.source), Value::Null)
    }

    /// What points at the source, erased as well: its changes and those of the source are of the same ones.
    fn erase_pointing(&self, random: &mut Random) -> Request {
        let (kind, path) = *random.one_of(&[
            ("lead", &self.pointing[0]),
            ("opportunity", &self.pointing[1]),
            ("case", &self.pointing[2]),
        ]);
        let id = path.rsplit('/').next().unwrap_or_default();
        ("DELETE", format!("/trash/{kind}/{id}?erase=true"), Value::Null)
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

/// How a round ended, and in words for the figure.
struct Outcome {
    /// Whether the source was erased; what it was merged into has some of its values.
    leaves_nothing: bool,
    became: String,
}

/// What a round does.
type Round = fn(&[Client], &World, &mut Random) -> Outcome;

/// What is in the trash is restored, let go or erased, and that once; but what was let go can be erased still.
fn from_the_trash(clients: &[Client], world: &World, random: &mut Random) -> Outcome {
    let (method, path, body) =
        if random.below(2) == 0 { ("DELETE", world.source(), Value::Null) } else { world.merge() };
    let body = (!body.is_null()).then(|| body.to_string());
    assert!(clients[0].send(method, &path, &[], body.as_deref()).status < 300);
    let delete_organization = ("DELETE", format!("/directory/organizations/{}", world.organization), Value::Null);
    let requests = [
        world.restore(),
        world.restore(),
        world.let_go(),
        world.erase(),
        world.patch(random),
        world.delete_pointing(random),
        world.erase_pointing(random),
        delete_organization,
    ];
    let answers = at_once(clients, &requests, late(random));
    let ended: Vec<u16> = answers[..4].iter().map(|answer| answer.status).collect();
    assert!(ended.iter().all(|status| [200, 204, 404, 503].contains(status)), "{answers:#?}");
    let restored = ended[..2].iter().filter(|status| **status == 200).count();
    let (gone, erased) = (ended[2] == 204, ended[3] == 204);
    assert!(restored + usize::from(gone || erased) <= 1, "{answers:#?}");
    assert!(restored == 1 || gone || erased || ended.contains(&503), "{answers:#?}");
    let became = match (restored, gone, erased) {
        (1, ..) => "restored",
        (_, true, true) => "gone, then erased",
        (_, true, false) => "gone",
        (_, false, true) => "erased",
        _ => "as it was",
    };
    Outcome { leaves_nothing: erased && method == "DELETE", became: format!("{method} {became}") }
}

/// A deletion, a merge and a restore at once.
fn into_the_trash(clients: &[Client], world: &World, random: &mut Random) -> Outcome {
    let delete = ("DELETE", world.source(), Value::Null);
    let patch = ("PATCH", world.source(), json!({ "jobTitle": "CTO", "organizationId": world.organization }));
    let requests = [
        delete,
        world.restore(),
        world.merge(),
        patch,
        world.patch(random),
        world.restore(),
        world.erase(),
        world.erase(),
    ];
    let answers = at_once(clients, &requests, late(random));
    let restored = [&answers[1], &answers[5]].iter().filter(|answer| answer.status == 200).count();
    let taken = [&answers[0], &answers[2]].iter().filter(|answer| answer.status < 300).count();
    // Some may not have been begun where the machine is busy.
    let is_busy = answers.iter().any(|answer| answer.status == 503);
    let erased = [&answers[6], &answers[7]].iter().filter(|answer| answer.status == 204).count();
    assert!((taken >= 1 || is_busy) && taken <= restored + 1, "{answers:#?}");
    assert!(erased <= 1 && restored + erased <= taken, "{answers:#?}");
    let there = clients[0].get(&world.source()).status == 200;
    assert_eq!(there, taken == restored, "{answers:#?}");
    let merged = answers[2].status == 200;
    Outcome {
        leaves_nothing: erased == 1 && !merged,
        became: format!("{taken} taken, {restored} restored, {erased} erased"),
    }
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
    let mut marks: Vec<String> = Vec::new();
    for number in 1..=rounds {
        World::new(&other, &format!("Theirs {number}"));
        let ways: [(&str, Round); 2] = [("From", from_the_trash), ("Into", into_the_trash)];
        for (title, round) in ways {
            let title = format!("{title} {number}");
            let world = World::new(&api.acme, &title);
            let Outcome { leaves_nothing, became } = round(&clients, &world, &mut random);
            *outcomes.entry(became).or_default() += 1;
            let seen: Vec<Answer> = world.pointing.iter().map(|path| api.acme.get(path)).collect();
            check_answers(&title, &seen);
            if leaves_nothing {
                marks.push(world.mark);
            }
        }
        checker::check(database);
    }
    let rows = dump(database);
    for mark in &marks {
        let left: Vec<&String> = rows.iter().filter(|row| row.contains(mark)).collect();
        assert!(left.is_empty(), "{mark} was erased: {left:#?}");
    }
    assert!(rows.iter().any(|row| row.contains(MARK)), "those who were not erased are there");
    assert_eq!(other.get("/trash").items().len(), 0);
    assert_eq!(api.serving.terminate(), Some(0));
    let deadlocks = checker::deadlocks(database);
    figure(
        database,
        "trash",
        format_args!("{rounds} rounds, {outcomes:?}, nothing left of {}, {deadlocks} deadlocks", marks.len()),
    );
    assert_eq!(deadlocks, 0, "locks are taken in one order");
}

both_databases! {
    /// Whatever comes at once, a record is there or in the trash, and what points at it points at what is there.
    fn what_is_deleted_and_restored_at_once_is_one_or_the_other(database) {
        again_and_again(database);
    }
}
