use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Rights;
use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};

/// Which of a tenant's two keys that are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum KeyRole {
    /// Reads and writes: `crm_rw_…`.
    Primary,
    /// Reads only: `crm_ro_…`.
    Secondary,
}

impl KeyRole {
    /// Its name on the command line and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    /// What a key of this role may do.
    #[must_use]
    pub fn rights(self) -> Rights {
        match self {
            Self::Primary => Rights::WRITE_ALL,
            Self::Secondary => Rights::READ_ALL,
        }
    }

    pub(super) fn from_stored(text: &str) -> Option<Self> {
        [Self::Primary, Self::Secondary].into_iter().find(|role| role.as_str() == text)
    }
}

/// How a key begins that may change something, and one that only reads: secret scanners look for it.
const WRITES: &str = "crm_rw_";
const READS: &str = "crm_ro_";

/// A secret key. It has no `Debug` and no `Display`, so that it reaches no log by accident.
#[derive(Clone)]
pub struct ApiKey(String);

/// The shortest key that is accepted from outside, in characters.
pub const SHORTEST_CHOSEN_KEY: usize = 32;
const LONGEST_KEY: usize = 256;

/// Why a text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// Shorter or longer than a key can be, or with other characters than visible ASCII.
    #[error("a key has 32 to 256 visible ASCII characters")]
    Malformed,
    /// It begins like one of ours and its checksum is wrong: a typing error.
    #[error("a key that begins with crm_rw_ or crm_ro_ must be one that this program made")]
    Checksum,
}

impl ApiKey {
    /// A new key: 256 bits from the operating system, a prefix that secret scanners can find, and a
    /// checksum that tells a mistyped key without asking the database.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate(rights: Rights) -> Result<Self, getrandom::Error> {
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret)?;
        let prefix = if rights.may_write() { WRITES } else { READS };
        let body = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(secret));
        Ok(Self(format!("{body}{}", checksum(&body))))
    }

    /// Its beginning, by which people tell keys apart, and a balancer tenants; what follows is far too long to guess.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let shown = if self.is_generated() { WRITES.len() + 8 } else { 4 };
        &self.0[..shown]
    }

    /// Takes a key that somebody sends or chose, when it can be one at all.
    ///
    /// # Errors
    /// Why it cannot; no database was asked.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || !(SHORTEST_CHOSEN_KEY..=LONGEST_KEY).contains(&text.len()) {
            return Err(NotAKey::Malformed);
        }
        if Self::begins_like_ours(text) && !has_checksum(text) {
            return Err(NotAKey::Checksum);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether this program made it, as far as the checksum tells; otherwise somebody chose it.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        Self::begins_like_ours(&self.0)
    }

    fn begins_like_ours(text: &str) -> bool {
        [WRITES, READS].iter().any(|prefix| text.starts_with(prefix))
    }

    /// What is stored and looked up. A key has 256 bits of randomness, so that a fast hash is enough.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(&self.0).into())
    }

    /// The secret itself, to show it once or to send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromJson for ApiKey {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        match value.as_str().map(Self::parse) {
            Some(Ok(key)) => return Some(key),
            Some(Err(error)) => errors.push(at.to_string(), FieldCode::InvalidValue, error.to_string()),
            None => errors.push(at.to_string(), FieldCode::WrongType, "must be a string"),
        }
        None
    }
}

#[cfg(feature = "openapi")]
crate::openapi::string_schema!(ApiKey, "A key: 32 to 256 visible ASCII characters.", "my-key-for-tests-000000000000000001",
    pattern: "^[!-~]{32,256}$", max_length: 256);

const CHECKSUM_LENGTH: usize = 6;

fn checksum(body: &str) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_be_bytes());
    text.truncate(CHECKSUM_LENGTH);
    text
}

fn has_checksum(text: &str) -> bool {
    text.len().checked_sub(CHECKSUM_LENGTH).is_some_and(|at| checksum(&text[..at]) == text[at..])
}

/// The SHA-256 of a key.
#[derive(Debug, Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// One that a row has.
    pub(crate) fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, as stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for KeyHash {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl std::hash::Hash for KeyHash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_is_recognised_and_a_mistyped_one_is_not() {
        for (rights, prefix) in [("*:write", WRITES), ("*:read", READS), ("cases:read pipeline:write", WRITES)] {
            let key = ApiKey::generate(rights.parse().unwrap()).unwrap();
            assert!(key.reveal().starts_with(prefix) && key.reveal().starts_with(key.prefix()));
            assert_eq!(key.prefix().len(), prefix.len() + 8);
            let again = ApiKey::parse(key.reveal()).unwrap();
            assert!(again.is_generated() && again.hash() == key.hash());
            for place in 7..key.reveal().len() {
                let mut typed = key.reveal().to_owned().into_bytes();
                typed[place] = if typed[place] == b'A' { b'B' } else { b'A' };
                let typed = String::from_utf8(typed).unwrap();
                assert_eq!(ApiKey::parse(&typed).err(), Some(NotAKey::Checksum), "character {place}");
            }
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_a_database() {
        for text in ["", "short", &"x".repeat(31), &"x".repeat(257), &format!("{}\n", "x".repeat(32)), &"é".repeat(32)]
        {
            assert_eq!(ApiKey::parse(text).err(), Some(NotAKey::Malformed), "{text:?}");
        }
        assert!(ApiKey::parse(&"x".repeat(32)).is_ok_and(|key| !key.is_generated()), "a chosen key");
    }
}
