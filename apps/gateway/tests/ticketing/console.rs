//! Signing in to the console at an issuer that the tests run themselves, and what goes wrong there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::browser::{Browser, between, encoded};
use crate::client::{Answer, Client, Keys};
use crate::issuer::{Behaviour, KeyServer, SigningKey, now};
use crate::process::{Serving, gateway, one_error, stdout};
use crate::setup::{ACME, Admin, OTHER, ROOT, SECRET, make_tenant, minimal, start};

const CLIENT: &str = "crm console";
const CLIENT_SECRET: &str = "a secret: of the client";

/// An issuer: what it says of itself, its keys, and where it gives tokens.
struct Op {
    key: SigningKey,
    about: KeyServer,
    keys: KeyServer,
    tokens: KeyServer,
}

fn root(server: &KeyServer) -> String {
    server.url.trim_end_matches("/keys").to_owned()
}

impl Op {
    fn start() -> Self {
        let key = SigningKey::p256("k");
        let keys = KeyServer::start(Behaviour::keys(&[&key]));
        let (about, tokens) = (KeyServer::start(Behaviour::HangUp), KeyServer::start(Behaviour::HangUp));
        let op = Self { key, about, keys, tokens };
        op.says(&op.url());
        op
    }

    fn url(&self) -> String {
        root(&self.about)
    }

    /// Says so of itself.
    fn says(&self, issuer: &str) {
        let about = json!({
            "issuer": issuer,
            "authorization_endpoint": "http://127.0.0.1:1/auth?realm=a",
            "token_endpoint": format!("{}/token", root(&self.tokens)),
        });
        self.about.becomes(Behaviour::Body(200, about.to_string()));
    }

    /// What it would say of somebody who came with this nonce.
    fn claims(&self, nonce: &str) -> Value {
        json!({
            "iss": self.url(), "aud": CLIENT, "sub": "ada", "name": "Ada <Example>", "email": "ada@example.com",
            "iat": now(), "exp": now() + 300, "nonce": nonce, "typ": "ID", "at_hash": "of an access token",
            "tenant_id": ACME, "realm_access": { "roles": ["offline_access", "crm_user"] },
        })
    }

    /// Gives this ID token for the next code.
    fn gives(&self, token: &str) {
        self.tokens.becomes(Behaviour::Body(200, json!({ "access_token": "opaque", "id_token": token }).to_string()));
    }

    fn serve(&self, database: &TestDatabase, more: &[(&str, &str)]) -> Serving {
        let (issuer, keys) = (self.url(), self.keys.url.clone());
        let mut settings = vec![
            ("CRM_JWT_ISSUER", issuer.as_str()),
            ("CRM_JWT_JWKS_URL", keys.as_str()),
            ("CRM_JWT_AUDIENCE", "crm-api"),
            ("CRM_OIDC_CLIENT_ID", CLIENT),
            ("CRM_OIDC_CLIENT_SECRET", CLIENT_SECRET),
        ];
        settings.extend(more);
        start(database, &settings)
    }
}

fn browser(serving: &Serving) -> Browser {
    let keys = Keys { tenant: String::new(), primary: String::new(), secondary: String::new() };
    Browser::new(&Client::new(&serving.url, keys))
}

/// The parameters of an address.
fn parameters(address: &str) -> BTreeMap<String, String> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Leaves for the issuer: what the browser brings there.
fn leave(browser: &mut Browser, path: &str) -> BTreeMap<String, String> {
    let answer = browser.get(path);
    assert_eq!(answer.status, 303, "{}", answer.text);
    parameters(answer.header("location"))
}

/// Goes there, is given a token of these claims, and comes back.
fn sign_in(op: &Op, browser: &mut Browser, path: &str, change: impl FnOnce(&mut Value)) -> Answer {
    let brought = leave(browser, path);
    let mut claims = op.claims(&brought["nonce"]);
    change(&mut claims);
    op.gives(&op.key.token(&claims));
    browser.get(&format!("/console/sign-in/back?code=c&state={}", brought["state"]))
}

