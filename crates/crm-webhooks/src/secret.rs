use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crm_core::secrets::SecretsError;
use crm_core::{Scope, WebhookId};
use standardwebhooks::Webhook as Signer;

const PREFIX: &str = "whsec_";
/// 192 bits: within the bounds of Standard Webhooks, and the base64 of it needs no padding.
const BYTES: usize = 24;

/// What both sides know, and what is sent is signed with: `whsec_…` (Standard Webhooks). Without `Debug` and `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(String);

/// Why something could not be signed, which is a bug or a damaged database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be signed: {0}")]
pub struct SigningError(String);

impl SigningSecret {
    /// A new one.
    ///
    /// # Errors
    /// Where the operating system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", STANDARD.encode(bytes))))
    }

    /// The secret itself, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The signature of a message with this id that is sent at this second: `v1,…`.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> Result<String, SigningError> {
        let signer = Signer::new(&self.0).map_err(|error| SigningError(error.to_string()))?;
        signer.sign(id, seconds, body.as_bytes()).map_err(|error| SigningError(error.to_string()))
    }

    /// The text that is stored: sealed where the scope has keys.
    pub(crate) fn sealed(&self, scope: &Scope, webhook: WebhookId, place: &str) -> Result<String, SecretsError> {
        let context = context(scope, webhook, place);
        scope.secrets().map_or_else(|| Ok(self.0.clone()), |secrets| secrets.seal(&context, &self.0))
    }

    /// The secret that is stored as this text, sealed where a key is named.
    pub(crate) fn opened(
        stored: &str,
        key: Option<&str>,
        scope: &Scope,
        webhook: WebhookId,
        place: &str,
    ) -> Result<Self, SecretsError> {
        let Some(key) = key else { return Ok(Self(stored.to_owned())) };
        let secrets = scope.secrets().ok_or_else(|| SecretsError::UnknownKey(key.to_owned()))?;
        secrets.open(&context(scope, webhook, place), stored).map(Self)
    }
}

fn context(scope: &Scope, webhook: WebhookId, place: &str) -> Vec<u8> {
    format!("webhook {} {webhook} {place}", scope.tenant().as_i64()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn a_signature_is_the_one_of_the_standard() {
        let secret = SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_is_one_that_signs_and_never_the_same() {
        let (one, other) = (SigningSecret::generate().unwrap(), SigningSecret::generate().unwrap());
        assert!(one.reveal().starts_with(PREFIX) && one.reveal().len() == PREFIX.len() + 32, "no padding");
        assert!(one.sign("a", 1, "b").is_ok() && one != other);
    }
}
