//! Bodies: strict JSON, read as every resource. What is read is the same again after it was written.
#![no_main]

use crm_cases::{CasePatch, NewCase, NewCaseType};
use crm_core::input::{FromBody, JsonObject};
use crm_directory::{ContactPatch, NewContact, NewOrganization, OrganizationPatch};
use crm_forms::NewForm;
use crm_gateway::endpoint::fuzzing;
use crm_leads::{LeadPatch, NewLead};
use crm_opportunities::{NewOpportunity, NewPipeline, OpportunityPatch};
use crm_tags::NewTag;
use libfuzzer_sys::fuzz_target;
use ticketing_clientmap::NewClientMap;

const MOST_PROBLEMS: usize = 100;
const LONGEST_PATH: usize = 200;

fn read<T: FromBody>(body: &JsonObject) {
    if let Err(errors) = T::from_body(body) {
        let errors = errors.as_slice();
        assert!((1..=MOST_PROBLEMS).contains(&errors.len()), "{}", errors.len());
        assert!(errors.iter().all(|error| error.field.chars().count() <= LONGEST_PATH), "a path is too long");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(body) = fuzzing::body(bytes) else { return };
    let written = serde_json::to_vec(&body).expect("an object of JSON can be written");
    assert_eq!(fuzzing::body(&written).as_ref(), Some(&body), "it is read as it was written");
    read::<NewLead>(&body);
    read::<LeadPatch>(&body);
    read::<NewOpportunity>(&body);
    read::<OpportunityPatch>(&body);
    read::<NewPipeline>(&body);
    read::<NewContact>(&body);
    read::<ContactPatch>(&body);
    read::<NewOrganization>(&body);
    read::<OrganizationPatch>(&body);
    read::<NewCase>(&body);
    read::<CasePatch>(&body);
    read::<NewCaseType>(&body);
    read::<NewForm>(&body);
    read::<NewTag>(&body);
    read::<NewClientMap>(&body);
});
