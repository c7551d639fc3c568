//! Every operation of the document refuses whom it must, whatever else is wrong with the request, and does nothing.

use std::collections::BTreeMap;

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client, Keys};
use crate::dump::dump;
use crate::history::{follow, now};
use crate::operations::{Operation, existing, kinds, operations, with_key};
use crate::process::stdout;
use crate::resources::prepare;
use crate::ticketing_errors::{ACME, SECRET, administrator, assert_is, callers_refused, make_map};

const TRICKS: [&str; 3] = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];

fn with_token() -> impl Iterator<Item = Operation> {
    operations().into_iter().filter(|operation| operation.scheme.as_deref() == Some("bearerToken"))
}

/// The id of a record for an operation; any, where its path has none.
fn id_for<'a>(ids: &'a BTreeMap<String, String>, operation: &Operation) -> &'a str {
    let found = ids.get(&operation.path).map(String::as_str);
    assert!(found.is_some() || !operation.names_a_record(), "existing() makes no record for {}", operation.name());
    found.unwrap_or("1")
}

/// Sends an operation with as much wrong as a request can have. Only a query string that cannot be read is told before
/// anything else: the key may be in it.
fn send_nonsense(operation: &Operation, client: &Client, id: &str, headers: &[(&str, &str)]) -> Answer {
    let path = format!("{}?size=-1&nonsense=1", operation.at(id));
    let wrong = [("If-Match", "\"stale\""), ("Idempotency-Key", "a b"), ("Content-Type", "text/plain")];
    client.send(&operation.method, &path, &[&wrong, headers].concat(), operation.takes_body.then_some("{"))
}

/// What an answer says, but for the id of the request.
fn anonymous(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text.replace(answer.header("x-request-id"), "REQUEST"))
}

/// Everything that a tenant can read.
fn everything(client: &Client, ids: &BTreeMap<String, String>) -> Vec<String> {
    let readable = with_key().filter(|operation| !operation.writes() && !operation.names_a_comment());
    readable
        .map(|operation| {
            let answer = operation.send(client, id_for(ids, &operation));
            assert_eq!(answer.status, 200, "{}: {}", operation.name(), answer.text);
            answer.text
        })
        .collect()
}

/// What somebody could send to an operation without an id in its path, naming the records of others where it can.
fn body_of(operation: &Operation, client: &Client) -> Value {
    let path = operation.path.as_str();
    if path.ends_with("/bulk-actions") {
        let entity = match path.split('/').nth(1) {
            Some("pipeline") => "lead",
            Some("directory") => "contact",
            _ => "case",
        };
        return json!({ "entity": entity, "action": "delete", "ids": ["1", "2", "3"] });
    }
    if let Some(of) = path.strip_suffix("/batch") {
        let body = kinds().into_iter().find(|(kind, ..)| *kind == of).map(|(_, body, _)| body);
        return json!({ "mode": "create", "items": [body] });
    }
    match kinds().into_iter().find(|(of, ..)| *of == path) {
        Some((_, body, _)) => body,
        None => json!({ "fields": client.get(path).items() }),
    }
}

