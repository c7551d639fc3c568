//! Delivering again, and how long the log goes back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crm_core::{DbConnection, Scope, Timestamp, tenants};
use crm_testkit::{TestDatabase, both_databases};
use crm_webhooks::deliveries;
use serde_json::json;

use crate::client::Api;
use crate::failing::run;
use crate::receiver::{Receiver, Says};
use crate::setup::{Hook, ROOT, SOON, change, failing, start, subject, tell, wait_until};

fn scope(connection: &mut DbConnection) -> Scope {
    let tenant = tenants::find(connection, &"acme".parse().unwrap()).unwrap();
    Scope::new(tenant.id, tenant.public_id, Timestamp::now())
}

fn forget(database: &TestDatabase) -> usize {
    let mut connection = database.connect();
    let tenants = deliveries::tenants_with_old(&mut connection, Timestamp::now()).unwrap();
    let forget = |connection: &mut DbConnection, tenant| {
        connection.write(|connection| deliveries::forget_old(connection, tenant, Timestamp::now())).unwrap()
    };
    tenants.into_iter().map(|tenant| forget(&mut connection, tenant)).sum()
}

/// A webhook of two changes of a lead, of which the first fails and the second waits for it.
fn held_up(api: &Api<'_>, receiver: &Receiver) -> Hook {
    let hook = tell(&api.acme, receiver, &["lead.updated"]);
    let lead = subject(&api.acme);
    change(&api.acme, &lead, "one");
    let is_tried = || hook.log(&api.acme).first().is_some_and(|first| first["attempts"] != json!([]));
    wait_until("the first failure", is_tried);
    change(&api.acme, &lead, "two");
    wait_until("the one that is held back", || hook.log(&api.acme).len() == 2);
    hook
}

