//! Filters and orders of both lists.

use crm_tags::TagKind;
use crm_testkit::{both_databases, statements::statements};
use serde_json::json;

use crate::common::Desk;

/// Contacts that differ in whatever a filter looks at; another tenant has one that matches everything.
fn contacts(database: &crm_testkit::TestDatabase) -> Desk {
    let mut other = Desk::new(database, "other");
    other.tag(TagKind::Contact, "vip");
    other.organization(json!({ "name": "Acme" }));
    other.contact(json!({ "name": "Anna 100%", "organizationId": 1, "tags": "vip", "owner": { "id": "u1" },
        "email": [{ "value": "anna@work.com" }], "phone": [{ "value": "+1 555 123" }] }));
    let mut desk = Desk::new(database, "ours");
    desk.tag(TagKind::Contact, "VIP");
    desk.tag(TagKind::Contact, "cold");
    desk.organization(json!({ "name": "Acme Corp" }));
    desk.organization(json!({ "name": "Émile & Fils" }));
    for body in [
        json!({ "name": "Anna 100%", "organizationId": 1, "tags": "vip", "owner": { "id": "u1" }, "jobTitle": "engineer",
            "email": [{ "value": "Anna@Work.com" }, { "value": "anna@home.org" }], "phone": [{ "value": "+1 (555) 123-4567" }] }),
        json!({ "name": "Bob \"the_boss\"", "organizationId": 2, "tags": "cold,vip", "owner": { "id": "u2" },
            "email": [{ "value": "bob@home.org" }], "phone": [{ "value": "ask Reception" }] }),
        json!({ "name": "Ümit", "jobTitle": "Accountant", "phone": [{ "value": "0555-123" }, { "value": "99" }] }),
        json!({ "name": "ümit 1000", "jobTitle": "Zoologist", "owner": { "id": "u1" } }),
    ] {
        desk.contact(body);
        desk.wait(1);
    }
    desk
}

