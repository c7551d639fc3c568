//! Tokens as they come: none without the secret's signature is accepted.
#![no_main]

use std::sync::OnceLock;

use crm_core::Timestamp;
use crm_gateway::config::{Secret, TokenConfig, TokenKey};
use crm_gateway::identity::tokens::TokenVerifier;
use libfuzzer_sys::fuzz_target;

fn verifier() -> &'static TokenVerifier {
    static VERIFIER: OnceLock<TokenVerifier> = OnceLock::new();
    VERIFIER.get_or_init(|| {
        let key = TokenKey::Secret(Secret::new("a secret that no fuzzer can guess, of many bytes".to_owned()));
        let config = TokenConfig { key, issuer: None, audience: None, tenant_claim: "tenant_id".to_owned() };
        TokenVerifier::new(&config).ok().expect("a verifier of a secret")
    })
}

fuzz_target!(|token: &str| {
    let now = "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a moment");
    let verified = futures_executor::block_on(verifier().verify(token, now));
    assert!(verified.is_err(), "it was not signed");
});