both_databases! {
    /// One delivery, or all of a time, are sent again under their first ids.
    fn deliveries_are_replayed_under_their_ids(database) {
        let api = start(database);
        let receiver = Receiver::taking();
        let hook = tell(&api.acme, &receiver, &["lead.*"]);
        let lead = subject(&api.acme);
        change(&api.acme, &lead, "one");
        receiver.wait_for(2, SOON);
        hook.wait_for_state(&api.acme, "delivered");
        let between = Timestamp::now();
        std::thread::sleep(Duration::from_millis(20));
        change(&api.acme, &lead, "two");
        let first = receiver.wait_for(3, SOON);
        hook.wait_for_state(&api.acme, "delivered");

        let again = api.acme.send("POST", &format!("{ROOT}/deliveries/{}/replay", first[1].id()), &[], None);
        assert_eq!((&again.item(200)["id"], &again.body["item"]["state"]), (&json!(first[1].id()), &json!("pending")));
        let received = receiver.wait_for(4, SOON);
        assert_eq!((received[3].id(), received[3].change()), (first[1].id(), first[1].change()));
        assert_eq!(received[3].body["data"]["record"]["note"], "two", "the record as it is now");

        let everything = api.acme.post(&format!("{}/replay", hook.path), &json!({ "since": "2020-01-01T00:00:00Z" }));
        assert_eq!((everything.status, &everything.body), (200, &json!({ "replayed": 3, "next": null })));
        let received = receiver.wait_for(7, SOON);
        let ids = |range: std::ops::Range<usize>| received[range].iter().map(|one| one.id().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(4..7), first.iter().map(|one| one.id().to_owned()).collect::<Vec<_>>(), "in their order");
        let until = api.acme.post(&format!("{}/replay", hook.path), &json!({ "since": "2020-01-01T00:00:00Z", "until": between }));
        assert_eq!(until.body["replayed"], 2, "{}", until.text);
        let since = api.acme.post(&format!("{}/replay", hook.path), &json!({ "since": between }));
        assert_eq!(since.body["replayed"], 1, "{}", since.text);
        receiver.wait_for(10, SOON);

        let other = api.tenant("other");
        let foreign = format!("{ROOT}/deliveries/{}/replay", first[0].id());
        other.send("POST", &foreign, &[], None).problem(404, "not_found");
        other.get(&format!("{}/deliveries", hook.path)).problem(404, "not_found");
    }

    /// The log is filtered by state and read in pages, and goes back thirty days.
    fn the_log_has_states_and_an_end(database) {
        let api = start(database);
        let receiver = Receiver::start(|received, _| match received.body["data"]["record"]["note"] == "bad" {
            true => Says::status(500),
            false => Says::ok(),
        });
        let hook = tell(&api.acme, &receiver, &["lead.updated"]);
        let leads: Vec<String> = (0..6).map(|_| subject(&api.acme)).collect();
        for (index, lead) in leads.iter().enumerate() {
            change(&api.acme, lead, if index % 3 == 0 { "bad" } else { "good" });
        }
        receiver.wait_for(6, SOON);
        let count = |state: &str| {
            let path = format!("{}/deliveries?includeTotal=true&state={state}", hook.path);
            api.acme.get(&path).body["total"].as_i64().unwrap()
        };
        let began = std::time::Instant::now();
        while (count("delivered"), count("pending")) != (4, 2) {
            assert!(began.elapsed() < SOON);
        }
        assert_eq!((count("failed"), count("pending,failed"), count("delivered,pending")), (0, 2, 6));
        api.acme.get(&format!("{}/deliveries?state=lost", hook.path)).refuses(&[("state", "invalid_value")]);
        let page = api.acme.get(&format!("{}/deliveries?size=4&sort=asc", hook.path));
        let token = page.body["continuationToken"].as_str().unwrap();
        let rest = api.acme.get(&format!("{}/deliveries?size=4&sort=asc&continuationToken={token}", hook.path));
        assert_eq!((page.items().len(), rest.items().len(), &rest.body["hasMore"]), (4, 2, &json!(false)));

        assert_eq!(forget(database), 0, "nothing is old");
        let (old, young) = (31 * 86_400, 29 * 86_400);
        let days_ago = |seconds: i64| Timestamp::from_datetime(Timestamp::now().as_datetime() - Duration::from_secs(seconds.unsigned_abs()));
        run(database, &format!("UPDATE deliveries SET created_on = '{}'", days_ago(young)));
        assert_eq!(forget(database), 0);
        run(database, &format!("UPDATE deliveries SET created_on = '{}' WHERE state = 'delivered'", days_ago(old)));
        assert_eq!(forget(database), 4);
        assert_eq!(hook.log(&api.acme).len(), 2);
    }

    /// What is on its way is not forgotten, however old it is, and neither is what waits behind it.
    fn what_is_on_its_way_is_never_forgotten(database) {
        let api = start(database);
        let (receiver, fails) = failing();
        let hook = held_up(&api, &receiver);
        let aged = Timestamp::from_datetime(Timestamp::now().as_datetime() - Duration::from_secs(31 * 86_400));
        run(database, &format!("UPDATE deliveries SET created_on = '{aged}' WHERE next_try_on IS NOT NULL"));
        assert_eq!(forget(database), 0, "it is on its way");
        fails.store(false, Ordering::Relaxed);
        run(database, &format!("UPDATE deliveries SET next_try_on = '{}' WHERE next_try_on IS NOT NULL", Timestamp::now()));
        wait_until("the last change", || receiver.received().iter().any(|one| one.body["data"]["record"]["note"] == "two" && one.body["data"]["change"]["changes"][0]["to"] == "two"));
        wait_until("both", || api.acme.get(&format!("{}/deliveries?state=delivered", hook.path)).items().len() == 2);
        assert_eq!(forget(database), 1, "it is over");
    }

    /// What is on its way to a webhook that is off is forgotten with the log, and what waits behind it is next.
    fn what_waits_behind_what_is_forgotten_goes_on(database) {
        let api = start(database);
        let receiver = Receiver::start(|received, _| match received.body["data"]["change"]["changes"][0]["to"] == "one" {
            true => Says::status(500),
            false => Says::ok(),
        });
        let hook = held_up(&api, &receiver);
        api.acme.patch(&hook.path, &json!({ "enabled": false })).item(200);
        let aged = Timestamp::from_datetime(Timestamp::now().as_datetime() - Duration::from_secs(31 * 86_400));
        run(database, &format!("UPDATE deliveries SET created_on = '{aged}' WHERE next_try_on IS NOT NULL"));
        assert_eq!(forget(database), 1);
        assert_eq!(forget(database), 0);
        let left = hook.log(&api.acme);
        assert!(left.len() == 1 && left[0]["nextAttemptOn"].is_string(), "{left:?}");
        api.acme.patch(&hook.path, &json!({ "enabled": true })).item(200);
        hook.wait_for_state(&api.acme, "delivered");
        assert_eq!(receiver.received().last().unwrap().body["data"]["record"]["note"], "two");

        // Of a webhook that is gone nothing is left.
        assert_eq!(api.acme.delete(&hook.path).status, 204);
        run(database, &format!("UPDATE deliveries SET created_on = '{aged}', state = 'pending'"));
        assert_eq!(forget(database), 1);
    }

    /// A delivery is replayed as it was seen, where that is asked for.
    fn a_replay_takes_conditions(database) {
        let api = start(database);
        let receiver = Receiver::taking();
        let hook = tell(&api.acme, &receiver, &["lead.created"]);
        subject(&api.acme);
        let id = receiver.wait_for(1, SOON)[0].id().to_owned();
        hook.wait_for_state(&api.acme, "delivered");
        let path = format!("{ROOT}/deliveries/{id}/replay");
        let replay = |headers: &[(&str, &str)]| api.acme.send("POST", &path, headers, None);
        for header in [("If-Match", "\"other\""), ("If-Match", ""), ("If-None-Match", "*")] {
            replay(&[header]).problem(412, "precondition_failed");
        }
        assert_eq!(hook.log(&api.acme)[0]["state"], "delivered", "nothing is sent");
        let replayed = replay(&[("If-Match", "*")]);
        let tag = replayed.header("etag").to_owned();
        assert_eq!(replayed.item(200)["state"], "pending");
        hook.wait_for_state(&api.acme, "delivered");
        replay(&[("If-Match", &tag)]).problem(412, "precondition_failed");
        assert_eq!(receiver.wait_for(2, SOON).len(), 2);
    }

    /// What is erased of a record is gone from what is on its way, and from what receivers said.
    fn what_is_erased_is_in_no_delivery(database) {
        let api = start(database);
        let receiver = Receiver::start(|received, _| Says::Status(500, "", received.text.clone()));
        let hook = tell(&api.acme, &receiver, &["lead.updated"]);
        let lead = subject(&api.acme);
        change(&api.acme, &lead, "canary-5f0c");
        receiver.wait_for(1, SOON);
        let began = std::time::Instant::now();
        while hook.log(&api.acme)[0]["attempts"] == json!([]) {
            assert!(began.elapsed() < SOON);
        }
        assert_eq!(api.acme.delete(&hook.path).status, 204);
        let holds = || {
            let rows = crate::dump::dump(database);
            rows.iter().any(|row| row.starts_with("deliveries") && row.contains("canary-5f0c"))
        };
        assert!(holds(), "it was sent, and is kept until it has arrived");
        let mut connection = database.connect();
        let scope = scope(&mut connection);
        let id = lead.rsplit('/').next().unwrap();
        connection
            .write(|connection| deliveries::erase_records(connection, &scope, crm_history::Kind::Lead, &[id.to_owned()], &[]))
            .unwrap();
        assert!(!holds());
    }
}
