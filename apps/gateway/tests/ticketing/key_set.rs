//! The issuer's key set: rotation, absence, and how seldom it is fetched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crm_core::Timestamp;
use crm_gateway::config::{TokenConfig, TokenKey};
use crm_gateway::identity::tokens::{TokenError, TokenVerifier};
use crm_testkit::TestDatabase;
use serde_json::json;

use crate::issuer::{Behaviour, KeyServer, SigningKey, claims};
use crate::setup::{ACME, Admin, LIST, make_tenant, refused, start};

const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn verifier(url: &str, pause: Duration) -> TokenVerifier {
    let key = TokenKey::JwksUrl(url.to_owned());
    let config = TokenConfig { key, issuer: None, audience: None, tenant_claim: "tenant_id".to_owned() };
    TokenVerifier::with_fetch_pause(&config, pause).unwrap_or_else(|error| panic!("{error}"))
}

async fn accepts(verifier: &TokenVerifier, key: &SigningKey) -> Result<(), TokenError> {
    verifier.verify(&key.token(&claims(ACME)), Timestamp::now()).await.map(|_| ())
}

/// Four threads as the workers of a gateway, each with an event loop of its own, while the issuer goes from key to
/// key, ten times over. Strangers send unknown ids all the while.
#[test]
fn a_rotation_under_load_refuses_no_valid_token() {
    let mut keys = vec![SigningKey::p256("0")];
    let server = KeyServer::start(Behaviour::keys(&[&keys[0]]));
    let verifier = Arc::new(verifier(&server.url, PAUSE));
    let current = Arc::new(Mutex::new(keys[0].clone()));
    let (over, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (verifier, current) = (verifier.clone(), current.clone());
            let (over, accepted) = (over.clone(), accepted.clone());
            thread::spawn(move || {
                actix_web::rt::System::new().block_on(async move {
                    let stranger = SigningKey::p256("stranger");
                    while !over.load(Ordering::Relaxed) {
                        let key = current.lock().unwrap().clone();
                        assert_eq!(accepts(&verifier, &key).await, Ok(()), "a valid token was refused");
                        accepted.fetch_add(1, Ordering::Relaxed);
                        assert!(accepts(&verifier, &stranger).await.is_err());
                    }
                });
            })
        })
        .collect();
    for turn in 1..=10 {
        keys.push(SigningKey::p256(&turn.to_string()));
        // The last three: an issuer publishes a key before it signs with it, and for as long as its tokens live.
        server.becomes(Behaviour::keys(&keys.iter().rev().take(3).collect::<Vec<_>>()));
        thread::sleep(PAUSE * 2);
        keys[turn].clone_into(&mut current.lock().unwrap());
        thread::sleep(PAUSE);
    }
    over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().unwrap();
    }
    let most = began.elapsed().as_millis() / PAUSE.as_millis() + 1;
    assert!(server.asked() as u128 <= most, "{} fetches, at most {most}", server.asked());
    let accepted = accepted.load(Ordering::Relaxed);
    assert!(accepted > 100, "{accepted}");
}

/// The built program, whose pause is a minute.
#[test]
fn a_thousand_unknown_ids_cause_no_second_fetch() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let (key, unknown) = (SigningKey::p256("known"), SigningKey::p256("unknown"));
    let server =
        KeyServer::start(Behaviour::Slow(Duration::from_millis(300), json!({ "keys": [key.jwk] }).to_string()));
    let serving = start(&database, &[("CRM_JWT_JWKS_URL", &server.url)]);
    let good = Admin::new(&serving, &key.token(&claims(ACME)), ACME);
    // The first requests of a fresh gateway arrive together and wait for one fetch.
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(good.get(LIST).status, 200));
        }
    });
    assert_eq!(server.asked(), 1, "twenty requests share the first fetch");
    thread::scope(|scope| {
        for worker in 0..4 {
            let (serving, unknown) = (&serving, &unknown);
            scope.spawn(move || {
                for number in 0..250 {
                    let header = json!({ "alg": "ES256", "kid": format!("{worker}-{number}") });
                    let token = unknown.token_with(&header, &claims(ACME), unknown.algorithm);
                    refused(&Admin::new(serving, &token, ACME).get(LIST), 401, "UNAUTHORIZED");
                }
            });
        }
    });
    assert_eq!(server.asked(), 1, "a thousand unknown ids within the pause");
    assert_eq!(good.get(LIST).status, 200);
}

#[actix_rt::test]
async fn known_keys_go_on_while_the_issuer_is_away() {
    let (key, next) = (SigningKey::p256("one"), SigningKey::p256("two"));
    let server = KeyServer::start(Behaviour::keys(&[&key]));
    let verifier = verifier(&server.url, PAUSE);
    assert_eq!(accepts(&verifier, &key).await, Ok(()));
    let elsewhere = KeyServer::start(Behaviour::keys(&[&next]));
    let good = json!({ "keys": [next.jwk] }).to_string();
    for (absence, why) in [
        (Behaviour::HangUp, "it hangs up"),
        (Behaviour::Body(500, good.clone()), "it fails"),
        (Behaviour::Body(404, good.clone()), "it has moved"),
        (Behaviour::Redirect(elsewhere.url.clone()), "it redirects"),
        (Behaviour::Body(200, "<html>".to_owned()), "it answers something else"),
        (Behaviour::Body(200, format!("{good}{}", " ".repeat(256 * 1024))), "it answers too much"),
        (Behaviour::Slow(Duration::from_secs(20), good.clone()), "it takes too long"),
    ] {
        server.becomes(absence);
        actix_web::rt::time::sleep(PAUSE).await;
        let (asked, began) = (server.asked(), Instant::now());
        assert!(matches!(accepts(&verifier, &next).await, Err(TokenError::Invalid(_))), "{why}");
        assert!(server.asked() > asked, "{why}: it was asked");
        assert!(began.elapsed() < Duration::from_secs(5), "{why}: {:?}", began.elapsed());
        assert_eq!(accepts(&verifier, &key).await, Ok(()), "{why}");
    }
    assert_eq!(elsewhere.asked(), 0, "no redirection is followed");
    server.becomes(Behaviour::keys(&[&next]));
    actix_web::rt::time::sleep(PAUSE).await;
    assert_eq!(accepts(&verifier, &next).await, Ok(()), "it is back");
    assert!(matches!(accepts(&verifier, &key).await, Err(TokenError::Invalid(_))), "and has withdrawn the old key");
}

