//! Bearer tokens: JSON Web Tokens of an issuer that the operator trusts (docs/ticketing.md; docs/adr/0010).
//!
//! The algorithm comes from the key, never from the token: a token whose `alg` does not fit the key that its `kid`
//! names is refused before its signature is looked at. The claims are checked here and not by jsonwebtoken, whose
//! rules are looser: it takes an array as `iss`, a fraction as `exp`, and skips claims that are missing.

mod claims;
mod jwks;
mod key;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crm_core::Timestamp;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

use crate::config::{BadSetting, TokenConfig, TokenKey};

pub use claims::Identity;
pub use jwks::{FETCH_PAUSE, KeySet};
pub(super) use jwks::{agent_within, body_of, document};

use claims::ClaimRules;
use key::VerifyingKey;

/// No issuer's token is longer, and hashing a longer one is work for nobody.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Its time has passed, and nothing else is wrong with it.
    Expired,
    /// Anything else about it, for a person. Nothing of the token stands in it.
    Invalid(&'static str),
    /// The issuer's keys were never got, so that nothing can be said about any token.
    NoKeys,
}

/// Checks tokens by the settings of this process.
pub struct TokenVerifier {
    keys: Keys,
    rules: ClaimRules,
}

enum Keys {
    Fixed(VerifyingKey),
    Published(Arc<KeySet>),
}

impl TokenVerifier {
    /// The verifier of these settings. A key set is fetched when the first token arrives.
    ///
    /// # Errors
    /// When the public key cannot be used.
    pub fn new(config: &TokenConfig) -> Result<Self, BadSetting> {
        Self::with_fetch_pause(config, FETCH_PAUSE)
    }

    /// As [`new`](Self::new), with another pause between two fetches of a key set: for tests.
    ///
    /// # Errors
    /// When the public key cannot be used.
    pub fn with_fetch_pause(config: &TokenConfig, pause: Duration) -> Result<Self, BadSetting> {
        let TokenConfig { key, issuer, audience, tenant_claim } = config;
        let keys = match key {
            TokenKey::Secret(secret) => Keys::Fixed(VerifyingKey::of_secret(secret.reveal())),
            TokenKey::PublicKey(pem) => Keys::Fixed(
                VerifyingKey::of_pem(pem).map_err(|problem| BadSetting::new("CRM_JWT_PUBLIC_KEY", problem))?,
            ),
            TokenKey::JwksUrl(url) => Keys::Published(Arc::new(KeySet::new(url, pause))),
        };
        let rules =
            ClaimRules { issuer: issuer.clone(), audience: audience.clone(), tenant_claim: tenant_claim.clone() };
        Ok(Self { keys, rules })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenError> {
        self.rules.check(&self.signed_claims(token).await?, now)
    }

    /// Whose ID token this is, which the issuer gave this client for a request whose nonce is known again.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn verify_id(
        &self,
        token: &str,
        client: &str,
        nonce: impl FnOnce(&str) -> bool,
        now: Timestamp,
    ) -> Result<Identity, TokenError> {
        self.rules.check_id(&self.signed_claims(token).await?, client, nonce, now)
    }

    async fn signed_claims(&self, token: &str) -> Result<Map<String, Value>, TokenError> {
        let header = Header::of(token)?;
        match &self.keys {
            Keys::Fixed(key) => check_signature(token, &header, key),
            Keys::Published(set) => {
                let key = set.find(header.kid.as_deref(), header.algorithm).await?;
                check_signature(token, &header, &key)
            }
        }
    }
}

/// What of a token's header decides how it is checked. `jku`, `jwk`, `x5u` and `x5c`, by which a token would bring
/// its own key, are never read.
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
}

impl Header {
    fn of(token: &str) -> Result<Self, TokenError> {
        let malformed = TokenError::Invalid("It is no signed JSON Web Token.");
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Invalid("It is longer than 16 KiB."));
        }
        let (header, _) = token.split_once('.').ok_or(malformed)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| malformed)?;
        let header: Map<String, Value> = serde_json::from_slice(&header).map_err(|_| malformed)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(TokenError::Invalid("Its header asks for an extension that is not supported."));
        }
        if !header.get("typ").is_none_or(is_access_token_type) {
            return Err(TokenError::Invalid("Its type is not the one of an access token."));
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(|name| Algorithm::from_str(name).ok());
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(malformed),
        };
        Ok(Self { algorithm: algorithm.ok_or(TokenError::Invalid("Its algorithm is not accepted."))?, kid })
    }
}

/// `JWT`, as most issuers write, or `at+jwt` (RFC 9068).
fn is_access_token_type(typ: &Value) -> bool {
    let typ = typ.as_str().unwrap_or_default().to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

fn check_signature(token: &str, header: &Header, key: &VerifyingKey) -> Result<Map<String, Value>, TokenError> {
    if !key.fits(header.algorithm) {
        return Err(TokenError::Invalid("Its algorithm does not fit the key."));
    }
    let mut validation = Validation::new(header.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let verified = jsonwebtoken::decode(token, key.key(), &validation);
    verified.map(|data| data.claims).map_err(|_| TokenError::Invalid("Its signature or its form is not valid."))
}
