//! Who may do what: keys with scopes, tokens on every route (docs/compatibility.md, "Keys" and "Tokens on every route").

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crm_core::Timestamp;
use crm_testkit::both_databases;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client, Keys};
use crate::dump::dump;
use crate::operations::{COMMITTED, Operation, existing, with_key};
use crate::process::stdout;
use crate::resources::prepare;
use crate::ticketing_errors::SECRET;

/// Every scope that a key can have alone.
const SCOPES: [&str; 10] = [
    "*:read",
    "*:write",
    "pipeline:read",
    "pipeline:write",
    "directory:read",
    "directory:write",
    "cases:read",
    "cases:write",
    "settings:read",
    "settings:write",
];

/// Operations that any key may use. This list may only shrink.
const FOR_ANYBODY: &[&str] = &["GET /changes", "GET /me", "GET /search", "GET /trash"];

/// Operations that need the scope of a kind of records that is named in the query, or was when its import was made: see
/// uploads.rs. This list may only shrink.
const BY_KIND: &[&str] = &[
    "DELETE /imports/{id}",
    "GET /imports",
    "GET /imports/{id}",
    "GET /imports/{id}/problems",
    "POST /imports",
    "POST /imports/{id}/undo",
];

/// The scope that the document says an operation needs.
pub(crate) fn required(operation: &Operation) -> Option<String> {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let path = operation.path.replace("/pipeline/lead/", "/pipeline/leads/");
    let told = &document["paths"][&path][operation.method.to_lowercase()];
    let scope = told["x-required-scope"].as_str().map(str::to_owned);
    for requirement in told["security"].as_array().unwrap() {
        let scopes = requirement.as_object().unwrap().values().next().unwrap();
        assert_eq!(*scopes, json!(scope.iter().collect::<Vec<_>>()), "{}", operation.name());
    }
    scope
}

fn covers(scope: &str, required: &str) -> bool {
    let ((area, access), (of, needs)) = (scope.split_once(':').unwrap(), required.split_once(':').unwrap());
    (area == "*" || area == of) && (access == "write" || needs == "read")
}

/// A key with these scopes: its id, and the client that uses it.
pub(crate) fn key(client: &Client, scopes: &[&str]) -> (String, Client) {
    let made = client.post("/settings/keys", &json!({ "name": scopes.join(" "), "scopes": scopes }));
    let item = made.item(201);
    (item["id"].as_str().unwrap().to_owned(), client.with_key(item["key"].as_str()))
}

/// The header of a token of this person.
pub(crate) fn token(tenants: &Value, roles: &[&str], user: &str) -> String {
    signed(tenants, roles, user, 300, SECRET)
}

/// The header of a token of this person, which ends in so many seconds and is signed with this secret.
fn signed(tenants: &Value, roles: &[&str], user: &str, seconds: i64, secret: &str) -> String {
    let end = Timestamp::now().as_datetime().timestamp() + seconds;
    let claims = json!({
        "tenant_id": tenants, "realm_access": { "roles": roles }, "exp": end,
        "sub": user, "preferred_username": format!("{user}'s name"), "email": format!("{user}@example.com"),
    });
    let token = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes()));
    format!("Bearer {}", token.unwrap())
}

pub(crate) fn as_person(client: &Client, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let body = body.map(Value::to_string);
    client.with_key(None).send(method, path, &[("Authorization", token)], body.as_deref())
}

/// As much wrong as a request can have, which somebody without the scope must not hear of.
fn nonsense(operation: &Operation, client: &Client, headers: &[(&str, &str)]) -> Answer {
    let path = format!("{}?size=-1&nonsense=1", operation.at("nonsense"));
    let wrong = [("If-Match", "\"stale\""), ("Idempotency-Key", "a b"), ("Content-Type", "text/plain")];
    client.send(&operation.method, &path, &[&wrong, headers].concat(), operation.takes_body.then_some("{"))
}

fn id_for<'a>(ids: &'a BTreeMap<String, String>, operation: &Operation) -> &'a str {
    ids.get(&operation.path).map_or("1", String::as_str)
}

/// Checks that somebody with this scope alone was told which one is missing.
#[track_caller]
fn lacks_scope(operation: &Operation, scope: &str, required: &str, answer: &Answer) {
    let told = (answer.status, answer.body["code"].as_str(), answer.body["scope"].as_str());
    let right = (403, Some("missing_scope"), Some(required));
    assert_eq!(told, right, "{} with {scope} alone: {}", operation.name(), answer.text);
    answer.problem(403, "missing_scope");
}