/// An issuer that publishes no key any more has withdrawn them all: that is an answer, not a failure.
#[actix_rt::test]
async fn a_withdrawn_key_stops_at_the_next_fetch() {
    let (key, other) = (SigningKey::p256("one"), SigningKey::p256("other"));
    for (withdrawn, why) in [
        (Behaviour::keys(&[]), "no key"),
        (Behaviour::keys(&[&other]), "another key"),
        (
            Behaviour::Body(200, json!({ "keys": [{ "kty": "oct", "k": "AAAA", "kid": "one" }] }).to_string()),
            "none of use",
        ),
    ] {
        let server = KeyServer::start(Behaviour::keys(&[&key]));
        let verifier = verifier(&server.url, PAUSE);
        assert_eq!(accepts(&verifier, &key).await, Ok(()));
        server.becomes(withdrawn);
        actix_web::rt::time::sleep(PAUSE).await;
        // An unknown key has the set fetched.
        assert!(accepts(&verifier, &SigningKey::p256("unknown")).await.is_err());
        assert_eq!(server.asked(), 2, "{why}");
        assert!(matches!(accepts(&verifier, &key).await, Err(TokenError::Invalid(_))), "{why}");
        server.becomes(Behaviour::keys(&[&key]));
        actix_web::rt::time::sleep(PAUSE).await;
        assert_eq!(accepts(&verifier, &key).await, Ok(()), "it was published again: {why}");
    }
}

/// After a long time without tokens nobody knows what was withdrawn meanwhile: the first ones wait for the answer, all
/// for the same; where the issuer is away, the keys that are known go on.
#[actix_rt::test]
async fn after_a_long_idle_time_the_first_token_waits_for_a_fresh_set() {
    let (key, next) = (SigningKey::p256("one"), SigningKey::p256("two"));
    let server = KeyServer::start(Behaviour::keys(&[&key]));
    let verifier = Arc::new(verifier(&server.url, PAUSE));
    assert_eq!(accepts(&verifier, &key).await, Ok(()));
    server.becomes(Behaviour::keys(&[&next]));
    actix_web::rt::time::sleep(PAUSE * 11).await;
    let firsts = (0..5).map(|_| accepts(&verifier, &key));
    for first in futures_util::future::join_all(firsts).await {
        assert!(matches!(first, Err(TokenError::Invalid(_))), "withdrawn in the idle time");
    }
    assert_eq!(server.asked(), 2, "one fetch for all");
    assert_eq!(accepts(&verifier, &next).await, Ok(()));

    server.becomes(Behaviour::HangUp);
    actix_web::rt::time::sleep(PAUSE * 11).await;
    assert_eq!(accepts(&verifier, &next).await, Ok(()), "the issuer is away");
    assert_eq!(server.asked(), 3, "it was asked");
}

#[actix_rt::test]
async fn without_any_keys_nobody_can_be_judged() {
    let key = SigningKey::p256("one");
    let server = KeyServer::start(Behaviour::HangUp);
    let verifier = verifier(&server.url, PAUSE);
    for _ in 0..3 {
        assert_eq!(accepts(&verifier, &key).await, Err(TokenError::NoKeys));
    }
    assert_eq!(server.asked(), 1, "not more often than the pause allows");
    server.becomes(Behaviour::keys(&[&key]));
    actix_web::rt::time::sleep(PAUSE).await;
    assert_eq!(accepts(&verifier, &key).await, Ok(()));
}

/// A client that hangs up while the keys are fetched takes nothing from those who wait with it.
#[actix_rt::test]
async fn a_fetch_outlives_the_request_that_began_it() {
    let key = SigningKey::p256("one");
    let server =
        KeyServer::start(Behaviour::Slow(Duration::from_millis(200), json!({ "keys": [key.jwk] }).to_string()));
    let verifier = verifier(&server.url, Duration::from_secs(60));
    let gave_up = tokio::time::timeout(Duration::from_millis(50), accepts(&verifier, &key)).await;
    assert!(gave_up.is_err(), "the fetch takes longer than this");
    assert_eq!(accepts(&verifier, &key).await, Ok(()));
    assert_eq!(server.asked(), 1);
}

#[test]
fn an_issuer_that_was_never_reached_is_a_503() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let server = KeyServer::start(Behaviour::HangUp);
    let serving = start(&database, &[("CRM_JWT_JWKS_URL", &server.url)]);
    let answer = Admin::new(&serving, &SigningKey::p256("k").token(&claims(ACME)), ACME).get(LIST);
    refused(&answer, 503, "SERVICE_UNAVAILABLE");
    assert!(!answer.text.contains("127.0.0.1"), "nothing of the inside: {}", answer.text);
}
