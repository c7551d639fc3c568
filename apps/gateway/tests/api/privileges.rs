//! Attempts to get, or to seem, more than one is (docs/compatibility.md, "Keys" and "Tokens on every route"): none succeeds,
//! and none changes anything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::access::{key, required, token};
use crate::client::{Answer, Api, Client, Keys};
use crate::dump::dump;
use crate::operations::{existing, with_key};
use crate::process::{Serving, gateway};
use crate::resources::prepare;
use crate::ticketing_errors::SECRET;

/// Somebody who tries: a client with a key, or one without and the header of a token.
struct Intruder {
    client: Client,
    authorization: Option<String>,
}

impl Intruder {
    fn with(client: &Client) -> Self {
        Self { client: client.clone(), authorization: None }
    }

    fn bearing(client: &Client, authorization: &str) -> Self {
        Self { client: client.with_key(None), authorization: Some(authorization.to_owned()) }
    }

    fn tries(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let bearer = self.authorization.as_deref().map(|value| ("Authorization", value));
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain(bearer).collect();
        let body = (!body.is_null()).then(|| body.to_string());
        self.client.send(method, path, &headers, body.as_deref())
    }
}

/// What is tried, by whom, and how it is refused: the status, the code, and the scope that is missing.
type Attempt<'a> = (&'a str, &'a Intruder, &'a str, String, Value, u16, &'a str, Option<&'a str>);

