//! Two tenants never see each other: what is another's was never there. The requests are made from the API document:
//! every place of it where an id may stand has one of the tenant's own, another tenant's, a deleted one and one that
//! never was.

mod beside;
mod places;
mod world;

use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::json;
use uuid::Uuid;

use crate::client::{Answer, Api};
use crate::dump::dump;
use crate::operations::{Operation, operations};
use crate::settings::{Random, figure, is_long, rounds};
use crate::ticketing_errors::{ACME, SECRET};

use places::{Place, places};
use world::{Tenant, World};

const OTHER: &str = "0e6b2f70-5b0c-4b6c-9f3e-0d6a4c1b2a22";

/// An answer as its bytes are, head and all, but for the id of the request, the time and the id that was asked for.
fn anonymous(answer: &Answer, id: &str) -> (u16, Vec<String>, String) {
    // Whether a connection goes on is up to how much of a body that nobody reads had come.
    let varies = ["date", "x-request-id", "ratelimit", "idempotent-replayed", "connection"];
    let headers = answer.headers.iter().filter(|(name, _)| !varies.contains(&name.as_str()));
    let mut headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    let text = answer.text.replace(answer.header("x-request-id"), "REQUEST");
    let text = answer.body["timestamp"].as_str().map_or_else(|| text.clone(), |time| text.replace(time, "TIME"));
    (answer.status, headers, text.replace(id, "ID"))
}

/// Everything but the answers that are kept for repeated requests.
fn records(database: &TestDatabase) -> Vec<String> {
    dump(database).into_iter().filter(|row| !row.starts_with("idempotency_keys: ")).collect()
}

fn delete_of(kind: &str) -> Operation {
    let path = format!("{kind}/{{id}}");
    operations().into_iter().find(|operation| operation.method == "DELETE" && operation.path == path).unwrap()
}

/// Who asks, for what, and how often it was asked.
struct Walk<'a> {
    acme: &'a Tenant,
    /// Records of acme's, of the other tenant's, and such as acme had.
    own: World,
    foreign: World,
    gone: World,
    /// In the other tenant's trash.
    discarded: World,
    /// The other tenant, which knows the ETags of its records.
    other: &'a Tenant,
    attempts: usize,
}

impl Walk<'_> {
    /// Asks for an id of the other tenant's, a deleted one and one that never was, with each of these headers: the
    /// answers are the same.
    fn attempt(&mut self, place: &Place, never: &str) {
        let (foreign, gone) = match place.is_of_trash() {
            // What is deleted is what these are about.
            true => (self.discarded.id(place.kind), never),
            false => (self.foreign.id(place.kind), self.gone.id(place.kind)),
        };
        assert_eq!((foreign.len(), gone.len()), (never.len(), never.len()), "{foreign}, {gone}");
        let etag = self.other.etag(place.kind, foreign);
        let mut conditions = vec![None];
        conditions.extend(etag.iter().map(|etag| Some(("If-Match", etag.clone()))));
        if is_long() {
            let any = ["If-Match", "If-None-Match"].map(|name| Some((name, "*".to_owned())));
            conditions.extend(any.into_iter().chain(etag.map(|etag| Some(("If-None-Match", etag)))));
        }
        if place.operation.method == "POST" {
            conditions.push(Some(("Idempotency-Key", String::new())));
        }
        for condition in conditions {
            let [never, gone, foreign] =
                [never, gone, foreign].map(|id| anonymous(&self.ask(place, id, condition.as_ref()), id));
            assert!(never.0 < 500, "{}: {never:?}", place.name());
            assert_eq!(foreign, never, "{} with {condition:?} tells another tenant's id from none", place.name());
            // What happened to a record outlives it.
            if !place.operation.path.ends_with("/history") {
                assert_eq!(gone, never, "{} with {condition:?} tells a deleted id from none", place.name());
            }
            self.attempts += 1;
        }
    }

    fn ask(&self, place: &Place, id: &str, condition: Option<&(&str, String)>) -> Answer {
        let asked = place.ask(id, &self.own);
        let once = Uuid::new_v4().to_string();
        let value = |value: &'_ String| if value.is_empty() { once.clone() } else { value.clone() };
        let header = condition.map(|(name, text)| (*name, value(text)));
        let headers: Vec<(&str, &str)> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.acme.send(&place.operation, &asked.path, &headers, asked.body.as_ref())
    }
}

