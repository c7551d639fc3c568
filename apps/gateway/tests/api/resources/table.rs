//! The kinds of records, as the tests need to know them. A new kind is one more entry of [`RESOURCES`].

use serde_json::{Value, json};

use super::Resource;

pub(super) const OF_CONTACTS: &str = "/directory/contacts";
pub(super) const OF_ORGANIZATIONS: &str = "/directory/organizations";
/// The type that a new tenant's cases have.
pub(super) const OF_CASES: &str = "/cases/types/cases/1";

/// Every kind of record.
pub(crate) const RESOURCES: &[Resource] = &[
    Resource {
        path: "/pipeline/leads",
        text: "title",
        note: "note",
        full: || {
            with_common(json!({
                "title": "Alpha", "value": { "amount": 12.5, "code": "EUR" }, "origin": "website",
                "leadRating": "2_warm", "organizationId": "1", "contactId": "1", "followers": [user("f")],
                "participants": [{ "id": "1", "name": "Jane" }],
            }))
        },
        patch: || {
            with_common_changed(json!({
                "title": "Beta", "value": { "amount": 99, "code": "USD" }, "origin": null, "leadRating": "3_hot",
                "organizationId": "2", "contactId": null, "followers": [user("f"), user("g")], "participants": [],
            }))
        },
        read_only: &["isArchived", "isConverted", "opportunityId", "convertedOn"],
        orders: &["createdOn", "createdAt", "lastUpdatedOn", "updatedAt", "title", "name", "value", "leadRating"],
        texts: &[
            ("/title", 255),
            ("/note", 10_000),
            ("/owner/id", 128),
            ("/owner/name", 255),
            ("/owner/email", 254),
            ("/followers/0/name", 255),
            ("/participants/0/name", 255),
            ("/customFields/mood", 1_000),
        ],
        strict: &["/origin", "/leadRating", "/value/code", "/organizationId", "/participants/0/id", "/tags/0"],
        money: &["/value"],
        references: &[("organizationId", OF_ORGANIZATIONS), ("contactId", OF_CONTACTS)],
        text_filters: &["title", "tags", "ownerId", "origin"],
        id_filters: &[("ids", "/pipeline/leads"), ("contactId", OF_CONTACTS), ("organizationId", OF_ORGANIZATIONS)],
        actions: &[
            ("PATCH", "/archive", || json!({})),
            ("PATCH", "/unarchive", || json!({})),
            // Of a lead that is not there: whoever tells what is refused has the second one as its target.
            ("POST", "/merge", || json!({ "sourceId": ["999999"] })),
        ],
        bulk: ("/pipeline/bulk-actions", "lead"),
        tags: "/pipeline/tags/leads",
        form: "/pipeline/forms/opportunities",
    },
    Resource {
        path: "/pipeline/opportunities",
        text: "title",
        note: "note",
        full: || {
            with_common(json!({
                "title": "Alpha", "value": { "amount": 12.5, "code": "EUR" }, "origin": "website",
                "leadRating": "2_warm", "organizationId": "1", "contactId": "1", "followers": [user("f")],
                "participants": [{ "id": "1", "name": "Jane" }],
            }))
        },
        patch: || {
            with_common_changed(json!({
                "title": "Beta", "value": { "amount": 99, "code": "USD" }, "origin": null, "leadRating": "3_hot",
                "organizationId": "2", "contactId": null, "followers": [user("f"), user("g")], "participants": [],
            }))
        },
        read_only: &["status", "lostReason", "closedOn", "leadId"],
        orders: &[
            "createdOn",
            "createdAt",
            "lastUpdatedOn",
            "updatedAt",
            "title",
            "name",
            "value",
            "leadRating",
            "closedOn",
            "stage",
        ],
        texts: &[
            ("/title", 255),
            ("/note", 10_000),
            ("/owner/id", 128),
            ("/followers/0/name", 255),
            ("/participants/0/name", 255),
            ("/customFields/mood", 1_000),
        ],
        strict: &["/origin", "/leadRating", "/value/code", "/organizationId", "/participants/0/id", "/tags/0"],
        money: &["/value"],
        references: &[("organizationId", OF_ORGANIZATIONS), ("contactId", OF_CONTACTS)],
        text_filters: &["title", "tags", "ownerId"],
        id_filters: &[
            ("ids", "/pipeline/opportunities"),
            ("contactId", OF_CONTACTS),
            ("organizationId", OF_ORGANIZATIONS),
        ],
        actions: &[
            ("PATCH", "/updateStage", || json!({ "stage": "proposal" })),
            ("PATCH", "/updateStatus", || json!({ "status": "won" })),
        ],
        bulk: ("/pipeline/bulk-actions", "opportunity"),
        tags: "/pipeline/tags/opportunities",
        form: "/pipeline/forms/opportunities",
    },
    Resource {
        path: OF_CONTACTS,
        text: "name",
        note: "note",
        full: || {
            with_common(json!({
                "name": "Alpha", "email": [labeled("Work", "a@example.com", true), labeled("Home", "b@example.com", false)],
                "phone": [labeled("Mobile", "+1 555 123", true)], "organizationId": "1", "jobTitle": "Engineer",
                "department": "engineering", "seniorityLevel": "2_junior", "linkedin": "https://www.linkedin.com/in/a",
            }))
        },
        patch: || {
            with_common_changed(json!({
                "name": "Beta", "email": [labeled("Other", "c@example.com", true)], "phone": [], "organizationId": "2",
                "jobTitle": "Director", "department": null, "seniorityLevel": "3_senior", "linkedin": "example.com/b",
            }))
        },
        read_only: &[],
        orders: &["createdOn", "createdAt", "lastUpdatedOn", "updatedAt", "name", "jobTitle"],
        texts: &[
            ("/name", 255),
            ("/note", 10_000),
            ("/jobTitle", 255),
            ("/department", 255),
            ("/seniorityLevel", 255),
            ("/owner/id", 128),
            ("/owner/name", 255),
            ("/phone/0/value", 64),
            ("/phone/0/label", 64),
            ("/email/0/label", 64),
            ("/customFields/mood", 1_000),
        ],
        strict: &["/email/0/value", "/linkedin", "/organizationId", "/tags/0"],
        money: &[],
        references: &[("organizationId", OF_ORGANIZATIONS)],
        text_filters: &["name", "email", "phone", "searchValue", "tags", "ownerId"],
        id_filters: &[("ids", OF_CONTACTS), ("organizationId", OF_ORGANIZATIONS)],
        actions: &[("POST", "/merge", || json!({ "sourceId": ["2"] }))],
        bulk: ("/directory/bulk-actions", "contact"),
        tags: "/directory/tags/contacts",
        form: "/directory/forms/contacts",
    },
    Resource {
        path: OF_ORGANIZATIONS,
        text: "name",
        note: "note",
        full: || {
            with_common(json!({
                "name": "Alpha", "email": [labeled("Main", "info@example.com", true)],
                "phone": [labeled("Office", "+1-555-123", true)], "address": "1 Main Street", "industry": "Technology",
                "size": "3_medium", "annualRevenue": "4_tenToHundredMillion", "website": "https://www.example.com",
            }))
        },
        patch: || {
            with_common_changed(json!({
                "name": "Beta", "email": null, "phone": [labeled("Work", "johndoe@me.com", true)],
                "address": "2 Main Street", "industry": "Retail", "size": null, "annualRevenue": "none",
                "website": "example.org",
            }))
        },
        read_only: &[],
        orders: &["createdOn", "createdAt", "lastUpdatedOn", "updatedAt", "name", "industry"],
        texts: &[
            ("/name", 255),
            ("/note", 10_000),
            ("/address", 500),
            ("/industry", 255),
            ("/size", 255),
            ("/annualRevenue", 255),
            ("/owner/id", 128),
            ("/phone/0/value", 64),
            ("/customFields/mood", 1_000),
        ],
        strict: &["/email/0/value", "/website", "/tags/0"],
        money: &[],
        references: &[],
        text_filters: &["name", "email", "phone", "address", "industry", "searchValue", "tags", "ownerId"],
        id_filters: &[("ids", OF_ORGANIZATIONS)],
        actions: &[("POST", "/merge", || json!({ "sourceId": ["2"] }))],
        bulk: ("/directory/bulk-actions", "organization"),
        tags: "/directory/tags/organizations",
        form: "/directory/forms/organizations",
    },
    Resource {
        path: "/cases/cases",
        text: "title",
        note: "description",
        full: || {
            let case = with_common(json!({
                "title": "Alpha", "priority": "2_medium", "expectedDate": "2025-08-01", "organizationId": "1",
                "contactId": "1", "assignee": user("a"),
            }));
            with_description(case)
        },
        patch: || {
            let patch = with_common_changed(json!({
                "title": "Beta", "priority": "1_high", "expectedDate": null, "organizationId": "2", "contactId": null,
                "assignee": user("b"),
            }));
            with_description(patch)
        },
        read_only: &["firstResolutionOn", "lastResolutionOn"],
        orders: &[
            "createdOn",
            "createdAt",
            "lastUpdatedOn",
            "updatedAt",
            "title",
            "status",
            "priority",
            "expectedDate",
        ],
        texts: &[
            ("/title", 255),
            ("/description", 10_000),
            ("/owner/id", 128),
            ("/owner/email", 254),
            ("/assignee/id", 128),
            ("/assignee/name", 255),
            ("/customFields/mood", 1_000),
        ],
        strict: &["/priority", "/expectedDate", "/organizationId", "/contactId", "/tags/0"],
        money: &[],
        references: &[("organizationId", OF_ORGANIZATIONS), ("contactId", OF_CONTACTS)],
        text_filters: &["title", "tags", "ownerId", "assigneeId", "status", "priority"],
        id_filters: &[
            ("ids", "/cases/cases"),
            ("caseType", "/cases/types/cases"),
            ("contactId", OF_CONTACTS),
            ("organizationId", OF_ORGANIZATIONS),
        ],
        actions: &[],
        bulk: ("/cases/bulk-actions", "case"),
        tags: "/cases/tags/cases",
        form: OF_CASES,
    },
];

/// What every kind of record has.
fn with_common(mut body: Value) -> Value {
    let common = json!({
        "note": "First line\nsecond line", "owner": user("o"), "creator": user("c"), "lastUpdatedBy": user("c"),
        "tags": ["new", "vip"], "customFields": { "mood": "good", "age": "7" },
    });
    merge(&mut body, &common);
    body
}

fn with_common_changed(mut patch: Value) -> Value {
    let common = json!({
        "note": null, "owner": user("p"), "lastUpdatedBy": user("l"), "tags": ["vip"],
        "customFields": { "mood": "better", "age": null },
    });
    merge(&mut patch, &common);
    patch
}

/// The same with the name that cases have for a note.
fn with_description(mut body: Value) -> Value {
    body["description"] = body.as_object_mut().unwrap().remove("note").unwrap();
    body
}

fn merge(body: &mut Value, more: &Value) {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
}

fn user(id: &str) -> Value {
    json!({ "id": id, "name": format!("User {id}"), "email": format!("{id}@example.com") })
}

fn labeled(label: &str, value: &str, primary: bool) -> Value {
    json!({ "label": label, "value": value, "primary": primary })
}