#[track_caller]
fn is_refused(browser: &Browser, answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(words) && answer.text.contains("role=\"alert\""), "{words}: {}", answer.text);
    assert_eq!((browser.cookies.get("crm_session"), browser.cookies.get("crm_journey")), (None, None), "{words}");
}

both_databases! {
    fn people_sign_in_at_the_issuer_and_are_themselves(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        let page = ada.get("/console/sign-in?next=/console/leads");
        assert!(page.text.contains("href=\"/console/sign-in/issuer?next=%2Fconsole%2Fleads\""), "{}", page.text);

        let left = ada.get("/console/sign-in/issuer?next=%2Fconsole%2Fleads");
        let brought = parameters(left.header("location"));
        assert!(left.header("location").starts_with("http://127.0.0.1:1/auth?realm=a&response_type=code&"));
        let back = format!("{}/console/sign-in/back", serving.url);
        for (name, value) in [
            ("client_id", CLIENT),
            ("redirect_uri", &back),
            ("scope", "openid profile email"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(brought[name], value);
        }
        let cookie = left.header("set-cookie");
        for part in ["crm_journey=", "; Path=/console", "; HttpOnly", "; SameSite=Lax", "; Max-Age=600"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let secret = ada.cookies["crm_journey"].split(':').next().unwrap().to_owned();
        assert!(!left.header("location").contains(&secret));

        // What somebody planted before is not what is let in.
        ada.cookies.insert("crm_session".to_owned(), "A".repeat(43));
        op.gives(&op.key.token(&op.claims(&brought["nonce"])));
        let arrived = ada.get(&format!("/console/sign-in/back?code=the%2Bcode&state={}", brought["state"]));
        assert_eq!((arrived.status, arrived.header("location")), (303, "/console/leads"), "{}", arrived.text);
        assert_ne!(ada.cookies["crm_session"], "A".repeat(43));
        let set: Vec<&str> = arrived.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
        let session = set.iter().find(|cookie| cookie.starts_with("crm_session=")).unwrap();
        assert!(session.contains("; HttpOnly; SameSite=Lax") && !session.contains("Max-Age"), "{session}");
        assert_eq!(ada.cookies.get("crm_journey"), None);
        // The verifier is what the challenge was made of, and the secret goes as RFC 6749 has it.
        let sent = parameters(&format!("?{}", op.tokens.last()));
        let challenge = {
            use base64::Engine;
            use sha2::Digest;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&sent["code_verifier"]))
        };
        assert_eq!((&challenge, sent["code"].as_str(), &sent["redirect_uri"]), (&brought["code_challenge"], "the+code", &back));

        let home = ada.get("/console");
        assert!(home.text.contains("Signed in as <strong>Ada &lt;Example&gt;</strong>"), "{}", home.text);
        assert!(home.text.contains("/console/leads") && !home.text.contains("/console/settings/keys"), "what is not allowed");
        let refused = ada.get("/console/settings/keys");
        assert!(refused.status == 403 && refused.text.contains("missing_scope"), "{}", refused.text);
        ada.get("/console/leads/new");
        let made = ada.post("/console/leads/new", &[("title", "Hers")]);
        assert_eq!(made.status, 303, "{}", made.text);
        let page = ada.get(made.header("location"));
        assert!(page.text.contains("Ada &lt;Example&gt;"), "who made it: {}", page.text);
        let key = stdout(database, &["keys", "rotate", "--tenant", ACME, "--which", "primary", "--json"]);
        let key: Value = serde_json::from_str(&key).unwrap();
        let key = key["key"].as_str().or_else(|| key["primaryKey"].as_str()).unwrap_or_else(|| panic!("{key}"));
        let api = Client::new(&serving.url, Keys { tenant: ACME.to_owned(), primary: key.to_owned(), secondary: String::new() });
        let user = json!({ "id": "ada", "name": "Ada <Example>", "email": "ada@example.com" });
        let lead = api.get("/pipeline/leads/1");
        assert_eq!((&lead.item(200)["creator"], &lead.item(200)["lastUpdatedBy"]), (&user, &user));
        let history = api.get("/pipeline/leads/1/history");
        assert_eq!(history.items()[0]["by"], user, "{}", history.text);

        let mut stolen = ada.clone();
        let left = ada.post("/console/sign-out", &[]);
        assert_eq!((left.status, left.header("location")), (303, "/console/sign-in"));
        assert_eq!(stolen.get("/console").status, 303, "it is ended");
    }

    fn a_session_of_a_person_goes_with_the_settings(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let mut serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        assert_eq!(sign_in(&op, &mut ada, "/console/sign-in/issuer", |_| {}).status, 303);
        let cookies = ada.cookies.clone();
        // Reading leads; the form to make one; reading keys.
        for (settings, expected) in [
            (vec![], [200, 200, 403]),
            (vec![("CRM_ROLES", "crm_user=*:read")], [200, 403, 200]),
            (vec![("CRM_ROLES", "crm_admin=*:write")], [403, 403, 403]),
            (vec![("CRM_OIDC_CLIENT_ID", "another client")], [303, 303, 303]),
            (vec![("CRM_OIDC_CLIENT_ID", ""), ("CRM_OIDC_CLIENT_SECRET", "")], [303, 303, 303]),
            (vec![], [200, 200, 403]),
        ] {
            serving.kill();
            serving = op.serve(database, &settings);
            let mut again = browser(&serving);
            again.cookies = cookies.clone();
            let statuses = ["/console/leads", "/console/leads/new", "/console/settings/keys"].map(|path| again.get(path).status);
            assert_eq!(statuses, expected, "{settings:?}");
        }
        stdout(database, &["tenants", "delete", ACME, "--yes"]);
        let mut again = browser(&serving);
        again.cookies = cookies;
        let began = Instant::now();
        while again.get("/console/leads").status != 303 {
            assert!(began.elapsed() < Duration::from_secs(5), "the tenant is gone");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn what_somebody_owns_is_on_their_overview(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        let sub = "cn=ada,ou=people";
        assert_eq!(sign_in(&op, &mut ada, "/console/sign-in/issuer", |claims| claims["sub"] = json!(sub)).status, 303);
        assert!(ada.get("/console").text.contains("Nothing is yours yet."));
        let key = stdout(database, &["keys", "rotate", "--tenant", ACME, "--which", "primary", "--json"]);
        let key: Value = serde_json::from_str(&key).unwrap();
        let key = key["key"].as_str().unwrap();
        let api = Client::new(&serving.url, Keys { tenant: ACME.to_owned(), primary: key.to_owned(), secondary: String::new() });
        for (path, name) in [
            ("/pipeline/leads", "title"),
            ("/pipeline/opportunities", "title"),
            ("/directory/contacts", "name"),
            ("/directory/organizations", "name"),
            ("/cases/cases", "title"),
        ] {
            for (owner, count) in [(sub, 6), ("cn=ada", 1), ("uma", 1)] {
                for number in 0..count {
                    api.post(path, &json!({ name: format!("{owner} {number}."), "owner": { "id": owner } })).item(201);
                }
            }
        }
        // What somebody works on is theirs too, whoever owns it.
        for number in 0..6 {
            let case = json!({ "title": format!("Work {number}."), "owner": { "id": "uma" }, "assignee": { "id": sub } });
            api.post("/cases/cases", &case).item(201);
        }
        let page = ada.get("/console");
        let yours = between(&page.text, "<h2>Yours</h2>", "</section>").unwrap();
        assert_eq!(yours.matches(&format!("{sub} ")).count(), 25, "the latest five of each kind: {yours}");
        assert_eq!((yours.matches("Work ").count(), yours.contains("Work 0.")), (5, false), "{yours}");
        let links = yours.split("<a href=\"").filter_map(|link| link.split('"').next()).filter(|link| link.contains("Id="));
        let links: Vec<String> = links.map(str::to_owned).collect();
        assert_eq!(links.len(), 6, "{yours}");
        for link in links {
            let all = ada.get(&link);
            let (theirs, other) = if link.contains("assigneeId") { ("Work ", sub) } else { (sub, "Work ") };
            let titles: Vec<&str> = all.text.split("<th scope=\"row\">").skip(1).filter_map(|rest| between(rest, "\">", "</a>")).collect();
            assert!(titles.len() == 6 && titles.iter().all(|title| title.starts_with(theirs) && !title.starts_with(other)), "{link}: {titles:?}");
        }
        assert!(!yours.contains(&format!("{sub} 0.")) && !yours.contains("uma ") && !yours.contains("cn=ada 0"), "{yours}");
        // What the roles do not let them read is not shown, and a key owns nothing.
        let mut few = browser(&serving);
        let viewer = |claims: &mut Value| { claims["sub"] = json!(sub); claims["realm_access"]["roles"] = json!(["ticket_admin"]); };
        assert_eq!(sign_in(&op, &mut few, "/console/sign-in/issuer", viewer).status, 303);
        assert!(few.get("/console").text.contains("Nothing is yours yet."));
        let mut with_key = browser(&serving);
        with_key.sign_in(key);
        assert!(!with_key.get("/console").text.contains("<h2>Yours</h2>"));
    }

    fn integrations_are_shown_to_whoever_administers_ticketing(database) {
        for tenant in [ACME, OTHER] {
            make_tenant(database, tenant);
        }
        let op = Op::start();
        let serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        let administers = |claims: &mut Value| claims["realm_access"]["roles"] = json!(["tenant_admin"]);
        assert_eq!(sign_in(&op, &mut ada, "/console/sign-in/issuer", administers).status, 303, "no other role is needed");
        let path = "/console/settings/integrations";
        let none = ada.get(path);
        assert!(none.status == 200 && none.text.contains("No other system is connected yet."), "{}", none.text);
        let mut claims = op.claims("");
        administers(&mut claims);
        (claims["typ"], claims["aud"]) = (json!("Bearer"), json!("crm-api"));
        claims.as_object_mut().unwrap().remove("at_hash");
        claims["tenant_id"] = json!([ACME, OTHER]);
        let token = op.key.token(&claims);
        let mut map = minimal("servicenow");
        map["clientName"] = json!("Desk <b>");
        map["configuration"] = json!({
            "apiKey": "hunter2", "fieldMappings": [{ "sourceField": "short_description", "targetField": "title", "transform": "trim" }],
        });
        let made = Admin::new(&serving, &token, ACME).post(ROOT, &map);
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.body["data"]["id"].as_str().unwrap();
        let hers = Admin::new(&serving, &token, OTHER).post(ROOT, &minimal("theirs"));
        Admin::new(&serving, &token, ACME).post(&format!("{ROOT}/{id}/sync"), &json!({ "syncStatus": "failed" }));
        let list = ada.get(path);
        assert!(list.text.contains("Desk &lt;b&gt;") && list.text.contains("failed"), "{}", list.text);
        assert!(!list.text.contains("theirs"), "of another tenant");
        let page = ada.get(&format!("{path}/{id}"));
        for words in ["short_description", "title", "trim", "active"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert!(!page.text.contains("hunter2"));
        let theirs = hers.body["data"]["id"].as_str().unwrap();
        assert_eq!(ada.get(&format!("{path}/{theirs}")).status, 404);
        // Whose roles do not open the routes of ticketing, and whoever has a key, whatever it may do.
        let mut uma = browser(&serving);
        assert_eq!(sign_in(&op, &mut uma, "/console/sign-in/issuer", |_| {}).status, 303);
        let key = stdout(database, &["keys", "rotate", "--tenant", ACME, "--which", "primary", "--json"]);
        let key: Value = serde_json::from_str(&key).unwrap();
        let mut with_key = browser(&serving);
        assert_eq!(with_key.sign_in(key["key"].as_str().unwrap()).status, 303);
        for browser in [&mut uma, &mut with_key] {
            assert!(!browser.get("/console").text.contains(path), "it is not offered");
            for path in [path.to_owned(), format!("{path}/{id}")] {
                let refused = browser.get(&path);
                assert!(refused.status == 403 && refused.text.contains("missing_role"), "{}", refused.text);
            }
        }
        assert_eq!(browser(&serving).get(path).status, 303);
    }

    /// The issuer remembers people longer than they stay here.
    fn who_signs_in_after_somebody_has_left_is_asked_who_it_is(database) {
        make_tenant(database, ACME);
        make_tenant(database, OTHER);
        let op = Op::start();
        let serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        let is_asked = |browser: &mut Browser| leave(browser, "/console/sign-in/issuer").get("prompt").map(String::as_str) == Some("login");
        assert!(!is_asked(&mut ada), "nobody was here");
        assert_eq!(sign_in(&op, &mut ada, "/console/sign-in/issuer", |_| {}).status, 303);
        ada.get("/console");
        assert!(!is_asked(&mut ada), "nobody has left");
        let left = ada.post("/console/sign-out", &[]);
        assert_eq!((left.status, ada.cookies.contains_key("crm_session")), (303, false));
        let cookies: Vec<&str> = left.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert!(cookies.contains(&"crm_left=1; Path=/console; HttpOnly; SameSite=Lax"), "{cookies:?}");
        let mut cancelled = ada.clone();
        // Until somebody has said so, and not only begun to.
        for _ in 0..2 {
            assert!(is_asked(&mut ada));
        }
        let brought = leave(&mut cancelled, "/console/sign-in/issuer");
        cancelled.get(&format!("/console/sign-in/back?error=access_denied&state={}", brought["state"]));
        assert!(is_asked(&mut cancelled));
        // Once: the choice of a tenant asks nobody again.
        let of_both = |claims: &mut Value| claims["tenant_id"] = json!([ACME, OTHER]);
        assert_eq!(sign_in(&op, &mut ada, "/console/sign-in/issuer", of_both).status, 200);
        assert!(!is_asked(&mut ada));
        assert_eq!(sign_in(&op, &mut ada, &format!("/console/sign-in/issuer?tenant={ACME}"), of_both).status, 303);
        assert!(!is_asked(&mut ada));
        // Whoever had a key was nobody whom the issuer knows.
        let key = stdout(database, &["keys", "rotate", "--tenant", ACME, "--which", "primary", "--json"]);
        let key: Value = serde_json::from_str(&key).unwrap();
        let key = key["key"].as_str().or_else(|| key["primaryKey"].as_str()).unwrap_or_else(|| panic!("{key}"));
        let mut of_key = browser(&serving);
        of_key.sign_in(key);
        of_key.get("/console");
        assert_eq!(of_key.post("/console/sign-out", &[]).status, 303);
        assert!(!is_asked(&mut of_key));
    }

    fn whoever_is_of_several_tenants_chooses_one(database) {
        for tenant in [ACME, OTHER] {
            make_tenant(database, tenant);
        }
        let op = Op::start();
        let serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        let of_both = |claims: &mut Value| claims["tenant_id"] = json!([ACME, OTHER, "<b>"]);
        let choice = sign_in(&op, &mut ada, "/console/sign-in/issuer?next=%2Fconsole%2Fcases", of_both);
        assert_eq!((choice.status, ada.cookies.get("crm_session")), (200, None), "{}", choice.text);
        let way = format!("/console/sign-in/issuer?tenant={}&amp;next=%2Fconsole%2Fcases", encoded(OTHER).replace('-', "%2D"));
        assert!(choice.text.contains(&way) && !choice.text.contains("&lt;b&gt;"), "{way}: {}", choice.text);
        let arrived = sign_in(&op, &mut ada, &way.replace("&amp;", "&"), of_both);
        assert_eq!((arrived.status, arrived.header("location")), (303, "/console/cases"), "{}", arrived.text);
        assert!(ada.get("/console/cases").text.contains(OTHER));
        // Of those that the token names, and of no others.
        let mut ned = browser(&serving);
        let way = format!("/console/sign-in/issuer?tenant={OTHER}");
        let refused = sign_in(&op, &mut ned, &way, |_| {});
        is_refused(&ned, &refused, 403, "names no tenant");
    }

    fn nobody_is_let_in_by_what_the_issuer_did_not_say_of_them(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let serving = op.serve(database, &[]);
        type Change = fn(&mut Value);
        let cases: [(&str, Change, u16, &str); 15] = [
            ("nonce", |claims| claims["nonce"] = json!("another"), 400, "not to be trusted"),
            ("no nonce", |claims| _ = claims.as_object_mut().unwrap().remove("nonce"), 400, "not to be trusted"),
            ("audience", |claims| claims["aud"] = json!("crm-api"), 400, "not to be trusted"),
            ("no audience", |claims| claims["aud"] = json!([]), 400, "not to be trusted"),
            ("several audiences", |claims| claims["aud"] = json!([CLIENT, "other"]), 400, "not to be trusted"),
            ("for another", |claims| claims["azp"] = json!("other"), 400, "not to be trusted"),
            ("issuer", |claims| claims["iss"] = json!("http://127.0.0.1:1"), 400, "not to be trusted"),
            ("expired", |claims| claims["exp"] = json!(now() - 61), 400, "not to be trusted"),
            ("for ever", |claims| _ = claims.as_object_mut().unwrap().remove("exp"), 400, "not to be trusted"),
            ("an access token", |claims| claims["typ"] = json!("Bearer"), 400, "not to be trusted"),
            ("nobody", |claims| claims["sub"] = json!(""), 403, "does not say who you are"),
            ("no tenant", |claims| claims["tenant_id"] = json!(null), 403, "names no tenant"),
            ("a tenant that is not", |claims| claims["tenant_id"] = json!(OTHER), 403, "names no tenant"),
            ("no roles", |claims| claims["realm_access"] = json!({}), 403, "None of your roles"),
            ("other roles", |claims| claims["realm_access"] = json!({ "roles": ["offline_access"] }), 403, "None of your roles"),
        ];
        for (what, change, status, words) in cases {
            let mut guest = browser(&serving);
            let answer = sign_in(&op, &mut guest, "/console/sign-in/issuer", change);
            eprintln!("{what}");
            is_refused(&guest, &answer, status, words);
        }
        // Several audiences, where it says for whom.
        let mut ada = browser(&serving);
        let several = |claims: &mut Value| (claims["aud"], claims["azp"]) = (json!([CLIENT, "other"]), json!(CLIENT));
        assert_eq!(sign_in(&op, &mut ada, "/console/sign-in/issuer", several).status, 303);

        let mut guest = browser(&serving);
        let brought = leave(&mut guest, "/console/sign-in/issuer");
        op.gives(&SigningKey::p256("k").token(&op.claims(&brought["nonce"])));
        let answer = guest.get(&format!("/console/sign-in/back?code=c&state={}", brought["state"]));
        is_refused(&guest, &answer, 400, "not to be trusted");
        // One for the API is none for a browser, and the other way round.
        let id = op.key.token(&op.claims("n"));
        let bearer = format!("Bearer {id}");
        let keys = Keys { tenant: String::new(), primary: String::new(), secondary: String::new() };
        let api = Client::new(&serving.url, keys).with_key(None);
        api.send("GET", "/pipeline/leads", &[("authorization", &bearer)], None).problem(401, "invalid_token");
    }

    fn only_the_browser_that_left_comes_back(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let serving = op.serve(database, &[]);
        // Whoever wants others to work in their name sends them their own code.
        let mut mallory = browser(&serving);
        let brought = leave(&mut mallory, "/console/sign-in/issuer");
        op.gives(&op.key.token(&op.claims(&brought["nonce"])));
        let back = format!("/console/sign-in/back?code=c&state={}", brought["state"]);
        let mut ada = browser(&serving);
        let answer = ada.get(&back);
        is_refused(&ada, &answer, 400, "did not begin");
        leave(&mut ada, "/console/sign-in/issuer");
        let answer = ada.get(&back);
        is_refused(&ada, &answer, 400, "did not begin");
        for query in ["", "?code=c", "?state=", "?code=c&state=A", &format!("?state={}", "A".repeat(43))] {
            leave(&mut ada, "/console/sign-in/issuer");
            let answer = ada.get(&format!("/console/sign-in/back{query}"));
            is_refused(&ada, &answer, 400, "did not begin");
        }
        assert_eq!(op.tokens.asked(), 0, "no code was used");
        for (more, words) in [
            ("code=c&iss=http%3A%2F%2Fother.example", "did not begin"),
            ("error=access_denied&error_description=%3Cb%3E", "let nobody in"),
            ("", "let nobody in"),
        ] {
            let brought = leave(&mut ada, "/console/sign-in/issuer");
            let answer = ada.get(&format!("/console/sign-in/back?state={}&{more}", brought["state"]));
            is_refused(&ada, &answer, 400, words);
            assert!(!answer.text.contains("<b>") && !answer.text.contains("&lt;b&gt;"), "what strangers write: {}", answer.text);
        }
        // A code that was used: the issuer says so.
        let brought = leave(&mut ada, "/console/sign-in/issuer");
        op.tokens.becomes(Behaviour::Body(400, json!({ "error": "invalid_grant" }).to_string()));
        let answer = ada.get(&format!("/console/sign-in/back?code=c&state={}", brought["state"]));
        is_refused(&ada, &answer, 400, "did not take its own code");
        // Nor does the answer lead to another host.
        for next in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2Fconsole%5C%40evil", "javascript%3Aalert(1)"] {
            let arrived = sign_in(&op, &mut ada, &format!("/console/sign-in/issuer?next={next}"), |_| {});
            assert_eq!((arrived.status, arrived.header("location")), (303, "/console"), "{next}");
            let mut planted = browser(&serving);
            let brought = leave(&mut planted, "/console/sign-in/issuer");
            let journey = format!("{}{next}", planted.cookies["crm_journey"]);
            planted.cookies.insert("crm_journey".to_owned(), journey);
            op.gives(&op.key.token(&op.claims(&brought["nonce"])));
            let arrived = planted.get(&format!("/console/sign-in/back?code=c&state={}", brought["state"]));
            assert_eq!((arrived.status, arrived.header("location")), (303, "/console"), "in the cookie: {next}");
        }
    }

    fn behind_tls_the_way_back_and_the_cookies_are_for_tls(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        let forwarded = [("X-Forwarded-Proto", "https")];
        let left = ada.send("GET", "/console/sign-in/issuer", None, &forwarded);
        assert!(left.header("set-cookie").contains("; Secure"), "{}", left.header("set-cookie"));
        let brought = parameters(left.header("location"));
        assert_eq!(brought["redirect_uri"], format!("{}/console/sign-in/back", serving.url.replace("http://", "https://")));
        op.gives(&op.key.token(&op.claims(&brought["nonce"])));
        let back = format!("/console/sign-in/back?code=c&state={}", brought["state"]);
        let arrived = ada.send("GET", &back, None, &forwarded);
        let set: Vec<&str> = arrived.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert!(set.len() == 4 && set.iter().all(|cookie| cookie.contains("; Secure")), "{set:?}");
    }

    fn an_issuer_that_says_nothing_is_waited_for_so_long(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let serving = op.serve(database, &[]);
        let in_time = |what: &str, ask: &mut dyn FnMut() -> Answer| {
            let began = Instant::now();
            let answer = ask();
            assert!(began.elapsed() < Duration::from_secs(20), "{what}: {:?}", began.elapsed());
            assert!(answer.status == 503 && answer.text.contains("does not answer"), "{what}: {}", answer.text);
        };
        let mut ada = browser(&serving);
        op.about.becomes(Behaviour::Slow(Duration::from_secs(30), "{}".to_owned()));
        in_time("silent about itself", &mut || ada.get("/console/sign-in/issuer"));
        let began = Instant::now();
        in_time("and left alone for a while", &mut || ada.get("/console/sign-in/issuer"));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        serving.kill();
        let elsewhere = json!({ "issuer": op.url(), "authorization_endpoint": "javascript:alert(1)", "token_endpoint": "http://x" });
        let another = json!({ "issuer": "http://x", "authorization_endpoint": "http://x", "token_endpoint": "http://x" });
        for about in ["[]", "{\"issuer\": \"x\"}", &elsewhere.to_string(), &another.to_string()] {
            op.about.becomes(Behaviour::Body(200, about.to_owned()));
            let serving = op.serve(database, &[]);
            in_time(about, &mut || browser(&serving).get("/console/sign-in/issuer"));
            serving.kill();
        }
        op.says(&op.url());
        let serving = op.serve(database, &[]);
        let mut ada = browser(&serving);
        for behaviour in [
            Behaviour::HangUp,
            Behaviour::Slow(Duration::from_secs(30), "{}".to_owned()),
            Behaviour::Body(500, "{}".to_owned()),
        ] {
            let brought = leave(&mut ada, "/console/sign-in/issuer");
            op.tokens.becomes(behaviour);
            in_time("silent about a code", &mut || ada.get(&format!("/console/sign-in/back?code=c&state={}", brought["state"])));
            assert_eq!(ada.cookies.get("crm_session"), None);
        }
    }

    fn the_log_and_the_database_have_no_code_and_no_session(database) {
        make_tenant(database, ACME);
        let op = Op::start();
        let log = tempfile::NamedTempFile::new().unwrap();
        let (issuer, keys) = (op.url(), op.keys.url.clone());
        let mut command = gateway(database);
        command.envs([("CRM_JWT_ISSUER", &issuer), ("CRM_JWT_JWKS_URL", &keys)]);
        command.envs([("CRM_OIDC_CLIENT_ID", CLIENT), ("CRM_OIDC_CLIENT_SECRET", CLIENT_SECRET)]);
        let serving = Serving::start_logging(&mut command, log.reopen().unwrap());
        let mut ada = browser(&serving);
        let brought = leave(&mut ada, "/console/sign-in/issuer");
        let journey = ada.cookies["crm_journey"].split(':').next().unwrap().to_owned();
        op.gives(&op.key.token(&op.claims(&brought["nonce"])));
        let answer = ada.get(&format!("/console/sign-in/back?code=thecode&state={}", brought["state"]));
        assert_eq!(answer.status, 303, "{}", answer.text);
        let session = ada.cookies["crm_session"].clone();
        let dump = format!("{:?}", crate::dump::dump(database));
        serving.kill();
        let written = std::fs::read_to_string(log.path()).unwrap();
        assert!(written.contains("/console/sign-in/back"), "{written}");
        for secret in ["thecode", CLIENT_SECRET, &brought["state"], &brought["nonce"], &journey, &session] {
            assert!(!written.contains(secret) && !dump.contains(secret), "{secret}");
        }
    }
}

#[test]
fn without_a_client_nobody_is_sent_to_an_issuer() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let serving = start(&database, &[("CRM_JWT_SECRET", SECRET)]);
    let mut guest = browser(&serving);
    assert!(!guest.get("/console/sign-in").text.contains("sign-in/issuer"));
    for path in ["/console/sign-in/issuer", "/console/sign-in/back?code=c&state=s"] {
        assert_eq!(guest.get(path).status, 404, "{path}");
    }
    let issuer = ("CRM_JWT_ISSUER", "https://issuer.example");
    for (settings, words) in [
        (vec![("CRM_OIDC_CLIENT_SECRET", "s")], "CRM_OIDC_CLIENT_ID: is missing"),
        (vec![("CRM_OIDC_CLIENT_ID", "c")], "CRM_OIDC_CLIENT_ID: needs CRM_JWT_ISSUER"),
        (vec![("CRM_OIDC_CLIENT_ID", "c"), issuer], "CRM_OIDC_CLIENT_ID: needs CRM_JWT_ISSUER"),
        (vec![("CRM_OIDC_CLIENT_ID", "c"), issuer, ("CRM_JWT_SECRET", SECRET)], "CRM_OIDC_CLIENT_ID: needs"),
        (vec![("CRM_OIDC_CLIENT_ID", "c"), ("CRM_JWT_JWKS_URL", "http://127.0.0.1:1")], "CRM_OIDC_CLIENT_ID: needs"),
        (
            vec![("CRM_OIDC_CLIENT_ID", "c"), ("CRM_JWT_JWKS_URL", "http://127.0.0.1:1"), ("CRM_JWT_ISSUER", "me")],
            "CRM_JWT_ISSUER: must be http",
        ),
    ] {
        let output = gateway(&database).envs(settings).output().unwrap();
        let said = one_error(&output, 2);
        assert!(said.contains(words), "{said}");
    }
}
