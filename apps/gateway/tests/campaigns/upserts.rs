//! Upserts of one external id at once: one of them makes the record, whoever comes first.

use std::time::Duration;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::client::{Api, Client};
use crate::conversion::{Request, at_once};
use crate::settings::{alone, figure, rounds};

/// How many come at once.
const AT_ONCE: usize = 8;

const COLLECTIONS: [(&str, &str); 5] = [
    ("/pipeline/leads", "title"),
    ("/pipeline/opportunities", "title"),
    ("/directory/contacts", "name"),
    ("/directory/organizations", "name"),
    ("/cases/cases", "title"),
];

/// Half of them put the record, the others make or rename one to the same external id: one record has it.
fn race(clients: &[Client], (path, text): (&str, &str), number: u64) {
    let external_id = format!("round-{number}");
    let put: Request = ("PUT", format!("{path}/external/{external_id}"), json!({ text: "Put" }));
    let answers = at_once(clients, &vec![put; AT_ONCE], Duration::ZERO);
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "{path}: {answers:#?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)), "{path}: {answers:#?}");

    let external_id = format!("mixed-{number}");
    let beside = clients[0].post(path, &json!({ text: "Beside" })).item(201)["id"].as_str().unwrap().to_owned();
    let body = json!({ text: "Mixed", "externalId": external_id });
    let requests: Vec<Request> = (0..AT_ONCE)
        .map(|index| match index % 4 {
            0 => ("POST", path.to_owned(), body.clone()),
            1 => ("PATCH", format!("{path}/{beside}"), body.clone()),
            _ => ("PUT", format!("{path}/external/{external_id}"), body.clone()),
        })
        .collect();
    let answers = at_once(clients, &requests, Duration::ZERO);
    for (answer, (method, ..)) in answers.iter().zip(&requests) {
        let is_right = match answer.status {
            200 | 201 => answer.body["item"]["externalId"] == external_id,
            409 => answer.body["code"] == "external_id_taken" && *method != "PUT",
            _ => false,
        };
        assert!(is_right, "{method} {path}: {}", answer.text);
    }
    let found = clients[0].get(&format!("{path}?externalId={external_id}"));
    assert_eq!(found.items().len(), 1, "{path}: {}", found.text);
}

/// All of them make a contact with one address, each written differently, unless there is one.
fn race_of_duplicates(clients: &[Client], number: u64) {
    let request = |index: usize| -> Request {
        let address = if index.is_multiple_of(2) {
            format!("Same{number}@Example.com")
        } else {
            format!("same{number}@example.com")
        };
        let body = json!({ "name": format!("N{index}"), "email": [{ "value": address }] });
        ("POST", "/directory/contacts?ifNoDuplicate=email".to_owned(), body)
    };
    let answers = at_once(clients, &(0..AT_ONCE).map(request).collect::<Vec<_>>(), Duration::ZERO);
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{answers:#?}");
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.problem(409, "duplicate").body["ids"], json!([made[0].body["item"]["id"]]));
    }
}

/// All of them upsert a contact by one address, in batches.
fn race_of_addresses(clients: &[Client], number: u64) {
    let request = |index: usize| -> Request {
        let address = if index.is_multiple_of(2) {
            format!("Batch{number}@Example.com")
        } else {
            format!("batch{number}@example.com")
        };
        let item = json!({ "name": format!("N{index}"), "email": [{ "value": address }] });
        let body = json!({ "mode": "upsert", "matchBy": "email", "items": [item] });
        ("POST", "/directory/contacts/batch".to_owned(), body)
    };
    let answers = at_once(clients, &(0..AT_ONCE).map(request).collect::<Vec<_>>(), Duration::ZERO);
    let made = answers.iter().filter(|answer| answer.body["created"] == 1).count();
    let changed = answers.iter().filter(|answer| answer.body["updated"] == 1 || answer.body["unchanged"] == 1).count();
    assert_eq!((made, changed), (1, AT_ONCE - 1), "{answers:#?}");
    assert_eq!(clients[0].get(&format!("/directory/contacts?email=batch{number}@")).items().len(), 1);
}

fn upserts_at_once(database: &TestDatabase) {
    let api = Api::start(database);
    let clients: Vec<Client> = (0..AT_ONCE).map(|_| api.acme.apart()).collect();
    let rounds = rounds(3);
    for number in 1..=rounds {
        COLLECTIONS.iter().for_each(|collection| race(&clients, *collection, number));
        race_of_duplicates(&clients, number);
        race_of_addresses(&clients, number);
    }
    let requests = rounds * 2 * u64::try_from(AT_ONCE * COLLECTIONS.len()).unwrap();
    figure(database, "upserts", format_args!("{rounds} rounds of five kinds, {requests} requests, one record each"));
    assert_eq!(api.serving.terminate(), Some(0));
}

both_databases! {
    fn upserts_of_one_external_id_make_one_record(database) {
        let _alone = alone();
        upserts_at_once(database);
    }
}
