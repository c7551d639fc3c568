//! People who sign in at a real issuer (oidc-provider) and use the routes of the CRM with the tokens that it gives them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crm_gateway::config::{TokenConfig, TokenKey};
use crm_gateway::identity::tokens::TokenVerifier;
use crm_testkit::TestDatabase;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use ureq::Agent;

use crate::browser::Browser;
use crate::client::{Answer, Client, Keys};
use crate::in_process::with_state;
use crate::oidc_provider::{Issuer, TENANT_CLAIM, issuer};
use crate::setup::{ACME, make_tenant, start};

/// What a program keeps to show that it is the one that asked (RFC 7636).
const VERIFIER: &str = "abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEFGHIJ";

/// Has a person sign in as a browser does, by the authorization code flow with PKCE: their token.
fn sign_in(issuer: &Issuer, person: &str) -> String {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut place = format!(
        "{}/auth?client_id=app&response_type=code&redirect_uri=http://127.0.0.1/signed-in&scope=openid%20crm\
         &code_challenge={challenge}&code_challenge_method=S256&login_hint={person}",
        issuer.url
    );
    let code = loop {
        let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = agent.get(&place).header("cookie", jar.join("; ")).call().unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let next = response.headers().get("location").map(|location| location.to_str().unwrap());
        let next = next.unwrap_or_else(|| panic!("{place} leads nowhere: {}", response.status()));
        if let Some((_, code)) = next.split_once("/signed-in?code=") {
            break code.split('&').next().unwrap().to_owned();
        }
        place = if next.starts_with('/') { format!("{}{next}", issuer.url) } else { next.to_owned() };
    };
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1/signed-in"),
        ("code_verifier", VERIFIER),
    ];
    let mut response = agent.post(format!("{}/token", issuer.url)).send_form(form).unwrap();
    let body: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

/// A person at work.
struct Person {
    client: Client,
    bearer: String,
}

impl Person {
    fn new(url: &str, token: &str) -> Self {
        let keys = Keys { tenant: String::new(), primary: String::new(), secondary: String::new() };
        Self { client: Client::new(url, keys).with_key(None), bearer: format!("Bearer {token}") }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string);
        self.client.send(method, path, &[("authorization", &self.bearer)], body.as_deref())
    }
}

#[test]
fn people_who_sign_in_may_do_what_their_roles_say() {
    let Some(issuer) = issuer(ACME, "unused") else { return };
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let settings =
        [("CRM_JWT_JWKS_URL", &*issuer.keys()), ("CRM_JWT_ISSUER", &issuer.url), ("CRM_JWT_AUDIENCE", "crm-api")];
    let serving = start(&database, &settings);
    let everything = ["*:write"].as_slice();
    let areas = ["pipeline:write", "directory:write", "cases:write"].as_slice();
    // Reading leads, writing them, reading the tenant's keys.
    for (person, scopes, statuses) in [
        ("ada", everything, [200, 201, 200]),
        ("uma", areas, [200, 201, 403]),
        ("vic", &["*:read"], [200, 403, 200]),
        ("ned", &[], [403, 403, 403]),
    ] {
        let at_work = Person::new(&serving.url, &sign_in(&issuer, person));
        let me = at_work.send("GET", "/me", None);
        let user =
            json!({ "id": person, "name": format!("{person} Example"), "email": format!("{person}@example.com") });
        assert_eq!((&me.item(200)["user"], &me.body["item"]["scopes"]), (&user, &json!(scopes)), "{person}");
        let lead = at_work.send("POST", "/pipeline/leads", Some(&json!({ "title": "Signed in" })));
        let read = ["/pipeline/leads", "/settings/keys"].map(|path| at_work.send("GET", path, None).status);
        assert_eq!([read[0], lead.status, read[1]], statuses, "{person}: {}", lead.text);
        if lead.status == 201 {
            let item = &lead.body["item"];
            assert_eq!((&item["creator"], &item["lastUpdatedBy"]), (&user, &user));
        } else {
            lead.problem(403, "missing_scope");
        }
    }
}

/// Follows a browser from the address that the gateway sent it to through the issuer, where this person is known: the way back.
fn through(issuer: &Issuer, address: &str, person: &str) -> String {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut place = format!("{address}&login_hint={person}");
    for _ in 0..10 {
        let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut response = agent.get(&place).header("cookie", jar.join("; ")).call().unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let next = response.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
        let next = next.unwrap_or_else(|| panic!("{place}: {}", response.body_mut().read_to_string().unwrap()));
        if let Some(at) = next.find("/console/sign-in/back?") {
            return next[at..].to_owned();
        }
        place = if next.starts_with('/') { format!("{}{next}", issuer.url) } else { next };
    }
    panic!("the issuer leads in circles: {place}")
}

