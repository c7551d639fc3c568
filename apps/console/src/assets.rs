use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file that pages refer to. It is inside the program.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $media_type:expr) => {
        Asset { name: $name, media_type: $media_type, text: include_str!(concat!("../assets/", $name)) }
    };
}

const ASSETS: &[Asset] = &[
    asset!("console.css", CSS),
    asset!("console.js", SCRIPT),
    asset!("ask.js", SCRIPT),
    asset!("board.js", SCRIPT),
    asset!("record.js", SCRIPT),
    asset!("progress.js", SCRIPT),
    asset!("order.js", SCRIPT),
    asset!("workflow.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
];

/// All of them.
#[must_use]
pub fn assets() -> &'static [Asset] {
    ASSETS
}

/// Changes with any of the files, so that a browser keeps them for ever under one address.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ASSETS {
        hash.update(asset.text.len().to_be_bytes());
        hash.update(asset.text);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// The path of a file.
#[must_use]
pub fn path_of(name: &str) -> String {
    format!("/console/files/{}/{name}", *VERSION)
}