fn refuse(attempts: &[Attempt<'_>]) {
    for (what, intruder, method, path, body, status, code, scope) in attempts {
        let answer = intruder.tries(method, path, &[], body);
        assert_eq!((answer.status, answer.body["code"].as_str()), (*status, Some(*code)), "{what}: {}", answer.text);
        assert_eq!(answer.body["scope"].as_str(), *scope, "{what}: {}", answer.text);
    }
}

both_databases! {
    /// By what keys can do with keys.
    fn nobody_gives_more_than_he_has(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let (own, weak) = key(&api.acme, &["settings:write", "cases:read"]);
        let (strong, _) = key(&api.acme, &["settings:write", "cases:write"]);
        let (_, everything) = key(&api.acme, &["*:write"]);
        let (_, reader) = key(&api.acme, &["settings:read", "cases:write"]);
        let all = api.acme.get("/settings/keys");
        let of_role = |role: &str| {
            let key = all.items().iter().find(|key| key["role"] == role);
            format!("/settings/keys/{}", key.unwrap()["id"].as_str().unwrap())
        };
        let (primary, secondary) = (of_role("primary"), of_role("secondary"));
        let path = |id: &str| format!("/settings/keys/{id}");
        let (own, strong) = (path(&own), path(&strong));
        let rotate = |path: &str| format!("{path}/rotate");
        let make = |scope: &str| json!({ "name": "n", "scopes": [scope] });
        let other = api.tenant("other");
        let acme = json!("acme");
        let [weak, reader, everything, first, other] = [&weak, &reader, &everything, &api.acme, &other].map(Intruder::with);
        let [user, viewer, nobody] = [("crm_user", "uma"), ("crm_viewer", "vic"), ("guest", "ned")]
            .map(|(role, person)| Intruder::bearing(&api.acme, &token(&acme, &[role], person)));
        let new = "/settings/keys".to_owned();
        let expiry = json!({ "expiresOn": "2100-01-01T00:00:00Z" });
        let missing = "missing_scope";
        let before = dump(database);
        refuse(&[
            ("a key that writes cases", &weak, "POST", new.clone(), make("cases:write"), 403, missing, Some("cases:write")),
            ("one that reads everything", &weak, "POST", new.clone(), make("*:read"), 403, missing, Some("*:read")),
            ("one that does everything", &weak, "POST", new.clone(), make("*:write"), 403, missing, Some("*:write")),
            ("one that it may not make", &reader, "POST", new.clone(), make("cases:read"), 403, missing, Some("settings:write")),
            ("one as a reader with a token", &viewer, "POST", new.clone(), make("cases:read"), 403, missing, Some("settings:write")),
            ("one as a user with a token", &user, "POST", new.clone(), make("cases:read"), 403, missing, Some("settings:write")),
            ("all keys, without a role", &nobody, "GET", new, Value::Null, 403, missing, Some("settings:read")),
            ("the secret of a stronger one", &weak, "POST", rotate(&strong), json!({}), 403, missing, Some("cases:write")),
            ("the secret of the primary one", &weak, "POST", rotate(&primary), json!({}), 403, missing, Some("*:write")),
            ("the secret of the secondary one", &weak, "POST", rotate(&secondary), json!({}), 403, missing, Some("*:read")),
            ("to weaken a stronger one", &weak, "PATCH", strong.clone(), json!({ "scopes": ["cases:read"] }), 403, missing,
                Some("cases:write")),
            ("to name a stronger one", &weak, "PATCH", strong.clone(), json!({ "name": "weak" }), 403, missing, Some("cases:write")),
            ("to end a stronger one", &weak, "PATCH", strong.clone(), expiry.clone(), 403, missing, Some("cases:write")),
            ("to strengthen itself", &weak, "PATCH", own.clone(), json!({ "scopes": ["*:write"] }), 403, "own_key", None),
            ("to name itself", &weak, "PATCH", own.clone(), json!({ "name": "mine" }), 403, "own_key", None),
            ("to outlive its end", &weak, "PATCH", own, expiry.clone(), 403, "own_key", None),
            ("to name itself, as the primary one", &first, "PATCH", primary.clone(), json!({ "name": "mine" }), 403, "own_key", None),
            ("to weaken the primary one", &everything, "PATCH", primary.clone(), json!({ "scopes": ["*:read"] }), 409, "fixed_key", None),
            ("to end the primary one", &everything, "PATCH", primary.clone(), expiry, 409, "fixed_key", None),
            ("to strengthen the secondary one", &everything, "PATCH", secondary.clone(), json!({ "scopes": ["*:write"] }), 409,
                "fixed_key", None),
            ("to delete the primary one", &everything, "DELETE", primary, Value::Null, 409, "fixed_key", None),
            ("to delete the secondary one", &first, "DELETE", secondary, Value::Null, 409, "fixed_key", None),
            ("another tenant's key", &other, "GET", strong.clone(), Value::Null, 404, "not_found", None),
            ("to change it", &other, "PATCH", strong.clone(), json!({}), 404, "not_found", None),
            ("to delete it", &other, "DELETE", strong.clone(), Value::Null, 404, "not_found", None),
            ("its secret", &other, "POST", rotate(&strong), json!({}), 404, "not_found", None),
            ("a key of one's own, as a person", &user, "POST", "/me/rotate".to_owned(), Value::Null, 409, "no_key", None),
        ]);
        assert_eq!(dump(database), before);

        let posing = json!({ "name": "n", "scopes": ["cases:read"], "role": "primary", "prefix": "crm_rw_" });
        let posing = weak.tries("POST", "/settings/keys", &[], &posing);
        assert_eq!((&posing.item(201)["role"], &posing.body["item"]["scopes"]), (&Value::Null, &json!(["cases:read"])));
        let rotated = weak.tries("POST", "/me/rotate", &[], &json!({}));
        assert_eq!(rotated.item(200)["scopes"], json!(["cases:read", "settings:write"]), "a rotation adds nothing");
    }

    /// By what names a tenant, a person or an operator.
    fn nobody_seems_another(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET), ("CRM_ADMIN_KEY", &"k".repeat(32))]);
        Keys::of_new_tenant(database, "other");
        let lead = format!("/pipeline/leads/{}", api.acme.post("/pipeline/leads", &json!({ "title": "x" })).item(201)["id"].as_str().unwrap());
        let case = format!("/cases/cases/{}", api.acme.post("/cases/cases", &json!({ "title": "x" })).item(201)["id"].as_str().unwrap());
        let kim = Intruder::bearing(&api.acme, &token(&json!("acme"), &["crm_admin"], "kim"));
        let posing = Intruder::bearing(&api.acme, &format!("Bearer {}", api.acme.keys.primary));
        let both = Intruder { client: api.acme.clone(), ..Intruder::bearing(&api.acme, &token(&json!("acme"), &["crm_admin"], "kim")) };
        let reader = Intruder::with(&api.acme.read_only());
        let lee = json!({ "id": "lee" });
        let before = dump(database);
        refuse(&[
            ("to change as another", &kim, "PATCH", lead.clone(), json!({ "note": "n", "lastUpdatedBy": lee }), 403, "not_yourself", None),
            ("to make as another", &kim, "POST", "/pipeline/leads".into(), json!({ "title": "t", "lastUpdatedBy": lee }), 403,
                "not_yourself", None),
            ("to make one of many as another", &kim, "POST", "/pipeline/leads".into(),
                json!({ "items": [{ "title": "t" }, { "title": "t", "lastUpdatedBy": lee }] }), 403, "not_yourself", None),
            ("to say as another", &kim, "POST", format!("{case}/activities"), json!({ "comment": "c", "user": lee }), 403,
                "not_yourself", None),
            ("as another, in other letters", &kim, "PATCH", lead.clone(), json!({ "lastUpdatedBy": { "id": "KIM" } }), 403,
                "not_yourself", None),
            ("in another tenant", &kim, "PATCH", lead.clone(), json!({ "note": "n", "tenantId": "other" }), 403, "tenant_mismatch", None),
            ("with a key and a token", &both, "GET", lead.clone(), Value::Null, 400, "two_credentials", None),
            ("with a key and a token in the address", &kim, "GET", format!("{lead}?key={}", api.acme.keys.primary), Value::Null, 400,
                "two_credentials", None),
            ("with a stronger key in the address", &reader, "DELETE", format!("{lead}?key={}", api.acme.keys.primary), Value::Null,
                403, "read_only_key", None),
            ("as the operator, by a key", &posing, "GET", "/admin/tenants".into(), Value::Null, 401, "invalid_admin_key", None),
            ("as the operator, by a token", &kim, "GET", "/admin/tenants".into(), Value::Null, 401, "invalid_admin_key", None),
        ]);
        for tenant in ["other", "nobody"] {
            let answer = kim.tries("GET", "/pipeline/leads", &[("x-tenantid", tenant)], &Value::Null);
            answer.problem(403, "foreign_tenant");
        }
        assert_eq!(dump(database), before);
    }

    /// What somebody with more did is not replayed to one with less, who may do the same himself; one with as much gets it.
    fn an_answer_is_replayed_to_those_who_may_see_it(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let acme = json!("acme");
        let (_, cases) = key(&api.acme, &["cases:write"]);
        let (_, more) = key(&api.acme, &["cases:write", "pipeline:read"]);
        let user = Intruder::bearing(&api.acme, &token(&acme, &["crm_user"], "uma"));
        let another = Intruder::bearing(&api.acme, &token(&acme, &["crm_user"], "udo"));
        let admin = Intruder::bearing(&api.acme, &token(&acme, &["crm_admin"], "ada"));
        let [primary, cases, more] = [&api.acme, &cases, &more].map(Intruder::with);
        let body = json!({ "title": "Once" });
        let once = |who: &Intruder, key: &str| who.tries("POST", "/cases/cases", &[("Idempotency-Key", key)], &body);
        for (name, first, weaker, missing, equal) in [
            ("by-the-primary-key", &primary, &cases, "*:write", &admin),
            ("by-an-administrator", &admin, &user, "*:write", &primary),
            ("by-a-named-key", &more, &cases, "pipeline:read", &user),
            ("by-a-user", &user, &more, "pipeline:write", &another),
        ] {
            let made = once(first, name);
            assert_eq!(made.status, 201, "{name}: {}", made.text);
            let refused = once(weaker, name);
            refused.problem(403, "missing_scope");
            assert_eq!(refused.body["scope"], missing, "{name}");
            let replayed = once(equal, name);
            assert_eq!((replayed.header("idempotent-replayed"), &replayed.body), ("true", &made.body), "{name}");
        }
        assert_eq!(api.acme.get("/cases/cases?includeTotal=true").body["total"], 4);
    }

    /// The same of every route that takes a key of that kind: to whom less is open, whether by a key or a token, what was answered
    /// is not, though they might do the same themselves; nor is it in another tenant.
    fn no_kept_answer_reaches_those_with_less(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let other = Intruder::with(&api.tenant("other"));
        prepare(&api.acme);
        let ids = existing(&api.acme);
        let acme = json!("acme");
        let primary = Intruder::with(&api.acme);
        let user = Intruder::bearing(&api.acme, &token(&acme, &["crm_user"], "uma"));
        let mut weaker: BTreeMap<String, Intruder> = BTreeMap::new();
        let mut walked = 0;
        for operation in with_key().filter(|operation| operation.method == "POST") {
            // Which scope an import needs is up to its kind: its own tests try that.
            let Some(required) = required(&operation) else { continue };
            let name = operation.name();
            let path = operation.at(ids.get(&operation.path).map_or("1", String::as_str));
            let once = format!("once-{walked}");
            let body = if operation.takes_body { json!({}) } else { Value::Null };
            let ask = |who: &Intruder| who.tries("POST", &path, &[("Idempotency-Key", &once)], &body);
            let first = ask(&primary);
            assert!(first.status < 500, "{name}: {}", first.text);
            assert_eq!(ask(&primary).header("idempotent-replayed"), "true", "{name}: {}", first.text);
            let by_key = weaker.entry(required.clone()).or_insert_with(|| Intruder::with(&key(&api.acme, &[&required]).1));
            for (who, intruder) in [("a key", &*by_key), ("a person", &user)] {
                let refused = ask(intruder);
                refused.problem(403, "missing_scope");
                let missing = if who == "a person" && required.starts_with("settings") { required.as_str() } else { "*:write" };
                assert_eq!(refused.body["scope"], missing, "{name}, {who}: {}", refused.text);
            }
            let theirs = ask(&other);
            assert!(!theirs.headers.contains_key("idempotent-replayed"), "{name}: {}", theirs.text);
            walked += 1;
        }
        assert!(walked >= 40, "the walk proved nothing: {walked}");
    }

    /// A secret that was replaced opens what it opened until its grace ends, and gets nobody another one, from the first moment on
    /// and on a gateway that has not heard of it.
    fn a_replaced_secret_gets_no_other(database) {
        let api = Api::start(database);
        let scopes = ["settings:write", "cases:read"];
        let (id, old) = key(&api.acme, &scopes);
        let (weaker, _) = key(&api.acme, &["cases:read"]);
        let second = (database.url().file().is_none()).then(|| Serving::start(&mut gateway(database)));
        let elsewhere = second.as_ref().map(|second| Client::new(&second.url, old.keys.clone()).with_key(old.key.as_deref()));
        for client in [Some(&old), elsewhere.as_ref()].into_iter().flatten() {
            assert_eq!(client.get("/me").status, 200);
        }
        let rotated = old.post("/me/rotate", &json!({ "graceMinutes": 60 }));
        let new = api.acme.with_key(rotated.item(200)["key"].as_str());
        let path = |id: &str, end: &str| format!("/settings/keys/{id}{end}");
        let before = dump(database);
        for client in [Some(&old), elsewhere.as_ref()].into_iter().flatten() {
            let old = Intruder::with(client);
            let named = json!({ "name": "n", "scopes": ["cases:read"] });
            refuse(&[
                ("the new one in its place", &old, "POST", "/me/rotate".to_owned(), Value::Null, 403, "replaced_key", None),
                ("that for longer", &old, "POST", "/me/rotate".to_owned(), json!({ "graceMinutes": 60 }), 403, "replaced_key", None),
                ("the same by its id", &old, "POST", path(&id, "/rotate"), json!({}), 403, "replaced_key", None),
                ("that of a weaker key", &old, "POST", path(&weaker, "/rotate"), json!({}), 403, "replaced_key", None),
                ("one of a key of its own", &old, "POST", "/settings/keys".to_owned(), named, 403, "replaced_key", None),
                ("a weaker key made stronger", &old, "PATCH", path(&weaker, ""), json!({ "scopes": scopes }), 403, "replaced_key", None),
            ]);
            assert_eq!(client.get("/cases/cases").status, 200, "for finishing it is good");
        }
        let uses = |rows: Vec<String>| rows.into_iter().filter(|row| !row.starts_with("api_keys")).collect::<Vec<_>>();
        assert_eq!(uses(dump(database)), uses(before));
        assert_eq!(new.post("/me/rotate", &json!({})).status, 200);
    }

    /// What a list, a search, the feed, the trash or an export shows is what may be read, and a record in the trash is
    /// nobody's who could not have read or changed it before.
    fn nobody_is_shown_what_he_may_not_read(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let acme = json!("acme");
        let kinds = [
            ("pipeline", "lead", "/pipeline/leads", "title"), ("pipeline", "opportunity", "/pipeline/opportunities", "title"),
            ("directory", "contact", "/directory/contacts", "name"), ("directory", "organization", "/directory/organizations", "name"),
            ("cases", "case", "/cases/cases", "title"),
        ];
        let mut trashed = Vec::new();
        for (area, kind, path, text) in kinds {
            for place in ["there", "gone"] {
                let title = format!("Secret of {area} {place}");
                let made = api.acme.post(path, &json!({ text: title }));
                let id = made.item(201)["id"].as_str().unwrap().to_owned();
                if place == "gone" {
                    assert_eq!(api.acme.delete(&format!("{path}/{id}")).status, 204);
                    trashed.push((area, kind, format!("/trash/{kind}/{id}")));
                }
            }
        }
        // Transactions of other tests on the same server hold changes back.
        let began = Instant::now();
        while !["there", "gone"].iter().all(|place| {
            api.acme.get("/changes?size=1000&kinds=case").text.contains(&format!("Secret of cases {place}"))
        }) {
            assert!(began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(50));
        }
        let nobody = Intruder::bearing(&api.acme, &token(&acme, &["guest"], "ned"));
        for area in ["pipeline", "directory", "cases", "settings"] {
            let readers = [format!("{area}:read"), format!("{area}:write")].map(|scope| Intruder::with(&key(&api.acme, &[&scope]).1));
            for (reader, may_write) in readers.iter().zip([false, true]) {
                for path in ["/trash?size=200", "/search?q=Secret&size=50", "/changes?size=1000"] {
                    let shown = reader.tries("GET", path, &[], &Value::Null);
                    assert_eq!(shown.status, 200, "{path}: {}", shown.text);
                    for other in ["pipeline", "directory", "cases"] {
                        let is_shown = shown.text.contains(&format!("Secret of {other}"));
                        assert_eq!(is_shown, other == area, "{path} of {other} with {area}: {}", shown.text);
                    }
                }
                for (of, _, path, _) in kinds {
                    let export = reader.tries("GET", &format!("{path}/export"), &[], &Value::Null);
                    assert_eq!(export.status, if of == area { 200 } else { 403 }, "{path}/export with {area}");
                }
                for (of, kind, path) in &trashed {
                    let (missing_read, missing_write) = (format!("{of}:read"), format!("{of}:write"));
                    if *of != area {
                        refuse(&[("what is in the trash", reader, "GET", path.clone(), Value::Null, 403, "missing_scope", Some(&missing_read))]);
                    }
                    if *of != area || !may_write {
                        refuse(&[
                            ("it restored", reader, "POST", format!("{path}/restore"), json!({}), 403, "missing_scope", Some(&missing_write)),
                            ("it gone for good", reader, "DELETE", path.clone(), Value::Null, 403, "missing_scope", Some(&missing_write)),
                            (kind, reader, "DELETE", format!("{path}?erase=true"), Value::Null, 403, "missing_scope", Some(&missing_write)),
                        ]);
                    }
                }
            }
        }
        for path in ["/trash", "/search?q=Secret", "/changes"] {
            let shown = nobody.tries("GET", path, &[], &Value::Null);
            assert!(!shown.text.contains("Secret of"), "{path} without a role: {}", shown.text);
        }
    }
}