#[test]
fn people_sign_in_to_the_console_at_a_real_issuer() {
    let Some(issuer) = issuer(ACME, "unused") else { return };
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let settings = [
        ("CRM_JWT_JWKS_URL", &*issuer.keys()),
        ("CRM_JWT_ISSUER", &issuer.url),
        ("CRM_JWT_AUDIENCE", "crm-api"),
        ("CRM_OIDC_CLIENT_ID", "pages"),
        ("CRM_OIDC_CLIENT_SECRET", "pages secret: of a gateway"),
    ];
    let serving = start(&database, &settings);
    issuer.knows(&serving.url);
    let keys = || Keys { tenant: String::new(), primary: String::new(), secondary: String::new() };
    // Looking at leads, making one, looking at keys.
    for (person, statuses) in [("ada", [200, 303, 200]), ("uma", [200, 303, 403]), ("vic", [200, 403, 200])] {
        let mut browser = Browser::new(&Client::new(&serving.url, keys()));
        let left = browser.get("/console/sign-in/issuer?next=%2Fconsole%2Fleads");
        let back = through(&issuer, left.header("location"), person);
        let before = browser.clone();
        let arrived = browser.get(&back);
        assert_eq!((arrived.status, arrived.header("location")), (303, "/console/leads"), "{}", arrived.text);
        let page = browser.get("/console/leads");
        assert!(page.text.contains(&format!("Signed in as <strong>{person} Example</strong>")), "{}", page.text);
        let made = browser.post("/console/leads/new", &[("title", person)]);
        let keys = browser.get("/console/settings/keys");
        assert_eq!([page.status, made.status, keys.status], statuses, "{person}: {}", made.text);
        // Whoever signs in after them is asked, and let in.
        let mut next = browser.clone();
        next.get("/console");
        assert_eq!(next.post("/console/sign-out", &[]).status, 303);
        let left = next.get("/console/sign-in/issuer");
        assert!(left.header("location").contains("&prompt=login"), "{}", left.header("location"));
        let arrived = next.get(&through(&issuer, left.header("location"), person));
        assert_eq!((arrived.status, arrived.header("location")), (303, "/console"), "{}", arrived.text);
        // The issuer takes no code twice, whoever has stolen the browser's cookie too.
        let mut thief = before;
        let again = thief.get(&back);
        assert!(again.status == 400 && again.text.contains("did not take its own code"), "{}", again.text);
        assert_eq!(thief.cookies.get("crm_session"), None);
    }
    let ada = Person::new(&serving.url, &sign_in(&issuer, "ada"));
    let history = ada.send("GET", "/pipeline/leads/1/history", None);
    let user = json!({ "id": "ada", "name": "ada Example", "email": "ada@example.com" });
    assert_eq!(history.items()[0]["by"], user, "{}", history.text);
    let mut ned = Browser::new(&Client::new(&serving.url, keys()));
    let left = ned.get("/console/sign-in/issuer");
    let refused = ned.get(&through(&issuer, left.header("location"), "ned"));
    assert!(refused.status == 403 && refused.text.contains("None of your roles"), "{}", refused.text);
}

/// The pause between two fetches of the issuer's keys; the built program's is a minute.
const PAUSE: Duration = Duration::from_millis(100);

/// People with tokens of the first key and of each later one work on while the issuer goes from key to key.
#[test]
fn a_rotation_of_the_issuer_s_keys_refuses_nobody() {
    let Some(issuer) = issuer(ACME, "unused") else { return };
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let config = TokenConfig {
        key: TokenKey::JwksUrl(issuer.keys()),
        issuer: Some(issuer.url.clone()),
        audience: Some("crm-api".to_owned()),
        tenant_claim: TENANT_CLAIM.to_owned(),
    };
    let verifier = TokenVerifier::with_fetch_pause(&config, PAUSE).unwrap_or_else(|error| panic!("{error}"));
    let tokens = Mutex::new(vec![sign_in(&issuer, "uma")]);
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let rotations = 5;
    with_state(
        &database,
        |state| state.tokens = Some(verifier),
        |url| {
            thread::scope(|scope| {
                for number in 0..4 {
                    let (tokens, over, answered) = (&tokens, &over, &answered);
                    scope.spawn(move || {
                        for turn in number.. {
                            if over.load(Ordering::Relaxed) {
                                break;
                            }
                            let token = {
                                let tokens = tokens.lock().unwrap();
                                // The newest every other time.
                                tokens[if turn % 2 == 0 { tokens.len() - 1 } else { turn % tokens.len() }].clone()
                            };
                            let answer = Person::new(url, &token).send("GET", "/pipeline/leads", None);
                            assert_eq!(answer.status, 200, "{}", answer.text);
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                for _ in 0..rotations {
                    issuer.publish();
                    thread::sleep(PAUSE * 2);
                    issuer.rotate();
                    let token = sign_in(&issuer, "uma");
                    tokens.lock().unwrap().push(token);
                    thread::sleep(PAUSE);
                }
                over.store(true, Ordering::Relaxed);
            });
        },
    );
    let tokens = tokens.into_inner().unwrap();
    let header = |token: &String| token.split('.').next().unwrap().to_owned();
    let keys: std::collections::BTreeSet<String> = tokens.iter().map(header).collect();
    assert_eq!(keys.len(), rotations + 1, "each token has a key of its own");
    assert!(answered.load(Ordering::Relaxed) > 100, "{answered:?}");
}
