//! Where this program asks the machine what time it is.

use std::path::Path;

use crate::comments::sources;

/// The clock itself, and what is compared with the clocks of other programs. This list may only shrink.
const READ_THE_MACHINES: &[&str] = &["cli/deletion.rs", "cli/freeze.rs", "clock.rs", "deliveries/courier.rs"];

#[test]
fn the_time_comes_from_the_clock_of_the_gateway() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut reading: Vec<String> = Vec::new();
    let mut files = Vec::new();
    sources(&root, &mut files);
    for path in files {
        if std::fs::read_to_string(&path).unwrap().contains("Timestamp::now") {
            reading.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
        }
    }
    reading.sort();
    assert_eq!(
        reading, READ_THE_MACHINES,
        "if you are here because this failed: what a client can see has the time of `Clock::now` (src/clock.rs), or that of \
         its request (`Call::now`, `Scope::now`), so that a test can move it"
    );
}
