//! Paging by `continuationToken` while others insert and delete.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::{Api, Client};
use crate::settings::{Random, alone, figure, rounds};

/// Lists, the member that names a record, and the orders of each.
const LISTS: [(&str, &str, &[&str]); 3] = [
    ("/pipeline/leads", "title", &["createdOn", "lastUpdatedOn", "title", "value", "leadRating"]),
    ("/directory/contacts", "name", &["createdOn", "lastUpdatedOn", "name", "jobTitle"]),
    ("/directory/organizations", "name", &["createdOn", "lastUpdatedOn", "name", "industry"]),
];

/// Records that stay. A third of them have no value to be ordered by, and several share one.
const STAYING: usize = 60;
/// Records of each client that come and go.
const COMING: usize = 12;

fn make(client: &Client, list: usize, name: &str, number: usize) -> String {
    let (path, member, _) = LISTS[list];
    let mut body = json!({ member: name });
    let (value, rating) = (number % 7, ["1_cold", "2_warm", "3_hot"][number % 3]);
    match path {
        _ if number.is_multiple_of(3) => {}
        "/pipeline/leads" => {
            body["value"] = json!({ "amount": value, "code": "EUR" });
            body["leadRating"] = rating.into();
        }
        "/directory/contacts" => body["jobTitle"] = rating.into(),
        _ => body["industry"] = rating.into(),
    }
    client.post(path, &body).item(201)["id"].as_str().unwrap().to_owned()
}

/// Makes records among those that stay and deletes them again.
fn come_and_go(client: &Client, random: &mut Random, stop: &AtomicBool) {
    let mut mine: Vec<(usize, String)> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let list = random.below(LISTS.len());
        let number = random.below(STAYING);
        mine.push((list, make(client, list, &format!("Record {number:02} comes"), number)));
        if mine.len() > COMING {
            let (list, id) = mine.swap_remove(random.below(mine.len()));
            assert_eq!(client.delete(&format!("{}/{id}", LISTS[list].0)).status, 204);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Reads a list to its end; the ids as they came, and the number of pages.
fn walk(client: &Client, query: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut token) = (Vec::new(), 0, String::new());
    loop {
        let page = client.get(&format!("{query}{token}"));
        pages += 1;
        ids.extend(page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.body["continuationToken"].as_str() {
            Some(next) => token = format!("&continuationToken={next}"),
            None => return (ids, pages),
        }
        assert!(pages < 1_000, "{query} has no end");
    }
}

both_databases! {
    /// Records that were there all along come exactly once, in every order, whatever comes and goes around them.
    fn tokens_walk_past_what_comes_and_goes(database) {
        let _alone = alone();
        let api = Api::start(database);
        let mut random = Random::new();
        let staying = |list| (0..STAYING).map(|n| make(&api.acme, list, &format!("Record {n:02}"), n)).collect();
        let staying: Vec<BTreeSet<String>> = (0..LISTS.len()).map(staying).collect();
        let stop = AtomicBool::new(false);
        let (walks, mut pages, mut others) = (rounds(12), 0, 0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (client, mut random, stop) = (api.acme.apart(), random.fork(), &stop);
                scope.spawn(move || come_and_go(&client, &mut random, stop));
            }
            let _stop = StopAtEnd(&stop);
            for _ in 0..walks {
                let list = random.below(LISTS.len());
                let (path, _, orders) = LISTS[list];
                let (order, sort, size) = (random.one_of(orders), random.one_of(&["asc", "desc"]), 2 + random.below(20));
                let query = format!("{path}?orderBy={order}&sort={sort}&size={size}");
                let (ids, of_walk) = walk(&api.acme, &query);
                let distinct: BTreeSet<String> = ids.iter().cloned().collect();
                assert_eq!(distinct.len(), ids.len(), "{query} shows a record twice: {ids:?}");
                let skipped: Vec<&String> = staying[list].difference(&distinct).collect();
                assert!(skipped.is_empty(), "{query} skips {skipped:?}");
                pages += of_walk;
                others += ids.len() - STAYING;
            }
        });
        assert!(others > 0, "nothing came and went");
        figure(database, "tokens", format_args!("{walks} walks, {pages} pages, {others} records of others met, 0 skipped, 0 twice"));
    }
}

/// Also when a walk fails, so that the others end and the failure shows.
pub(crate) struct StopAtEnd<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
