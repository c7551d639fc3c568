//! What every kind of record must do, whatever it is. A new kind is one more entry of [`RESOURCES`].

mod conditions;
mod hostile;
mod ids;
mod isolation;
mod lists;
mod patches;
mod records;

use serde_json::{Value, json};

use crate::client::Client;

/// One kind of record, as the tests here need to know it.
pub(crate) struct Resource {
    /// Where its records are listed and made.
    pub(crate) path: &'static str,
    /// The required text, which is trimmed, sorted and searched under its own name.
    pub(crate) text: &'static str,
    /// A body with every member that a client may send. Refers to what [`prepare`] made.
    pub(crate) full: fn() -> Value,
    /// A patch that changes every member that may be changed; what is `null` in it is cleared.
    pub(crate) patch: fn() -> Value,
    /// Members that a client may send back as it read them.
    pub(crate) read_only: &'static [&'static str],
    /// The names for `orderBy`.
    pub(crate) orders: &'static [&'static str],
    /// Texts that take what a person writes: where they are in a full body, and how many characters they hold.
    pub(crate) texts: &'static [(&'static str, usize)],
    /// Texts with rules of their own.
    pub(crate) strict: &'static [&'static str],
    /// Amounts of money, where they are in a full body.
    pub(crate) money: &'static [&'static str],
    /// References by id: the member, and the path of what it refers to.
    pub(crate) references: &'static [(&'static str, &'static str)],
    /// Filters that take a text.
    pub(crate) text_filters: &'static [&'static str],
    /// Filters that take ids, and the path of what they are ids of.
    pub(crate) id_filters: &'static [(&'static str, &'static str)],
    /// What can be done with a record beyond PATCH and DELETE.
    pub(crate) actions: &'static [Action],
    /// Where many are deleted at once, and what they are called there.
    pub(crate) bulk: (&'static str, &'static str),
    /// Where its tags are.
    pub(crate) tags: &'static str,
    /// Where its form is.
    pub(crate) form: &'static str,
}

/// The method, what follows the id in the path, and a body.
pub(crate) type Action = (&'static str, &'static str, fn() -> Value);

const OF_CONTACTS: &str = "/directory/contacts";
const OF_ORGANIZATIONS: &str = "/directory/organizations";

/// Every kind of record.
pub(crate) const RESOURCES: &[Resource] = &[
    Resource {
        path: "/pipeline/leads",
        text: "title",
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
        id_filters: &[("contactId", OF_CONTACTS), ("organizationId", OF_ORGANIZATIONS)],
        actions: &[("PATCH", "/archive", || json!({})), ("PATCH", "/unarchive", || json!({}))],
        bulk: ("/pipeline/bulk-actions", "lead"),
        tags: "/pipeline/tags/leads",
        form: "/pipeline/forms/opportunities",
    },
    Resource {
        path: "/pipeline/opportunities",
        text: "title",
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
        id_filters: &[("contactId", OF_CONTACTS), ("organizationId", OF_ORGANIZATIONS)],
        actions: &[("PATCH", "/updateStatus", || json!({ "status": "won" }))],
        bulk: ("/pipeline/bulk-actions", "opportunity"),
        tags: "/pipeline/tags/opportunities",
        form: "/pipeline/forms/opportunities",
    },
    Resource {
        path: OF_CONTACTS,
        text: "name",
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

/// Makes what the bodies of [`RESOURCES`] refer to: organizations and contacts 1 and 2, tags, custom fields.
pub(crate) fn prepare(client: &Client) {
    for resource in RESOURCES {
        for label in ["new", "vip"] {
            client.post(resource.tags, &json!({ "label": label })).item(201);
        }
        let mut fields = client.get(resource.form).items().clone();
        // Two kinds may share a form.
        let missing = [("mood", "text"), ("age", "number")]
            .into_iter()
            .filter(|(id, _)| !fields.iter().any(|field| field["id"] == *id));
        for (id, kind) in missing.collect::<Vec<_>>() {
            fields.push(json!({ "id": id, "label": id, "category": "custom", "type": kind }));
        }
        client.put(resource.form, &json!({ "fields": fields })).items();
    }
    for path in [OF_ORGANIZATIONS, OF_CONTACTS] {
        for number in ["1", "2"] {
            let made = client.post(path, &json!({ "name": format!("Reference {number}") }));
            assert_eq!(made.item(201)["id"], number);
        }
    }
}

/// Makes a record of this kind with this text and nothing else, and gives its id.
pub(crate) fn make(client: &Client, resource: &Resource, text: &str) -> String {
    let made = client.post(resource.path, &json!({ resource.text: text }));
    made.item(201)["id"].as_str().unwrap().to_owned()
}

/// The ids of some records.
pub(crate) fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Checks that a record has each member of a body as it was sent.
#[track_caller]
pub(crate) fn assert_has(item: &Value, body: &Value) {
    for (name, sent) in body.as_object().unwrap() {
        let found = match name.as_str() {
            "tags" => item["tags"].as_array().unwrap().iter().map(|tag| tag["label"].clone()).collect(),
            _ => item[name].clone(),
        };
        assert_eq!(&found, sent, "{name} of {item}");
    }
}
