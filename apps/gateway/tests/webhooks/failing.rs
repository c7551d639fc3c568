//! What is done where something does not arrive.

use std::time::{Duration, Instant};

use crm_core::DbConnection;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Says};
use crate::setup::{SOON, change, start, subject, tell};

pub(crate) fn run(database: &TestDatabase, sql: &str) {
    match database.connect() {
        DbConnection::Postgres(mut postgres) => postgres.batch_execute(sql).unwrap(),
        DbConnection::Sqlite(mut sqlite) => sqlite.batch_execute(sql).unwrap(),
    }
}

both_databases! {
    /// What fails is sent again, the same under the same id, after five seconds; what follows it of the same record waits,
    /// and of other records does not.
    fn what_fails_holds_its_record_back_and_no_other(database) {
        let api = start(database);
        let (broken, other) = (subject(&api.acme), subject(&api.acme));
        let record = broken.rsplit('/').next().unwrap().to_owned();
        let failing = record.clone();
        let receiver = Receiver::start(move |received, earlier| match received.record() == failing && earlier == 0 {
            true => Says::status(500),
            false => Says::ok(),
        });
        let hook = tell(&api.acme, &receiver, &["lead.updated"]);
        change(&api.acme, &broken, "one");
        receiver.wait_for(1, SOON);
        change(&api.acme, &broken, "two");
        change(&api.acme, &other, "three");
        let received = receiver.wait_for(2, SOON);
        assert_ne!(received[1].record(), record, "another record's is not held back");
        let waiting = hook.log(&api.acme).into_iter().find(|entry| entry["recordId"] == record && entry["attempts"] == json!([]));
        assert_eq!(waiting.unwrap()["nextAttemptOn"], Value::Null, "held back");

        let received: Vec<_> = receiver.wait_for(5, Duration::from_secs(40)).into_iter().filter(|one| one.record() == record).collect();
        let of = |index: usize| received[index].body["data"]["change"]["changes"][0]["to"].as_str().unwrap().to_owned();
        assert_eq!([of(0), of(1), of(2), of(3)], ["one", "one", "two", "two"], "in order");
        assert_eq!((received[0].id(), received[2].id()), (received[1].id(), received[3].id()));
        assert_eq!(received[0].text, received[1].text, "the record as it was first sent");
        assert_eq!(received[2].body["data"]["record"]["note"], "two");
        let pause = received[1].at - received[0].at;
        assert!(pause >= Duration::from_secs(5) && pause < Duration::from_secs(15), "{pause:?}");
        assert!(received.iter().all(|one| hook.signed(one)), "each try is signed anew");
        let logged = hook.wait_for_state(&api.acme, "delivered");
        assert!(logged["attempts"].as_array().unwrap().len() <= 2, "{logged}");
        let began = Instant::now();
        while api.acme.get(&hook.path).item(200)["failingSince"] != Value::Null {
            assert!(began.elapsed() < SOON, "it works again");
        }
    }

    /// A receiver can ask to be left alone for longer.
    fn retry_after_is_honoured(database) {
        let api = start(database);
        let receiver = Receiver::start(|_, earlier| match earlier {
            0 => Says::Status(429, "Retry-After: 8\r\n", "slow down".to_owned()),
            _ => Says::ok(),
        });
        let hook = tell(&api.acme, &receiver, &["lead.created"]);
        subject(&api.acme);
        let received = receiver.wait_for(2, Duration::from_secs(40));
        let pause = received[1].at - received[0].at;
        assert!(pause >= Duration::from_secs(8), "{pause:?}");
        let attempts = hook.wait_for_state(&api.acme, "delivered")["attempts"].clone();
        assert_eq!((&attempts[0]["status"], &attempts[0]["response"]), (&json!(429), &json!("slow down")));
        assert_eq!(attempts[1]["status"], 200);
    }

    /// Answers that are none, and answers that say no: what the log has of each, and that it is tried again.
    fn every_way_to_fail_is_told(database) {
        let api = start(database);
        let elsewhere = Receiver::taking();
        let lead = subject(&api.acme);
        let to: &'static str = Box::leak(format!("Location: {}\r\n", elsewhere.url()).into_boxed_str());
        let long = "x".repeat(3_000);
        for (says, status, says_why) in [
            (Says::status(500), json!(500), None),
            (Says::Status(302, to, String::new()), json!(302), None),
            (Says::Status(307, to, String::new()), json!(307), None),
            (Says::Status(404, "", long), json!(404), None),
            (Says::Status(400, "", "a\0b\u{7}\u{e9}".to_owned()), json!(400), None),
            (Says::Closes, Value::Null, Some("")),
            (Says::ClosesHalfway, Value::Null, Some("")),
        ] {
            let answer = says.clone();
            let receiver = Receiver::start(move |_, earlier| if earlier == 0 { answer.clone() } else { Says::ok() });
            let hook = tell(&api.acme, &receiver, &["lead.updated"]);
            change(&api.acme, &lead, &format!("{says:?}").chars().take(50).collect::<String>());
            receiver.wait_for(1, SOON);
            let began = Instant::now();
            let logged = loop {
                let newest = hook.log(&api.acme)[0].clone();
                if newest["attempts"][0].is_object() || began.elapsed() > SOON {
                    break newest;
                }
            };
            let attempt = &logged["attempts"][0];
            assert_eq!((&attempt["status"], &logged["state"]), (&status, &json!("pending")), "{says:?}: {logged}");
            assert_eq!(attempt["error"].is_string(), says_why.is_some(), "{says:?}: {logged}");
            assert!(attempt["response"].as_str().is_none_or(|text| text.len() <= 1_000 && !text.contains('\0')), "{logged}");
            assert!(logged["nextAttemptOn"].is_string() && api.acme.get(&hook.path).item(200)["failingSince"].is_string());
            assert_eq!(api.acme.delete(&hook.path).status, 204);
        }
        assert_eq!(elsewhere.connections(), 0, "redirects are not followed");
    }

    /// One that never answers has its own time, and costs the others none.
    fn one_that_never_answers_delays_no_other(database) {
        let api = start(database);
        let (silent, receiver) = (Receiver::start(|_, _| Says::Nothing), Receiver::taking());
        let slow = tell(&api.acme, &silent, &["lead.*"]);
        tell(&api.acme, &receiver, &["lead.*"]);
        let first = Instant::now();
        for number in 1..=20 {
            let began = Instant::now();
            subject(&api.acme);
            receiver.wait_for(number, SOON);
            // Much less than the time of the silent one; a transaction somewhere on the server can hold changes back.
            assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
        }
        let tries = usize::try_from(first.elapsed().as_secs() / 15).unwrap() + 1;
        assert!(silent.connections() <= tries, "one at a time is tried where nothing has ever arrived");
        // Who asks for a ping is answered in the time of every request.
        let pong = api.acme.send("POST", &format!("{}/test", slow.path), &[], None).body;
        assert_eq!((&pong["delivered"], &pong["error"]), (&json!(false), &json!("no answer within 8 seconds")), "{pong}");
        assert!((7_500..14_000).contains(&pong["milliseconds"].as_i64().unwrap()), "{pong}");
        std::thread::sleep(Duration::from_secs(7));
        let began = Instant::now();
        let attempt = loop {
            let tried = slow.log(&api.acme).into_iter().find(|entry| entry["attempts"][0].is_object());
            match tried {
                Some(tried) => break tried["attempts"][0].clone(),
                None => assert!(began.elapsed() < SOON, "the try has no end"),
            }
        };
        assert_eq!(attempt["error"], "no answer within 15 seconds", "{attempt}");
        assert!((14_500..20_000).contains(&attempt["milliseconds"].as_i64().unwrap()), "{attempt}");
    }

    /// Pings to one that never answers have four places of a tenant, and the others are told so in time; whatever waits there,
    /// another tenant pings, looks names up and has a long body read at once.
    fn pings_that_nobody_answers_hold_up_nobody_else(database) {
        let api = start(database);
        let other = api.tenant("other");
        let (silent, receiver) = (Receiver::start(|_, _| Says::Nothing), Receiver::taking());
        let slow = tell(&api.acme, &silent, &["lead.merged"]);
        let ping = format!("{}/test", slow.path);
        std::thread::scope(|scope| {
            let pings: Vec<_> = (0..24)
                .map(|_| {
                    scope.spawn(|| {
                        let began = Instant::now();
                        (api.acme.apart().send("POST", &ping, &[], None), began.elapsed())
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(500));
            let began = Instant::now();
            let good = tell(&other, &receiver, &["lead.merged"]);
            assert_eq!(other.send("POST", &format!("{}/test", good.path), &[], None).body["delivered"], true);
            let long = json!({ "title": "Long", "customFields": {}, "note": "n".repeat(9_000), "tags": vec!["t".repeat(200); 500] });
            assert!(long.to_string().len() > 100_000);
            assert_eq!(other.post("/pipeline/leads", &long).status, 400, "read, and refused for its tags");
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
            let (mut waited, mut refused) = (0, 0);
            for ping in pings {
                let (answer, took) = ping.join().unwrap();
                assert!(took < Duration::from_secs(10), "{took:?}");
                match answer.status {
                    200 => waited += 1,
                    _ => {
                        answer.problem(503, "overloaded");
                        assert_eq!(answer.header("retry-after"), "1");
                        assert!(took < Duration::from_secs(4), "{took:?}");
                        refused += 1;
                    }
                }
            }
            assert_eq!((waited, refused), (4, 20));
        });
    }

    /// 410 switches a webhook off, and so do five days without anything arriving: a change of its own, which others hear of.
    fn one_that_is_gone_is_switched_off(database) {
        let api = start(database);
        let watcher = Receiver::taking();
        tell(&api.acme, &watcher, &["webhook.updated"]);
        for (status, reason) in [(410, "gone"), (500, "failing")] {
            let receiver = Receiver::start(move |_, _| Says::status(status));
            let hook = tell(&api.acme, &receiver, &["lead.*"]);
            if status == 500 {
                let long_ago = "2020-01-01T00:00:00.000Z";
                run(database, &format!("UPDATE webhooks SET failing_since = '{long_ago}' WHERE url = '{}'", receiver.url()));
            }
            let told_before = watcher.count();
            let lead = subject(&api.acme);
            receiver.wait_for(1, SOON);
            let told = watcher.wait_for(told_before + 1, SOON)[told_before].clone();
            let shown = api.acme.get(&hook.path).item(200).clone();
            assert_eq!((&shown["enabled"], &shown["disabledReason"]), (&json!(false), &json!(reason)));
            assert_eq!(told.body["data"]["record"], shown);
            let changes = told.body["data"]["change"]["changes"].as_array().unwrap();
            assert!(changes.contains(&json!({ "field": "enabled", "from": true, "to": false })), "{changes:?}");
            change(&api.acme, &lead, "unheard");
            std::thread::sleep(Duration::from_millis(1_200));
            assert_eq!(receiver.count(), 1, "nothing more is sent");
            let on = api.acme.patch(&hook.path, &json!({ "enabled": true }));
            assert_eq!((&on.item(200)["disabledReason"], &on.body["item"]["failingSince"]), (&Value::Null, &Value::Null));
            assert_eq!(api.acme.delete(&hook.path).status, 204);
            watcher.wait_for(told_before + 2, SOON);
        }
    }

    /// A gateway that is killed leaves nothing unsent: the next one sends it under the same id.
    fn what_a_killed_gateway_left_is_sent_by_the_next(database) {
        let api = start(database);
        let receiver = Receiver::start(|_, earlier| if earlier == 0 { Says::Nothing } else { Says::ok() });
        let hook = tell(&api.acme, &receiver, &["lead.created"]);
        subject(&api.acme);
        receiver.wait_for(1, SOON);
        let crate::client::Api { database, serving, acme } = api;
        serving.kill();
        let mut command = crate::process::gateway(database);
        let command = command.env("CRM_RATE_LIMIT", "0").env("CRM_WEBHOOK_ALLOW", "127.0.0.0/8");
        let serving = crate::process::Serving::start(command);
        let acme = crate::client::Client::new(&serving.url, acme.keys);
        let received = receiver.wait_for(2, Duration::from_secs(30));
        assert_eq!(received[0].id(), received[1].id());
        hook.wait_for_state(&acme, "delivered");
    }
}
