//! Signing in and out, and what a session can do and not.

use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::{Api, Client, Keys};
use crate::process::{Serving, gateway, stdout};

/// The address of the page to sign in on, for whoever wanted to go there.
fn sign_in_for(path: &str) -> String {
    format!("/console/sign-in?next={}", crate::browser::encoded(path).replace('-', "%2D"))
}

both_databases! {
    fn people_sign_in_with_a_key_and_out_again(database) {
        let api = Api::start(database);
        let mut browser = Browser::new(&api.acme);
        let home = browser.get("/");
        assert_eq!((home.status, home.header("location")), (307, "console"), "the address leads there");
        let refused = browser.get("/console/settings/keys");
        assert_eq!((refused.status, refused.header("location")), (303, sign_in_for("/console/settings/keys").as_str()));

        browser.get("/console/sign-in?next=/console/settings/keys");
        for (key, words) in [
            ("", "It is no key"),
            ("crm_rw_mistyped", "It is no key"),
            (&"x".repeat(40), "The key is unknown"),
        ] {
            let answer = browser.post("/console/sign-in", &[("key", key), ("next", "/console/settings/keys")]);
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert!(answer.text.contains(words) && answer.text.contains("role=\"alert\""), "{}", answer.text);
            assert!(key.is_empty() || !answer.text.contains(key), "a secret is not repeated");
            assert!(answer.text.contains("value=\"/console/settings/keys\""), "where to go is");
        }
        let key = format!("  {}\n", api.acme.keys.primary);
        let signed_in = browser.post("/console/sign-in", &[("key", &key), ("next", "/console/settings/keys")]);
        assert_eq!((signed_in.status, signed_in.header("location")), (303, "/console/settings/keys"));
        let cookie = signed_in.header("set-cookie");
        for part in ["crm_session=", "; Path=/console", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Secure") && !cookie.contains("Max-Age"), "{cookie}");
        let page = browser.get("/console/settings/keys");
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert_eq!(page.header("content-security-policy").split(';').next(), Some("default-src 'self'"));
        assert!(!page.header("content-security-policy").contains("unsafe"));
        assert_eq!((page.header("referrer-policy"), page.header("x-content-type-options")), ("same-origin", "nosniff"));
        assert_eq!(page.header("cache-control"), "private, no-cache");

        // What the browser has is no key of the API, and the API knows no cookies.
        let cookie = format!("crm_session={}", browser.cookies["crm_session"]);
        let nobody = api.acme.with_key(None);
        nobody.send("GET", "/pipeline/leads", &[("Cookie", &cookie)], None).problem(401, "missing_key");
        let mut stolen = browser.clone();
        let out = browser.post("/console/sign-out", &[]);
        assert_eq!((out.status, out.header("location")), (303, "/console/sign-in"));
        assert_eq!(browser.cookies.get("crm_session"), None);
        assert_eq!(stolen.get("/console/settings/keys").status, 303, "it is ended, and not only forgotten");
    }

    fn behind_tls_the_cookie_is_for_tls(database) {
        let api = Api::start(database);
        for header in [("X-Forwarded-Proto", "https"), ("Forwarded", "for=10.0.0.1;proto=https, for=10.0.0.2")] {
            let mut browser = Browser::new(&api.acme);
            browser.get("/console/sign-in");
            let body = format!("_token={}&key={}", browser.token, api.acme.keys.primary);
            let form = ("Content-Type", "application/x-www-form-urlencoded");
            let answer = browser.send("POST", "/console/sign-in", Some(&body), &[form, header]);
            assert!(answer.header("set-cookie").contains("; Secure"), "{header:?}: {}", answer.header("set-cookie"));
        }
    }

    fn nobody_is_led_to_another_host(database) {
        let api = Api::start(database);
        for next in ["https://evil.example", "//evil.example", "/\\evil.example", "/console\\@evil", "/consoles", "/docs", "javascript:alert(1)"] {
            let mut browser = Browser::new(&api.acme);
            browser.get("/console/sign-in");
            let answer = browser.post("/console/sign-in", &[("key", &api.acme.keys.primary), ("next", next)]);
            assert_eq!((answer.status, answer.header("location")), (303, "/console"), "{next}");
        }
    }

    /// Every form of the console, those of whoever is not signed in included.
    fn no_form_is_taken_without_the_token_of_its_session(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get("/console/settings/keys");
        let mut other = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        other.get("/console/settings/keys");
        let paths = super::paths(super::FORMS, "1");
        for path in paths.into_iter().chain(["/console/sign-in".to_owned()]) {
            for fields in [vec![], vec![("_token", "")], vec![("_token", other.token.as_str())], vec![("_token", &"A".repeat(43))]] {
                let answer = browser.post_exactly(&path, &fields);
                assert_eq!(answer.status, 403, "{path} {fields:?}: {}", answer.text);
                assert!(answer.text.contains("foreign_form"), "{}", answer.text);
            }
            let answer = browser.send("POST", &path, Some("{}"), &[("Content-Type", "application/json")]);
            assert!([415, 403].contains(&answer.status), "{path}: {}", answer.text);
        }
        assert_eq!(browser.get("/console/settings/keys").status, 200, "nothing was done");
    }

    fn everybody_is_signed_out_when_the_key_is_rotated(database) {
        let api = Api::start(database);
        let made = api.acme.post("/settings/keys", &json!({ "name": "K", "scopes": ["*:read"] }));
        let (key, id) = (made.item(201)["key"].as_str().unwrap().to_owned(), made.item(201)["id"].as_str().unwrap().to_owned());
        let mut of_key = Browser::signed_in(&api.acme, &key);
        let mut of_primary = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let dies = |browser: &mut Browser, what: &str| {
            let began = Instant::now();
            while browser.get("/console/settings/keys").status != 303 {
                assert!(began.elapsed() < Duration::from_secs(5), "{what}");
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        assert_eq!(of_key.get("/console/settings/keys").status, 200);
        api.acme.post(&format!("/settings/keys/{id}/rotate"), &json!({ "graceMinutes": 60 })).item(200);
        assert_eq!(api.acme.with_key(Some(&key)).get("/pipeline/leads").status, 200, "the key is in its grace");
        dies(&mut of_key, "rotated with a grace");
        let in_grace = of_key.sign_in(&key);
        assert!(in_grace.status == 400 && in_grace.text.contains("Another key took its place"), "{}", in_grace.text);
        assert_eq!(of_primary.get("/console/settings/keys").status, 200, "the other one is not");
        stdout(database, &["keys", "rotate", "--tenant", "acme", "--which", "primary", "--json"]);
        dies(&mut of_primary, "rotated by the operator");
    }

    fn who_guesses_is_refused(database) {
        let api = Api::start(database);
        let mut browser = Browser::new(&api.acme);
        browser.get("/console/sign-in");
        // Eight at once: on a busy machine one alone does not guess fifty times in a second.
        let refused: usize = std::thread::scope(|scope| {
            let guess = |number: usize| {
                let mut browser = browser.clone();
                // Keys that somebody chose would look so; without one nobody is asked.
                browser.cookies.insert("crm_session".to_owned(), format!("{number:A>43}"));
                usize::from(browser.get("/console/settings/keys").status == 429)
            };
            let guesses: Vec<_> = (0..8)
                .map(|guesser| scope.spawn(move || (0..50).map(|number| guess(guesser * 50 + number)).sum::<usize>()))
                .collect();
            guesses.into_iter().map(|guesses| guesses.join().unwrap()).sum()
        });
        assert!(refused > 0, "sessions");
        std::thread::sleep(Duration::from_millis(1_100));
        let known = Browser::signed_in(&api.acme, &api.acme.keys.primary).get("/console/settings/keys").status;
        assert_eq!(known, 200, "a second later");
    }

    fn the_log_and_the_database_have_no_session(database) {
        let log = tempfile::NamedTempFile::new().unwrap();
        let keys = Keys::of_new_tenant(database, "acme");
        let serving = Serving::start_logging(gateway(database).env("CRM_RATE_LIMIT", "0"), log.reopen().unwrap());
        let acme = Client::new(&serving.url, keys);
        let mut browser = Browser::signed_in(&acme, &acme.keys.primary);
        browser.get("/console/settings/keys");
        let secret = browser.cookies["crm_session"].clone();
        let dump = crate::dump::dump(database);
        assert!(!serde_json::to_string(&Value::from(format!("{dump:?}"))).unwrap().contains(&secret));
        serving.kill();
        let written = std::fs::read_to_string(log.path()).unwrap();
        assert!(written.contains("route=/console/settings/keys") && !written.contains(&secret), "{written}");
        assert!(!written.contains(&browser.token) && !written.contains(&acme.keys.primary), "{written}");
    }
}
