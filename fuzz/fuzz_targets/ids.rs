//! Ids, moments and amounts: what is read is written in one way only, which is read as the same.
#![no_main]

use crm_core::{LeadId, PublicTenantId, Timestamp, Uuid};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(id) = text.parse::<LeadId>() {
        assert_eq!(id.to_string(), text, "an id has one spelling");
        assert!(id.as_i64() > 0);
    }
    if let Ok(id) = text.parse::<Uuid>() {
        assert_eq!(id.to_string().parse::<Uuid>().ok(), Some(id));
        assert_eq!(id.to_string(), text.to_ascii_lowercase(), "a UUID has one spelling in each case");
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        assert_eq!(moment.to_string().parse::<Timestamp>().ok(), Some(moment), "{moment}");
    }
    if let Ok(tenant) = text.parse::<PublicTenantId>() {
        assert_eq!(tenant.as_str(), text);
    }
});
