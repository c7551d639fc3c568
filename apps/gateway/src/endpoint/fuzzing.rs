//! What reads requests, for the fuzz targets (`fuzz/`): they are built with `--cfg fuzzing`, and nothing else is.

use crm_core::input::JsonObject;

use super::{body, etag, pairs};

/// A query string as its names and values.
#[must_use]
pub fn query(text: &str) -> Option<Vec<(String, String)>> {
    pairs::decode(text).ok()
}

/// A body as the object that it is.
#[must_use]
pub fn body(bytes: &[u8]) -> Option<JsonObject> {
    body::parse_object(bytes).ok()
}

/// Whether one value of `If-None-Match` names this ETag.
#[must_use]
pub fn names_etag(value: &str, etag: &str) -> bool {
    etag::names_etag(value, etag)
}

/// Whether one value of `If-Match` lets a record of this ETag be changed.
#[must_use]
pub fn matches(value: &str, etag: &str) -> bool {
    etag::equals_etag(value, etag)
}
