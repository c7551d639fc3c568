//! Tokens that must not be accepted (docs/adr/0010), against a gateway with a key set, an issuer and an
//! audience, and what is right beside them, so that no test passes because everything is refused.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crm_core::Timestamp;
use crm_gateway::config::{TokenConfig, TokenKey};
use crm_gateway::identity::tokens::{TokenError, TokenVerifier};
use crm_testkit::TestDatabase;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::issuer::{Behaviour, KeyServer, SigningKey, claims, now};
use crate::setup::{ACME, Admin, LIST, SECRET, make_tenant, refused, start};

const ISSUER: &str = "https://issuer.example";

/// The claims of a good token with some changed; `null` removes one.
fn with(changes: &Value) -> Value {
    let mut claims = claims(ACME);
    for (name, value) in changes.as_object().unwrap() {
        claims.as_object_mut().unwrap().remove(name);
        if !value.is_null() {
            claims[name] = value.clone();
        }
    }
    claims
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("short_key.json")).unwrap()
}

struct Keys {
    rsa: SigningKey,
    ec: SigningKey,
    stranger: SigningKey,
    /// Published for encryption only, and twice under one id.
    encrypting: SigningKey,
    twins: [SigningKey; 2],
}

impl Keys {
    fn new() -> Self {
        let mut encrypting = SigningKey::rsa("enc");
        encrypting.jwk["use"] = json!("enc");
        Self {
            rsa: SigningKey::rsa("rsa"),
            ec: SigningKey::p256("ec"),
            stranger: SigningKey::rsa("rsa"),
            encrypting,
            twins: [SigningKey::p256("twin"), SigningKey::p256("twin")],
        }
    }

    fn publish(&self) -> String {
        let mut only_rs512 = self.stranger.jwk.clone();
        only_rs512["kid"] = json!("rs512");
        only_rs512["alg"] = json!("RS512");
        let secret = json!({ "kty": "oct", "kid": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET) });
        json!({ "keys": [
            self.rsa.jwk, self.ec.jwk, self.encrypting.jwk, self.twins[0].jwk, self.twins[1].jwk, only_rs512, secret,
            fixture()["jwk"], { "kty": "PQ", "kid": "future" }, "no key at all", { "kty": "RSA", "kid": "half" },
        ] })
        .to_string()
    }
}