/// An id of a kind that nobody has.
fn never(like: &str, random: &mut Random) -> String {
    if like.contains('-') { Uuid::new_v4().to_string() } else { (7_000_000 + random.below(1_000_000)).to_string() }
}

fn start(database: &TestDatabase) -> (Api<'_>, Tenant, Tenant) {
    let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
    let [acme, other] = [ACME, OTHER].map(|id| Tenant::new(&api, id));
    // Ids that are found in an answer by their look, and are nobody else's.
    let spread = "UPDATE numbering SET last = 1000000 * (SELECT id FROM tenants WHERE tenants.id = tenant_id)";
    for tenant in [&acme, &other] {
        World::new(tenant);
    }
    database.connect().batch_execute(spread).unwrap();
    (api, acme, other)
}

both_databases! {
    /// A foreign id, a deleted one and one that never was are answered with the same bytes, wherever they stand, and
    /// nothing happens.
    fn a_foreign_id_is_one_that_never_was(database) {
        let (_api, acme, other) = start(database);
        let (places, rounds, mut random, mut attempts) = (places(), rounds(1), Random::new(), 0);
        for _ in 0..rounds {
            let gone = World::new(&acme);
            gone.delete(&acme, delete_of);
            let discarded = World::new(&other);
            discarded.delete(&other, delete_of);
            let (own, foreign) = (World::new(&acme), World::new(&other));
            let before = records(database);
            let mut walk = Walk { acme: &acme, own, foreign, gone, discarded, other: &other, attempts: 0 };
            for place in places.iter().filter(|place| !place.is_chosen()) {
                walk.attempt(place, &never(walk.foreign.id(place.kind), &mut random));
            }
            assert!(records(database) == before, "something was changed");
            attempts += walk.attempts;
        }
        figure(
            database,
            "tenants",
            format_args!("{} places, {attempts} attempts with another's id, as many with a deleted one, 0 told apart", places.len()),
        );
    }

    /// What is the tenant's own is found at each of these places: the walk over foreign ids would notice.
    fn an_own_id_is_another_matter(database) {
        let (_api, acme, _) = start(database);
        let mut random = Random::new();
        let mut own = World::new(&acme);
        for place in places().into_iter().filter(|place| !place.is_chosen()) {
            let ask = |id: &str| {
                let asked = place.ask(id, &own);
                anonymous(&acme.send(&place.operation, &asked.path, &[], asked.body.as_ref()), id)
            };
            let id = own.id(place.kind).to_owned();
            if place.is_of_trash() {
                assert_eq!(acme.client.delete(&format!("{}/{id}", place.kind)).status, 204);
            }
            let never = ask(&never(&id, &mut random));
            let found = ask(&id);
            assert_ne!((found.0, &found.2), (never.0, &never.2), "{}", place.name());
            if place.takes_away() {
                own = World::new(&acme);
            }
        }
    }

    /// Among ids of one's own, a foreign one is one that never was; and where a client chooses an id, another's
    /// is free.
    fn a_foreign_id_beside_own_ones_is_one_that_never_was(database) {
        let (_api, acme, other) = start(database);
        let foreign = World::new(&other);
        let before: Vec<String> = records(database).into_iter().filter(|row| row.contains("Foreign")).collect();
        let mut random = Random::new();
        for place in places().into_iter().filter(|place| place.is_bulk() || place.is_chosen()) {
            let id = foreign.id(place.kind);
            let [theirs, nobodys] = [id.to_owned(), never(id, &mut random)].map(|id| {
                let own = World::new(&acme);
                let mut asked = place.ask(&id, &own);
                if let (true, Some(body)) = (place.is_bulk(), &mut asked.body) {
                    body["ids"] = json!([own.id(place.kind), id, own.other(place.kind)]);
                }
                let answer = acme.send(&place.operation, &asked.path, &[], asked.body.as_ref());
                assert!((200..300).contains(&answer.status), "{}: {}", place.name(), answer.text);
                (answer.status, answer.body["deleted"].as_array().map(Vec::len), answer.text.matches(&id).count())
            });
            assert_eq!(theirs, nobodys, "{}", place.name());
        }
        let after: Vec<String> = records(database).into_iter().filter(|row| row.contains("Foreign")).collect();
        assert_eq!(after, before);
    }
}
