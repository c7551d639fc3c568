//! Roles, the tenant of a token, and the order in which they are asked for.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::issuer::{SigningKey, claims};
use crate::process::stdout;
use crate::setup::{ACME, Admin, LIST, OTHER, ROOT, SECRET, make_tenant, minimal, refused, start};

const NOBODY: &str = "00000000-1111-4222-8333-444444444444";

fn token(changes: &Value) -> String {
    let mut claims = claims(ACME);
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    SigningKey::secret(SECRET).token(&claims)
}

/// The value of a metric without labels.
fn metric(admin: &Admin, name: &str) -> u64 {
    let metrics = admin.send_bare("GET", "/metrics", &[], None).text;
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap().parse().unwrap()
}

both_databases! {
    /// Who asks too often is told so without a question to the database, whether the tenant exists or not.
    fn the_rate_is_counted_before_the_database_is_asked(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET), ("CRM_RATE_LIMIT", "5")]);
        for (tenant, status) in [(ACME, 200), (NOBODY, 404)] {
            let admin = Admin::with_secret(&serving, tenant);
            for _ in 0..5 {
                assert_eq!(admin.get(LIST).status, status);
            }
            let before = metric(&admin, "crm_db_jobs_total");
            for _ in 0..50 {
                refused(&admin.get(LIST), 429, "RATE_LIMITED");
            }
            // The gateway looks now and then by itself whether there is something to deliver.
            let asked = metric(&admin, "crm_db_jobs_total") - before;
            assert!(asked < 25, "{tenant}: {asked} jobs for 50 requests");
        }
    }

    /// A tenant that is deleted under a request is one that does not exist.
    fn a_write_after_the_tenant_s_end_is_404(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        assert_eq!(admin.post(ROOT, &minimal("one")).status, 201);
        stdout(database, &["tenants", "delete", ACME, "--yes"]);
        for headers in [&[][..], &[("idempotency-key", "once")]] {
            let answer = admin.send("POST", ROOT, headers, Some(&minimal("two").to_string()));
            refused(&answer, 404, "TENANT_NOT_FOUND");
        }
    }

    fn a_role_counts_in_its_place_and_spelling_only(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        for (changes, status, why) in [
            (json!({ "realm_access": { "roles": ["ticket_admin"] } }), 200, "one role"),
            (json!({ "realm_access": { "roles": ["user", "tenant_admin"] } }), 200, "the other one among more"),
            (json!({ "realm_access": { "roles": [] } }), 403, "none"),
            (json!({ "realm_access": {} }), 403, "no list"),
            (json!({ "realm_access": null }), 403, "nothing"),
            (json!({ "realm_access": ["ticket_admin"] }), 403, "a list in its place"),
            (json!({ "realm_access": { "roles": "ticket_admin" } }), 403, "a text"),
            (json!({ "realm_access": { "roles": { "ticket_admin": true } } }), 403, "an object"),
            (json!({ "realm_access": { "roles": [["ticket_admin"]] } }), 403, "nested"),
            (json!({ "realm_access": { "roles": ["TICKET_ADMIN"] } }), 403, "in capitals"),
            (json!({ "realm_access": { "roles": ["ticket_admin "] } }), 403, "with a space"),
            (json!({ "realm_access": { "roles": ["ticket_admins", "admin"] } }), 403, "other roles"),
            (json!({ "realm_access": null, "roles": ["ticket_admin"] }), 403, "beside it"),
            (json!({ "realm_access": null, "scope": "ticket_admin" }), 403, "as a scope"),
            (json!({ "realm_access": null, "resource_access": { "crm-api": { "roles": ["ticket_admin"] } } }), 403, "of a client"),
            (json!({ "realm_access": null, "realm_access.roles": ["ticket_admin"] }), 403, "a dotted name"),
        ] {
            let answer = Admin::new(&serving, &token(&changes), ACME).get(LIST);
            assert_eq!(answer.status, status, "{why}: {}", answer.text);
            if status == 403 {
                assert_eq!(refused(&answer, 403, "FORBIDDEN"), "User requires 'ticket_admin' or 'tenant_admin' role");
                assert_eq!(answer.body["error"]["message"], "Insufficient permissions to access client mappings");
            }
        }
    }

    /// Nothing tells a tenant that exists from one that does not, on any route.
    fn a_foreign_tenant_is_a_403_whether_it_exists_or_not(database) {
        make_tenant(database, ACME);
        make_tenant(database, OTHER);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let made = Admin::with_secret(&serving, OTHER).post(ROOT, &minimal("one"));
        let id = made.header("location").to_owned();
        let sync = format!("{id}/sync");
        for (method, path, body) in [
            ("GET", LIST, None),
            ("POST", ROOT, Some(minimal("two"))),
            ("GET", id.as_str(), None),
            ("PATCH", &id, Some(json!({ "clientName": "Mine" }))),
            ("POST", &sync, Some(json!({ "syncStatus": "failed" }))),
            ("DELETE", &id, None),
        ] {
            let body = body.map(|body| body.to_string());
            let seen: Vec<Value> = [OTHER, NOBODY]
                .iter()
                .map(|tenant| {
                    let answer = Admin::new(&serving, &token(&json!({})), tenant).send(method, path, &[], body.as_deref());
                    refused(&answer, 403, "FORBIDDEN");
                    answer.body["error"].clone()
                })
                .collect();
            assert_eq!(seen[0], seen[1], "{method} {path}");
            // With its own tenant named, another's mapping is not there.
            if path.contains(&id) {
                let own = Admin::new(&serving, &token(&json!({})), ACME).send(method, path, &[], body.as_deref());
                refused(&own, 404, "NOT_FOUND");
            }
        }
        let after = Admin::with_secret(&serving, OTHER).get(&id);
        assert_eq!(after.body["data"], made.body["data"], "nothing was changed");
        refused(&Admin::with_secret(&serving, NOBODY).get(LIST), 404, "TENANT_NOT_FOUND");
    }

    fn a_token_names_its_tenants_in_one_claim(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET), ("CRM_JWT_TENANT_CLAIM", "https://crm.example/tenants")]);
        let claim = |value: Value| token(&json!({ "tenant_id": null, "https://crm.example/tenants": value }));
        for (token, status, why) in [
            (claim(json!(ACME)), 200, "a text"),
            (claim(json!(ACME.to_uppercase())), 200, "in capitals"),
            (claim(json!([OTHER, ACME])), 200, "a list"),
            (claim(json!([OTHER])), 403, "a list of others"),
            (claim(json!([])), 403, "an empty list"),
            (claim(json!(null)), 403, "null"),
            (claim(json!("")), 403, "an empty text"),
            (claim(json!("*")), 403, "no wildcard"),
            (claim(json!(format!("{ACME},{OTHER}"))), 403, "no list in a text"),
            (claim(json!({ ACME: true })), 403, "an object"),
            (token(&json!({})), 403, "the claim of another name"),
        ] {
            assert_eq!(Admin::new(&serving, &token, ACME).get(LIST).status, status, "{why}");
        }
    }

    fn the_tenant_header_is_one_uuid(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let bearer = format!("Bearer {}", token(&json!({})));
        for (tenants, status, why) in [
            (vec![ACME], 200, "as it is"),
            (vec![&*ACME.to_uppercase()], 200, "in capitals"),
            (vec![], 400, "missing"),
            (vec![""], 400, "empty"),
            (vec!["acme"], 400, "no UUID"),
            (vec![&*ACME.replace('-', "")], 400, "without hyphens"),
            (vec![&*format!("{{{ACME}}}")], 400, "in braces"),
            (vec![&*format!("urn:uuid:{ACME}")], 400, "a URN"),
            (vec![ACME, ACME], 400, "twice"),
            (vec![&*format!("{ACME}, {ACME}")], 400, "a list"),
        ] {
            let mut headers = vec![("authorization", bearer.as_str())];
            headers.extend(tenants.iter().map(|tenant| ("x-tenantid", *tenant)));
            let answer = admin.send_bare("GET", LIST, &headers, None);
            assert_eq!(answer.status, status, "{why}: {}", answer.text);
            if status == 400 {
                refused(&answer, 400, "INVALID_REQUEST");
            }
        }
    }

    /// Each request lacks everything from some point on: what is asked for first is told first.
    fn checks_come_in_their_order(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let powerless = token(&json!({ "realm_access": null, "tenant_id": NOBODY }));
        for (token, tenant, status, code) in [
            ("bad", "no tenant", 401, "UNAUTHORIZED"),
            (powerless.as_str(), "no tenant", 400, "INVALID_REQUEST"),
            (&powerless, NOBODY, 403, "FORBIDDEN"),
            (&token(&json!({ "tenant_id": NOBODY })), NOBODY, 404, "TENANT_NOT_FOUND"),
            (&token(&json!({})), ACME, 400, "VALIDATION_ERROR"),
        ] {
            let answer = Admin::new(&serving, token, tenant).post(ROOT, &json!({}));
            refused(&answer, status, code);
        }
    }

    /// Keys and tokens open their own routes only.
    fn keys_and_tokens_do_not_open_each_others_routes(database) {
        make_tenant(database, ACME);
        let keys = crate::client::Keys::of_new_tenant(database, OTHER);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let with_key = admin.send_bare("GET", LIST, &[("ocp-apim-subscription-key", &keys.primary), ("x-tenantid", OTHER)], None);
        refused(&with_key, 401, "UNAUTHORIZED");
        admin.get("/pipeline/leads").problem(403, "missing_scope");
        let both = admin.send("GET", LIST, &[("ocp-apim-subscription-key", &keys.primary)], None);
        assert_eq!(both.status, 200, "the key is not looked at");
    }
}
