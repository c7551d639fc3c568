//! What takes days, by a clock that stands still until it is moved.

use std::sync::atomic::Ordering;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::client::Api;
use crate::failing::run;
use crate::receiver::{Received, Receiver, Says};
use crate::setup::{Hook, SOON, change, failing, is_signed, subject, tell, wait_until};

const KEY: &str = "the-operator-of-a-gateway-under-test";
const NOON: &str = "2030-01-01T12:00:00.000Z";

fn start<'a>(database: &'a TestDatabase, more: &[(&str, &str)]) -> Api<'a> {
    let settings =
        [("CRM_NOW", NOON), ("CRM_ALLOW_RESET", "true"), ("CRM_ADMIN_KEY", KEY), ("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")];
    Api::start_with(database, &[&settings[..], more].concat())
}

/// Moves the clock: what is over by then is over with the answer.
#[track_caller]
fn turn(api: &Api<'_>, now: &str) {
    let key = format!("Bearer {KEY}");
    let body = json!({ "now": now }).to_string();
    let turned = api.acme.with_key(None).send("POST", "/admin/clock", &[("Authorization", &key)], Some(&body));
    assert_eq!(turned.item(200)["now"], now);
}

/// What the first of the changes that it tells of made of the field.
fn to(received: &Received) -> &Value {
    &received.body["data"]["change"]["changes"][0]["to"]
}

/// The log of a webhook in the order of the changes, which all were made at the same moment.
fn log(api: &Api<'_>, hook: &Hook) -> Vec<Value> {
    let mut log = hook.log(&api.acme);
    log.sort_by_key(|entry| entry["changeId"].as_str().unwrap().parse::<i64>().unwrap());
    log
}

/// How often the first of them was tried.
fn tries(api: &Api<'_>, hook: &Hook) -> usize {
    log(api, hook).first().map_or(0, |first| first["attempts"].as_array().unwrap().len())
}

both_databases! {
    /// Five days without a success switch a webhook off, and not an hour less.
    fn five_days_of_failures_switch_a_webhook_off(database) {
        let api = start(database, &[]);
        let receiver = Receiver::start(|_, _| Says::status(500));
        let hook = tell(&api.acme, &receiver, &["lead.updated"]);
        let lead = subject(&api.acme);
        change(&api.acme, &lead, "one");
        let shown = || api.acme.get(&hook.path).item(200).clone();
        wait_until("the first failure", || tries(&api, &hook) == 1);
        assert_eq!(shown()["failingSince"], NOON);
        turn(&api, "2030-01-06T11:00:00.000Z");
        wait_until("the second failure", || tries(&api, &hook) == 2);
        assert_eq!((&shown()["enabled"], &shown()["failingSince"]), (&json!(true), &json!(NOON)));
        turn(&api, "2030-01-06T12:00:00.000Z");
        wait_until("the third failure", || tries(&api, &hook) == 3);
        assert_eq!((&shown()["enabled"], &shown()["disabledReason"]), (&json!(false), &json!("failing")));
    }

    /// The secret that was replaced signs for as long as was asked for, and no longer.
    fn the_grace_of_a_secret_ends(database) {
        let api = start(database, &[]);
        let receiver = Receiver::taking();
        let hook = tell(&api.acme, &receiver, &["lead.updated"]);
        let lead = subject(&api.acme);
        let rotated = api.acme.post(&format!("{}/rotateSecret", hook.path), &json!({ "graceMinutes": 60 }));
        let second = rotated.item(200)["secret"].as_str().unwrap().to_owned();
        for (number, (now, signatures)) in [
            (NOON, 2),
            ("2030-01-01T12:59:59.000Z", 2),
            ("2030-01-01T13:00:01.000Z", 1),
        ].into_iter().enumerate() {
            turn(&api, now);
            change(&api.acme, &lead, now);
            let came = receiver.wait_for(number + 1, SOON)[number].clone();
            assert_eq!(came.headers["webhook-signature"].split(' ').count(), signatures, "{now}");
            assert!(is_signed(&second, &came), "{now}");
            assert_eq!(hook.signed(&came), signatures == 2, "{now}");
        }
    }

    /// What was tried ten times has failed, and what it held back goes on.
    fn the_tenth_failure_is_the_last(database) {
        let api = start(database, &[]);
        let receiver = Receiver::start(|received, _| if to(received) == "one" { Says::status(500) } else { Says::ok() });
        let hook = tell(&api.acme, &receiver, &["lead.updated"]);
        let lead = subject(&api.acme);
        change(&api.acme, &lead, "one");
        wait_until("the first failure", || tries(&api, &hook) == 1);
        change(&api.acme, &lead, "two");
        wait_until("the one that is held back", || hook.log(&api.acme).len() == 2);
        for (before, state) in [(8, "pending"), (9, "failed")] {
            let sent = tries(&api, &hook);
            run(database, &format!("UPDATE deliveries SET tries = {before}, next_try_on = '{NOON}' WHERE next_try_on IS NOT NULL"));
            wait_until("the next failure", || tries(&api, &hook) == sent + 1);
            assert_eq!(log(&api, &hook)[0]["state"], state, "after {before} and one more");
        }
        let received = receiver.wait_for(4, SOON);
        assert_eq!(received.iter().map(to).collect::<Vec<_>>(), ["one", "one", "one", "two"]);
        wait_until("the one that was held back", || log(&api, &hook)[1]["state"] == "delivered");
        let failed = log(&api, &hook)[0].clone();
        assert_eq!((&failed["state"], &failed["nextAttemptOn"]), (&json!("failed"), &Value::Null));
    }

    /// A change that waits behind one that fails is kept for it, however short the history is.
    fn what_is_held_back_is_not_forgotten(database) {
        let api = start(database, &[("CRM_HISTORY_DAYS", "1"), ("CRM_TRASH_DAYS", "1")]);
        let (receiver, fails) = failing();
        let hook = tell(&api.acme, &receiver, &["lead.updated"]);
        let lead = subject(&api.acme);
        let since = api.acme.get("/changes?since=now").body["next"].as_str().unwrap().to_owned();
        change(&api.acme, &lead, "one");
        wait_until("the first failure", || tries(&api, &hook) == 1);
        change(&api.acme, &lead, "two");
        wait_until("the one that is held back", || hook.log(&api.acme).len() == 2);

        turn(&api, "2030-01-03T12:00:00.000Z");
        let kept = api.acme.get("/changes");
        assert_eq!(kept.items().len(), 1, "{}", kept.text);
        assert_eq!(kept.items()[0]["changes"][0]["to"], "two");
        for waits in ["", "&wait=25"] {
            let began = std::time::Instant::now();
            api.acme.get(&format!("/changes?since={since}{waits}")).problem(410, "history_gone");
            assert!(began.elapsed().as_secs() < 10, "at once");
        }
        wait_until("the second failure", || tries(&api, &hook) == 2);
        fails.store(false, Ordering::Relaxed);
        turn(&api, "2030-01-03T13:00:00.000Z");
        let received = receiver.wait_for(4, SOON);
        assert_eq!(received.iter().map(to).collect::<Vec<_>>(), ["one", "one", "one", "two"]);
        assert_eq!(received[3].body["data"]["record"]["note"], "two");
        wait_until("both", || log(&api, &hook).iter().all(|entry| entry["state"] == "delivered"));
        turn(&api, "2030-01-03T13:01:00.000Z");
        assert_eq!(api.acme.get("/changes").items().len(), 0, "it was needed no more");
    }
}
