//! The three kinds of keys as an operator sets them, and `crm-gateway token`.

use crm_testkit::TestDatabase;
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::issuer::{SigningKey, claims};
use crate::process::{gateway, one_error};
use crate::setup::{ACME, Admin, LIST, OTHER, SECRET, make_tenant, refused, start};

fn token(database: &TestDatabase, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = gateway(database).envs(settings.iter().copied()).arg("token").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn a_token_of_the_command_line_opens_the_routes() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let settings = [
        ("CRM_JWT_SECRET", SECRET),
        ("CRM_JWT_ISSUER", "me"),
        ("CRM_JWT_AUDIENCE", "crm"),
        ("CRM_JWT_TENANT_CLAIM", "t"),
    ];
    let serving = start(&database, &settings);
    let status =
        |arguments: &[&str]| Admin::new(&serving, &token(&database, &settings, arguments), ACME).get(LIST).status;
    assert_eq!(status(&["--tenant", ACME, "--role", "ticket_admin"]), 200);
    assert_eq!(status(&["--tenant", ACME, "--role", "user", "--role", "tenant_admin", "--ttl", "5"]), 200);
    assert_eq!(status(&["--tenant", ACME, "--role", "user"]), 403);
    assert_eq!(status(&["--tenant", OTHER, "--role", "ticket_admin"]), 403);
    let elsewhere = token(&database, &[("CRM_JWT_SECRET", SECRET)], &["--tenant", ACME, "--role", "ticket_admin"]);
    refused(&Admin::new(&serving, &elsewhere, ACME).get(LIST), 401, "UNAUTHORIZED");
}

#[test]
fn only_a_secret_signs() {
    let database = TestDatabase::sqlite();
    let arguments = ["token", "--tenant", ACME, "--role", "ticket_admin"];
    for settings in [vec![], vec![("CRM_JWT_JWKS_URL", "http://127.0.0.1:1/keys")]] {
        let output = gateway(&database).envs(settings).args(arguments).output().unwrap();
        assert!(one_error(&output, 1).contains("CRM_JWT_SECRET"));
    }
    for wrong in [
        &["token", "--tenant", ACME][..],
        &["token", "--role", "x"],
        &["token", "--tenant", ACME, "--role", "x", "--ttl", "0"],
    ] {
        let output = gateway(&database).env("CRM_JWT_SECRET", SECRET).args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_public_key_of_each_kind_can_be_set() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    let path = path.to_str().unwrap();
    for key in [SigningKey::rsa("k"), SigningKey::p256("k"), SigningKey::p384("k"), SigningKey::ed25519("k")] {
        std::fs::write(path, &key.pem).unwrap();
        let serving = start(&database, &[("CRM_JWT_PUBLIC_KEY", path)]);
        assert_eq!(Admin::new(&serving, &key.token(&claims(ACME)), ACME).get(LIST).status, 200, "{:?}", key.algorithm);
        let stranger = SigningKey::p256("k").token(&claims(ACME));
        refused(&Admin::new(&serving, &stranger, ACME).get(LIST), 401, "UNAUTHORIZED");
    }
    for (pem, why) in [("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no key"), (SHORT, "1024 bits")]
    {
        std::fs::write(path, pem).unwrap();
        let output = gateway(&database).env("CRM_JWT_PUBLIC_KEY", path).output().unwrap();
        assert!(one_error(&output, 2).contains("CRM_JWT_PUBLIC_KEY"), "{why}");
    }
}

#[test]
fn a_secret_checks_hs256_and_nothing_else() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let serving = start(&database, &[("CRM_JWT_SECRET", SECRET)]);
    let key = SigningKey::secret(SECRET);
    for (algorithm, status) in [(Algorithm::HS256, 200), (Algorithm::HS384, 401), (Algorithm::HS512, 401)] {
        let header = json!({ "alg": format!("{algorithm:?}"), "kid": "any" });
        let token = key.token_with(&header, &claims(ACME), algorithm);
        assert_eq!(Admin::new(&serving, &token, ACME).get(LIST).status, status, "{algorithm:?}");
    }
    let other = SigningKey::secret("another secret of at least thirty-two bytes").token(&claims(ACME));
    refused(&Admin::new(&serving, &other, ACME).get(LIST), 401, "UNAUTHORIZED");
}

/// Without issuer and audience set, tokens of any are accepted; the rest is checked all the same.
#[test]
fn issuer_and_audience_are_checked_where_they_are_set() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let serving = start(&database, &[("CRM_JWT_SECRET", SECRET)]);
    let mut bare = json!({ "exp": crate::issuer::now() + 60, "tenant_id": ACME });
    let key = SigningKey::secret(SECRET);
    refused(&Admin::new(&serving, &key.token(&bare), ACME).get(LIST), 403, "FORBIDDEN");
    bare["realm_access"] = json!({ "roles": ["ticket_admin"] });
    assert_eq!(Admin::new(&serving, &key.token(&bare), ACME).get(LIST).status, 200);
}

/// An RSA key of 1024 bits.
const SHORT: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDadqw1LBzdpL6XZDy2DkJHXO8e\n\
    +O7CAMf7UnAllGhM4bDkbq72GbP/hsa1dHFkEmBsCwAq5e3t0UJNTolzJsqGTfAc\n\
    cKl3JX24vEbMmlfkmQYbz7LKJEdy3FrBatBt9BxZ1sXq+ipds/K8/BnHvMxsRPx/\n\
    7DPM4tpVVqut/97zBwIDAQAB\n\
    -----END PUBLIC KEY-----\n";