both_databases! {
    /// Each filter of contacts finds what it says, and no more.
    fn filters_of_contacts(database) {
        let mut desk = contacts(database);
        let (a, b, u, v) = ("Anna 100%", "Bob \"the_boss\"", "Ümit", "ümit 1000");
        let second = desk.contacts(&[("sort", "asc")]).items[1].created_on.to_string();
        for (query, expected, why) in [
            (vec![], vec![a, b, u, v], "all"),
            (vec![("ids", "3,1,77")], vec![a, u], "those that exist"),
            (vec![("name", "ÜMIT")], vec![u, v], "any case, beyond ASCII"),
            (vec![("name", "mit 1")], vec![v], "blanks count"),
            (vec![("name", "0%")], vec![a], "a percent sign is one"),
            (vec![("name", "100%")], vec![a], "also where an index finds it"),
            (vec![("name", "e_b")], vec![b], "an underscore too"),
            (vec![("name", "\"the")], vec![b], "a quote"),
            (vec![("name", "b \"t")], vec![b], "a quote amid"),
            (vec![("name", "Anna, Bob")], vec![], "a comma is one"),
            (vec![("name", "a")], vec![a], "one character"),
            (vec![("name", "*"), ("email", "or")], vec![], "no operators of a search language"),
            (vec![("email", "WORK.com")], vec![a], "any case"),
            (vec![("email", "home.org")], vec![a, b], "any address of a contact"),
            (vec![("email", "@h")], vec![a, b], "two characters"),
            (vec![("phone", "(555) 123")], vec![a, u], "digits compared, however written"),
            (vec![("phone", "1555")], vec![a], "digits"),
            (vec![("phone", "99")], vec![u], "two digits"),
            (vec![("phone", "reception")], vec![b], "without digits, the text"),
            (vec![("tags", "vip")], vec![a, b], "by label, in any case"),
            (vec![("tags", "cold,nothing")], vec![b], "any of them"),
            (vec![("tags", "nothing")], vec![], "an unknown one matches nothing"),
            (vec![("organizationId", "1,2")], vec![a, b], "any of them"),
            (vec![("organizationId", "2")], vec![b], "one"),
            (vec![("searchValue", "anna")], vec![a], "the name"),
            (vec![("searchValue", "home.ORG")], vec![a, b], "an address"),
            (vec![("searchValue", "émile")], vec![b], "the organization's name"),
            (vec![("searchValue", "cm")], vec![a], "the organization's name, two characters"),
            (vec![("searchValue", "reception")], vec![], "not the phone"),
            (vec![("ownerId", "u1")], vec![a, v], "by owner"),
            (vec![("ownerId", "u1,u2")], vec![a, b, v], "any of them"),
            (vec![("createdAfterDate", second.as_str())], vec![b, u, v], "the moment itself included"),
            (vec![("createdBeforeDate", second.as_str())], vec![a, b], "the moment itself included"),
            (vec![("name", "anna"), ("email", "home.org"), ("phone", "4567"), ("tags", "vip"), ("ownerId", "u1")], vec![a], "all at once"),
            (vec![("name", "anna"), ("email", "bob@home")], vec![], "AND"),
        ] {
            let mut query = query.clone();
            query.extend([("sort", "asc"), ("includeTotal", "true")]);
            assert_eq!(desk.contact_names(&query), expected, "{query:?}: {why}");
            assert_eq!(desk.contacts(&query).total, i64::try_from(expected.len()).ok(), "{query:?}");
        }
        desk.patch_contact(crm_core::ContactId::from_i64(1), json!({ "name": "Renamed", "email": [], "phone": [{ "value": "777" }] })).unwrap();
        assert!(desk.contact_names(&[("searchValue", "anna")]).is_empty(), "what it was called");
        assert_eq!(desk.contact_names(&[("searchValue", "rename")]), ["Renamed"]);
        assert_eq!(desk.contact_names(&[("phone", "777")]), ["Renamed"]);
    }

    /// Contacts come in each order, those without a value last both ways, page by page.
    fn orders_of_contacts(database) {
        let mut desk = contacts(database);
        desk.patch_contact(crm_core::ContactId::from_i64(1), json!({ "note": "changed" })).unwrap();
        let (a, b, u, v) = ("Anna 100%", "Bob \"the_boss\"", "Ümit", "ümit 1000");
        for (order_by, sort, expected) in [
            ("createdOn", "asc", [a, b, u, v]),
            ("createdOn", "desc", [v, u, b, a]),
            ("lastUpdatedOn", "asc", [b, u, v, a]),
            ("updatedAt", "desc", [a, v, u, b]),
            ("name", "asc", [a, b, u, v]),
            ("name", "desc", [v, u, b, a]),
            ("jobTitle", "asc", [u, a, v, b]),
            ("jobTitle", "desc", [v, a, u, b]),
        ] {
            let mut query = vec![("orderBy", order_by), ("sort", sort)];
            assert_eq!(desk.contact_names(&query), expected, "{query:?}");
            query.push(("size", "1"));
            let (mut names, mut token) = (Vec::new(), None::<String>);
            loop {
                let mut query = query.clone();
                query.extend(token.as_deref().map(|token| ("continuationToken", token)));
                let page = desk.contacts(&query);
                names.extend(page.items.iter().map(|contact| contact.name.to_string()));
                token = page.continuation_token;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(names, expected, "{query:?} by tokens");
        }
    }

    /// Each filter and order of organizations.
    fn filters_and_orders_of_organizations(database) {
        let mut other = Desk::new(database, "other");
        let mut desk = Desk::new(database, "ours");
        for desk in [&mut other, &mut desk] {
            desk.tag(TagKind::Organization, "key");
            for body in [
                json!({ "name": "Acme", "address": "1 Main Street\nAnytown", "industry": "mining", "website": "https://www.acme.com", "tags": "key",
                    "email": [{ "value": "info@acme.com" }], "phone": [{ "value": "+1-555-123" }], "owner": { "id": "u1" } }),
                json!({ "name": "Bolt", "industry": "Farming", "website": "bolt.io", "email": [{ "value": "hello@mainframe.com" }] }),
                json!({ "name": "Cars", "address": "2 Side Road", "phone": [{ "value": "555 999" }] }),
            ] {
                desk.organization(body);
                desk.wait(1);
            }
        }
        let third = desk.organizations(&[]).items[0].created_on.to_string();
        for (query, expected) in [
            (vec![], vec!["Acme", "Bolt", "Cars"]),
            (vec![("name", "OLT")], vec!["Bolt"]),
            (vec![("address", "street\nany")], vec!["Acme"]),
            (vec![("address", "road")], vec!["Cars"]),
            (vec![("tags", "key")], vec!["Acme"]),
            (vec![("ids", "2,3")], vec!["Bolt", "Cars"]),
            (vec![("email", "info@")], vec!["Acme"]),
            (vec![("phone", "555")], vec!["Acme", "Cars"]),
            (vec![("phone", "+1 (555)")], vec!["Acme"]),
            (vec![("ownerId", "u1")], vec!["Acme"]),
            (vec![("industry", "Farming")], vec!["Bolt"]),
            (vec![("industry", "Farming,mining")], vec!["Acme", "Bolt"]),
            (vec![("searchValue", "acme")], vec!["Acme"]),
            (vec![("searchValue", "bolt.io")], vec!["Bolt"]),
            (vec![("searchValue", "main")], vec!["Bolt"]),
            (vec![("createdAfterDate", third.as_str())], vec!["Cars"]),
            (vec![("createdBeforeDate", third.as_str()), ("name", "a")], vec!["Acme", "Cars"]),
        ] {
            let mut query = query.clone();
            query.push(("sort", "asc"));
            assert_eq!(desk.organization_names(&query), expected, "{query:?}");
        }
        for (order_by, sort, expected) in [
            ("name", "desc", ["Cars", "Bolt", "Acme"]),
            ("industry", "asc", ["Bolt", "Acme", "Cars"]),
            ("industry", "desc", ["Acme", "Bolt", "Cars"]),
            ("createdAt", "desc", ["Cars", "Bolt", "Acme"]),
            ("lastUpdatedOn", "asc", ["Acme", "Bolt", "Cars"]),
        ] {
            assert_eq!(desk.organization_names(&[("orderBy", order_by), ("sort", sort)]), expected, "{order_by} {sort}");
        }
    }

    /// A page costs as many statements whether it has one record or many.
    fn a_page_takes_a_fixed_number_of_statements(database) {
        let mut desk = contacts(database);
        for (query, expected) in [
            (vec![], 3),
            (vec![("includeTotal", "true")], 4),
            (vec![("name", "mit")], 5),
            (vec![("tags", "vip")], 6),
            (vec![("searchValue", "acme")], 8),
        ] {
            for size in ["1", "200"] {
                let mut query = query.clone();
                query.push(("size", size));
                let crate::common::Asked { filter, page } = crate::common::asked(&query);
                let Desk { connection, scope } = &mut desk;
                let (page, sent) = statements(connection, |connection| {
                    crm_directory::contacts::list(connection, scope, &filter, &page).unwrap()
                });
                assert!(!page.items.is_empty());
                assert_eq!(sent.len(), expected, "{query:?}");
            }
        }
    }
}
