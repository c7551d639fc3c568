//! An issuer of tokens under the tests' control: its keys, its tokens, and the server that publishes the keys.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crm_core::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// A private key, with what an issuer publishes of it.
#[derive(Clone)]
pub(crate) struct SigningKey {
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
    /// As it stands in a key set, with its `kid` and no `alg`.
    pub(crate) jwk: Value,
    /// The public key.
    pub(crate) pem: String,
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

impl SigningKey {
    fn new(kid: &str, algorithm: Algorithm, key: EncodingKey, public: &[u8]) -> Self {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        jwk.as_object_mut().unwrap().remove("alg");
        jwk["kid"] = json!(kid);
        Self { algorithm, key, jwk, pem: pem("PUBLIC KEY", public) }
    }

    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        let key = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).unwrap();
        Self::new(kid, Algorithm::RS256, key, public.as_ref())
    }

    pub(crate) fn p256(kid: &str) -> Self {
        Self::ec(kid, Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    pub(crate) fn p384(kid: &str) -> Self {
        Self::ec(kid, Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    fn ec(kid: &str, algorithm: Algorithm, curve: &'static EcdsaSigningAlgorithm) -> Self {
        let private = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(curve, private.as_ref()).unwrap();
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        Self::new(kid, algorithm, EncodingKey::from_ec_der(private.as_ref()), public.as_ref())
    }

    pub(crate) fn ed25519(kid: &str) -> Self {
        let private = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private.as_ref()).unwrap();
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        Self::new(kid, Algorithm::EdDSA, EncodingKey::from_ed_der(private.as_ref()), public.as_ref())
    }

    pub(crate) fn secret(secret: &str) -> Self {
        let key = EncodingKey::from_secret(secret.as_bytes());
        Self { algorithm: Algorithm::HS256, key, jwk: Value::Null, pem: String::new() }
    }

    /// A token with these claims, and the header that an issuer would write.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let mut header = json!({ "alg": format!("{:?}", self.algorithm), "typ": "JWT" });
        if let Some(kid) = self.jwk.get("kid") {
            header["kid"] = kid.clone();
        }
        self.token_with(&header, claims, self.algorithm)
    }

    /// A token with this header, whatever it says, signed by this algorithm.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value, algorithm: Algorithm) -> String {
        self.sign(&header.to_string(), &claims.to_string(), algorithm)
    }

    /// A token of these texts, be they JSON or not.
    pub(crate) fn sign(&self, header: &str, claims: &str, algorithm: Algorithm) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_datetime().timestamp()
}

/// What a Keycloak writes into the token of an administrator of this tenant.
pub(crate) fn claims(tenant: &str) -> Value {
    json!({
        "iss": "https://issuer.example",
        "aud": ["crm-api", "account"],
        "sub": "8f0a6a1c",
        "iat": now(),
        "exp": now() + 300,
        "typ": "Bearer",
        "azp": "console",
        "tenant_id": tenant,
        "realm_access": { "roles": ["offline_access", "ticket_admin"] },
    })
}

/// How a key server answers.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// With this body.
    Body(u16, String),
    /// With a redirection to this address.
    Redirect(String),
    /// With this body, after a time.
    Slow(Duration, String),
    /// By hanging up.
    HangUp,
}

impl Behaviour {
    pub(crate) fn keys(keys: &[&SigningKey]) -> Self {
        let keys: Vec<&Value> = keys.iter().map(|key| &key.jwk).collect();
        Self::Body(200, json!({ "keys": keys }).to_string())
    }
}

/// A server that publishes keys, and counts who asks. It ends with the test process.
#[derive(Clone)]
pub(crate) struct KeyServer {
    pub(crate) url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    asked: Arc<AtomicUsize>,
    last: Arc<Mutex<String>>,
}

impl KeyServer {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let server =
            Self { url, behaviour: Arc::new(Mutex::new(behaviour)), asked: Arc::default(), last: Arc::default() };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, serving) = (stream.unwrap(), serving.clone());
                thread::spawn(move || serving.answer(&stream));
            }
        });
        server
    }

    /// Answers in another way from now on.
    pub(crate) fn becomes(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// How often the keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The body that came last.
    pub(crate) fn last(&self) -> String {
        self.last.lock().unwrap().clone()
    }

    fn answer(&self, mut stream: &TcpStream) {
        let behaviour = self.behaviour.lock().unwrap().clone();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut sent) = (String::new(), 0);
        while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
            let lower = line.to_ascii_lowercase();
            sent = lower.strip_prefix("content-length:").map_or(sent, |length| length.trim().parse().unwrap());
            line.clear();
        }
        // What is left unread when the connection closes would take the answer away.
        let mut body = vec![0; sent];
        let _ = reader.read_exact(&mut body);
        *self.last.lock().unwrap() = String::from_utf8(body).unwrap();
        let (status, location, body) = match behaviour {
            Behaviour::HangUp => return,
            Behaviour::Body(status, body) => (status, String::new(), body),
            Behaviour::Redirect(to) => (302, format!("Location: {to}\r\n"), String::new()),
            Behaviour::Slow(time, body) => {
                thread::sleep(time);
                (200, String::new(), body)
            }
        };
        // The other side may have hung up, which is what some of the tests are about.
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\n{location}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
}
