//! A clock that stands still (docs/compatibility.md, "A clock for tests").

use crm_core::DbConnection;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _};
use serde_json::{Value, json};

use crate::browser::{Browser, between};
use crate::client::{Answer, Api, Client};
use crate::dump::dump;
use crate::process::{Serving, gateway};
use crate::ticketing_errors::SECRET;
use crate::uploads;

const KEY: &str = "the-operator-of-a-gateway-under-test";
const NOON: &str = "2030-01-01T12:00:00.000Z";
const LEADS: &str = "/pipeline/leads";

fn start(database: &TestDatabase) -> Api<'_> {
    let settings = [("CRM_NOW", NOON), ("CRM_ALLOW_RESET", "true"), ("CRM_ADMIN_KEY", KEY), ("CRM_JWT_SECRET", SECRET)];
    Api::start_with(database, &settings)
}

fn as_operator(api: &Api<'_>, method: &str, path: &str, body: &Value) -> Answer {
    let key = format!("Bearer {KEY}");
    api.acme.with_key(None).send(method, path, &[("Authorization", &key)], Some(&body.to_string()))
}

#[track_caller]
fn turn(api: &Api<'_>, now: &str) {
    assert_eq!(as_operator(api, "POST", "/admin/clock", &json!({ "now": now })).item(200)["now"], now);
}

/// A key by the answer that made it.
fn by(client: &Client, made: &Answer) -> Client {
    client.with_key(made.body["item"]["key"].as_str())
}

/// Every moment in an answer, wherever it stands.
fn moments(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => members.values().flat_map(moments).collect(),
        Value::Array(entries) => entries.iter().flat_map(moments).collect(),
        Value::String(text) if text.len() == NOON.len() && text.ends_with('Z') && text.contains('T') => vec![text],
        _ => Vec::new(),
    }
}

/// How many rows PostgreSQL believes a table to have: -1 where it has never looked.
fn believed(connection: &mut DbConnection, table: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Rows {
        #[diesel(sql_type = BigInt)]
        rows: i64,
    }
    let sql = format!("SELECT reltuples::bigint AS rows FROM pg_class WHERE oid = '{table}'::regclass");
    diesel::sql_query(sql).get_result::<Rows>(connection).unwrap().rows
}

/// PostgreSQL knows within a minute of records that came by requests alone.
#[test]
fn tables_that_requests_fill_are_looked_at() {
    let database = TestDatabase::postgres();
    let api = start(&database);
    let mut connection = database.connect();
    // Nobody else looks at it meanwhile.
    connection.batch_execute("ALTER TABLE leads SET (autovacuum_enabled = false)").unwrap();
    // More than a few pages of the table.
    let note = "note ".repeat(100);
    let items: Vec<Value> = (0..500).map(|number| json!({ "title": format!("Lead {number}"), "note": note })).collect();
    let made = api.acme.post(&format!("{LEADS}/batch"), &json!({ "mode": "create", "items": items }));
    assert_eq!(made.body["created"], 500, "{}", made.text);
    assert_eq!(believed(&mut connection, "leads"), -1);
    turn(&api, "2030-01-01T12:01:00.000Z");
    assert_eq!(believed(&mut connection, "leads"), 500);
}

