//! Secrets that the program keeps for others, sealed where they lie (docs/adr/0014).
//!
//! AES-256-GCM with a random nonce for each. What is sealed belongs to its place: the context, which names tenant, record and
//! field, is authenticated with it, so that a sealed text which is copied elsewhere does not open there.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const VERSION: &str = "v1";

/// Why a secret could not be sealed or opened. Nothing of it stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// No key was given, or none of those that were is the one.
    #[error("a stored secret is sealed with the key {0}, which was not given")]
    UnknownKey(String),
    /// The text is none that was sealed for this place, or it was changed.
    #[error("a stored secret was changed, or was sealed for another place")]
    Damaged,
    /// The operating system has no randomness to give.
    #[error("no randomness to seal a secret")]
    Randomness,
}

/// Why a text is no list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one or more keys, separated by commas or line breaks, each the base64 of 32 bytes (openssl rand -base64 32)"
)]
pub struct NotKeys;

/// The keys that secrets are sealed with: the first seals, every one opens. It has no `Debug` that shows them.
pub struct Secrets {
    seals: SecretKey,
    others: Vec<SecretKey>,
}

struct SecretKey {
    id: String,
    key: RandomizedNonceKey,
}

impl SecretKey {
    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('='))).ok()?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok().filter(|_| bytes.len() == KEY_BYTES)?;
        // Tells keys apart, and nothing about them: a hash of 256 random bits.
        let hash = Sha256::new().chain_update("id of a key for secrets").chain_update(&bytes).finalize();
        Some(Self { id: URL_SAFE_NO_PAD.encode(&hash[..6]), key })
    }
}

impl Secrets {
    /// Keys as an operator writes them down, the one that seals first.
    ///
    /// # Errors
    /// [`NotKeys`].
    pub fn parse(text: &str) -> Result<Self, NotKeys> {
        let words = text.split([',', '\n', '\r', ' ']).filter(|word| !word.is_empty());
        let mut keys = words.map(SecretKey::parse).collect::<Option<Vec<_>>>().ok_or(NotKeys)?.into_iter();
        let seals = keys.next().ok_or(NotKeys)?;
        Ok(Self { seals, others: keys.collect() })
    }

    /// What the key that seals is called in what it sealed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.seals.id
    }

    /// Whether the key of this id is among them.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    fn find(&self, id: &str) -> Option<&SecretKey> {
        std::iter::once(&self.seals).chain(&self.others).find(|key| key.id == id)
    }

    /// Seals a secret for this place.
    ///
    /// # Errors
    /// [`SecretsError::Randomness`].
    pub fn seal(&self, context: &[u8], secret: &str) -> Result<String, SecretsError> {
        let SecretKey { id, key } = &self.seals;
        let mut sealed = secret.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut sealed);
        let nonce = nonce.map_err(|_| SecretsError::Randomness)?;
        let bytes = [nonce.as_ref().as_slice(), &sealed].concat();
        Ok(format!("{VERSION}.{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`SecretsError::UnknownKey`], [`SecretsError::Damaged`].
    pub fn open(&self, context: &[u8], sealed: &str) -> Result<String, SecretsError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(VERSION), Some(id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SecretsError::Damaged);
        };
        let key = self.find(id).ok_or_else(|| SecretsError::UnknownKey(id.to_owned()))?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).map_err(|_| SecretsError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(SecretsError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretsError::Damaged)?;
        let mut sealed = sealed.to_vec();
        let opened =
            key.key.open_in_place(nonce, Aad::from(context), &mut sealed).map_err(|_| SecretsError::Damaged)?;
        String::from_utf8(opened.to_vec()).map_err(|_| SecretsError::Damaged)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({}, {} more)", self.seals.id, self.others.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; KEY_BYTES])
    }

    #[test]
    fn a_secret_opens_in_its_place_with_its_key_and_nowhere_else() {
        let secrets = Secrets::parse(&key(1)).unwrap();
        let sealed = secrets.seal(b"here", "hush \u{1d11e}").unwrap();
        assert_eq!(secrets.open(b"here", &sealed).unwrap(), "hush \u{1d11e}");
        assert_ne!(sealed, secrets.seal(b"here", "hush \u{1d11e}").unwrap(), "never the same twice");
        assert!(!sealed.contains("hush"));
        assert_eq!(secrets.open(b"there", &sealed), Err(SecretsError::Damaged));
        let other = Secrets::parse(&key(2)).unwrap();
        assert_eq!(other.open(b"here", &sealed), Err(SecretsError::UnknownKey(secrets.key_id().to_owned())));
        let claimed = sealed.replace(secrets.key_id(), other.key_id());
        assert_eq!(other.open(b"here", &claimed), Err(SecretsError::Damaged), "another key under its name");
        let rotated = Secrets::parse(&format!("{},\n{}\n", key(2), key(1))).unwrap();
        assert_eq!(rotated.open(b"here", &sealed).unwrap(), "hush \u{1d11e}");
        assert_eq!(rotated.key_id(), other.key_id(), "the first seals");
        for place in 3..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 has bits that mean nothing, and are refused where they are set.
            assert!(secrets.open(b"here", &changed).is_err(), "character {place}");
        }
        for text in ["", "v1", "v1.x", "v1.x.", "v2.a.b", "hush", &format!("v1.{}.AAAA", secrets.key_id())] {
            assert!(secrets.open(b"here", text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", ",", "short", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), &format!("{},x", key(1))] {
            assert_eq!(Secrets::parse(text).err(), Some(NotKeys), "{text}");
        }
        assert!(!format!("{:?}", Secrets::parse(&key(1)).unwrap()).contains(&key(1)[..8]));
    }
}
