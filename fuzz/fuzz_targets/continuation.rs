//! Continuation tokens, beside orders that they may be of.
#![no_main]

use crm_core::page::PageRequest;
use crm_core::params::ParamReader;
use crm_leads::LeadSort;
use crm_opportunities::OpportunitySort;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u8)| {
    let (token, order) = input;
    let orders = ["createdOn", "lastUpdatedOn", "title", "value", "leadRating", "stage"];
    let order = orders[usize::from(order) % orders.len()];
    let pairs: Vec<(String, String)> = [("continuationToken", token), ("orderBy", order), ("sort", "asc")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let _ = ParamReader::new(pairs.clone()).read::<PageRequest<LeadSort>>();
    let _ = ParamReader::new(pairs).read::<PageRequest<OpportunitySort>>();
});
