//! What a read answers is one state: while a lead's organization comes and goes, no answer is of two states.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::settings::{alone, duration, figure};
use crate::tokens::StopAtEnd;

const READERS: usize = 6;

/// Deletes the lead's organization, makes and links another, renames it, links it to a second one: again and again.
fn change(client: &Client, lead: &str, until: Instant) -> usize {
    for round in 0.. {
        if Instant::now() > until {
            return round;
        }
        let organizations = [0, 1].map(|number| {
            let name = format!("Organization {round}-{number}");
            let made = client.post("/directory/organizations", &json!({ "name": name }));
            (made.header("location").to_owned(), made.item(201)["id"].clone())
        });
        for (path, id) in &organizations {
            client.patch(lead, &json!({ "organizationId": id })).item(200);
            client.patch(path, &json!({ "name": "Renamed" })).item(200);
        }
        for (path, _) in organizations.iter().rev() {
            assert_eq!(client.delete(path).status, 204);
        }
    }
    0
}

/// A lead names the organization that it refers to, and none where it refers to none.
fn check(lead: &Value) {
    let (id, organization) = (&lead["organizationId"], &lead["organization"]);
    assert_eq!(id.is_null(), organization.is_null(), "an answer of two states: {lead}");
    assert!(id.is_null() || organization["id"] == *id && organization["name"].is_string(), "{lead}");
}

both_databases! {
    /// One client changes what the others read.
    fn no_answer_is_of_two_states(database) {
        let _alone = alone();
        let api = Api::start(database);
        let made = api.acme.post("/pipeline/leads", &json!({ "title": "A lead" }));
        let (lead, id) = (made.header("location").to_owned(), made.item(201)["id"].clone());
        let until = Instant::now() + duration(Duration::from_secs(3));
        let is_over = AtomicBool::new(false);
        let (changes, reads) = std::thread::scope(|threads| {
            let readers: Vec<_> = (0..READERS).map(|number| {
                let (client, lead, id, is_over) = (api.acme.apart(), &lead, &id, &is_over);
                threads.spawn(move || {
                    let mut reads = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        if number % 2 == 0 {
                            check(client.get(lead).item(200));
                        } else {
                            client.get("/pipeline/leads").items().iter().filter(|item| item["id"] == *id).for_each(check);
                        }
                        reads += 1;
                    }
                    reads
                })
            }).collect();
            let stop = StopAtEnd(&is_over);
            let changes = change(&api.acme.apart(), &lead, until);
            drop(stop);
            (changes, readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>())
        });
        figure(database, "snapshots", format_args!("{reads} reads of a lead whose organization changed {changes} × 6 times"));
        assert!(changes > 0 && reads > changes);
    }
}
