//! Conversions of one lead at once, and what comes in between them: each other change comes before or after.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::checker;
use crate::client::{Answer, Api, Client};
use crate::converted::{assert_whole, lead, opportunities};
use crate::settings::{Random, alone, figure, rounds};

/// How many conversions of one lead are sent at once.
const AT_ONCE: usize = 16;

/// A request: its method, path and body.
pub(crate) type Request = (&'static str, String, Value);

/// Sends requests all at once, each over a connection of its own and the second one `late`, and gives their answers in
/// the same order.
pub(crate) fn at_once(clients: &[Client], requests: &[Request], late: Duration) -> Vec<Answer> {
    let barrier = Barrier::new(requests.len());
    std::thread::scope(|threads| {
        let send = |number: usize, client: &Client, (method, path, body): &Request| {
            let body = (!body.is_null()).then(|| body.to_string());
            barrier.wait();
            std::thread::sleep(if number == 1 { late } else { Duration::ZERO });
            client.send(method, path, &[], body.as_deref())
        };
        let pairs = clients.iter().zip(requests).enumerate();
        let started: Vec<_> =
            pairs.map(|(number, (client, request))| threads.spawn(move || send(number, client, request))).collect();
        assert_eq!(started.len(), requests.len(), "a client for each");
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// What comes in between: what each round does, and how it ended, for the figure.
type Between = fn(&[Client], &str, &mut Random) -> &'static str;

fn convert(id: &str) -> Request {
    ("POST", format!("/pipeline/leads/{id}/convert"), Value::Null)
}

/// A conversion reads much before it locks: who comes a little later may still come first.
pub(crate) fn late(random: &mut Random) -> Duration {
    Duration::from_micros(u64::try_from(random.below(3_000)).unwrap())
}

/// One makes the opportunity, and all others are told which.
fn another_conversion(clients: &[Client], title: &str, _: &mut Random) -> &'static str {
    let id = lead(&clients[0], &json!({ "title": title }));
    let answers = at_once(clients, &vec![convert(&id); AT_ONCE], Duration::ZERO);
    let (made, others): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1, "{title}: {answers:#?}");
    for other in others {
        let named = &other.problem(409, "already_converted").body["opportunityId"];
        assert_eq!(named, &made[0].body["item"]["id"], "{title}");
    }
    assert_whole(&clients[0], &id, title, true);
    "one of sixteen"
}

/// An archived lead is not converted; a converted one can be archived.
fn archiving(clients: &[Client], title: &str, random: &mut Random) -> &'static str {
    let id = lead(&clients[0], &json!({ "title": title }));
    let archive = ("PATCH", format!("/pipeline/leads/{id}/archive"), Value::Null);
    let answers = at_once(clients, &[convert(&id), archive, convert(&id)], late(random));
    assert_eq!(answers[1].status, 200, "{}", answers[1].text);
    let codes = [&answers[0], &answers[2]].map(|answer| answer.body["code"].as_str().unwrap_or("made"));
    let converted = codes.contains(&"made");
    let expected: &[&str] = if converted { &["made", "already_converted"] } else { &["lead_archived"] };
    assert!(codes.iter().all(|code| expected.contains(code)), "{codes:?}");
    assert_whole(&clients[0], &id, title, converted);
    if converted { "archived after" } else { "archived before" }
}

/// The opportunity outlives its lead, or was never made.
fn deletion(clients: &[Client], title: &str, random: &mut Random) -> &'static str {
    let id = lead(&clients[0], &json!({ "title": title }));
    let delete = ("DELETE", format!("/pipeline/leads/{id}"), Value::Null);
    let answers = at_once(clients, &[convert(&id), delete], late(random));
    assert_eq!(answers[1].status, 204, "{}", answers[1].text);
    assert!(matches!(answers[0].status, 201 | 404), "{}", answers[0].text);
    let made = opportunities(&clients[0], title);
    assert_eq!(made.len(), usize::from(answers[0].status == 201), "{made:?}");
    assert!(made.iter().all(|opportunity| opportunity["leadId"].is_null()), "{made:?}");
    if made.is_empty() { "deleted before" } else { "deleted after" }
}

/// Lead and opportunity point at the targets of both merges, whichever came first.
fn merging(clients: &[Client], title: &str, random: &mut Random) -> &'static str {
    let client = &clients[0];
    let record = |kind: &str| {
        let made = client.post(&format!("/directory/{kind}"), &json!({ "name": title }));
        made.item(201)["id"].as_str().unwrap().to_owned()
    };
    let [from, to, gone] = ["organizations"; 3].map(record);
    let [contact_from, contact_to] = ["contacts"; 2].map(record);
    let participants = [json!({ "id": contact_from })];
    let body =
        json!({ "title": title, "organizationId": from, "contactId": contact_from, "participants": participants });
    let id = lead(client, &body);
    let merge_into = |kind: &str, target: &str, sources: &[&str]| {
        ("POST", format!("/directory/{kind}/{target}/merge"), json!({ "sourceId": sources }))
    };
    let answers = at_once(
        clients,
        &[
            convert(&id),
            merge_into("organizations", &to, &[&from, &gone]),
            merge_into("contacts", &contact_to, &[&contact_from]),
        ],
        late(random),
    );
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [201, 200, 200], "{answers:#?}");
    assert_whole(client, &id, title, true);
    let lead = client.get(&format!("/pipeline/leads/{id}")).item(200).clone();
    for record in [&lead, &opportunities(client, title)[0]] {
        let points_at = (&record["organizationId"], &record["contactId"], &record["participants"][0]["id"]);
        assert_eq!(points_at, (&json!(to), &json!(contact_to), &json!(contact_to)), "{title}");
    }
    let made_of = |name: &str| answers[0].body["item"][name].as_str().map(str::to_owned);
    match (made_of("organizationId") == Some(to), made_of("contactId") == Some(contact_to)) {
        (true, true) => "merged before",
        (false, false) => "merged after",
        _ => "merged before and after",
    }
}

fn again_and_again(database: &TestDatabase, name: &str, between: &[(&str, Between)]) {
    let _alone = alone();
    let api = Api::start(database);
    let clients: Vec<Client> = (0..AT_ONCE).map(|_| api.acme.apart()).collect();
    let (rounds, mut random) = (rounds(4), Random::new());
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for round in 1..=rounds {
        for (title, between) in between {
            *outcomes.entry(between(&clients, &format!("{title}-{round}-"), &mut random)).or_default() += 1;
        }
    }
    checker::check(database);
    assert_eq!(api.serving.terminate(), Some(0));
    let deadlocks = checker::deadlocks(database);
    figure(database, name, format_args!("{rounds} rounds, {outcomes:?}, {deadlocks} deadlocks"));
    assert_eq!(deadlocks, 0, "locks are taken in one order");
}

both_databases! {
    /// Of sixteen conversions at once one makes the opportunity, and all others are told which.
    fn of_many_conversions_one_succeeds(database) {
        again_and_again(database, "conversion, alone", &[("Deal", another_conversion)]);
    }

    /// Archiving, deleting and merging at the same moment: each comes before the conversion or after it.
    fn nothing_comes_in_between(database) {
        let between: [(&str, Between); 3] = [("Archived", archiving), ("Deleted", deletion), ("Merged", merging)];
        again_and_again(database, "conversion, in between", &between);
    }
}
