//! Heads and claims of every kind under a good signature.
#![no_main]

use std::sync::OnceLock;

use crm_core::Timestamp;
use crm_gateway::config::{Secret, TokenConfig, TokenKey};
use crm_gateway::identity::tokens::TokenVerifier;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "a secret that everybody knows, of more than 32 bytes";
const HEAD: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

fn verifier() -> &'static TokenVerifier {
    static VERIFIER: OnceLock<TokenVerifier> = OnceLock::new();
    VERIFIER.get_or_init(|| {
        let config = TokenConfig {
            key: TokenKey::Secret(Secret::new(SECRET.to_owned())),
            issuer: Some("https://issuer.example".to_owned()),
            audience: Some("crm".to_owned()),
            tenant_claim: "tenant_id".to_owned(),
        };
        TokenVerifier::new(&config).ok().expect("a verifier of a secret")
    })
}

fuzz_target!(|claims: &[u8]| {
    let message = format!("{HEAD}.{}", fuzzing::base64(claims));
    let signature = sign(message.as_bytes(), &EncodingKey::from_secret(SECRET.as_bytes()), Algorithm::HS256);
    let Ok(signature) = signature else { return };
    let now = "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a moment");
    let verified = futures_executor::block_on(verifier().verify(&format!("{message}.{signature}"), now));
    if verified.is_ok() {
        let claims: serde_json::Value = serde_json::from_slice(claims).expect("claims are JSON");
        assert_eq!(claims["iss"], "https://issuer.example");
        assert!(claims["exp"].as_i64().is_some_and(|exp| exp + 60 > 1_767_225_600), "it has expired");
    }
});

mod fuzzing {
    /// Base64 for URLs without padding (RFC 7515).
    pub fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..=chunk.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
            }
        }
        text
    }
}