both_databases! {
    /// Each operation is open to the scopes that include the one that the document names, and closed to all others, whatever
    /// else is wrong with the request.
    fn a_scope_opens_its_operations_and_no_others(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let ids = existing(&api.acme);
        let clients = SCOPES.map(|scope| (scope, key(&api.acme, &[scope]).1));
        let mut refused = 0;
        let before = dump(database);
        for operation in with_key() {
            let Some(required) = required(&operation) else {
                let name = operation.name();
                let is_known = [FOR_ANYBODY, BY_KIND].iter().any(|known| known.contains(&name.as_str()));
                assert!(is_known, "{name} needs no scope");
                continue;
            };
            let area = operation.area();
            let access = if operation.writes() { "write" } else { "read" };
            assert_eq!(required, format!("{area}:{access}"), "{}", operation.name());
            for (scope, client) in &clients {
                let answer = nonsense(&operation, client, &[]);
                if covers(scope, &required) {
                    assert!(matches!(answer.status, 400 | 404 | 415), "{} by {scope}: {}", operation.name(), answer.text);
                    continue;
                }
                lacks_scope(&operation, scope, &required, &answer);
                lacks_scope(&operation, scope, &required, &operation.send(client, id_for(&ids, &operation)));
                refused += 1;
            }
        }
        assert_eq!(dump(database), before);
        assert!(refused > 400, "the walk proved nothing: {refused}");
    }

    /// Keys that are over are refused everywhere, each with its own code; and so are a key and a token together.
    fn keys_that_are_over_open_nothing(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let soon = Timestamp::from_datetime(Timestamp::now().as_datetime() + Duration::from_secs(5));
        let body = json!({ "name": "short", "scopes": ["*:write"], "expiresOn": soon });
        let expired = api.acme.with_key(api.acme.post("/settings/keys", &body).item(201)["key"].as_str());
        assert_eq!(expired.get("/me").status, 200);
        let (id, deleted) = key(&api.acme, &["*:write"]);
        assert_eq!(api.acme.delete(&format!("/settings/keys/{id}")).status, 204);
        let until = Instant::now() + Duration::from_secs(30);
        while expired.get("/me").status == 200 {
            assert!(Instant::now() < until, "it is not over");
            std::thread::sleep(Duration::from_millis(100));
        }
        let token = token(&json!("acme"), &["crm_admin"], "kim");
        for operation in with_key() {
            nonsense(&operation, &expired, &[]).problem(401, "expired_key");
            nonsense(&operation, &deleted, &[]).problem(401, "invalid_key");
            nonsense(&operation, &api.acme, &[("Authorization", &token)]).problem(400, "two_credentials");
        }
    }

    /// A role opens what its scope does and nothing else; without a role, expired, forged or of another tenant a token opens
    /// nothing.
    fn a_role_opens_its_operations_and_no_others(database) {
        let roles: Vec<String> = SCOPES.iter().enumerate().map(|(role, scope)| format!("role-{role}={scope}")).collect();
        let settings = [("CRM_JWT_SECRET", SECRET), ("CRM_ROLES", &roles.join("; "))];
        let api = Api::start_with(database, &settings);
        Keys::of_new_tenant(database, "other");
        prepare(&api.acme);
        let nobody = api.acme.with_key(None);
        let acme = json!("acme");
        let tokens = (0..SCOPES.len()).map(|role| token(&acme, &[&format!("role-{role}")], "kim"));
        let tokens: Vec<(&str, String)> = SCOPES.into_iter().zip(tokens).collect();
        let without = ["", "role-10", "crm_admin", "ROLE-1"].map(|role| token(&acme, &[role], "kim"));
        let foreign = token(&json!("other"), &["role-1"], "kim");
        let refused = [
            (signed(&acme, &["role-1"], "kim", -300, SECRET), 401, "token_expired"),
            (signed(&acme, &["role-1"], "kim", 300, &SECRET.to_uppercase()), 401, "invalid_token"),
            ("Bearer ".to_owned(), 401, "missing_key"),
            ("Bearer a.b.c".to_owned(), 401, "invalid_token"),
        ];
        let before = dump(database);
        for operation in with_key() {
            for (token, status, code) in &refused {
                nonsense(&operation, &nobody, &[("Authorization", token)]).problem(*status, code);
            }
            let elsewhere = [("Authorization", foreign.as_str()), ("x-tenantid", "acme")];
            nonsense(&operation, &nobody, &elsewhere).problem(403, "foreign_tenant");
            let Some(required) = required(&operation) else { continue };
            for (scope, token) in &tokens {
                let answer = nonsense(&operation, &nobody, &[("Authorization", token)]);
                if covers(scope, &required) {
                    assert!(matches!(answer.status, 400 | 404 | 415), "{} by {scope}: {}", operation.name(), answer.text);
                } else {
                    lacks_scope(&operation, scope, &required, &answer);
                }
            }
            for token in &without {
                let answer = nonsense(&operation, &nobody, &[("Authorization", token)]);
                lacks_scope(&operation, "nothing", &required, &answer);
            }
        }
        assert_eq!(dump(database), before);
    }

    /// A key is shown once: in the answer that makes it, in no other, and not in that of a repeat.
    fn a_secret_is_shown_once(database) {
        let api = Api::start(database);
        let once = [("Idempotency-Key", "make-a-key")];
        let body = json!({ "name": "sync", "scopes": ["cases:write", "cases:read"] }).to_string();
        let made = api.acme.send("POST", "/settings/keys", &once, Some(&body));
        let item = made.item(201).clone();
        assert_eq!(item["scopes"], json!(["cases:write"]));
        let secret = item["key"].as_str().unwrap();
        let again = api.acme.send("POST", "/settings/keys", &once, Some(&body));
        assert_eq!(again.header("idempotent-replayed"), "true");
        let mut without = item.clone();
        without["key"] = Value::Null;
        assert_eq!(*again.item(201), without);
        let read = api.acme.get(&format!("/settings/keys/{}", item["id"].as_str().unwrap()));
        assert_eq!(read.header("etag"), made.header("etag"), "the ETag is that of what can be read");
        for text in [&read.text, &api.acme.get("/settings/keys").text, &api.acme.get("/me").text] {
            assert!(!text.contains(secret), "{text}");
        }
        let stored = dump(database);
        assert!(!format!("{stored:?}").contains(secret));
    }

    /// With a grace the old key works beside the new one; without, it is dead within five seconds.
    fn a_key_is_rotated(database) {
        let api = Api::start(database);
        let (id, old) = key(&api.acme, &["cases:read"]);
        let rotated = api.acme.post(&format!("/settings/keys/{id}/rotate"), &json!({ "graceMinutes": 10 }));
        let new = api.acme.with_key(rotated.item(200)["key"].as_str());
        for _ in 0..20 {
            assert_eq!((old.get("/cases/cases").status, new.get("/cases/cases").status), (200, 200));
        }
        let own = new.post("/me/rotate", &json!({}));
        let newest = api.acme.with_key(own.item(200)["key"].as_str());
        assert_eq!(newest.get("/cases/cases").status, 200);
        let began = Instant::now();
        while old.get("/cases/cases").status != 401 || new.get("/cases/cases").status != 401 {
            assert!(began.elapsed() < Duration::from_secs(5), "a replaced key lives on");
            std::thread::sleep(Duration::from_millis(100));
        }
        newest.post("/me/rotate", &json!({ "graceMinutes": 10_081 })).refuses(&[("graceMinutes", "out_of_range")]);
        let read_only = api.acme.read_only().post("/me/rotate", &json!({ "graceMinutes": 1 }));
        assert!(read_only.item(200)["key"].as_str().unwrap().starts_with("crm_ro_"), "whatever its scopes");
    }

    /// A person's token opens what their roles allow, in the tenant that the token names; what they do bears their name.
    fn a_token_is_a_person_s_key(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let other = Keys::of_new_tenant(database, "other");
        let acme = json!("acme");
        let kim = token(&acme, &["crm_user"], "kim");
        let ask = |token: &str, method: &str, path: &str, body: Option<&Value>| as_person(&api.acme, token, method, path, body);

        let me = ask(&kim, "GET", "/me", None);
        assert_eq!(me.item(200)["user"], json!({ "id": "kim", "name": "kim's name", "email": "kim@example.com" }));
        assert_eq!((&me.body["item"]["tenant"]["id"], &me.body["item"]["key"]), (&acme, &Value::Null));
        assert_eq!(me.body["item"]["scopes"], json!(["pipeline:write", "directory:write", "cases:write"]));

        assert_eq!(ask(&kim, "POST", "/pipeline/leads", Some(&json!({ "title": "By Kim" }))).status, 201);
        ask(&kim, "GET", "/settings/keys", None).problem(403, "missing_scope");
        let viewer = token(&acme, &["crm_viewer"], "lee");
        assert_eq!(ask(&viewer, "GET", "/settings/keys", None).status, 200);
        ask(&viewer, "POST", "/pipeline/leads", Some(&json!({ "title": "x" }))).problem(403, "missing_scope");
        ask(&token(&acme, &["ticket_admin"], "lee"), "GET", "/pipeline/leads", None).problem(403, "missing_scope");
        ask(&token(&json!("other"), &["crm_admin"], "kim"), "GET", "/pipeline/leads/1", None).problem(404, "not_found");
        ask(&token(&json!([]), &["crm_admin"], "kim"), "GET", "/pipeline/leads", None).problem(403, "foreign_tenant");
        ask(&token(&json!("nobody"), &["crm_admin"], "kim"), "GET", "/pipeline/leads", None).problem(404, "unknown_tenant");
        ask("Bearer a.b.c", "GET", "/pipeline/leads", None).problem(401, "invalid_token");

        let both = token(&json!(["acme", "other"]), &["crm_admin"], "kim");
        ask(&both, "GET", "/pipeline/leads", None).problem(400, "invalid_header");
        for (tenant, count) in [("acme", 1), ("other", 0)] {
            let headers = [("Authorization", both.as_str()), ("x-tenantid", tenant)];
            assert_eq!(api.acme.with_key(None).send("GET", "/pipeline/leads", &headers, None).items().len(), count);
        }
        let headers = [("Authorization", kim.as_str()), ("x-tenantid", other.tenant.as_str())];
        api.acme.with_key(None).send("GET", "/pipeline/leads", &headers, None).problem(403, "foreign_tenant");
        ask(&kim, "POST", "/me/rotate", None).problem(409, "no_key");

        let somebody = json!({ "title": "x", "lastUpdatedBy": { "id": "lee" } });
        ask(&kim, "POST", "/pipeline/leads", Some(&somebody)).problem(403, "not_yourself");
        let herself = json!({ "title": "x", "lastUpdatedBy": { "id": "kim", "name": "Kim" } });
        assert_eq!(ask(&kim, "POST", "/pipeline/leads", Some(&herself)).status, 201);
        assert_eq!(api.acme.post("/pipeline/leads", &somebody).status, 201, "a key may name anybody");
    }

    /// With a token a request asks the database as often as with a key: who it is is remembered, for five seconds at the most.
    fn a_token_s_tenant_is_remembered(database) {
        let operator = "k".repeat(32);
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET), ("CRM_ADMIN_KEY", &operator)]);
        let jobs = || {
            let metrics = api.acme.with_key(None).get("/metrics").text;
            let count = metrics.lines().find_map(|line| line.strip_prefix("crm_db_jobs_total "));
            count.unwrap().parse::<f64>().unwrap()
        };
        let kim = token(&json!("acme"), &["crm_admin"], "kim");
        let ask = || as_person(&api.acme, &kim, "GET", "/pipeline/leads", None);
        ask().items();
        // The least of three: what looks after the database once in a while counts too.
        let more = (0..3).map(|_| {
            let (before, began) = (jobs(), Instant::now());
            for _ in 0..50 {
                ask().items();
            }
            // Once more where the machine is so slow that it forgot.
            jobs() - before - 50.0 - (began.elapsed().as_secs_f64() / 4.0).ceil()
        });
        let more: Vec<f64> = more.collect();
        assert!(more.iter().any(|more| *more <= 0.0), "jobs more than asked for: {more:?}");

        let authorization = format!("Bearer {operator}");
        let deleted = as_person(&api.acme, &authorization, "DELETE", "/admin/tenants/acme", None);
        assert_eq!(deleted.status, 204, "{}", deleted.text);
        ask().problem(404, "unknown_tenant");
        stdout(database, &["tenants", "create", "--id", "acme", "--json"]);
        ask().items();
        stdout(database, &["tenants", "delete", "acme", "--yes"]);
        ask().problem(404, "unknown_tenant");
    }
}
