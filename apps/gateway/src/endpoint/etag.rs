//! What names a representation, and whether a header does.

use base64::Engine;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A reply whose ETag is made of one value: what a change of that value can be conditional on.
pub trait Tagged {
    /// The value.
    type Value;

    /// Its ETag.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a bug.
    fn etag(value: &Self::Value) -> Result<String, serde_json::Error>;
}

/// The strong ETag of a representation: a hash of its JSON, so that it changes when and only when the
/// representation does, whatever it was in it that changed.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn etag_of(representation: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(etag_of_bytes(&serde_json::to_vec(representation)?))
}

/// As [`etag_of`], of a body that is written already.
pub(crate) fn etag_of_bytes(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    format!("\"{}\"", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&hash[..16]))
}

/// Whether one value of `If-None-Match`, a list, names this ETag by weak comparison.
pub(crate) fn names_etag(value: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    value.split(',').map(str::trim).any(|tag| tag == "*" || opaque(tag) == opaque(etag))
}

/// Whether one value of `If-Match`, a list, names this ETag. The ETags of ticketing are weak, because of the time in its
/// envelopes; what they stand for is the mapping, so that they are taken here.
pub(super) fn equals_etag(value: &str, etag: &str) -> bool {
    value.split(',').map(str::trim).any(|tag| tag == "*" || tag == etag)
}
