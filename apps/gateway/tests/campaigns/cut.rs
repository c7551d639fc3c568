//! A client whose connection breaks at any byte, and which sends again what it got no answer to.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::{Api, Client};
use crate::settings::{Random, alone, figure, rounds};

/// How many requests at the same time.
const CLIENTS: usize = 8;
/// About as long as an answer: a cut may fall into it as well.
const ANSWER: usize = 1_000;

fn body(number: u64) -> String {
    json!({ "title": format!("Lead {number}"), "note": "x".repeat(300) }).to_string()
}

/// Sends up to `length` bytes of the request and, of what is left of `length`, reads the answer; then the connection
/// is closed.
fn send_and_cut(client: &Client, number: u64, random: &mut Random) {
    let address = client.base.strip_prefix("http://").unwrap();
    let body = body(number);
    let request = format!(
        "POST /pipeline/leads HTTP/1.1\r\nHost: {address}\r\nOcp-Apim-Subscription-Key: {}\r\nIdempotency-Key: cut-{number}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        client.keys.primary,
        body.len(),
    );
    let cut = random.below(request.len() + ANSWER);
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let sent = connection.write_all(&request.as_bytes()[..cut.min(request.len())]);
    if let (Ok(()), Some(of_answer)) = (sent, cut.checked_sub(request.len())) {
        let mut answer = Vec::new();
        // However much of it comes: what was not read is lost to this client.
        let _ = connection.take(u64::try_from(of_answer).unwrap()).read_to_end(&mut answer);
    }
}

/// Sends it until there is an answer, and gives the lead's id.
fn send_until_answered(client: &Client, number: u64) -> String {
    let key = format!("cut-{number}");
    for _ in 0..200 {
        let answer = client.send("POST", "/pipeline/leads", &[("Idempotency-Key", &key)], Some(&body(number)));
        if answer.status == 409 {
            answer.problem(409, "idempotency_key_in_flight");
            thread::sleep(Duration::from_millis(25));
            continue;
        }
        return answer.item(201)["id"].as_str().unwrap().to_owned();
    }
    panic!("request {number} was never answered");
}

both_databases! {
    /// Each request is sent three times, of which two are cut: as many records as requests.
    fn a_request_that_is_cut_and_sent_again_is_done_once(database) {
        let _alone = alone();
        let api = Api::start(database);
        let (rounds, mut random) = (rounds(200), Random::new());
        let ids: BTreeSet<String> = thread::scope(|threads| {
            let clients: Vec<_> = (0..).take(CLIENTS).map(|offset| {
                let (client, mut random) = (api.acme.clone(), random.fork());
                threads.spawn(move || {
                    (offset..rounds).step_by(CLIENTS).map(|number| {
                        send_and_cut(&client, number, &mut random);
                        send_and_cut(&client, number, &mut random);
                        send_until_answered(&client, number)
                    }).collect::<Vec<_>>()
                })
            }).collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        let list = api.acme.get("/pipeline/leads?includeTotal=true&size=1");
        list.items();
        assert_eq!(list.body["total"], rounds, "records");
        assert_eq!(u64::try_from(ids.len()).unwrap(), rounds, "answers");
        figure(database, "cut", format_args!("{rounds} requests, sent three times each, made {rounds} leads"));
    }
}
