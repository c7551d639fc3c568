//! What arrives.

use std::time::Duration;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Says};
use crate::setup::{SOON, change, is_signed, start, subject, tell};

both_databases! {
    /// A change is told to those who asked for it, signed, with the record as it is; another tenant's is not.
    fn a_change_is_told_with_the_record(database) {
        let api = start(database);
        let other = api.tenant("other");
        let (receiver, others, deaf) = (Receiver::taking(), Receiver::taking(), Receiver::taking());
        let hook = tell(&api.acme, &receiver, &["lead.*"]);
        tell(&other, &others, &["*"]);
        tell(&api.acme, &deaf, &["contact.*", "lead.converted"]);

        let lead = subject(&api.acme);
        let shown = api.acme.get(&lead).item(200).clone();
        let first = receiver.wait_for(1, SOON)[0].clone();
        assert!(hook.signed(&first), "{first:?}");
        assert!(!is_signed("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", &first), "by another secret");
        assert_eq!(first.headers["content-type"], "application/json");
        assert!(first.headers["user-agent"].starts_with("crm-gateway/"));
        let told = &first.body;
        assert_eq!((&told["type"], &told["data"]["record"]), (&json!("lead.created"), &shown));
        let told = &told["data"]["change"];
        assert_eq!(
            (&told["kind"], &told["action"], &told["recordId"], &told["on"]),
            (&json!("lead"), &json!("created"), &shown["id"], &first.body["timestamp"])
        );
        let logged = hook.wait_for_state(&api.acme, "delivered");
        assert_eq!((&logged["id"], &logged["event"]), (&json!(first.id()), &json!("lead.created")));
        assert_eq!((&logged["changeId"], &logged["recordId"]), (&told["id"], &shown["id"]));
        let attempts = logged["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1);
        assert_eq!((&attempts[0]["status"], &attempts[0]["response"]), (&json!(200), &json!("thank you")));
        assert_eq!((&attempts[0]["error"], &logged["nextAttemptOn"]), (&Value::Null, &Value::Null));

        change(&api.acme, &lead, "new");
        assert_eq!(api.acme.delete(&lead).status, 204);
        let all = receiver.wait_for(3, SOON);
        let kinds: Vec<&Value> = all.iter().map(|received| &received.body["type"]).collect();
        assert_eq!(kinds, ["lead.created", "lead.updated", "lead.deleted"], "in their order");
        assert_eq!(all[1].body["data"]["change"]["changes"], json!([{ "field": "note", "from": null, "to": "new" }]));
        assert_eq!(all[2].body["data"]["record"], Value::Null, "it is no more");
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!((others.count(), deaf.count(), receiver.count()), (0, 0, 3));
    }

    /// A tenant is known to have none for a moment, in which nobody is asked: the first delivery of a webhook that is made then is
    /// not late for it. Of eight some begin beside what else this machine does.
    fn the_first_webhook_of_a_busy_tenant_is_told_soon(database) {
        let api = start(database);
        let mut late: Vec<Duration> = (0..8)
            .map(|number| {
                let client = api.tenant(&format!("busy-{number}"));
                subject(&client);
                std::thread::sleep(Duration::from_millis(20));
                let receiver = Receiver::taking();
                tell(&client, &receiver, &["lead.*"]);
                let began = std::time::Instant::now();
                subject(&client);
                receiver.wait_for(1, SOON);
                began.elapsed()
            })
            .collect();
        late.sort_unstable();
        assert!(late[2] < Duration::from_millis(600), "{late:?}");
    }

    /// `fields` narrows what is told of updates, and of nothing else.
    fn updates_are_narrowed_by_fields(database) {
        let api = start(database);
        let receiver = Receiver::taking();
        let body = json!({ "url": receiver.url(), "events": ["lead.*"], "fields": ["note"] });
        assert_eq!(api.acme.post("/settings/webhooks", &body).status, 201);
        let lead = subject(&api.acme);
        api.acme.patch(&lead, &json!({ "title": "Another" })).item(200);
        change(&api.acme, &lead, "noted");
        api.acme.patch(&format!("{lead}/archive"), &json!({})).item(200);
        let kinds: Vec<Value> = receiver.wait_for(3, SOON).iter().map(|received| received.body["type"].clone()).collect();
        assert_eq!(kinds, ["lead.created", "lead.updated", "lead.archived"]);
    }

    /// While a secret is replaced everything has two signatures, so that no receiver fails.
    fn a_replaced_secret_signs_for_its_grace(database) {
        let api = start(database);
        let receiver = Receiver::taking();
        let hook = tell(&api.acme, &receiver, &["lead.*"]);
        let rotate = format!("{}/rotateSecret", hook.path);
        let rotated = api.acme.post(&rotate, &json!({ "graceMinutes": 1 }));
        let second = rotated.item(200)["secret"].as_str().unwrap().to_owned();
        let lead = subject(&api.acme);
        let first = receiver.wait_for(1, SOON)[0].clone();
        assert!(hook.signed(&first) && is_signed(&second, &first), "{first:?}");
        assert_eq!(first.headers["webhook-signature"].split(' ').count(), 2);
        let rotated = api.acme.post(&rotate, &json!({}));
        let third = rotated.item(200)["secret"].as_str().unwrap().to_owned();
        change(&api.acme, &lead, "new");
        let last = receiver.wait_for(2, SOON)[1].clone();
        assert!(is_signed(&third, &last) && !is_signed(&second, &last) && !hook.signed(&last), "without a grace");
    }

    /// A ping tells its sender what the receiver said, and is in no log.
    fn a_ping_says_what_the_receiver_said(database) {
        let api = start(database);
        let receiver = Receiver::start(|received, _| match received.body["type"] == "ping" {
            true => Says::Status(202, "", "x".repeat(2_000)),
            false => Says::ok(),
        });
        let hook = tell(&api.acme, &receiver, &["lead.*"]);
        api.acme.patch(&hook.path, &json!({ "enabled": false })).item(200);
        let pong = api.acme.send("POST", &format!("{}/test", hook.path), &[], None);
        assert_eq!((pong.status, &pong.body["delivered"], &pong.body["status"]), (200, &json!(true), &json!(202)));
        assert_eq!(pong.body["response"].as_str().unwrap().len(), 1_000);
        let ping = receiver.wait_for(1, SOON)[0].clone();
        assert!(hook.signed(&ping) && ping.body["data"]["webhookId"].is_string(), "{ping:?}");
        assert!(hook.log(&api.acme).is_empty());

        let closed = json!({ "url": "http://127.0.0.1:9/", "events": ["lead.*"] });
        let closed = api.acme.post("/settings/webhooks", &closed).item(201)["id"].as_str().unwrap().to_owned();
        let pong = api.acme.send("POST", &format!("/settings/webhooks/{closed}/test"), &[], None);
        assert_eq!((pong.status, &pong.body["delivered"], &pong.body["status"]), (200, &json!(false), &Value::Null));
        assert!(pong.body["error"].as_str().unwrap().contains("refused"), "{}", pong.text);
    }

    /// One that is off is sent nothing; on again, it goes on with what happens from then on.
    fn one_that_is_off_is_sent_nothing(database) {
        let api = start(database);
        let receiver = Receiver::taking();
        let hook = tell(&api.acme, &receiver, &["lead.*"]);
        let lead = subject(&api.acme);
        receiver.wait_for(1, SOON);
        api.acme.patch(&hook.path, &json!({ "enabled": false })).item(200);
        change(&api.acme, &lead, "unheard");
        std::thread::sleep(Duration::from_millis(1_500));
        api.acme.patch(&hook.path, &json!({ "enabled": true })).item(200);
        change(&api.acme, &lead, "heard");
        let received = receiver.wait_for(2, SOON);
        assert_eq!(received[1].body["data"]["change"]["changes"][0]["to"], "heard");
        assert_eq!(hook.log(&api.acme).len(), 2);
        assert_eq!(api.acme.delete(&hook.path).status, 204);
        change(&api.acme, &lead, "of nobody's");
        std::thread::sleep(Duration::from_millis(1_500));
        assert_eq!(receiver.count(), 2);
    }
}
