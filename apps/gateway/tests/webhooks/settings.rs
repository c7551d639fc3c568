//! `/settings/webhooks`: what can be asked for, by whom, and what is written down of it.

use crm_core::Timestamp;
use crm_history::{Action, Kind};
use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::dump::dump;
use crate::setup::{ROOT, start};

fn minimal() -> Value {
    json!({ "url": "https://hooks.invalid/crm", "events": ["lead.created"] })
}

fn with(member: &str, value: Value) -> Value {
    let mut body = minimal();
    body[member] = value;
    body
}

/// A client with a key of these scopes.
fn with_scopes(client: &Client, scopes: &[&str]) -> Client {
    let made = client.post("/settings/keys", &json!({ "name": "n", "scopes": scopes }));
    client.with_key(made.item(201)["key"].as_str())
}

both_databases! {
    /// A webhook is made, read, changed and deleted; its secret is shown once.
    fn a_webhook_lives_and_its_secret_is_shown_once(database) {
        let api = start(database);
        let other = api.tenant("other");
        let once = [("Idempotency-Key", "make-a-webhook")];
        let body = json!({
            "url": " https://hooks.invalid/crm?a=b ", "events": ["lead.created", "opportunity.*", "lead.created"],
            "fields": ["stage", "customFields.region"], "description": "For the shop", "secret": "ignored",
        });
        let made = api.acme.send("POST", ROOT, &once, Some(&body.to_string()));
        let item = made.item(201).clone();
        let path = format!("{ROOT}/{}", item["id"].as_str().unwrap());
        assert_eq!(made.header("location"), path);
        let secret = item["secret"].as_str().unwrap();
        assert!(secret.starts_with("whsec_") && secret.len() == 38, "{secret}");
        let mut shown = item.clone();
        shown.as_object_mut().unwrap().remove("secret");
        assert_eq!(
            shown,
            json!({
                "id": item["id"], "url": "https://hooks.invalid/crm?a=b", "events": ["lead.created", "opportunity.*"],
                "fields": ["stage", "customFields.region"], "description": "For the shop", "enabled": true,
                "disabledReason": null, "failingSince": null, "createdOn": item["createdOn"], "lastUpdatedOn": item["createdOn"],
            })
        );
        let read = api.acme.get(&path);
        assert_eq!((read.item(200), read.header("etag")), (&shown, made.header("etag")), "the ETag is that of what is read");
        assert_eq!(*api.acme.get(ROOT).items(), [shown.clone()]);
        let repeated = api.acme.send("POST", ROOT, &once, Some(&body.to_string()));
        assert_eq!(repeated.header("idempotent-replayed"), "true");
        assert_eq!((&repeated.item(201)["secret"], &repeated.body["item"]["id"]), (&Value::Null, &item["id"]));

        let patched = api.acme.patch(&path, &json!({ "fields": null, "enabled": false }));
        assert_eq!((&patched.item(200)["fields"], &patched.body["item"]["enabled"]), (&Value::Null, &json!(false)));
        let again = api.acme.patch(&path, patched.item(200));
        assert_eq!(again.header("etag"), patched.header("etag"), "what changes nothing is no change");
        api.acme.send("PATCH", &path, &[("If-Match", made.header("etag"))], Some("{}")).problem(412, "precondition_failed");
        assert_eq!(other.get(ROOT).items().len(), 0);
        other.get(&path).problem(404, "not_found");
        other.delete(&path).problem(404, "not_found");
        assert_eq!(api.acme.delete(&path).status, 204);
        api.acme.get(&path).problem(404, "not_found");
        assert_eq!(api.acme.get(ROOT).items().len(), 0);

        assert_history(&api, secret);
    }

    /// What cannot be meant is refused, each with its field.
    fn what_cannot_be_meant_is_refused(database) {
        let api = start(database);
        for (body, field, code) in [
            (json!({ "events": ["*"] }), "url", "required"),
            (json!({ "url": "https://hooks.invalid" }), "events", "required"),
            (with("url", json!("hooks.invalid")), "url", "invalid_url"),
            (with("url", json!("ftp://hooks.invalid")), "url", "invalid_url"),
            (with("url", json!("https://user:password@hooks.invalid")), "url", "invalid_url"),
            (with("url", json!("https://hooks.invalid/#part")), "url", "invalid_url"),
            (with("url", json!("http://hooks.invalid/")), "url", "invalid_url"),
            (with("url", json!("https://10.0.0.1/")), "url", "invalid_url"),
            (with("url", json!("https://[::1]/")), "url", "invalid_url"),
            (with("url", json!(format!("https://hooks.invalid/{}", "a".repeat(2_048)))), "url", "too_long"),
            (with("url", json!(7)), "url", "wrong_type"),
            (with("events", json!([])), "events", "required"),
            (with("events", json!(["leads.created"])), "events[0]", "invalid_value"),
            (with("events", json!(["lead.created", "lead.create"])), "events[1]", "invalid_value"),
            (with("events", json!("*")), "events", "wrong_type"),
            (with("events", json!(vec!["*"; 101])), "events", "too_many"),
            (with("fields", json!([])), "fields", "required"),
            (with("fields", json!([" "])), "fields[0]", "required"),
            (with("fields", json!(["a".repeat(101)])), "fields[0]", "too_long"),
            (with("fields", json!(vec!["a"; 51])), "fields", "too_many"),
            (with("description", json!("a".repeat(10_001))), "description", "too_long"),
            (with("enabled", json!("yes")), "enabled", "wrong_type"),
            (with("event", json!(["*"])), "event", "unknown_field"),
        ] {
            api.acme.post(ROOT, &body).refuses(&[(field, code)]);
        }
        let at_the_bound = json!({
            "url": "https://hooks.invalid/", "events": vec!["*"; 100], "fields": vec!["a".repeat(100); 50],
            "description": "a".repeat(10_000),
        });
        let path = format!("{ROOT}/{}", api.acme.post(ROOT, &at_the_bound).item(201)["id"].as_str().unwrap());
        for (patch, field, code) in [
            (json!({ "url": null }), "url", "not_nullable"),
            (json!({ "events": null }), "events", "not_nullable"),
            (json!({ "enabled": null }), "enabled", "not_nullable"),
            (json!({ "url": "https://127.1.1.1.1/" }), "", ""),
            (json!({ "url": "http://hooks.invalid/" }), "url", "invalid_url"),
        ] {
            let answer = api.acme.patch(&path, &patch);
            if field.is_empty() { assert_eq!(answer.status, 200) } else { answer.refuses(&[(field, code)]) }
        }
        let rotate = format!("{path}/rotateSecret");
        api.acme.post(&rotate, &json!({ "graceMinutes": 10_081 })).refuses(&[("graceMinutes", "out_of_range")]);
        api.acme.post(&rotate, &json!({ "graceMinutes": "10" })).refuses(&[("graceMinutes", "wrong_type")]);
        let since = json!({ "since": "2025-02-01", "until": "2025-01-01T00:00:00Z" });
        api.acme.post(&format!("{path}/replay"), &since).refuses(&[("since", "invalid_date")]);
        let since = json!({ "since": "2025-02-01T00:00:00Z", "until": "2025-01-01T00:00:00Z" });
        api.acme.post(&format!("{path}/replay"), &since).refuses(&[("until", "conflicting")]);
        for path in [format!("{ROOT}/deliveries/x/replay"), format!("{ROOT}/deliveries/{}/replay", crm_core::Uuid::random())] {
            api.acme.post(&path, &json!({})).problem(404, "not_found");
        }
    }

    /// A tenant has fifty, whoever makes them at once.
    fn a_tenant_has_at_most_fifty(database) {
        let api = start(database);
        let made: usize = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| {
                    let client = api.acme.apart();
                    scope.spawn(move || (0..8).filter(|_| client.post(ROOT, &minimal()).status == 201).count())
                })
                .collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).sum()
        });
        assert_eq!(made, 50);
        api.acme.post(ROOT, &minimal()).problem(409, "limit_reached");
        assert_eq!(api.acme.get(ROOT).items().len(), 50);
    }

    /// Nobody has something sent that he may not read, however he asks for it.
    fn what_is_sent_its_maker_may_read(database) {
        let api = start(database);
        let weak = with_scopes(&api.acme, &["settings:write", "cases:read"]);
        let events = |events: &[&str]| with("events", json!(events));
        let missing = |answer: &crate::client::Answer, scope: &str| {
            answer.problem(403, "missing_scope");
            assert_eq!(answer.body["scope"], scope, "{}", answer.text);
        };
        for (wanted, scope) in [
            (&["lead.created"][..], "pipeline:read"),
            (&["case.*", "organization.deleted"], "directory:read"),
            (&["*"], "*:read"),
            (&["tag.created"], "pipeline:read"),
        ] {
            missing(&weak.post(ROOT, &events(wanted)), scope);
        }
        let own = weak.post(ROOT, &events(&["case.*", "caseType.updated", "key.created"]));
        let own = format!("{ROOT}/{}", own.item(201)["id"].as_str().unwrap());
        missing(&weak.patch(&own, &json!({ "events": ["contact.created"] })), "directory:read");
        let strong = api.acme.post(ROOT, &events(&["*"]));
        let strong = format!("{ROOT}/{}", strong.item(201)["id"].as_str().unwrap());
        missing(&weak.patch(&strong, &json!({ "url": "https://mine.invalid/" })), "*:read");
        assert_eq!(weak.patch(&own, &json!({ "url": "https://mine.invalid/" })).status, 200);
    }
}

/// What was done to the webhook is written down, and nothing of its secret.
fn assert_history(api: &Api<'_>, secret: &str) {
    let mut connection = api.database.connect();
    let tenant = crm_core::tenants::find(&mut connection, &"acme".parse().unwrap()).unwrap();
    let scope = crm_core::Scope::new(tenant.id, tenant.public_id, Timestamp::now());
    let written = crm_history::written_after(&mut connection, &scope, 0, 100).unwrap();
    let told: Vec<(Action, Vec<&str>)> = written
        .iter()
        .filter(|change| change.kind == Kind::Webhook)
        .map(|change| (change.action, change.changes.iter().map(|field| field.field.as_str()).collect()))
        .collect();
    assert_eq!(
        told,
        [(Action::Created, vec![]), (Action::Updated, vec!["fields", "enabled"]), (Action::Deleted, vec![])],
        "what changed nothing is not written down"
    );
    let stored = format!("{:?}", dump(api.database));
    assert!(!stored.contains(secret), "without a key for secrets it lay in the row, which is gone");
}