/// Each with what is wrong with it.
fn bad_signatures(keys: &Keys, elsewhere: &str) -> Vec<(&'static str, String)> {
    let Keys { rsa, ec, stranger, encrypting, twins } = keys;
    let good = rsa.token(&claims(ACME));
    let [header, payload, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |alg: &str| format!("{}.{payload}.", encode(&json!({ "alg": alg, "typ": "JWT", "kid": "rsa" })));
    let hmac = |secret: &[u8]| {
        let key = jsonwebtoken::EncodingKey::from_secret(secret);
        let message = format!("{}.{payload}", encode(&json!({ "alg": "HS256", "typ": "JWT", "kid": "rsa" })));
        format!("{message}.{}", jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
    };
    let der = STANDARD.decode(rsa.pem.lines().nth(1).unwrap()).unwrap();
    let with_header = |header: Value| rsa.token_with(&header, &claims(ACME), Algorithm::RS256);
    let plain = |name: &str, value: Value| {
        let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" });
        header[name] = value;
        with_header(header)
    };
    vec![
        ("no token", String::new()),
        ("no JSON Web Token", "abc".to_owned()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.x")),
        ("five parts, as an encrypted one has", format!("{header}.a.b.c.d")),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("no signature", format!("{header}.{payload}.")),
        ("padded", format!("{good}=")),
        ("a space in it", format!("{header}. {payload}.{signature}")),
        ("a header that is no JSON", rsa.sign("alg", &claims(ACME).to_string(), Algorithm::RS256)),
        ("a header that is a list", rsa.sign("[]", &claims(ACME).to_string(), Algorithm::RS256)),
        ("claims that are no JSON", rsa.sign(r#"{"alg":"RS256","kid":"rsa"}"#, "claims", Algorithm::RS256)),
        ("claims that are a list", rsa.sign(r#"{"alg":"RS256","kid":"rsa"}"#, "[]", Algorithm::RS256)),
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg NONE", unsigned("NONE")),
        ("an empty alg", unsigned("")),
        ("no alg", with_header(json!({ "typ": "JWT", "kid": "rsa" }))),
        ("an alg that is no text", plain("alg", json!(["RS256"]))),
        ("an alg in lower case", plain("alg", json!("rs256"))),
        (
            "two algs",
            rsa.sign(r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#, &claims(ACME).to_string(), Algorithm::RS256),
        ),
        ("another alg than it was signed with", plain("alg", json!("RS384"))),
        ("an alg of another kind of key", plain("alg", json!("ES256"))),
        ("HS256 with the public key as PEM", hmac(rsa.pem.as_bytes())),
        ("HS256 with the public key as DER", hmac(&der)),
        ("HS256 with the public key as JWK", hmac(rsa.jwk.to_string().as_bytes())),
        ("HS256 with the modulus", hmac(rsa.jwk["n"].as_str().unwrap().as_bytes())),
        ("HS256 with a secret that the key set publishes", {
            SigningKey::secret(SECRET).token_with(
                &json!({ "alg": "HS256", "kid": "oct" }),
                &claims(ACME),
                Algorithm::HS256,
            )
        }),
        ("HS512", plain("alg", json!("HS512"))),
        ("another key under the same id", stranger.token(&claims(ACME))),
        (
            "the key of another id",
            rsa.token_with(&json!({ "alg": "RS256", "kid": "ec" }), &claims(ACME), Algorithm::RS256),
        ),
        (
            "a key that is for another algorithm",
            stranger.token_with(&json!({ "alg": "RS256", "kid": "rs512" }), &claims(ACME), Algorithm::RS256),
        ),
        ("a key that is for encryption", encrypting.token(&claims(ACME))),
        ("an id that two keys have", twins[0].token(&claims(ACME))),
        ("an RSA key of 1024 bits", fixture()["token"].as_str().unwrap().to_owned()),
        (
            "no kid, where several keys fit",
            ec.token_with(&json!({ "alg": "ES256", "typ": "JWT" }), &claims(ACME), Algorithm::ES256),
        ),
        ("an unknown kid", plain("kid", json!("unknown"))),
        ("an empty kid", plain("kid", json!(""))),
        ("a kid that is a path", plain("kid", json!("../../dev/null"))),
        ("a kid that is SQL", plain("kid", json!("rsa' OR '1'='1"))),
        ("a kid that is a number", plain("kid", json!(1))),
        ("a kid that is null", plain("kid", json!(null))),
        ("a kid of 20 KiB", plain("kid", json!("k".repeat(20_000)))),
        (
            "jku",
            stranger.token_with(
                &json!({ "alg": "RS256", "kid": "x", "jku": elsewhere }),
                &claims(ACME),
                Algorithm::RS256,
            ),
        ),
        (
            "x5u",
            stranger.token_with(
                &json!({ "alg": "RS256", "kid": "x", "x5u": elsewhere }),
                &claims(ACME),
                Algorithm::RS256,
            ),
        ),
        (
            "jwk",
            stranger.token_with(
                &json!({ "alg": "RS256", "kid": "rsa", "jwk": stranger.jwk }),
                &claims(ACME),
                Algorithm::RS256,
            ),
        ),
        (
            "x5c",
            stranger.token_with(
                &json!({ "alg": "RS256", "kid": "rsa", "x5c": [STANDARD.encode(&der)] }),
                &claims(ACME),
                Algorithm::RS256,
            ),
        ),
        ("crit", plain("crit", json!(["exp"]))),
        ("an empty crit", plain("crit", json!([]))),
        ("crit null", plain("crit", json!(null))),
        ("b64 false", plain("b64", json!(false))),
        ("typ of a logout token", plain("typ", json!("logout+jwt"))),
        ("typ of an ID token", plain("typ", json!("id_token+jwt"))),
        ("typ that is no text", plain("typ", json!(7))),
        ("an ES256 signature in DER", {
            let token = ec.token(&claims(ACME));
            let (message, signature) = token.rsplit_once('.').unwrap();
            let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let der = [&[0x30, 0x44, 0x02, 0x20], &raw[..32], &[0x02, 0x20], &raw[32..]].concat();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(der))
        }),
        ("an ES256 signature of zeros", {
            let token = ec.token(&claims(ACME));
            let (message, _) = token.rsplit_once('.').unwrap();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64]))
        }),
    ]
}

/// Each with what is wrong with it, all of them with a good signature.
fn bad_claims() -> Vec<(&'static str, Value)> {
    vec![
        ("no exp", json!({ "exp": null })),
        ("exp as text", json!({ "exp": (now() + 300).to_string() })),
        ("exp with a fraction", json!({ "exp": 4102444800.5 })),
        ("exp below zero", json!({ "exp": -1 })),
        ("exp beyond 64 bits", serde_json::from_str(r#"{"exp":1000000000000000000000000000000}"#).unwrap()),
        ("exp as an exponent", serde_json::from_str(r#"{"exp":1e300}"#).unwrap()),
        ("exp as a list", json!({ "exp": [now() + 300] })),
        ("nbf in the future", json!({ "nbf": now() + 120 })),
        ("nbf as text", json!({ "nbf": "0" })),
        ("iat in the future", json!({ "iat": now() + 120 })),
        ("no iss", json!({ "iss": null })),
        ("another iss", json!({ "iss": "https://other.example" })),
        ("iss with a slash", json!({ "iss": "https://issuer.example/" })),
        ("iss as a list", json!({ "iss": [ISSUER] })),
        ("iss in another case", json!({ "iss": "https://ISSUER.example" })),
        ("no aud", json!({ "aud": null })),
        ("another aud", json!({ "aud": "account" })),
        ("a list of other auds", json!({ "aud": ["account", "crm-api2"] })),
        ("aud as an object", json!({ "aud": { "crm-api": true } })),
        ("aud in another case", json!({ "aud": "CRM-API" })),
        ("Keycloak's ID token", json!({ "typ": "ID" })),
        ("Keycloak's refresh token", json!({ "typ": "Refresh" })),
        ("Keycloak's logout token", json!({ "typ": "Logout" })),
        ("typ as a list", json!({ "typ": ["Bearer"] })),
        ("an ID token of a code flow", json!({ "typ": null, "at_hash": "x" })),
        ("an ID token of a hybrid flow", json!({ "typ": null, "c_hash": "x" })),
        (
            "a logout token",
            json!({ "typ": null, "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
        ),
        ("expired, and not only that", json!({ "exp": now() - 300, "iss": "https://other.example" })),
    ]
}

#[test]
fn every_bad_token_is_a_401() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let keys = Keys::new();
    let server = KeyServer::start(Behaviour::Body(200, keys.publish()));
    let elsewhere = KeyServer::start(Behaviour::keys(&[&keys.stranger]));
    let settings =
        [("CRM_JWT_JWKS_URL", server.url.as_str()), ("CRM_JWT_ISSUER", ISSUER), ("CRM_JWT_AUDIENCE", "crm-api")];
    let serving = start(&database, &settings);
    let list = |token: &str| Admin::new(&serving, token, ACME).get(LIST);

    let mut table = bad_signatures(&keys, &elsewhere.url);
    table.extend(bad_claims().into_iter().map(|(why, changes)| (why, keys.rsa.token(&with(&changes)))));
    assert!(table.len() >= 80, "{}", table.len());
    for (why, token) in &table {
        let answer = list(token);
        assert_eq!(answer.status, 401, "{why}: {}", answer.text);
        let details = refused(&answer, 401, "UNAUTHORIZED");
        assert!(token.len() < 8 || !answer.text.contains(&token[..8]), "{why}: it shows the token: {details}");
    }
    for ago in [60, 61, 3600, 1_000_000_000] {
        let expired = list(&keys.rsa.token(&with(&json!({ "exp": now() - ago }))));
        refused(&expired, 401, "TOKEN_EXPIRED");
    }

    for (why, token) in [
        ("RS256", keys.rsa.token(&claims(ACME))),
        ("ES256", keys.ec.token(&claims(ACME))),
        ("PS512", keys.rsa.token_with(&json!({ "alg": "PS512", "kid": "rsa" }), &claims(ACME), Algorithm::PS512)),
        (
            "at+jwt",
            keys.rsa.token_with(
                &json!({ "alg": "RS256", "kid": "rsa", "typ": "application/at+JWT" }),
                &claims(ACME),
                Algorithm::RS256,
            ),
        ),
        ("expired within the leeway", keys.rsa.token(&with(&json!({ "exp": now() - 30 })))),
        ("not yet valid within the leeway", keys.rsa.token(&with(&json!({ "nbf": now() + 30, "iat": now() + 30 })))),
        ("aud as text", keys.rsa.token(&with(&json!({ "aud": "crm-api" })))),
        ("no typ, iat or nbf", keys.rsa.token(&with(&json!({ "typ": null, "iat": null })))),
    ] {
        assert_eq!(list(&token).status, 200, "{why}");
    }
    assert_eq!(server.asked(), 1, "the pause between two fetches was not over");
    assert_eq!(elsewhere.asked(), 0, "no address that a token names is opened");
}

#[test]
fn the_header_holds_one_bearer_token() {
    let database = TestDatabase::sqlite();
    make_tenant(&database, ACME);
    let serving = start(&database, &[("CRM_JWT_SECRET", SECRET)]);
    let token = SigningKey::secret(SECRET).token(&claims(ACME));
    let admin = Admin::new(&serving, &token, ACME);
    let bearer = format!("Bearer {token}");
    for (headers, why) in [
        (vec![], "none"),
        (vec![bearer.as_str(), bearer.as_str()], "the same twice"),
        (vec![bearer.as_str(), "Basic eDp5"], "two schemes"),
        (vec![token.as_str()], "no scheme"),
        (vec!["Bearer"], "no token"),
        (vec!["Bearer "], "an empty token"),
        (vec![&format!("Basic {token}")], "another scheme"),
        (vec![&format!("Bearer {token}, Bearer {token}")], "a list"),
        (vec![&format!("Bearer\t{token}")], "a tab"),
        (vec![&format!("Bearer {token} x")], "something behind it"),
    ] {
        let mut all: Vec<(&str, &str)> = headers.into_iter().map(|value| ("authorization", value)).collect();
        all.push(("x-tenantid", ACME));
        let answer = admin.send_bare("GET", LIST, &all, None);
        assert_eq!(answer.status, 401, "{why}: {}", answer.text);
        refused(&answer, 401, "UNAUTHORIZED");
    }
    for query in [format!("access_token={token}"), format!("key={token}")] {
        let answer = admin.send_bare("GET", &format!("{LIST}?{query}"), &[("x-tenantid", ACME)], None);
        refused(&answer, 401, "UNAUTHORIZED");
    }
    for value in [format!("bearer {token}"), format!("BEARER  {token}")] {
        let answer = admin.send_bare("GET", LIST, &[("authorization", &value), ("x-tenantid", ACME)], None);
        assert_eq!(answer.status, 200, "the scheme's case and spaces do not matter");
    }
}

fn verifier(key: TokenKey) -> TokenVerifier {
    let config = TokenConfig {
        key,
        issuer: Some(ISSUER.to_owned()),
        audience: Some("crm-api".to_owned()),
        tenant_claim: "tenant_id".to_owned(),
    };
    TokenVerifier::with_fetch_pause(&config, Duration::ZERO).unwrap_or_else(|error| panic!("{error}"))
}

/// Every place of a token, with every other character of base64url that differs from it in one bit or by one.
#[actix_rt::test]
async fn no_mutated_token_is_accepted() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut tried = 0;
    for key in [SigningKey::ed25519("k"), SigningKey::p256("k"), SigningKey::rsa("k")] {
        let verifier = verifier(TokenKey::PublicKey(key.pem.clone()));
        let token = key.token(&claims(ACME));
        assert!(verifier.verify(&token, Timestamp::now()).await.is_ok());
        for place in 0..token.len() {
            let Some(digit) = ALPHABET.iter().position(|byte| *byte == token.as_bytes()[place]) else { continue };
            for other in [digit ^ 1, digit ^ 32, (digit + 1) % 64, (digit + 17) % 64] {
                if other == digit {
                    continue;
                }
                let mut mutated = token.clone().into_bytes();
                mutated[place] = ALPHABET[other];
                let mutated = String::from_utf8(mutated).unwrap();
                let outcome = verifier.verify(&mutated, Timestamp::now()).await;
                assert!(matches!(outcome, Err(TokenError::Invalid(_))), "{place}: {mutated}");
                tried += 1;
            }
        }
    }
    assert!(tried > 5000, "{tried}");
}

#[actix_rt::test]
async fn each_kind_of_public_key_checks_its_own_algorithms() {
    let keys = [SigningKey::rsa("k"), SigningKey::p256("k"), SigningKey::p384("k"), SigningKey::ed25519("k")];
    for key in &keys {
        let verifier = verifier(TokenKey::PublicKey(key.pem.clone()));
        for other in &keys {
            let accepted = verifier.verify(&other.token(&claims(ACME)), Timestamp::now()).await.is_ok();
            assert_eq!(accepted, key.algorithm == other.algorithm, "{:?} by {:?}", other.algorithm, key.algorithm);
        }
        let as_secret = SigningKey::secret(&key.pem).token(&claims(ACME));
        assert!(verifier.verify(&as_secret, Timestamp::now()).await.is_err());
    }
}
