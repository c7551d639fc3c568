//! Two changes of a case's status at once: the second sees what the first has done.

use std::time::Duration;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::checker;
use crate::client::{Api, Client};
use crate::conversion::{Request, at_once};
use crate::settings::{alone, figure, rounds};

/// A case type in which both B and C can be reached from A, and C from B as well.
fn make_type(client: &Client) -> String {
    let status = |label: &str| json!({ "id": format!("id-{label}"), "type": "node", "data": { "label": label } });
    let transition = |source: &str, target: &str| json!({ "label": "Go", "source": source, "target": target });
    let workflow = json!({
        "status": [status("A"), status("B"), status("C")],
        "transition": [transition("A", "B"), transition("A", "C"), transition("B", "C")],
    });
    let made = client.post("/cases/types/cases", &json!({ "label": "Walked", "workflow": workflow }));
    made.item(201)["id"].as_str().unwrap().to_owned()
}

/// The changes of a case's status, newest first: `from > to`.
fn changes(client: &Client, path: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |activity: &Value| format!("{} > {}", text(&activity["from"]), text(&activity["to"]));
    client.get(&format!("{path}/activities?size=200")).items().iter().map(line).collect()
}

both_databases! {
    /// To B and to C at once: C is reached in any case, B only where it came first, and the timeline has what happened in
    /// its order.
    fn two_changes_of_status_at_once(database) {
        let _alone = alone();
        let api = Api::start(database);
        let case_type = make_type(&api.acme);
        let clients = [api.acme.apart(), api.acme.apart()];
        let (rounds, mut both) = (rounds(10), 0);
        for round in 0..rounds {
            let made = api.acme.post("/cases/cases", &json!({ "title": "Walked", "caseTypeId": case_type }));
            let path = format!("/cases/cases/{}", made.item(201)["id"].as_str().unwrap());
            let walk = |status: &str| -> Request { ("PATCH", path.clone(), json!({ "status": status })) };
            // Each goes first in half of the rounds.
            let requests = if round % 2 == 0 { [walk("B"), walk("C")] } else { [walk("C"), walk("B")] };
            let mut answers = at_once(&clients, &requests, Duration::ZERO);
            if round % 2 == 1 {
                answers.reverse();
            }
            let (to_b, to_c) = (&answers[0], &answers[1]);
            to_c.item(200);
            assert_eq!(api.acme.get(&path).item(200)["status"], "C");
            if to_b.status == 200 {
                both += 1;
                assert_eq!(changes(&api.acme, &path), ["B > C", "A > B"]);
            } else {
                to_b.problem(409, "transition_not_allowed");
                assert_eq!((&to_b.body["allowed"], changes(&api.acme, &path)), (&json!([]), vec!["A > C".to_owned()]));
            }
        }
        checker::check(database);
        assert_eq!(api.serving.terminate(), Some(0));
        let deadlocks = checker::deadlocks(database);
        figure(database, "walks", format_args!("{rounds} cases, both changes in {both}, the second refused in the others, {deadlocks} deadlocks"));
        assert_eq!(deadlocks, 0, "locks are taken in one order");
    }
}
