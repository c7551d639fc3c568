//! Against an issuer that nobody here wrote: oidc-provider, from npm at the versions of `issuer/package-lock.json`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crm_core::{Timestamp, Uuid};
use crm_gateway::config::{TokenConfig, TokenKey};
use crm_gateway::identity::tokens::{TokenError, TokenVerifier};
use crm_testkit::TestDatabase;
use serde_json::Value;

use crate::process::is_installed;
use crate::setup::{ACME, Admin, LIST, OTHER, make_tenant, refused, start};

pub(crate) const TENANT_CLAIM: &str = "tenant_id";

/// The issuer as a child process; it is killed when this is dropped.
pub(crate) struct Issuer {
    child: Child,
    pub(crate) url: String,
    _directory: tempfile::TempDir,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether there is a Node.js that oidc-provider runs with.
fn is_node_recent() -> bool {
    let program = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";
    let recent = Command::new("node").args(["-e", program]).status().unwrap().success();
    if !recent {
        eprintln!("SKIPPED: the test against a real issuer needs Node.js 20");
    }
    recent
}

/// Installs and starts it, with tokens of this tenant and role; `None` on a machine without Node.js.
pub(crate) fn issuer(tenant: &str, role: &str) -> Option<Issuer> {
    if !(is_installed("node") && is_installed("npm") && is_node_recent()) {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    install(directory.path());
    let mut child = Command::new("node")
        .current_dir(directory.path())
        .args(["issuer.mjs", tenant, role])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned));
    let url = url.expect("the issuer ended before it listened");
    // What it prints later is read, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    Some(Issuer { child, url, _directory: directory })
}

/// In a directory of the test's own, so that tests that run together do not install over each other.
fn install(directory: &Path) {
    let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ticketing/issuer"));
    for file in ["package.json", "package-lock.json", ".npmrc", "issuer.mjs"] {
        std::fs::copy(source.join(file), directory.join(file)).unwrap();
    }
    let npm = Command::new("npm").current_dir(directory).args(["ci", "--ignore-scripts"]).output().unwrap();
    assert!(npm.status.success(), "npm ci: {}", String::from_utf8_lossy(&npm.stderr));
}

impl Issuer {
    /// A token by the client credentials grant, as a service gets it.
    pub(crate) fn token(&self) -> String {
        let form =
            [("grant_type", "client_credentials"), ("client_id", "console"), ("client_secret", "console-secret")];
        let mut response = ureq::post(format!("{}/token", self.url)).send_form(form).unwrap();
        let body: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn rotate(&self) {
        ureq::post(format!("{}/rotate", self.url)).send_empty().unwrap();
    }

    /// Lets people back to the gateway at this address.
    pub(crate) fn knows(&self, gateway: &str) {
        ureq::post(format!("{}/gateway/{}", self.url, gateway.trim_start_matches("http://"))).send_empty().unwrap();
    }

    /// Publishes a key that it signs with only after [`rotate`](Self::rotate), as issuers should.
    pub(crate) fn publish(&self) {
        ureq::post(format!("{}/publish", self.url)).send_empty().unwrap();
    }

    /// Where its discovery document says that its keys are.
    pub(crate) fn keys(&self) -> String {
        let mut response = ureq::get(format!("{}/.well-known/openid-configuration", self.url)).call().unwrap();
        let body: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        body["jwks_uri"].as_str().unwrap().to_owned()
    }
}

#[test]
fn tokens_of_a_real_issuer_open_the_routes() {
    let Some(issuer) = issuer(ACME, "tenant_admin") else { return };
    let database = TestDatabase::sqlite();
    for tenant in [ACME, OTHER] {
        make_tenant(&database, tenant);
    }
    let (keys, token) = (issuer.keys(), issuer.token());
    let serve = |issuer: &str, audience: &str| {
        start(&database, &[("CRM_JWT_JWKS_URL", &keys), ("CRM_JWT_ISSUER", issuer), ("CRM_JWT_AUDIENCE", audience)])
    };
    let serving = serve(&issuer.url, "crm-api");
    let answer = Admin::new(&serving, &token, ACME).get(LIST);
    assert_eq!(answer.status, 200, "{}", answer.text);
    refused(&Admin::new(&serving, &token, OTHER).get(LIST), 403, "FORBIDDEN");
    serving.kill();
    for (issuer, audience) in [("http://127.0.0.1", "crm-api"), (&*issuer.url, "another")] {
        let serving = serve(issuer, audience);
        refused(&Admin::new(&serving, &token, ACME).get(LIST), 401, "UNAUTHORIZED");
        serving.kill();
    }
}

#[test]
fn a_role_that_opens_nothing_is_told_so() {
    let Some(issuer) = issuer(ACME, "user") else { return };
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let serving = start(&database, &[("CRM_JWT_JWKS_URL", &issuer.keys())]);
    refused(&Admin::new(&serving, &issuer.token(), ACME).get(LIST), 403, "FORBIDDEN");
}

/// With a short pause between fetches: the built program's is a minute.
#[actix_rt::test]
async fn a_real_issuer_rotates_its_keys() {
    let Some(issuer) = issuer(ACME, "ticket_admin") else { return };
    let config = TokenConfig {
        key: TokenKey::JwksUrl(issuer.keys()),
        issuer: Some(issuer.url.clone()),
        audience: Some("crm-api".to_owned()),
        tenant_claim: TENANT_CLAIM.to_owned(),
    };
    let pause = Duration::from_millis(50);
    let verifier = TokenVerifier::with_fetch_pause(&config, pause).unwrap_or_else(|error| panic!("{error}"));
    let verify = async |token: &str| verifier.verify(token, Timestamp::now()).await;
    let first = issuer.token();
    let identity = verify(&first).await.unwrap();
    assert!(identity.has_role("ticket_admin") && identity.is_of_tenant(ACME.parse::<Uuid>().unwrap()));
    for _ in 0..3 {
        issuer.rotate();
        std::thread::sleep(pause);
        assert!(verify(&issuer.token()).await.is_ok(), "a token of the new key");
        assert!(verify(&first).await.is_ok(), "one of the first key, which is still published");
    }
    let header = first.split_once('.').unwrap().0;
    let forged = format!("{header}.{}", issuer.token().split_once('.').unwrap().1);
    assert!(matches!(verify(&forged).await, Err(TokenError::Invalid(_))));
}
