//! What arrives.

use std::time::Duration;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;
use crate::process::{Serving, gateway};
use crate::receiver::{Receiver, Says};
use crate::setup::{SOON, change, is_signed, start, subject, tell, wait_until};

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

    /// A ping that is asked for again with the same key is not sent again, nor is one of a tenant that takes no writes; a webhook
    /// is made once, whatever has become of its host.
    fn what_is_asked_for_again_is_not_done_again(database) {
        let api = start(database);
        let receiver = Receiver::taking();
        let hook = tell(&api.acme, &receiver, &["lead.*"]);
        let test = format!("{}/test", hook.path);
        let ping = |key: &str, more: &[(&str, &str)]| {
            api.acme.send("POST", &test, &[&[("Idempotency-Key", key)][..], more].concat(), None)
        };
        let first = ping("one", &[]);
        assert_eq!((first.status, first.headers.get("idempotent-replayed")), (200, None), "{}", first.text);
        let again = ping("one", &[]);
        assert_eq!((again.header("idempotent-replayed"), &again.text), ("true", &first.text));
        assert_eq!(receiver.count(), 1);
        assert_eq!(ping("two", &[]).body["delivered"], true);
        assert_eq!(receiver.count(), 2, "another key is another request");
        ping("three", &[("If-Match", "\"other\"")]).problem(412, "precondition_failed");
        assert_eq!(ping("three", &[]).status, 200, "what a header refused can be asked for again");
        assert_eq!(receiver.count(), 3);
        let nobody = format!("/settings/webhooks/{}/test", crm_core::Uuid::random());
        let missing = || api.acme.send("POST", &nobody, &[("Idempotency-Key", "four")], None);
        missing().problem(404, "not_found");
        assert_eq!(missing().header("idempotent-replayed"), "true", "a refusal is kept too");

        let body = json!({ "url": "http://127.0.0.1:9/", "events": ["lead.*"] }).to_string();
        let make = |client: &crate::client::Client, key: &str| {
            client.send("POST", "/settings/webhooks", &[("Idempotency-Key", key)], Some(&body))
        };
        let made = make(&api.acme, "five").item(201)["id"].clone();

        let mut connection = database.connect();
        let frozen = |connection: &mut crm_core::DbConnection| {
            crm_core::tenants::freeze(connection, &"acme".parse().unwrap(), crm_core::Timestamp::now())
        };
        connection.write(frozen).unwrap();
        wait_until("the gateway to know", || api.acme.patch(&hook.path, &json!({})).status == 503);
        for key in ["one", "six"] {
            ping(key, &[]).problem(503, "tenant_frozen");
        }
        api.acme.send("POST", &test, &[], None).problem(503, "tenant_frozen");
        make(&api.acme, "seven").problem(503, "tenant_frozen");
        assert_eq!(receiver.count(), 3);
        connection.write(|connection| crm_core::tenants::thaw(connection, &"acme".parse().unwrap())).unwrap();

        // A gateway that may not send there any more.
        let Api { database, serving, acme } = api;
        serving.kill();
        let serving = Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0"));
        let acme = crate::client::Client::new(&serving.url, acme.keys);
        let repeated = make(&acme, "five");
        assert_eq!((repeated.header("idempotent-replayed"), &repeated.item(201)["id"]), ("true", &made));
        make(&acme, "eight").refuses(&[("url", "invalid_url")]);
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