both_databases! {
    /// Whatever is made, changed and told has the time of the clock and no other, also after it was moved back.
    fn what_is_shown_has_the_time_of_the_clock(database) {
        let api = start(database);
        let token = gateway(database).env("CRM_NOW", NOON).env("CRM_ALLOW_RESET", "true").env("CRM_JWT_SECRET", SECRET)
            .args(["token", "--tenant", "acme", "--role", "tenant_admin"]).output().unwrap();
        let token = format!("Bearer {}", String::from_utf8(token.stdout).unwrap().trim());
        for (number, now) in ["2031-06-01T00:00:00.123Z", "2026-02-03T04:05:06.007Z"].into_iter().enumerate() {
            turn(&api, now);
            let tenant = as_operator(&api, "POST", "/admin/tenants", &json!({}));
            let lead = api.acme.post(LEADS, &json!({ "title": "x" }));
            let path = format!("{LEADS}/{}", lead.item(201)["id"].as_str().unwrap());
            let csv = [("Content-Type", "text/csv")];
            let import = api.acme.send("POST", "/imports?kind=lead", &csv, Some("title\ny\n"));
            assert_eq!(import.status, 202, "{}", import.text);
            let all = [
                tenant,
                api.acme.patch(&path, &json!({ "title": number.to_string() })),
                api.acme.post(&format!("{path}/comments"), &json!({ "comment": "x" })),
                api.acme.post(&format!("{path}/convert"), &json!({})),
                api.acme.post("/cases/cases", &json!({ "title": "x" })),
                api.acme.post("/settings/keys", &json!({ "name": "k", "scopes": ["*:read"] })),
                api.acme.get(&format!("{path}/history")),
                api.acme.with_key(None).send("GET", "/api/v1/ticketing/nothing", &[("Authorization", &token)], None),
                import,
                lead,
            ];
            for answer in all {
                let found = moments(&answer.body);
                assert!(!found.is_empty() && found.iter().all(|moment| *moment == now), "{now}: {}", answer.text);
            }
        }
    }

    /// Keys, the grace of one, sessions, kept answers, the trash and tokens are over at their moment, and not before.
    fn what_is_over_by_the_clock_is_over(database) {
        let api = start(database);
        let limited = json!({ "name": "k", "scopes": ["*:write"], "expiresOn": "2030-01-01T13:00:00.000Z" });
        let expiring = by(&api.acme, &api.acme.post("/settings/keys", &limited));
        let unlimited = api.acme.post("/settings/keys", &json!({ "name": "r", "scopes": ["*:write"] }));
        let replaced = by(&api.acme, &unlimited);
        let id = unlimited.item(201)["id"].as_str().unwrap();
        api.acme.post(&format!("/settings/keys/{id}/rotate"), &json!({ "graceMinutes": 60 })).item(200);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let once = |title: &str| {
            api.acme.send("POST", LEADS, &[("Idempotency-Key", "once")], Some(&json!({ "title": title }).to_string()))
        };
        assert_eq!(once("a").item(201)["id"], "1");
        assert_eq!(api.acme.delete(&format!("{LEADS}/1")).status, 204);
        let trash = || api.acme.get("/trash").items().len();
        let token = gateway(database).env("CRM_NOW", NOON).env("CRM_ALLOW_RESET", "true").env("CRM_JWT_SECRET", SECRET)
            .args(["token", "--tenant", "acme", "--role", "crm_admin", "--ttl", "3600"]).output().unwrap();
        let token = format!("Bearer {}", String::from_utf8(token.stdout).unwrap().trim());
        let person = || api.acme.with_key(None).send("GET", LEADS, &[("Authorization", &token)], None);

        turn(&api, "2030-01-01T12:59:59.999Z");
        assert_eq!([&expiring, &replaced].map(|client| client.get(LEADS).status), [200, 200]);
        assert_eq!(person().status, 200, "{}", person().text);
        turn(&api, "2030-01-01T13:00:00.000Z");
        expiring.get(LEADS).problem(401, "expired_key");
        replaced.get(LEADS).problem(401, "invalid_key");
        // A token has a minute more, for clocks that differ.
        turn(&api, "2030-01-01T13:01:01.000Z");
        person().problem(401, "token_expired");

        turn(&api, "2030-01-01T23:59:59.999Z");
        assert_eq!(browser.get("/console/trash").status, 200);
        // Its use has moved its end on, which is written down before the next request.
        turn(&api, "2030-01-02T11:59:59.998Z");
        assert_eq!(browser.get("/console/trash").status, 200);
        assert_eq!(once("a").header("idempotent-replayed"), "true");
        turn(&api, "2030-01-03T00:00:00.000Z");
        assert_eq!(browser.get("/console/trash").status, 303, "nobody is signed in");
        assert_eq!((once("b").item(201)["id"].as_str(), trash()), (Some("2"), 1));

        turn(&api, "2030-01-31T11:59:59.999Z");
        assert_eq!(trash(), 1);
        turn(&api, "2030-01-31T12:00:00.001Z");
        assert_eq!(trash(), 0);
        // Back again, what is gone stays gone, and what had only ended has not.
        turn(&api, NOON);
        assert_eq!((trash(), expiring.get(LEADS).status), (0, 200));
    }

    /// An import is kept for thirty days, with what was wrong with its rows and which records it made.
    fn an_import_is_forgotten_after_its_time(database) {
        let api = start(database);
        let file = "name\nJane\n\"\"\n";
        let over = uploads::import(&api.acme, "kind=contact", uploads::CSV, file);
        assert_eq!([&over["created"], &over["failed"]], [1, 1], "{over}");
        let stored = || {
            let rows = dump(database).into_iter().filter(|line| line.starts_with("import"));
            rows.map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(stored(), ["import_problems", "import_records", "imports"]);
        turn(&api, "2030-01-31T11:59:59.999Z");
        assert_eq!(stored().len(), 3);
        assert_eq!(api.acme.get("/imports").items().len(), 1);
        turn(&api, "2030-01-31T12:00:00.001Z");
        assert_eq!(stored(), Vec::<String>::new());
        assert!(api.acme.get("/imports").items().is_empty());
        assert_eq!(api.acme.get("/directory/contacts").items().len(), 1, "what it made stays");
    }

    /// Only the operator moves the clock, to where it can stand, and only where it stands still.
    fn a_clock_is_moved_by_its_operator_alone(database) {
        let api = start(database);
        let body = json!({ "now": NOON });
        api.acme.post("/admin/clock", &body).problem(401, "missing_admin_key");
        let wrong = [("Authorization", "Bearer nobody")];
        api.acme.send("POST", "/admin/clock", &wrong, Some("{")).problem(401, "invalid_admin_key");
        for (now, code) in [
            (json!("1969-12-31T23:59:59.999Z"), "invalid_date"),
            (json!("3000-01-01T00:00:00Z"), "invalid_date"),
            (json!("tomorrow"), "invalid_date"),
            (json!(1_900_000_000), "invalid_date"),
            (Value::Null, "required"),
        ] {
            as_operator(&api, "POST", "/admin/clock", &json!({ "now": now })).refuses(&[("now", code)]);
        }
        as_operator(&api, "POST", "/admin/clock", &json!({})).refuses(&[("now", "required")]);
        turn(&api, "1970-01-01T00:00:00.000Z");
        api.acme.post(LEADS, &json!({ "title": "x" })).item(201);
        turn(&api, "2999-12-31T23:59:59.999Z");
        api.acme.post(LEADS, &json!({ "title": "x" })).item(201);
        let acme = api.acme.keys.clone();
        drop(api);
        let settings = [("CRM_ADMIN_KEY", KEY), ("CRM_ALLOW_RESET", "true")];
        let serving = Serving::start(gateway(database).envs(settings));
        let running = Api { database, acme: Client::new(&serving.url, acme), serving };
        for body in [body, json!({})] {
            as_operator(&running, "POST", "/admin/clock", &body).problem(404, "unknown_route");
        }
    }

    /// A card of the board tells for how many days it has been in its stage, whatever else was changed meanwhile.
    fn a_card_counts_its_days_in_the_stage(database) {
        let api = start(database);
        api.acme.post("/pipeline/opportunities", &json!({ "title": "Harbour" })).item(201);
        let stages = api.acme.get("/pipeline/pipelines/opportunities").items()[0]["stages"].clone();
        let days = || {
            let page = Browser::signed_in(&api.acme, &api.acme.keys.primary).get("/console/board").text;
            between(&page, "title=\"Days in this stage\">", " d<").unwrap().to_owned()
        };
        assert_eq!(days(), "0");
        turn(&api, "2030-01-05T12:00:00.000Z");
        api.acme.patch("/pipeline/opportunities/1", &json!({ "note": "Called." })).item(200);
        assert_eq!(days(), "4");
        let to = |stage: usize| json!({ "stage": stages[stage]["key"] });
        api.acme.patch("/pipeline/opportunities/1/updateStage", &to(1)).item(200);
        assert_eq!(days(), "0");
        turn(&api, "2030-01-07T11:00:00.000Z");
        api.acme.patch("/pipeline/opportunities/1", &to(1)).item(200);
        assert_eq!(days(), "1");
        api.acme.patch("/pipeline/opportunities/1", &to(2)).item(200);
        assert_eq!(days(), "0");
        turn(&api, "2030-01-08T12:00:00.000Z");
        api.acme.delete("/pipeline/opportunities/1");
        api.acme.send("POST", "/trash/opportunity/1/restore", &[], None).item(200);
        assert_eq!(days(), "1");
    }
}