both_databases! {
    /// Without a key, with a malformed, a mistyped, an unknown and a revoked one every operation says 401, and does
    /// nothing. What else is wrong with the request, and whether there is such a record, nobody is told.
    fn nobody_gets_in_without_a_key(database) {
        let revoked = Keys::of_new_tenant(database, "old");
        for which in ["primary", "secondary"] {
            stdout(database, &["keys", "rotate", "--tenant", "old", "--which", which]);
        }
        let api = Api::start(database);
        let ids = existing(&api.acme);
        let mut mistyped = api.acme.keys.primary.clone();
        let last = if mistyped.ends_with('A') { "B" } else { "A" };
        mistyped.replace_range(mistyped.len() - 1.., last);
        let chosen = "x".repeat(43);
        let cases = [
            (None, "missing_key"),
            (Some(""), "invalid_key"),
            (Some("short"), "invalid_key"),
            (Some(mistyped.as_str()), "invalid_key"),
            (Some(chosen.as_str()), "invalid_key"),
            (Some(revoked.primary.as_str()), "invalid_key"),
            (Some(revoked.secondary.as_str()), "invalid_key"),
        ];
        let before = dump(database);
        for operation in with_key() {
            for (key, code) in cases {
                let client = api.acme.with_key(key);
                let answer = operation.send(&client, id_for(&ids, &operation));
                answer.problem(401, code);
                assert!(!answer.header("www-authenticate").is_empty(), "{}", operation.name());
                for id in [id_for(&ids, &operation), "999999", "nonsense"] {
                    let worse = send_nonsense(&operation, &client, id, &[]);
                    assert_eq!(anonymous(&worse), anonymous(&answer), "{} of {id}", operation.name());
                }
            }
        }
        assert_eq!(dump(database), before);
    }

    /// Whatever is posted is read, where an action has nothing to be told too.
    fn a_body_is_never_passed_over(database) {
        let api = Api::start(database);
        let ids = existing(&api.acme);
        let before = dump(database);
        // A file is read as what it is.
        for operation in with_key().filter(|operation| operation.method == "POST" && operation.path != "/imports") {
            let path = operation.at(id_for(&ids, &operation));
            for (media_type, body, status, code) in [
                ("application/json", "{\"zz\":1}", 400, "validation_failed"),
                ("application/json", "{x", 400, "malformed_json"),
                ("application/json", "[]", 400, "malformed_json"),
                ("text/plain", "{}", 415, "unsupported_media_type"),
            ] {
                let answer = api.acme.send("POST", &path, &[("content-type", media_type)], Some(body));
                assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{path} {body}: {}", answer.text);
            }
        }
        assert_eq!(dump(database), before);
        // The tenant is named in any body.
        let replay = format!("/settings/webhooks/deliveries/{}/replay", crm_core::Uuid::random());
        api.acme.post(&replay, &json!({ "tenantId": api.acme.keys.tenant })).problem(404, "not_found");
    }

    /// A token of ticketing, which names no person, opens nothing else; a key is no token, and a token no key.
    fn a_token_is_no_key(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        Keys::of_new_tenant(database, ACME);
        let ids = existing(&api.acme);
        let token = administrator(ACME);
        assert_eq!(make_map(&api, Some(&token), ACME).status, 201, "it is a good token where tokens are taken");
        let key = format!("Bearer {}", api.acme.keys.primary);
        let bare = token.strip_prefix("Bearer ").unwrap();
        let before = dump(database);
        for operation in with_key() {
            for id in [id_for(&ids, &operation), "999999"] {
                for authorization in [&token, &key] {
                    let headers = [("Authorization", authorization.as_str()), ("x-tenantid", ACME)];
                    let answer = send_nonsense(&operation, &api.acme.with_key(None), id, &headers);
                    answer.problem(401, "invalid_token");
                }
                operation.send(&api.acme.with_key(Some(bare)), id).problem(401, "invalid_key");
            }
        }
        assert_eq!(dump(database), before);
    }

    /// The secondary key reads everything and changes nothing, whatever tricks come with it; and a write is refused
    /// before anything else is found wrong with it.
    fn the_read_only_key_changes_nothing(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let ids = existing(&api.acme);
        let reader = api.acme.read_only();
        let before = dump(database);
        for operation in with_key().filter(|operation| operation.writes() || !operation.names_a_comment()) {
            let id = id_for(&ids, &operation);
            let path = operation.at(id);
            let answer = operation.send(&reader, id);
            if operation.writes() {
                answer.problem(403, "read_only_key");
                for id in [id, "999999", "nonsense"] {
                    let worse = send_nonsense(&operation, &reader, id, &[]);
                    assert_eq!(anonymous(&worse), anonymous(&answer), "{} of {id}", operation.name());
                }
            } else {
                assert_eq!(answer.status, 200, "{}: {}", operation.name(), answer.text);
                for trick in TRICKS {
                    let again = reader.send("GET", &path, &[(trick, "DELETE")], None);
                    assert_eq!(again.body, answer.body, "{trick}");
                }
            }
            for trick in TRICKS {
                reader.send(&operation.method, &path, &[(trick, "GET")], operation.takes_body.then_some("{}"));
            }
        }
        assert_eq!(dump(database), before);
    }

    /// With the key of another tenant a list is without a record, and nothing reaches it. (What names a record by its id
    /// is walked over in `tenants`.)
    fn another_tenants_key_opens_nothing(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let since = now(&api.acme);
        let ids = existing(&api.acme);
        let last = api.acme.post("/cases/tags/cases", &json!({ "label": "last" })).item(201)["id"].clone();
        // The feed waits for transactions of other tests on the same server, and is compared when it told all.
        follow(&api.acme, &since, "", last.as_str().unwrap());
        let other = api.tenant("other");
        let seen = everything(&api.acme, &ids);
        for operation in with_key().filter(|operation| !operation.names_a_record()) {
            let body = operation.takes_body.then(|| body_of(&operation, &other).to_string());
            let answer = match operation.name().as_str() {
                "POST /imports" => crate::uploads::one(&other),
                _ => other.send(&operation.method, &operation.path, &[], body.as_deref()),
            };
            assert!((200..300).contains(&answer.status), "{}: {}", operation.name(), answer.text);
            for foreign in ["\"acme\"", "\"mood\"", "\"deleted\":1"] {
                assert!(!answer.text.contains(foreign), "{}: {}", operation.name(), answer.text);
            }
        }
        assert_eq!(everything(&api.acme, &ids), seen, "the other tenant's records and settings are its own");
    }

    /// Who has no token, a bad one, one without the role, or one of another tenant is refused by every operation of
    /// ticketing alike, whatever else is wrong with the request. A key is no token.
    fn nobody_gets_into_ticketing_without_a_token(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        Keys::of_new_tenant(database, ACME);
        let made = make_map(&api, Some(&administrator(ACME)), ACME);
        let id = made.body["data"]["id"].as_str().unwrap();
        let never = "00000000-0000-4000-8000-000000000000";
        let before = dump(database);
        let key = format!("Bearer {}", api.acme.keys.primary);
        let mut walked = 0;
        for operation in with_token() {
            for (code, authorization, tenant) in callers_refused(&key) {
                let mut headers = vec![("x-tenantid", tenant)];
                headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
                // The key of a tenant is with them all.
                for id in [id, never, "nonsense"] {
                    assert_is(&send_nonsense(&operation, &api.acme, id, &headers), code);
                }
                walked += 1;
            }
        }
        assert!(walked > 40, "{walked}");
        assert_eq!(dump(database), before);
    }
}
