//! `If-Match` and `If-None-Match`: a list names a tag where one of its entries is it.
#![no_main]

use crm_gateway::endpoint::fuzzing;
use libfuzzer_sys::fuzz_target;

const ETAG: &str = "\"0a1b2c3d\"";

fuzz_target!(|value: &str| {
    let named = fuzzing::names_etag(value, ETAG);
    let matched = fuzzing::matches(value, ETAG);
    assert!(named || !matched, "what matches strongly matches weakly");
    assert!(fuzzing::names_etag(&format!("{value},{ETAG}"), ETAG), "the last of a list is one of it");
    assert!(!named || value.contains('*') || value.contains(ETAG), "nothing else names it");
});
