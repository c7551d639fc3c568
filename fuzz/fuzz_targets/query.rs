//! Query strings, decoded and read as the filters, orders and pages of every list.
#![no_main]

use crm_cases::{CaseFilter, CaseSort};
use crm_core::page::PageRequest;
use crm_core::params::{FromParams, ParamReader};
use crm_directory::{ContactFilter, ContactSort, OrganizationFilter, OrganizationSort};
use crm_gateway::endpoint::fuzzing;
use crm_leads::{LeadFilter, LeadSort};
use crm_opportunities::{OpportunityFilter, OpportunitySort};
use libfuzzer_sys::fuzz_target;

/// Refusals are no longer than this, whatever was sent.
const MOST_PROBLEMS: usize = 100;

fn read<T: FromParams>(pairs: &[(String, String)]) {
    if let Err(errors) = ParamReader::new(pairs.to_vec()).read::<T>() {
        assert!((1..=MOST_PROBLEMS).contains(&errors.as_slice().len()), "{}", errors.as_slice().len());
    }
}

fuzz_target!(|query: &str| {
    let Some(pairs) = fuzzing::query(query) else { return };
    read::<LeadFilter>(&pairs);
    read::<OpportunityFilter>(&pairs);
    read::<ContactFilter>(&pairs);
    read::<OrganizationFilter>(&pairs);
    read::<CaseFilter>(&pairs);
    read::<PageRequest<LeadSort>>(&pairs);
    read::<PageRequest<OpportunitySort>>(&pairs);
    read::<PageRequest<ContactSort>>(&pairs);
    read::<PageRequest<OrganizationSort>>(&pairs);
    read::<PageRequest<CaseSort>>(&pairs);
});
