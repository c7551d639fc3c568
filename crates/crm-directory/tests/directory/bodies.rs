//! What bodies are accepted and refused, each problem under its field.

use crm_core::ContactId;
use crm_directory::{ContactPatch, NewContact, NewOrganization, OrganizationPatch};
use crm_history::MergeRequest;
use serde_json::{Value, json};

use crate::common::{problems, read};

fn refused<T: crm_core::input::FromBody + std::fmt::Debug>(body: Value) -> Vec<String> {
    problems(&read::<T>(body).unwrap_err())
}

#[test]
fn what_is_no_contact_is_refused_with_every_problem() {
    let address = |index: usize| json!({ "value": format!("a{index}@example.com") });
    let many: Vec<Value> = (0..21).map(address).collect();
    for (body, expected, why) in [
        (json!({}), vec!["name required"], "a contact has a name"),
        (json!({ "name": "  " }), vec!["name required"], "which is not blank"),
        (json!({ "name": "a".repeat(256) }), vec!["name too_long"], "and has at most 255 characters"),
        (json!({ "name": "A", "emails": [] }), vec!["emails unknown_field"], "a typo is not lost"),
        (json!({ "name": "A", "email": "a@b.com" }), vec!["email wrong_type"], "addresses are a list"),
        (json!({ "name": "A", "email": [{ "value": "nobody" }] }), vec!["email[0].value invalid_email"], "no address"),
        (json!({ "name": "A", "email": many }), vec!["email too_many"], "at most 20"),
        (
            json!({ "name": "A", "email": [{ "value": "a@b.com" }, { "value": "A@B.COM" }] }),
            vec!["email[1].value duplicate"],
            "unique in any case",
        ),
        (
            json!({ "name": "A", "phone": [{ "value": "1", "primary": true }, { "value": "2", "primary": true }] }),
            vec!["phone conflicting"],
            "two primary ones",
        ),
        (
            json!({ "name": "A", "phone": [{ "value": "1".repeat(65) }] }),
            vec!["phone[0].value too_long"],
            "64 characters",
        ),
        (json!({ "name": "A", "linkedin": "javascript:alert(1)" }), vec!["linkedin invalid_url"], "no web address"),
        (
            json!({ "name": "A", "organizationId": "1", "organization": { "id": "2" } }),
            vec!["organization conflicting"],
            "two organizations",
        ),
        (
            json!({ "jobTitle": 1, "note": "\u{0}", "owner": {} }),
            vec!["name required", "jobTitle wrong_type", "note invalid_characters", "owner.id required"],
            "all problems together",
        ),
    ] {
        assert_eq!(refused::<NewContact>(body), expected, "{why}");
    }
}

#[test]
fn what_is_no_organization_is_refused_with_every_problem() {
    for (body, expected, why) in [
        (json!({}), vec!["name required"], "an organization has a name"),
        (json!({ "name": "A", "address": "x".repeat(501) }), vec!["address too_long"], "at most 500 characters"),
        (json!({ "name": "A", "website": "acme" }), vec!["website invalid_url"], "a host has a dot"),
        (json!({ "name": "A", "industry": ["x"] }), vec!["industry wrong_type"], "a text"),
        (json!({ "name": "A", "organizationId": "1" }), vec!["organizationId unknown_field"], "that is a contact's"),
    ] {
        assert_eq!(refused::<NewOrganization>(body), expected, "{why}");
    }
    assert!(read::<NewOrganization>(json!({ "name": "A", "address": "x".repeat(500) })).is_ok());
}

#[test]
fn a_patch_cannot_clear_the_name_and_takes_back_what_was_read() {
    assert_eq!(refused::<ContactPatch>(json!({ "name": null })), ["name not_nullable"]);
    assert_eq!(refused::<OrganizationPatch>(json!({ "name": "" })), ["name required"]);
    let sent_back =
        json!({ "id": "1", "tenantId": "t", "createdOn": "x", "lastUpdatedOn": "x", "creator": { "id": "u" } });
    assert_eq!(read::<ContactPatch>(sent_back.clone()).unwrap(), ContactPatch::default());
    assert_eq!(read::<OrganizationPatch>(sent_back).unwrap(), OrganizationPatch::default());
    assert_ne!(read::<ContactPatch>(json!({ "note": null })).unwrap(), ContactPatch::default());
}

#[test]
fn a_merge_names_one_to_a_hundred_records() {
    let ids = |count: usize| json!({ "sourceId": (1..=count).collect::<Vec<_>>() });
    for (body, expected) in [
        (json!({}), vec!["sourceId required"]),
        (json!({ "sourceId": [] }), vec!["sourceId required"]),
        (json!({ "sourceId": "2" }), vec!["sourceId wrong_type"]),
        (json!({ "sourceId": ["2", "x", 0] }), vec!["sourceId[1] invalid_id", "sourceId[2] invalid_id"]),
        (ids(101), vec!["sourceId too_many"]),
    ] {
        assert_eq!(refused::<MergeRequest<ContactId>>(body), expected);
    }
    assert_eq!(read::<MergeRequest<ContactId>>(ids(100)).unwrap().source_ids.len(), 100);
}
